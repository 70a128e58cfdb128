"""Sixty-four main streams recorded by the server in real time, and what other users notice of it.

Four pretend recorders send sixteen main streams each. They share the machine with the app: if it cannot send and
record all of them in real time, the part fails and says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import BrowserContext

from bench import live
from bench.archive import own_disk, rule_path, size_of, wait_for_state
from bench.figures import Figure, percentile
from bench.meter import Cost, family, measure
from bench.pictures import browser
from bench.setting import App, Recorder, app, recorder

_RECORDERS, _CHANNELS = 4, 16
_COUNT = _RECORDERS * _CHANNELS
_SETTLE_S = 10.0
_START_S = 240.0
_FRAMES = 60
_PAGES = 40
_LEAST_SHARE = 0.95  # of the bytes that the streams should bring
_MOST_CPU, _MOST_PAGE_MS, _MOST_LATER_MS = 75.0, 100.0, 20.0


@dataclass(frozen=True, slots=True)
class _Recorded:
    """`senders_percent`: of one core, for the pretend recorders. `later_ms`: more than without recordings."""

    cost: Cost
    senders_percent: float
    page_ms: list[float]
    later_ms: float


def figures(runs: int, window_s: float) -> Iterator[Figure]:
    """Record all main streams, and look at a page and at a live picture meanwhile."""
    with ExitStack() as stack:
        options = ("--channels", str(_CHANNELS), "--dead", "none")
        devices = [stack.enter_context(recorder(*options)) for _ in range(_RECORDERS)]
        for device in devices:
            device.prepare("main")
        # An hour of these streams must stay free on a disk, but at most half of it: this one is small.
        folder = stack.enter_context(own_disk()).folder / "archive"
        running = stack.enter_context(app(ARCHIVE_DIRS=str(folder), ARCHIVE_MIN_FREE_BYTES="1"))
        cameras = [running.add_recorder(device) for device in devices]
        context = stack.enter_context(browser())
        found = [_recorded(devices, running, cameras, context, folder, window_s) for _ in range(runs)]
    what = f"{_COUNT} main streams recorded in real time"
    cpu = [each.cost.cpu_percent for each in found]
    yield Figure(f"{what}: CPU of one core, together", "%", cpu, goal=_MOST_CPU)
    yield Figure("the same: CPU of the pretend recorders", "%", [each.senders_percent for each in found])
    pages = [percentile(each.page_ms, 0.95) for each in found]
    yield Figure("the same: a plain page is answered (95th percentile)", "ms", pages, goal=_MOST_PAGE_MS)
    later = [each.later_ms for each in found]
    yield Figure("the same: live video later than without (95th percentile)", "ms", later, goal=_MOST_LATER_MS)


def _recorded(
    devices: list[Recorder], running: App, cameras: list[int], context: BrowserContext, folder: Path, window_s: float
) -> _Recorded:
    before = _behind(devices[0], running, cameras[0], context)
    senders = [psutil.Process(device.pid) for device in devices]
    nominal = sum(_kbps(running, camera_id) for camera_id in cameras) * 1000 / 8
    for camera_id in cameras:
        _set_rules(running, camera_id, "continuous")
    for camera_id in cameras:
        wait_for_state(running, camera_id, "recording", within_s=_START_S)
    time.sleep(_SETTLE_S)
    begun_s, begun_bytes = time.monotonic(), size_of(folder)
    sent_before_s = _cpu_s(senders)
    cost = measure(lambda: family(psutil.Process(running.pid)), window_s)
    senders_percent = 100 * (_cpu_s(senders) - sent_before_s) / window_s
    page_ms = []
    for _ in range(_PAGES):
        page_ms.append(running.page_ms("/cameras"))
        time.sleep(0.1)
    behind = _behind(devices[0], running, cameras[0], context)
    share = (size_of(folder) - begun_bytes) / (time.monotonic() - begun_s) / nominal
    for camera_id in cameras:
        _set_rules(running, camera_id, "off")
    for camera_id in cameras:
        wait_for_state(running, camera_id, "off")
    if share < _LEAST_SHARE:
        raise RuntimeError(
            f"only {share:.0%} of the bytes were recorded: this machine cannot send and record {_COUNT} main streams"
            f" in real time (the pretend recorders used {senders_percent:.0f} % of a core, the app"
            f" {cost.cpu_percent:.0f} %)"
        )
    return _Recorded(cost, senders_percent, page_ms, behind.p95_ms - before.p95_ms)


def _behind(device: Recorder, running: App, camera_id: int, context: BrowserContext) -> live.Behind:
    channel, _, _ = next(item for item in running.profiles(camera_id, "main") if item[2] == "h264")
    address = f"{running.url}/viewer/{camera_id}?channel={channel}&quality=main"
    return live.app_behind(context, address, lambda: device.timing(channel, "main"), _FRAMES)


def _set_rules(running: App, camera_id: int, mode: str) -> None:
    for channel, _, _ in running.profiles(camera_id, "main"):
        running.call("PUT", rule_path(camera_id, channel), {"mode": mode, "quality": "main"})


def _kbps(running: App, camera_id: int) -> int:
    """Return the bit rates that the main streams of a camera are set to, together."""
    channels = running.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"]
    profiles = [profile for channel in channels for profile in channel["profiles"] if profile["role"] == "main"]
    return sum(profile["video"]["bitrate_kbps"] for profile in profiles)


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))
