"""Cameras whose sps has no bitstream_restriction: decoders hold no frames, at any level, in both live engines.

Without the restriction a decoder may hold sixteen frames of this size for reordering at each of these levels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from media.codecs.h264_sps import Restriction, parse_sps
from tests.browser.pictures import assert_close_behind, assert_pictures_move, wait_playing
from tests.browser.watching import Open, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

CHANNEL = 3
SPS_KINDS = ("baseline 3.1", "main 4.0", "high 4.1", "main 5.0", "high 5.1")
MORE_SPS_KINDS = (
    *("baseline 4.0", "baseline 4.1", "baseline 5.0", "baseline 5.1"),
    *("main 3.1", "main 4.1", "main 5.1"),
    *("high 3.1", "high 4.0", "high 5.0"),
)
_MOST_HELD = 2
_FRAMES = 40
# Code for the beginning of the worker. `held`: for each decoded frame, how many later samples the decoder had by then.
_COUNT_HELD = """
self.held = [];
const Decoder = self.VideoDecoder;
self.VideoDecoder = class extends Decoder {
  #taken;
  constructor({ output, error }) {
    const taken = [];
    super({ error, output: (frame) => {
      self.held.push(taken.length - 1 - taken.lastIndexOf(frame.timestamp));
      output(frame);
    } });
    this.#taken = taken;
  }
  decode(chunk) {
    this.#taken.push(chunk.timestamp);
    super.decode(chunk);
  }
};
"""
# For frames that MediaSource shows: how many frames at 25 a second are buffered behind each.
_BUFFERED_BEHIND = """
(count) => new Promise((resolve) => {
  const video = document.querySelector('live-player [data-part=video]');
  const seen = [];
  const onFrame = (now, { mediaTime }) => {
    const { buffered } = video;
    if (buffered.length) seen.push(25 * (buffered.end(buffered.length - 1) - mediaTime) - 1);
    if (seen.length < count) video.requestVideoFrameCallback(onFrame);
    else resolve(seen);
  };
  video.requestVideoFrameCallback(onFrame);
  setTimeout(() => resolve(seen), 10_000);
})
"""
# MediaSource shows a frame this many frames (25 a second) after it came, at least: its distance from the newest frame.
_PACE_FRAMES = 3


@pytest.fixture(
    params=[True, *SPS_KINDS, *(pytest.param(kind, marks=pytest.mark.stress) for kind in MORE_SPS_KINDS)], ids=str
)
def sps_kind(request: pytest.FixtureRequest, recorder: Recorder, stop_streams: None) -> Iterator[object]:
    """The recorder's sps without VUI; True: with the encoder's profile and level."""
    recorder.set_fault("plain_sps", request.param, channel=CHANNEL)
    recorder.set_fault("drop_connections", channel=CHANNEL)  # the app keeps the device session of the test before
    recorder.clear_fault("drop_connections", channel=CHANNEL)
    yield request.param
    recorder.clear_fault("plain_sps", channel=CHANNEL)


def open_viewer(page: Page, app: App, camera_id: int) -> list[bytes]:
    """Open the viewer page; return a list that gets the init sections from its socket."""
    inits: list[bytes] = []

    def hear(payload: str | bytes) -> None:
        if isinstance(payload, bytes) and b"avcC" in payload:
            inits.append(payload)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", hear)

    page.on("websocket", listen)
    page.goto(f"{app.url}/viewer/{camera_id}?channel={CHANNEL}&quality=main")
    wait_playing(page)
    assert_pictures_move(page)
    until_on(page, lambda: inits)
    return inits


def restriction_in(init: bytes) -> Restriction | None:
    """Return the bitstream_restriction of the sps in an init section."""
    at = init.index(b"avcC") + 4 + 6
    parsed = parse_sps(init[at + 2 : at + 2 + int.from_bytes(init[at : at + 2])])
    assert parsed is not None
    return parsed.restriction


def test_webcodecs_holds_no_frames_of_a_plain_sps(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, sps_kind: object
) -> None:
    page = open_page("about:blank").page

    def change(route: Route) -> None:
        route.fulfill(response=(found := route.fetch()), body=_COUNT_HELD + found.text())

    page.route("**/live-decoder*", change)
    inits = open_viewer(page, app, camera_id)
    expect(page.locator("#facts")).to_have_attribute("data-engine", "webcodecs")
    restriction = restriction_in(inits[0])
    assert restriction is not None
    assert restriction.max_num_reorder_frames == 0

    def held() -> int | None:
        """The least of some frames: a busy machine adds to most of them, a decoder that reorders adds to each."""
        last: list[int] = page.workers[0].evaluate(f"self.held.slice(-{_FRAMES})")
        return min(last) if len(last) == _FRAMES else None

    until_on(page, lambda: held() is not None)
    assert (held() or 0) <= _MOST_HELD
    assert_close_behind(page, recorder.frames(CHANNEL, "main"))
    if sps_kind is True:
        ends_s = time.monotonic() + 3
        until_on(page, lambda: time.monotonic() > ends_s)
        assert len(inits) == 1, "frames without B-frames never bring another init section"


def test_mediasource_holds_no_frames_of_a_plain_sps(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, sps_kind: object
) -> None:
    page = open_page("about:blank").page
    page.add_init_script("localStorage.setItem('decoder', 'mse');")
    inits = open_viewer(page, app, camera_id)
    expect(page.locator("#facts")).to_have_attribute("data-engine", "mse")
    restriction = restriction_in(inits[0])
    assert restriction is not None
    assert restriction.max_num_reorder_frames == 0

    def is_near() -> bool:
        behind: list[float] = page.evaluate(_BUFFERED_BEHIND, _FRAMES)
        return bool(behind) and min(behind) <= _PACE_FRAMES + _MOST_HELD

    until_on(page, is_near)
    assert_close_behind(page, recorder.frames(CHANNEL, "main"))
