"""The pages in Chromium, Firefox and WebKit: viewer, wall, recording, speed and timeline; test_audio_in_engines.py."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser.engines import EnginePage
from tests.browser.live_in_engine import READ_FRAME, play_viewer
from tests.browser.recordings import HAS_SUMMARY, ROWS, recorded_at
from tests.browser.replaying import BURNT
from tests.browser.wall import READ_TILES
from tests.patience import Slowness, settled, until
from tools.frames import seconds_behind
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("leave_page")]

# Far enough for each engine's own decoder and display; Chromium's own tests are stricter.
MOST_BEHIND_S = {"chromium": 0.4, "firefox": 0.4, "webkit": 0.6}
_REPLAYING = "document.querySelector('#player [data-part=stage]')?.dataset.phase === 'playing'"


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


def open_recording(page: EnginePage, app: App, camera_id: int) -> datetime:
    """Open the recordings page at a time, and wait until it plays."""
    at = (datetime.now(UTC) - timedelta(minutes=40)).replace(microsecond=0)
    page.open(f"{app.url}/recordings/{camera_id}?channel=1&t={at:%Y-%m-%dT%H:%M:%SZ}")
    until(lambda: page.evaluate(_REPLAYING), what="the recording")
    return at
