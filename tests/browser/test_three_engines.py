"""The pages in Chromium, Firefox and WebKit: viewer, sound, wall, recording, speed and timeline."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser.engines import ENGINES, EngineMissing, EnginePage
from tests.browser.recordings import ROWS, recorded_at
from tests.browser.replaying import BURNT
from tests.browser.wall import READ_TILES
from tests.patience import Slowness, until
from tools.frames import seconds_behind
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

SOUND_CHANNEL = 5
# Far enough for each engine's own decoder and display; Chromium's own tests are stricter.
MOST_BEHIND_S = {"chromium": 0.4, "firefox": 0.4, "webkit": 0.6}
_VIDEO = "document.querySelector('live-player [data-part=video]')"
_READ_FRAME = f"""(() => {{
  const video = {_VIDEO};
  const shown = document.querySelector('live-player canvas[data-part=picture]');
  if (!shown && (!video || video.readyState < 2)) return [-1, Date.now()];
  const [width, height] = shown ? [shown.width, shown.height] : [video.videoWidth, video.videoHeight];
  const canvas = new OffscreenCanvas(200, 4);
  const context = canvas.getContext('2d', {{ willReadFrequently: true }});
  context.drawImage(shown ?? video, 0, 0, width, height / 16, 0, 0, 200, 4);
  const {{ data }} = context.getImageData(0, 0, 200, 4);
  const bits = Array.from({{ length: 20 }}, (_, cell) => Number(data[(2 * 200 + cell * 10 + 5) * 4] > 128));
  const number = bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
  const parity = bits.slice(2, 18).reduce((sum, bit) => sum ^ bit, 0);
  const isWhole = bits[0] === 1 && bits[1] === 0 && bits[18] === parity && bits[19] === 1 - parity;
  return [isWhole ? number : -1, Date.now()];
}})()"""
# The page's requests reach the server so late that the browser has forgotten the user's click, which it does after 5 s.
_SLOW_LINK = """(() => {
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    const isSlow = String(data).includes('"type":"watch"');
    setTimeout(() => send.call(this, data), isSlow ? 7000 : 0);
  };
})()"""
_REPLAYING = "document.querySelector('#player [data-part=stage]')?.dataset.phase === 'playing'"


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def page(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePage]:
    """A page of one engine for all tests. A missing engine is an error where CI is set, otherwise a skip."""
    try:
        with ENGINES[engine](tmp_path_factory.mktemp(engine)) as opened:
            yield opened
    except EngineMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(autouse=True)
def leave(page: EnginePage, stop_streams: None) -> Iterator[None]:
    yield
    page.evaluate("localStorage.clear()")  # otherwise the next test begins with audio
    page.open("about:blank")


def play_viewer(page: EnginePage, app: App, camera_id: int, channel: int = 1) -> None:
    page.open(f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main")
    until(lambda: page.evaluate("document.querySelector('#stage')?.dataset.phase") == "playing", what="playing")


def test_the_viewer_shows_moving_frames_close_to_the_present(
    page: EnginePage, engine: str, app: App, recorder: Recorder, camera_id: int
) -> None:
    play_viewer(page, app, camera_id)
    timing = recorder.frames(1, "main")

    def is_close() -> bool:
        with Slowness() as machine:
            frames = [page.evaluate(_READ_FRAME) for _ in range(20)]
        read = [(number, at_ms) for number, at_ms in frames if number >= 0]
        behind = [seconds_behind(number, at_ms, timing) for number, at_ms in read]
        limit_s = MOST_BEHIND_S[engine] * machine.factor()
        return len({number for number, _ in read}) >= 5 and statistics.median(behind) < limit_s

    until(is_close, what="frames close to the present")


def test_sound_plays_with_the_picture(page: EnginePage, app: App, camera_id: int) -> None:
    play_viewer(page, app, camera_id, SOUND_CHANNEL)
    turn_audio_on(page)
    assert_plays_audio(page)


def test_sound_that_comes_long_after_the_click_plays(page: EnginePage, app: App, camera_id: int) -> None:
    play_viewer(page, app, camera_id, SOUND_CHANNEL)
    page.evaluate(_SLOW_LINK)
    turn_audio_on(page)
    assert_plays_audio(page)
    # Another stream, without a click on the page.
    page.evaluate("document.querySelector('[data-quality=sub]').click()")
    until(lambda: page.evaluate(f"{_VIDEO}.videoWidth") < 640, what="the sub stream")
    assert_plays_audio(page)


def turn_audio_on(page: EnginePage) -> None:
    """Click on the loudspeaker once the channel is known to have audio."""
    until(lambda: page.evaluate("!document.querySelector('#mute').disabled"), what="a channel with audio")
    page.click("#mute")


def assert_plays_audio(page: EnginePage) -> None:
    """Assert that the audio comes on and stays on while the picture moves."""
    until(lambda: page.evaluate(f"!{_VIDEO}.muted"), what="audio on")
    began_s = page.evaluate(f"{_VIDEO}.currentTime")
    until(lambda: page.evaluate(f"!{_VIDEO}.paused && {_VIDEO}.currentTime") > began_s + 2, what="playing on")
    numbers: set[int] = set()

    def move() -> bool:
        numbers.add(page.evaluate(_READ_FRAME)[0])
        return len(numbers - {-1}) >= 5

    until(move, what="moving frames")
    assert not page.evaluate(f"{_VIDEO}.muted")


def test_every_tile_of_the_wall_moves(page: EnginePage, app: App, camera_id: int) -> None:
    tiles = ",".join(f"{camera_id}.{channel}" for channel in (1, 2, 3, 4))
    page.open(f"{app.url}/wall?layout=4&tiles={tiles}")
    seen: dict[int, set[int]] = {}

    def move() -> bool:
        read: list[Any] = page.evaluate(f"({READ_TILES})()")
        for place, (number, *_) in enumerate(read):
            seen.setdefault(place, set()).update({number} - {-1})
        return len(seen) == 4 and min(map(len, seen.values())) >= 3

    until(move, what="four moving tiles")


def test_a_tile_of_the_wall_plays_audio(page: EnginePage, app: App, camera_id: int) -> None:
    page.open(f"{app.url}/wall?layout=4&tiles={camera_id}.{SOUND_CHANNEL},{camera_id}.1")
    playing = "document.querySelector('live-tile[data-place=\"1\"]')?.dataset.phase"
    until(lambda: page.evaluate(playing) == "playing", what="playing")
    page.evaluate(_SLOW_LINK)
    page.press("1")
    page.press("m")
    assert_plays_audio(page)


def test_a_recording_plays_at_its_time(page: EnginePage, app: App, camera_id: int) -> None:
    at = open_recording(page, app, camera_id)
    until(lambda: page.evaluate(f"({BURNT})('player')"), what="a frame with its time")
    shown_s = page.evaluate(f"({BURNT})('player')")
    assert abs(shown_s - at.timestamp()) < 30
    until(lambda: (page.evaluate(f"({BURNT})('player')") or 0) > shown_s + 1, what="playing on")


def test_the_speed_select_changes_the_speed(page: EnginePage, app: App, camera_id: int) -> None:
    open_recording(page, app, camera_id)
    page.evaluate(
        """(() => {
          const speed = document.querySelector('#player [data-part=speed]');
          speed.value = '2';
          speed.dispatchEvent(new Event('change', { bubbles: true }));
        })()"""
    )
    until(lambda: page.evaluate("document.querySelector('#player video').playbackRate") == 2, what="the rate")
    colours = page.evaluate(
        """(() => {
          const style = getComputedStyle(document.querySelector('#player [data-part=speed]'));
          return [style.color, style.backgroundColor, style.appearance || style.webkitAppearance];
        })()"""
    )
    assert colours[0] != colours[1], "text that can be read"


def test_a_click_on_the_timeline_plays_that_time(
    page: EnginePage, app: App, recorder: Recorder, camera_id: int
) -> None:
    open_recording(page, app, camera_id)
    until(lambda: page.evaluate(ROWS), what="the timeline")
    wanted_s = recorded_at(recorder).timestamp()
    x, y = page.evaluate(
        f"""(() => {{
          const timeline = document.querySelector('recording-timeline');
          timeline.view = {{ startMs: {1000 * wanted_s - 600_000}, endMs: {1000 * wanted_s + 600_000} }};
          timeline.scrollIntoView({{ block: 'center' }});
          const box = timeline.canvas.getBoundingClientRect();
          const label = timeline.slider.clientWidth < 600 ? 84 : 148;
          return [box.left + label + 0.5 * (box.width - label), box.top + 43];
        }})()"""
    )
    page.click_at(x, y)

    def shows_it() -> bool:
        shown_s = page.evaluate(f"({BURNT})('player')")
        return shown_s is not None and abs(shown_s - wanted_s) < 30

    until(shows_it, what="the clicked time")


def open_recording(page: EnginePage, app: App, camera_id: int) -> datetime:
    """Open the recordings page at a time, and wait until it plays."""
    at = (datetime.now(UTC) - timedelta(minutes=40)).replace(microsecond=0)
    page.open(f"{app.url}/recordings/{camera_id}?channel=1&t={at:%Y-%m-%dT%H:%M:%SZ}")
    until(lambda: page.evaluate(_REPLAYING), what="the recording")
    return at
