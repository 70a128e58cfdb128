"""A picture whose audio the browser cannot decode plays on without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import assert_pictures_move, wait_playing
from tests.browser.replaying import PLAYING, fetched, moves, over_socket, wait
from tests.browser.watching import Open, settled_on
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

AAC_CHANNEL = 5

# Overwrites the audio samples in everything that the page appends: the samples of the tracks with the handler 'soun'.
_SPOIL_AUDIO = """
const audio = new Set();
window.spoilt = 0;
function* boxes(view, from, end) {
  for (let at = from; at + 8 <= end; at += view.getUint32(at)) {
    const type = String.fromCharCode(...[4, 5, 6, 7].map((place) => view.getUint8(at + place)));
    yield { type, at, from: at + 8, end: at + view.getUint32(at) };
  }
}
function inside(view, box, ...path) {
  const found = [...boxes(view, box.from, box.end)].filter(({ type }) => type === path[0]);
  return path.length > 1 ? found.flatMap((each) => inside(view, each, ...path.slice(1))) : found;
}
function spoil(view) {
  const file = { from: 0, end: view.byteLength };
  for (const track of inside(view, file, 'moov', 'trak')) {
    const [head] = inside(view, track, 'tkhd');
    const [handler] = inside(view, track, 'mdia', 'hdlr');
    const isAudio = view.getUint32(handler.from + 8) === 0x736f756e;
    if (isAudio) audio.add(view.getUint32(head.from + (view.getUint8(head.from) ? 20 : 12)));
  }
  for (const moof of inside(view, file, 'moof')) {
    for (const part of inside(view, moof, 'traf')) {
      const [head] = inside(view, part, 'tfhd');
      if (!audio.has(view.getUint32(head.from + 4))) continue;
      for (const run of inside(view, part, 'trun')) {
        const flags = view.getUint32(run.from);
        const fields = [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag);
        const size = 4 * fields.length;
        let at = run.from + 12 + (flags & 4 ? 4 : 0);
        let place = moof.at + view.getInt32(run.from + 8);
        for (let sample = view.getUint32(run.from + 4); sample > 0; sample -= 1) {
          const length = view.getUint32(at + 4 * fields.indexOf(0x200));
          for (let byte = 0; byte < length; byte += 1) view.setUint8(place + byte, byte < 3 ? 0 : (byte * 73) & 255);
          at += size;
          place += length;
          window.spoilt += 1;
        }
      }
    }
  }
}
const take = SourceBuffer.prototype.appendBuffer;
SourceBuffer.prototype.appendBuffer = function (data) {
  const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength).slice();
  spoil(new DataView(bytes.buffer));
  return take.call(this, bytes);
};
"""


def play_with_spoilt_audio(app: App, camera_id: int, open_page: Open, more: str = "") -> Page:
    page = open_page("about:blank").page
    page.add_init_script(_SPOIL_AUDIO)
    at = datetime.now(UTC) - timedelta(minutes=40)
    page.goto(f"{app.url}/recordings/{camera_id}?channel={AAC_CHANNEL}&t={at:%Y-%m-%dT%H:%M:%SZ}{more}")
    return page


def expect_picture_alone(page: Page) -> None:
    mute = page.locator("#player [data-part=mute]")
    expect(mute).to_have_attribute("aria-label", "No sound: this browser cannot decode it")
    expect(mute).to_be_disabled()
    page.wait_for_selector(PLAYING)
    moves(page)
    assert page.evaluate("window.spoilt") > 0


def test_audio_that_the_browser_refuses_costs_only_the_audio(app: App, camera_id: int, open_page: Open) -> None:
    page = play_with_spoilt_audio(app, camera_id, open_page)
    page.wait_for_selector(PLAYING)
    over_socket(page)
    expect_picture_alone(page)
    assert not fetched(page)


def test_audio_that_the_browser_refuses_costs_only_the_audio_over_hls(
    app: App, camera_id: int, open_page: Open
) -> None:
    page = play_with_spoilt_audio(app, camera_id, open_page, "&way=hls")
    expect_picture_alone(page)
    assert fetched(page)


def test_refused_live_audio_costs_only_the_audio_over_hls(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(_SPOIL_AUDIO)
    page.goto(f"{app.url}/viewer/{camera_id}?channel={AAC_CHANNEL}&way=hls")
    wait(page, "window.spoilt > 0")
    spoilt = settled_on(page, lambda: page.evaluate("window.spoilt"), for_s=3.0)  # each segment has a second of audio
    wait_playing(page)
    assert_pictures_move(page)
    assert page.evaluate("window.spoilt") == spoilt, "the audio is left out"
