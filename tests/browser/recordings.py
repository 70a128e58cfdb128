"""Helpers of the recordings page's tests: positions and clicks on the timeline."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Error, Page, Route

from tests.browser.replaying import BURNT, PLAYING, burnt_s, wait
from tests.browser.watching import box_at_rest
from tools.running import Recorder

__all__ = [
    "BURNT",
    "GOP_S",
    "HAS_SUMMARY",
    "MODAL_PLAYING",
    "PLAYING",
    "ROWS",
    "SEEN",
    "assert_shows",
    "box_at_rest",
    "burnt_s",
    "change_coverage",
    "click_time",
    "place_of",
    "recorded_at",
    "stamp",
    "wait",
]

MODAL_PLAYING = "#modal-player [data-part=stage][data-phase=playing]"
GOP_S = 1.0


def assert_shows(page: Page, at_s: float, since_s: float, player: str = "player") -> None:
    """Assert that the frame is from `at_s`: a GOP earlier at most, and no later than it can have played since."""
    shown_s = burnt_s(page, player)
    assert at_s - GOP_S - 0.5 <= shown_s <= at_s + 1.0 + (time.monotonic() - since_s)


# The time in the visible frame: while the player waits, its frozen last frame. Null if there is none.
SEEN = f"({BURNT})('player', true)"
ROWS = "document.querySelector('recording-timeline').rows.length > 0"
HAS_SUMMARY = "document.querySelector('[data-fact=clock]').textContent !== ''"


def place_of(page: Page, at: datetime, row: int = 0) -> tuple[float, float]:
    """Return the page coordinates of a time on a row of the timeline; row -1 is the axis."""
    wait(page, ROWS)
    wait(page, HAS_SUMMARY)  # its texts may move the timeline
    frame = page.locator(".timeline-frame")
    frame.scroll_into_view_if_needed()
    box_at_rest(page, frame)
    x, y = page.evaluate(
        """([atMs, row]) => {
          const timeline = document.querySelector('recording-timeline');
          const box = timeline.canvas.getBoundingClientRect();
          const label = timeline.slider.clientWidth < 600 ? 84 : 148;
          const { startMs, endMs } = timeline.view;
          const fraction = (atMs - startMs) / (endMs - startMs);
          return [box.left + label + fraction * (box.width - label), box.top + 30 + 26 * row + 13];
        }""",
        [at.timestamp() * 1000, row],
    )
    return x, y


def click_time(page: Page, at: datetime, row: int = 0) -> None:
    """Click on the timeline at this time."""
    page.mouse.click(*place_of(page, at, row))


def look_at(page: Page, start: datetime, end: datetime) -> None:
    """Show this window on the timeline, as if the user had moved it there."""
    page.evaluate(
        "([startMs, endMs]) => { document.querySelector('recording-timeline').view = { startMs, endMs }; }",
        [start.timestamp() * 1000, end.timestamp() * 1000],
    )


def change_coverage(page: Page, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the app's coverage responses in the browser, because a recorder's answers cannot be delayed at will."""

    def changed(route: Route) -> None:
        with contextlib.suppress(Error):  # the page may be closed before the response arrives
            answer = route.fetch()
            document = answer.json()
            change(document)
            route.fulfill(response=answer, json=document)

    page.route("**/coverage?*", changed)


def recorded_at(recorder: Recorder, hours_ago: float = 20) -> datetime:
    """Return a full minute in the middle of a recorded span of the first channel."""
    now = datetime.now(UTC)
    for span in recorder.archive(1, now - timedelta(hours=hours_ago), now - timedelta(hours=2))["spans"]:
        start, end = (datetime.fromisoformat(span[name]) for name in ("start", "end"))
        if end - start > timedelta(minutes=30):
            return (start + (end - start) / 2).replace(second=0, microsecond=0)
    raise AssertionError("nothing long enough is recorded")


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
