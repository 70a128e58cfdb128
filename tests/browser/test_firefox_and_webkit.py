"""The pages in Firefox and WebKit: viewer, wall, recording, speed, timeline and audio.

The other files of this folder test the same in Chromium, and more strictly.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser.engines import EnginePage
from tests.browser.live_in_engine import READ_FRAME, VIDEO, play_viewer
from tests.browser.recordings import HAS_SUMMARY, ROWS, recorded_at
from tests.browser.replaying import BURNT
from tests.browser.wall import READ_TILES
from tests.patience import Slowness, settled, until
from tools.frames import seconds_behind
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("leave_page")]

MOST_BEHIND_S = {"firefox": 0.4, "webkit": 0.6}  # far enough for each engine's own decoder and display
_REPLAYING = "document.querySelector('#player [data-part=stage]')?.dataset.phase === 'playing'"
SOUND_CHANNEL = 5
FRAME_S = 0.2  # of the pretend recorder's small profile
MARKS = """[...document.querySelectorAll('#mark-in-time, #mark-out-time')].map(
  (input) => input.value && new Date(input.value).getTime() / 1000)"""
# The page's requests reach the server so late that the browser has forgotten the user's click, which it does after 5 s.
_SLOW_LINK = """(() => {
  const send = WebSocket.prototype.send;
  window.endSlowLink = () => (WebSocket.prototype.send = send);
  WebSocket.prototype.send = function (data) {
    const isSlow = String(data).includes('"type":"watch"');
    setTimeout(() => send.call(this, data), isSlow ? 6000 : 0);
  };
})()"""

# For the message of a failure: if a click counted as the user's, and what the player made of it.
_LOG_AUDIO = """(() => {
  window.audioLog = [];
  const note = (what) => window.audioLog.push(`${Math.round(performance.now())} ms: ${what}`);
  document.addEventListener('click', () => note(`click, active ${navigator.userActivation?.isActive}`), true);
  document.addEventListener('player-audio', ({ detail }) => note(`audio ${detail}`), true);
  document.addEventListener('player-restart', () => note('restart'), true);
})()"""


@pytest.fixture(scope="module")
def plain_camera_id(plain_app: App, recorder: Recorder) -> int:
    return plain_app.add_camera(recorder, name="Recorder")


def test_the_viewer_shows_moving_frames_close_to_the_present(
    page: EnginePage, engine: str, app: App, recorder: Recorder, camera_id: int
) -> None:
    play_viewer(page, app, camera_id)
    timing = recorder.frames(1, "main")

    def is_close() -> bool:
        with Slowness() as machine:
            frames = [page.evaluate(READ_FRAME) for _ in range(20)]
        read = [(number, at_ms) for number, at_ms in frames if number >= 0]
        behind = [seconds_behind(number, at_ms, timing) for number, at_ms in read]
        limit_s = MOST_BEHIND_S[engine] * machine.factor()
        return len({number for number, _ in read}) >= 5 and statistics.median(behind) < limit_s

    until(is_close, what="frames close to the present")


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


def test_a_recording_plays_at_its_time(page: EnginePage, app: App, camera_id: int) -> None:
    since_s = time.monotonic()
    at = open_recording(page, app, camera_id)
    shown_s = until(lambda: page.evaluate(f"({BURNT})('player')"), what="a frame with its time")
    assert abs(shown_s - at.timestamp()) < 30 + time.monotonic() - since_s
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
    until(lambda: page.evaluate(HAS_SUMMARY), what="the summary, whose texts may move the timeline")
    settled(lambda: page.evaluate("document.querySelector('recording-timeline').getBoundingClientRect().top"), 0.3)
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

    since_s = time.monotonic()

    def shows_it() -> bool:
        shown_s = page.evaluate(f"({BURNT})('player')")
        return shown_s is not None and -30 < shown_s - wanted_s < 30 + time.monotonic() - since_s

    until(shows_it, what="the clicked time")


def test_marks_are_at_the_frame_on_screen(page: EnginePage, app: App, camera_id: int) -> None:
    open_recording(page, app, camera_id)
    until(lambda: page.evaluate("document.querySelector('#mark-in:not([disabled])') !== null"), what="the marks")
    page.press("k")
    until(lambda: page.evaluate("document.querySelector('#player [data-phase=paused]') !== null"), what="the pause")
    start_s = standing_s(page)
    page.press("[")
    assert page.evaluate(MARKS)[0] == pytest.approx(start_s, abs=0.0015)
    page.press(".")
    until(lambda: standing_s(page) > start_s, what="the next frame")
    end_s = standing_s(page)
    page.press("]")
    assert page.evaluate(MARKS) == [pytest.approx(at_s, abs=0.0015) for at_s in (start_s, end_s + FRAME_S)]
    page.press("k")
    until(lambda: page.evaluate(f"({BURNT})('player')") > end_s + 3, what="playing on")
    before_s, marked_s, after_s = page.evaluate(MARK_AMID_PLAYING)
    assert before_s - FRAME_S <= marked_s <= after_s + 2 * FRAME_S


def standing_s(page: EnginePage) -> float:
    """Return the time burnt into the frame, once it stands still."""
    found: float = settled(lambda: page.evaluate(f"({BURNT})('player')"), 0.6)
    return found


MARK_AMID_PLAYING = f"""(() => {{
  const before = ({BURNT})('player');
  document.querySelector('#mark-out').click();
  return [before, {MARKS}[1], ({BURNT})('player')];
}})()"""


def test_a_picture_of_the_strip_plays(page: EnginePage, app: App, recorder: Recorder, camera_id: int) -> None:
    at = recorded_at(recorder)
    start, end = (f"{at + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}" for minutes in (-30, 30))
    page.open(f"{app.url}/recordings/{camera_id}?channel=1&from={start}&to={end}")
    third = "document.querySelectorAll('#storyboard .thumbnail[data-shown]')[2]"
    until(lambda: page.evaluate(f"{third} !== undefined"), what="three pictures")
    picture_s = page.evaluate(f"{third}.dataset.at / 1000")
    since_s = time.monotonic()
    page.evaluate(f"{third}.click()")
    shown_s = until(lambda: page.evaluate(f"({BURNT})('player')"), what="a frame with its time")
    assert abs(shown_s - picture_s) < 5 + time.monotonic() - since_s


def test_the_events_page_shows_filters_and_opens_events(
    page: EnginePage, plain_app: App, recorder: Recorder, plain_camera_id: int
) -> None:
    asked = f"/api/events?camera_id={plain_camera_id}&kind=motion"
    until(lambda: plain_app.call("GET", asked)["events"], what="an event of the recorder")
    page.open(f"{plain_app.url}/events?camera={plain_camera_id}")
    picture = "document.querySelector('event-row[data-unseen] img:not([hidden])')?.naturalWidth"
    until(lambda: page.evaluate(picture) == 320, what="a row with its picture")
    page.evaluate(
        """(() => {
          const seen = document.querySelector('#filter-seen');
          seen.value = 'yes';
          seen.dispatchEvent(new Event('change', { bubbles: true }));
        })()"""
    )
    until(lambda: page.evaluate("document.querySelector('event-row[data-unseen]') === null"), what="seen events only")
    page.evaluate("document.querySelector('#filter-clear').click()")
    until(lambda: page.evaluate("document.querySelector('event-row[data-unseen]') !== null"), what="all events again")
    page.click("event-row .event-link")
    title = "document.querySelector('#play-dialog dialog[open] #play-title')?.textContent ?? ''"
    until(lambda: ", 20" in page.evaluate(title), what="the player of the event")


def open_recording(page: EnginePage, app: App, camera_id: int) -> datetime:
    """Open the recordings page at a time, and wait until it plays."""
    at = (datetime.now(UTC) - timedelta(minutes=40)).replace(microsecond=0)
    page.open(f"{app.url}/recordings/{camera_id}?channel=1&t={at:%Y-%m-%dT%H:%M:%SZ}")
    until(lambda: page.evaluate(_REPLAYING), what="the recording")
    return at


def test_sound_plays_with_the_picture(page: EnginePage, app: App, camera_id: int) -> None:
    play_viewer(page, app, camera_id, SOUND_CHANNEL)
    turn_audio_on(page)
    assert_plays_audio(page)


def test_sound_that_comes_long_after_the_click_plays(page: EnginePage, app: App, camera_id: int) -> None:
    play_viewer(page, app, camera_id, SOUND_CHANNEL)
    page.evaluate(_SLOW_LINK)
    turn_audio_on(page)
    assert_plays_audio(page)
    # Another stream, without a click on the page; the click is already forgotten.
    page.evaluate("void endSlowLink()")
    page.evaluate("document.querySelector('[data-quality=sub]').click()")
    until(lambda: page.evaluate(f"{VIDEO}.videoWidth") < 640, what="the sub stream")
    assert_plays_audio(page)


def test_a_tile_of_the_wall_plays_audio(page: EnginePage, app: App, camera_id: int) -> None:
    page.open(f"{app.url}/wall?layout=4&tiles={camera_id}.{SOUND_CHANNEL},{camera_id}.1")
    playing = "document.querySelector('live-tile[data-place=\"1\"]')?.dataset.phase"
    until(lambda: page.evaluate(playing) == "playing", what="playing")
    page.evaluate(_SLOW_LINK)
    page.press("1")
    page.press("m")
    assert_plays_audio(page)


def turn_audio_on(page: EnginePage) -> None:
    """Click on the loudspeaker once the channel is known to have audio."""
    until(lambda: page.evaluate("!document.querySelector('#mute').disabled"), what="a channel with audio")
    page.evaluate(_LOG_AUDIO)
    page.click("#mute")


def assert_plays_audio(page: EnginePage) -> None:
    """Assert that the audio comes on and stays on while the picture moves."""
    try:
        until(lambda: page.evaluate(f"!{VIDEO}.muted"), what="audio on")
    except AssertionError as error:
        raise AssertionError(f"{error}; {page.evaluate('JSON.stringify(window.audioLog ?? [])')}") from None
    began_s = page.evaluate(f"{VIDEO}.currentTime")
    until(lambda: page.evaluate(f"!{VIDEO}.paused && {VIDEO}.currentTime") > began_s + 2, what="playing on")
    numbers: set[int] = set()

    def move() -> bool:
        numbers.add(page.evaluate(READ_FRAME)[0])
        return len(numbers - {-1}) >= 5

    until(move, what="moving frames")
    assert not page.evaluate(f"{VIDEO}.muted")
