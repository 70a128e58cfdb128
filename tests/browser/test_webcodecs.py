"""The live picture by WebCodecs: exact frames, its faults, and MediaSource in its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.pictures import (
    assert_close_behind,
    assert_moves_again,
    assert_pictures_move,
    read_number,
    wait_playing,
)
from tests.browser.wall import assert_all_move, at, four, wait_all_playing
from tests.browser.watching import MOVING, Open, settled_on, until_on
from tests.patience import Slowness
from tools.frames import RECORD_FRAMES, frame_steps
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

_SECONDS = 15
_DAMAGED = 67  # of each kind: 200 in all
_WALL_SECONDS = 10
_FRAMES = "document.querySelector('live-player [data-part=video]').getVideoPlaybackQuality().totalVideoFrames"
# Passes the bytes of each message with fragments to `window.damage`, which may change them.
_DAMAGE = """
const take = Object.getOwnPropertyDescriptor(MessageEvent.prototype, 'data').get;
Object.defineProperty(MessageEvent.prototype, 'data', { get() {
  const data = take.call(this);
  if (!(data instanceof ArrayBuffer) || !window.damage || this.isSpoilt) return data;
  this.isSpoilt = true;
  const bytes = new Uint8Array(data);
  if (bytes[0] === 2) window.damage(bytes);
  return data;
} });
"""
# Code for the beginning of the worker: the decoder fails at each sample for which an expression is true.
_FAILING = """
const Real = self.VideoDecoder;
self.VideoDecoder = class extends Real {
  #error;
  constructor(how) { super(how); this.#error = how.error; }
  decode(chunk) {
    self.decoded = (self.decoded ?? 0) + 1;
    if (%s) this.#error(new DOMException('It broke.', 'EncodingError'));
    else super.decode(chunk);
  }
};
"""
_HIDE = """
Object.defineProperty(document, 'hidden', { get: () => Boolean(window.isHidden) });
window.setHidden = (isHidden) => {
  window.isHidden = isHidden;
  document.dispatchEvent(new Event('visibilitychange'));
};
"""
_LEFT = "live-player canvas[data-part=left]"
# Keeps the brightness of all frames up to the end of the old engine's canvas.
_WATCH_LEFT = f"""
let hasLeft = false;
new MutationObserver(() => {{
  const isThere = document.querySelector('{_LEFT}') !== null;
  if (hasLeft && !isThere) window.brightnessToEnd ??= [...window.brightness];
  hasLeft ||= isThere;
}}).observe(document.body, {{ subtree: true, attributes: true, childList: true }});
"""
_NO_TRACKS = "delete window.MediaStreamTrackGenerator;"


@pytest.fixture
def viewer(app: App, camera_id: int, open_page: Open) -> Callable[..., Page]:
    """Return a function that opens the viewer page of channel 1, with scripts that run before those of the page."""

    def open_viewer(*scripts: str, quality: str = "sub") -> Page:
        page: Page = open_page("about:blank").page
        for script in scripts:
            page.add_init_script(script)
        page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality={quality}")
        wait_playing(page)
        return page

    return open_viewer


def expect_engine(page: Page, engine: str, reason: str = "") -> None:
    expect(page.locator("#facts")).to_have_attribute("data-engine", engine)
    expect(page.locator("#engine")).to_have_text(re.compile(reason or "^On$"))


def with_worker(page: Page, prefix: str) -> None:
    """Let the page's worker begin with this code."""

    def change(route: Route) -> None:
        route.fulfill(response=(found := route.fetch()), body=prefix + found.text())

    page.route("**/live-decoder*", change)


def test_every_frame_is_shown_once_and_in_order(app: App, recorder: Recorder, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=main", **MOVING).page
    wait_playing(page)
    expect_engine(page, "webcodecs")
    assert_pictures_move(page)
    timing = recorder.frames(1, "main")

    def shows_each() -> bool:
        with Slowness() as machine:
            [seen] = page.evaluate(RECORD_FRAMES, _SECONDS)
        return missed_share(seen, timing) <= 0.05 * machine.factor()

    # Repeated, because a pause of the machine costs frames: a faulty player loses some in every period.
    until_on(page, shows_each)
    assert_close_behind(page, timing)


def missed_share(seen: list[tuple[int, int]], timing: dict[str, Any]) -> float:
    """Assert that displayed frames follow each other; return the share of the others.

    Of two frames that are due together the browser shows the newer one.
    """
    assert sum(number < 0 for number, _ in seen) <= len(seen) / 100, "frames that cannot be read"
    steps = frame_steps(seen, timing)
    assert all(0 <= sent < timing["frames"] / 2 for sent, _ in steps), "a frame in the wrong order"
    sent, shown = (sum(column) for column in zip(*steps, strict=True))
    share: float = (sent - shown) / sent
    return share


def test_audio_is_played_by_mediasource_and_the_picture_stays(viewer: Callable[..., Page]) -> None:
    page = viewer(quality="main")
    expect_engine(page, "webcodecs")
    assert_pictures_move(page)
    page.evaluate(_WATCH_BRIGHTNESS)
    page.keyboard.press("m")
    expect_engine(page, "mse", "sound is on")
    expect(page.locator("live-player video")).to_have_count(1)
    heard = "document.querySelector('live-player [data-part=video]').webkitAudioDecodedByteCount"
    until_on(page, lambda: page.evaluate(heard))
    assert_pictures_move(page)
    page.keyboard.press("m")
    expect_engine(page, "webcodecs")
    expect(page.locator("live-player video")).to_have_count(1)
    assert_pictures_move(page)
    seen: list[float] = page.evaluate("window.brightness")
    assert min(seen) > 0.5 * max(seen), "a black picture"


# Records the brightness of the live picture in each frame of the page; 0 without a picture. A video that seeks keeps
# its last frame on screen: then nothing is recorded.
_WATCH_BRIGHTNESS = """
() => {
  window.brightness = [];
  const canvas = new OffscreenCanvas(16, 9);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = () => {
    context.clearRect(0, 0, 16, 9);
    let seeks = false;
    for (const one of document.querySelectorAll('live-player video, live-player canvas:not([hidden])')) {
      if (one instanceof HTMLCanvasElement || one.readyState >= 2) context.drawImage(one, 0, 0, 16, 9);
      else seeks ||= one.videoWidth > 0;
    }
    const { data } = context.getImageData(0, 0, 16, 9);
    const brightness = data.reduce((sum, value) => sum + value, 0);
    if (brightness > 0 || !seeks) window.brightness.push(brightness);
    requestAnimationFrame(look);
  };
  look();
}
"""


def test_the_switch_of_the_page_is_kept(viewer: Callable[..., Page]) -> None:
    page = viewer()
    expect_engine(page, "webcodecs")
    page.get_by_label("Shortest delay").uncheck()
    expect_engine(page, "mse", "switched off in this browser")
    expect(page.locator("live-player video")).to_have_count(1)
    assert_pictures_move(page)
    page.reload()
    wait_playing(page)
    expect_engine(page, "mse", "switched off in this browser")
    page.get_by_label("Shortest delay").check()
    expect_engine(page, "webcodecs")
    assert_pictures_move(page)


def test_the_setting_of_the_server_turns_it_off(tmp_path: Path, recorder: Recorder, open_page: Open) -> None:
    plain = App(tmp_path, SEGMENT_S="1", BROWSER_DECODER="mse")
    plain.start()
    try:
        page = open_page(f"{plain.url}/viewer/{plain.add_camera(recorder)}?channel=1&quality=sub").page
        wait_playing(page)
        expect_engine(page, "mse", "the server is set to it")
        expect(page.get_by_label("Shortest delay")).to_be_disabled()
        loaded: list[str] = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
        assert not [name for name in loaded if "live-decoder" in name]
    finally:
        plain.stop()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("Object.defineProperty(window, 'isSecureContext', { value: false });", "not secure"),
        ("delete window.VideoDecoder;", "no video decoder"),
    ],
)
def test_mediasource_plays_where_webcodecs_is_missing(viewer: Callable[..., Page], script: str, reason: str) -> None:
    page = viewer(script)
    expect_engine(page, "mse", reason)
    assert_pictures_move(page)


def test_the_picture_continues_after_a_failed_decoder(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    with_worker(page, _FAILING % "self.decoded === 30")
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    wait_playing(page)
    until_on(page, lambda: page.evaluate(_FRAMES) > 60)
    expect_engine(page, "webcodecs")
    assert_pictures_move(page)


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        (_FAILING % "self.decoded % 10 === 9", "failed several times"),
        (_FAILING % "true", "failed several times"),
        ("throw new Error('It broke.');", "could not be started"),
        ("self.VideoDecoder.prototype.decode = () => {};", "stood still|took too long"),
    ],
)
def test_mediasource_takes_over_from_a_broken_decoder(
    app: App, camera_id: int, open_page: Open, prefix: str, reason: str
) -> None:
    page = open_page("about:blank").page
    with_worker(page, prefix)
    # Without a first frame the load event waits.
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub", wait_until="domcontentloaded")
    wait_playing(page)
    expect_engine(page, "mse", reason)
    assert_pictures_move(page)
    expect(page.locator("live-player video")).to_have_count(1)
    # Another change of engines would be a loop. It would come within the next 45 frames.
    shown = page.evaluate(_FRAMES)
    until_on(page, lambda: page.evaluate(_FRAMES) > shown + 45)
    expect_engine(page, "mse", reason)


@pytest.mark.parametrize(
    "how",
    [
        "(bytes) => bytes.fill(0x5a, 128, 132)",  # lengths of NAL units
        "(bytes) => bytes.fill(0x5a, 150)",  # slices
        "(bytes) => bytes.fill(0, 20)",  # boxes
    ],
)
def test_damaged_fragments_leave_a_moving_picture(viewer: Callable[..., Page], recorder: Recorder, how: str) -> None:
    page = viewer(_DAMAGE)
    page.evaluate(f"""() => {{
        const spoil = {how};
        window.damage = (bytes) => {{
          window.damaged = (window.damaged ?? 0) + 1;
          spoil(bytes);
        }};
    }}""")
    until_on(page, lambda: (page.evaluate("window.damaged") or 0) >= _DAMAGED)
    page.evaluate("window.damage = null")
    wait_playing(page)
    assert_pictures_move(page)
    assert_close_behind(page, recorder.frames(1, "sub"))


def test_a_hidden_tab_decodes_nothing_and_comes_back_live(viewer: Callable[..., Page], recorder: Recorder) -> None:
    page = viewer(_HIDE)
    expect_engine(page, "webcodecs")
    page.evaluate("setHidden(true)")
    before = settled_on(page, lambda: page.evaluate(_FRAMES), for_s=2.0)  # 30 frames come in this time
    page.evaluate("setHidden(false)")
    until_on(page, lambda: page.evaluate(_FRAMES) > before)
    assert_close_behind(page, recorder.frames(1, "sub"))
    expect_engine(page, "webcodecs")


def test_a_change_of_quality_shows_no_black_frame(viewer: Callable[..., Page]) -> None:
    page = viewer()
    assert_pictures_move(page)
    page.evaluate(_WATCH_BRIGHTNESS)
    page.get_by_role("button", name="Main", exact=True).click()
    expect(page.locator("[data-fact=resolution]")).to_have_text(re.compile("^640"))
    expect(page.locator("live-player video")).to_have_count(1)
    assert_pictures_move(page)
    seen: list[float] = page.evaluate("window.brightness")
    assert min(seen) > 0.5 * max(seen), "a black picture"
    expect_engine(page, "webcodecs")
    assert_pictures_move(page)


def test_a_browser_without_track_generators_shows_a_canvas(viewer: Callable[..., Page], recorder: Recorder) -> None:
    page = viewer(_NO_TRACKS)
    expect_engine(page, "webcodecs")
    expect(page.locator("live-player canvas[data-part=picture]")).to_be_visible()
    assert_moves_again(page, read_number(page))
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename.endswith(".jpg")
    page.keyboard.press("k")
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")
    stands = settled_on(page, lambda: read_number(page), for_s=1.0)  # 15 frames come in this time
    page.keyboard.press("k")
    assert_moves_again(page, stands)
    page.keyboard.press("q")
    width = "document.querySelector('live-player canvas[data-part=picture]').width"
    until_on(page, lambda: page.evaluate(width) >= 640)
    expect(page.locator("live-player canvas[data-part=picture]")).to_have_count(1)
    page.keyboard.press("m")
    expect_engine(page, "mse", "sound is on")
    expect(page.locator("live-player canvas[data-part=picture]")).to_have_count(0)
    assert_pictures_move(page)


def test_a_paused_canvas_stays_until_the_next_stream_moves(viewer: Callable[..., Page]) -> None:
    page = viewer(_NO_TRACKS)
    page.keyboard.press("k")
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")
    page.evaluate(_WATCH_BRIGHTNESS)
    page.evaluate(_WATCH_LEFT)
    stands = read_number(page)
    page.keyboard.press("q")
    expect(page.locator("[data-fact=resolution]")).to_have_text(re.compile("^640"))
    assert_moves_again(page, stands)  # the player pauses again at the first frame
    seen: list[float] = until_on(page, lambda: page.evaluate("window.brightnessToEnd"))
    assert min(seen) > 0.5 * max(seen), "a black picture"


def test_a_wall_has_one_worker_and_shows_frames_in_order(
    app: App, sixteen: Recorder, wall_id: int, open_page: Open
) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    assert_all_move(page)
    timings = [sixteen.frames(channel, "sub") for channel in (1, 2, 3)]

    def show_each() -> bool:
        with Slowness() as machine:
            seen = page.evaluate(RECORD_FRAMES, _WALL_SECONDS)
        shares = [missed_share(numbers, timing) for numbers, timing in zip(seen, timings, strict=True)]
        return max(shares) <= 0.1 * machine.factor()

    until_on(page, show_each)
    assert len(page.workers) == 1
    sources: list[bool] = page.evaluate(
        "[...document.querySelectorAll('live-tile video')].map((one) => Boolean(one.srcObject))"
    )
    assert sources == [True, True, True, False]
    at(page, 1).dblclick()
    expect(at(page, 1).locator("[data-part=quality]")).to_have_text("Main")
    page.keyboard.press("k")
    expect(at(page, 1).get_by_role("button", name="Play")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("Escape")
    wait_all_playing(page, 3)
    assert_all_move(page)


def test_the_picture_returns_with_the_stream(viewer: Callable[..., Page], recorder: Recorder) -> None:
    page = viewer()
    recorder.set_fault("rtsp_silent", True, channel=1)
    try:
        expect(page.locator("#badge")).to_contain_text("STOPPED")
    finally:
        recorder.clear_fault("rtsp_silent", channel=1)
    wait_playing(page)
    assert_pictures_move(page)
    expect_engine(page, "webcodecs")
