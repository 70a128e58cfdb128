"""Minutes of live pictures by WebCodecs: every shown frame by its number, and memory that does not grow.

`SOAK_MINUTES` (default 30) sets the length of the wall, and at most five minutes of it those of the other tests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import shown_frames
from tests.browser.pictures import assert_close_behind, wait_playing
from tests.browser.wall import wait_all_playing
from tests.browser.watching import MOVING, Open
from tests.patience import Slowness
from tools.growth import growth, held_by, table
from tools.running import App, Recorder

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
_SECONDS = 60 * min(5.0, MINUTES)
_TILES = 16
_WARM_UP_S = min(120.0, 15 * MINUTES)
_EVERY_S = min(10.0, 2 * MINUTES)
# Of frames that arrive together the page shows the newest one: it was late.
_MISSED_SHARE = 0.01
# A frame of a tile takes 0.09 MB, and 240 come in a second: if one of a thousand leaked, these were 78 MB an hour.
_BROWSER_NOISE_MB = 60.0
_BROWSER_MB_AN_HOUR = 60.0
_SERVER_NOISE_MB = 25.0
_SERVER_MB_AN_HOUR = 50.0

pytestmark = [pytest.mark.browser, pytest.mark.stress, pytest.mark.timeout(MINUTES * 60 + 900)]


def test_every_frame_of_the_viewer_is_the_right_one(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, stop_streams: None
) -> None:
    page = open_page("about:blank", **MOVING).page
    shown_frames.record_in_worker(page)
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=main")
    wait_playing(page)
    expect(page.locator("#facts")).to_have_attribute("data-engine", "webcodecs")
    timing = recorder.frames(1, "main")
    assert_close_behind(page, timing)
    assert_right(page, [timing])
    expect(page.locator("#facts")).to_have_attribute("data-engine", "webcodecs")
    assert_close_behind(page, timing)


def test_every_frame_of_a_wall_is_the_right_one(
    app: App, sixteen: Recorder, wall_id: int, open_page: Open, stop_streams: None
) -> None:
    page = open_page("about:blank", **MOVING).page
    shown_frames.record_in_worker(page)
    open_wall(page, app, wall_id)
    assert_right(page, [sixteen.frames(channel, "sub") for channel in range(1, _TILES + 1)])


def test_the_memory_of_a_long_wall_stays(
    app: App, wall_id: int, chromium: Browser, open_page: Open, stop_streams: None
) -> None:
    page = open_page("about:blank", **MOVING).page
    open_wall(page, app, wall_id)
    page.wait_for_timeout(1000 * _WARM_UP_S)
    times_s: list[float] = []
    browser_mb: list[float] = []
    server_mb: list[float] = []
    began_s = time.monotonic()
    while (now_s := time.monotonic() - began_s) < 60 * MINUTES - _WARM_UP_S:
        times_s.append(now_s)
        browser_mb.append(memory_mb(chromium))
        server_mb.append(held_by(app.pid, app.folder / "streams").memory_mb)
        page.wait_for_timeout(1000 * _EVERY_S)
    found = {
        "browser, MB": growth("browser, MB", times_s, browser_mb),
        "app, MB": growth("app, MB", times_s, server_mb),
    }
    print(f"\n{len(times_s)} samples of a wall of {_TILES} in {times_s[-1] / 60:.0f} minutes\n{table(found)}")
    wait_all_playing(page, _TILES)
    hours = times_s[-1] / 3600
    assert found["browser, MB"].rise < _BROWSER_NOISE_MB + _BROWSER_MB_AN_HOUR * hours
    assert found["app, MB"].rise < _SERVER_NOISE_MB + _SERVER_MB_AN_HOUR * hours


def open_wall(page: Page, app: App, wall_id: int) -> None:
    places = ",".join(f"{wall_id}.{channel}" for channel in range(1, _TILES + 1))
    page.goto(f"{app.url}/wall?layout={_TILES}&tiles={places}")
    wait_all_playing(page, _TILES)
    assert len(page.workers) == 1


def assert_right(page: Page, timings: Sequence[dict[str, Any]]) -> None:
    """Assert for some minutes that each player shows each frame that comes, once, in order, with its number."""
    shown_frames.begin(page)
    with Slowness() as machine:
        page.wait_for_timeout(1000 * _SECONDS)
        found = shown_frames.finish(page)
    assert len(found) == len(timings)
    for place, (shown, timing) in enumerate(zip(found, timings, strict=True), start=1):
        faults = shown_frames.faults_of(shown.frames, timing)
        assert not faults, (place, len(faults), faults[:5])
        missed = shown.received - len(shown.frames)
        most = 2 + _MISSED_SHARE * machine.factor() * shown.received
        assert missed <= most, (place, shown.received, len(shown.frames))
    received = [shown.received for shown in found]
    count = sum(len(shown.frames) for shown in found)
    print(f"\n{sum(received)} frames of {len(found)} channels came, {count} were shown")
    assert min(received) > 0.9 * _SECONDS * min(timing["fps"] for timing in timings)


def memory_mb(browser: Browser) -> float:
    """Return the proportional set size of the browser's processes together."""
    session = browser.new_browser_cdp_session()
    try:
        found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    finally:
        session.detach()
    return sum(psutil.Process(each["id"]).memory_full_info().pss for each in found) / 1e6
