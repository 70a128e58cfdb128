"""Playback with ManagedMediaSource, the only kind on an iPhone: it tells when it wants data and may evict its buffer.

Chromium has none, so the tests use a stand-in made of its MediaSource and trigger the events.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import assert_close_behind, assert_pictures_move, wait_playing
from tests.browser.replaying import BURNT, PLAYING, burnt_s, fetched, moves, over_socket, wait
from tests.browser.watching import Open
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

MANAGED = """
const Real = window.MediaSource;
delete window.MediaSource;
delete window.VideoDecoder;  // live pictures would not need a MediaSource
window.taken = 0;
window.sought = [];  // the video's time at each request to seek
const load = window.fetch;
window.fetch = (...how) => {
  if (String(how[0]).includes('seek')) window.sought.push(document.querySelector('video').currentTime);
  return load(...how);
};
const append = SourceBuffer.prototype.appendBuffer;
SourceBuffer.prototype.appendBuffer = function (data) {
  window.taken += 1;
  append.call(this, data);
};
window.ManagedMediaSource = class extends Real {
  streaming = false;
  constructor() {
    super();
    window.managed = this;
  }
  addSourceBuffer(type) {
    const buffer = super.addSourceBuffer(type);
    queueMicrotask(() => this.stream(true));
    return buffer;
  }
  stream(streaming) {
    this.streaming = streaming;
    this.dispatchEvent(new Event(streaming ? 'startstreaming' : 'endstreaming'));
  }
  async evict(fromS, untilS) {
    window.evictedS = fromS;
    const [buffer] = this.sourceBuffers;
    const done = () => new Promise((then) => buffer.addEventListener('updateend', then, { once: true }));
    while (buffer.updating) await done();
    buffer.remove(fromS, untilS);
    await done();
    const removedRanges = { length: 1, start: () => fromS, end: () => untilS };
    buffer.dispatchEvent(Object.assign(new Event('bufferedchange'), { removedRanges }));
  }
};
"""

AHEAD = """() => {
  const { buffered, currentTime } = document.querySelector('video');
  return buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0;
}"""


def open_managed(open_page: Open, url: str) -> Page:
    watched = open_page("about:blank")
    watched.page.add_init_script(MANAGED)
    watched.page.goto(url)
    return watched.page


def assert_no_data_is_appended(page: Page) -> None:
    """Send `endstreaming` and assert that the player appends no data."""
    page.evaluate("window.managed.stream(false)")
    before = page.evaluate("window.taken")
    page.wait_for_timeout(2000)  # long enough for many fragments, of which the source wants none
    assert page.evaluate("window.taken") == before


def assert_live(page: Page, recorder: Recorder) -> None:
    wait_playing(page)
    assert_pictures_move(page)
    timing = recorder.frames(1, "sub")
    assert_close_behind(page, timing, limit_s=1.5)


def test_live_resumes_when_the_source_wants_data_again(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_managed(open_page, f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    assert_live(page, recorder)
    expect(page.locator("#facts")).to_have_attribute("data-way", "socket")
    source = page.evaluate("document.querySelector('live-player video').src")
    assert_no_data_is_appended(page)
    page.evaluate("window.managed.stream(true)")
    assert_live(page, recorder)
    assert page.evaluate("document.querySelector('live-player video').src") == source, "it did not begin anew"


def test_live_resumes_after_a_full_eviction(app: App, recorder: Recorder, camera_id: int, open_page: Open) -> None:
    page = open_managed(open_page, f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    assert_live(page, recorder)
    source = page.evaluate("document.querySelector('live-player video').src")
    page.evaluate("window.managed.evict(0, 1e9)")
    assert_live(page, recorder)
    assert page.evaluate("document.querySelector('live-player video').src") == source


def open_recording(app: App, camera_id: int, open_page: Open) -> tuple[Page, datetime]:
    at = (datetime.now(UTC) - timedelta(minutes=40)).replace(microsecond=0)
    page = open_managed(open_page, f"{app.url}/recordings/{camera_id}?channel=1&t={at:%Y-%m-%dT%H:%M:%SZ}")
    page.wait_for_selector(PLAYING)
    moves(over_socket(page))
    return page, at


def test_a_recording_resumes_when_the_source_wants_data_again(app: App, camera_id: int, open_page: Open) -> None:
    page, at = open_recording(app, camera_id, open_page)
    page.locator("#player [data-part=speed]").select_option("4")
    assert_no_data_is_appended(page)
    # The player plays its buffer to the end, and the app sends no more than the player may buffer.
    page.wait_for_selector("#player [data-part=stage][data-phase=stalled]")
    stood_s = burnt_s(page)
    since_s = time.monotonic()
    page.evaluate("window.managed.stream(true)")
    moves(page)
    assert burnt_s(page) - stood_s < 2 + 4 * (time.monotonic() - since_s)
    assert stood_s > at.timestamp()
    assert fetched(page) == []


def test_evicted_parts_of_a_recording_are_requested_again(app: App, camera_id: int, open_page: Open) -> None:
    page, _ = open_recording(app, camera_id, open_page)
    wait(page, f"({AHEAD})() > 20")
    page.evaluate("window.sought = []")
    since_s, at_s = time.monotonic(), burnt_s(page)
    page.evaluate("window.managed.evict(document.querySelector('video').currentTime + 4, 1e9)")
    wait(page, f"({BURNT})('player') > {at_s + 8}")
    [sought_s] = page.evaluate("window.sought")
    assert sought_s > page.evaluate("window.evictedS") - 2, "requested before it is needed"
    assert burnt_s(page) - at_s < 2 + (time.monotonic() - since_s), "nothing was passed over"
    assert fetched(page) == []
