"""Time from a key press in the control mode to ContinuousMove at the recorder, and from the release to Stop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from playwright.sync_api import Page

from bench.figures import Figure, percentile
from bench.pictures import browser, wait_shown
from bench.setting import App, Recorder

_PRESSES = 30  # per run
_HELD_MS, _PAUSE_MS = 150, 250  # the page sends at most five moves a second
_LIMIT_S = 5.0
_CONTROL_MODE = "[role=group][aria-label='Camera control']"
# `keyedMs`: the times of the last press and of the last release, in epoch milliseconds.
_WATCH = """
window.keyedMs = {};
for (const type of ['keydown', 'keyup'])
  addEventListener(type, (event) => {
    if (!event.repeat) window.keyedMs[type] = performance.timeOrigin + event.timeStamp;
  }, true);
"""


def figures(
    device: Recorder,
    app: App,
    camera_id: int,
    runs: int,
    *,
    with_plain: bool = True,  # noqa: ARG001 # as the other parts: plain ffmpeg moves no head
) -> Iterator[Figure]:
    """Measure the recorder's head, which is at channel 1, while its picture plays."""
    moves, stops = [], []
    with browser() as context:
        context.add_init_script(_WATCH)
        for _ in range(runs):
            page = context.new_page()
            page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
            wait_shown(page)
            page.wait_for_selector("#ptz:not([hidden])")
            page.keyboard.press("c")
            page.wait_for_selector(_CONTROL_MODE)
            pairs = [_press(page, device, number) for number in range(_PRESSES)]
            moves.append([move for move, _ in pairs])
            stops.append([stop for _, stop in pairs])
            page.close()
    what = "key press in the browser to ContinuousMove at the recorder"
    yield Figure(what, "ms", [statistics.median(each) for each in moves])
    yield Figure("the same, 95th percentile", "ms", [percentile(each, 0.95) for each in moves], goal=60)
    yield Figure(
        "release of the key to Stop, 95th percentile", "ms", [percentile(each, 0.95) for each in stops], goal=60
    )


def _press(page: Page, device: Recorder, number: int) -> tuple[float, float]:
    """Hold an arrow for a moment. Return the ms from the press to the move, and from the release to the stop."""
    key = "ArrowLeft" if number % 2 else "ArrowRight"
    times = []
    for event, operation in (("keydown", "ContinuousMove"), ("keyup", "Stop")):
        before_s = max(_times_s(device, operation), default=0.0)
        if event == "keydown":
            page.keyboard.down(key)
        else:
            page.keyboard.up(key)
        at_s = _next_s(device, operation, before_s)
        times.append(1000 * at_s - float(page.evaluate(f"window.keyedMs.{event}")))
        page.wait_for_timeout(_HELD_MS if event == "keydown" else _PAUSE_MS)
    return times[0], times[1]


def _next_s(device: Recorder, operation: str, before_s: float) -> float:
    """Wait for the first command of this kind after `before_s`; return its time. Raise RuntimeError if none comes."""
    end_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < end_s:
        if later := [at_s for at_s in _times_s(device, operation) if at_s > before_s]:
            return min(later)
        time.sleep(0.05)
    raise RuntimeError(f"the recorder got no {operation}")


def _times_s(device: Recorder, operation: str) -> list[float]:
    """Return the times of the last commands of this kind at the recorder, in epoch seconds."""
    return [item["at"] for item in device.control("GET", "/ptz")["commands"] if item["operation"] == operation]
