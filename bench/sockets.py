"""CPU cost of streams over sockets: sixteen main streams to one reader each, and a hundred viewers of a sub stream."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from playwright.sync_api import BrowserContext

from bench import live
from bench.figures import Figure, percentile
from bench.meter import Cost, family, measure
from bench.pictures import browser
from bench.setting import ROOT, App, Recorder

_CROWD = 100
_MOST_GROWN_MB = 10  # 100 kB for each viewer


@contextlib.contextmanager
def viewers(app: App, camera_id: int, tokens: list[str], count: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Run `count` viewers of each of these streams in a separate process."""
    command = [sys.executable, "-m", "bench.viewers", app.url, str(camera_id), str(seconds), str(count), *tokens]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def figures(device: Recorder, app: App, camera_id: int, runs: int, window_s: float) -> Iterator[Figure]:
    app.stop_streams()
    yield from _mains(app, camera_id, runs, window_s)
    yield from _crowds(device, app, camera_id, runs, window_s)


def _mains(app: App, camera_id: int, runs: int, window_s: float) -> Iterator[Figure]:
    tokens = [token for _, token, _ in app.profiles(camera_id, "main")]
    idle = measure(lambda: family(psutil.Process(app.pid)), 5)
    costs = [mains_cost(app, camera_id, tokens, window_s) for _ in range(runs)]
    each = [cost.cpu_percent / len(tokens) for cost in costs]
    memory = [(cost.pss_mb - idle.pss_mb) / len(tokens) for cost in costs]
    what = f"{len(tokens)} main streams over sockets, no ffmpeg"
    yield Figure(
        f"{what}: CPU of one core, each", "%", each, goal=0.75, label="a main stream over a socket", axis="cpu"
    )
    yield Figure("the same: memory, each", "MB", memory, goal=12)


def mains_cost(app: App, camera_id: int, tokens: list[str], window_s: float) -> Cost:
    """Return the app's cost while one socket reads each of these streams. Raise RuntimeError if an ffmpeg runs."""
    with viewers(app, camera_id, tokens, 1, window_s + 60):
        time.sleep(10)
        cost = measure(lambda: family(psutil.Process(app.pid)), window_s)
        streams = app.call("GET", "/api/streams/all")["streams"]
    running = sum(stream["status"] == "running" for stream in streams)
    if running < len(tokens) or app.ffmpegs():
        raise RuntimeError(f"{running} of {len(tokens)} streams run, with {len(app.ffmpegs())} ffmpeg")
    app.stop_streams()
    return cost


@dataclass(frozen=True, slots=True)
class Crowd:
    """A hundred viewers: their delays (`late`, see `bench.viewers`), the cost, and the effect on other clients.

    `grown_mb`: the app's memory above that with one viewer of the same stream.
    """

    late: dict[str, float]
    cost: Cost
    grown_mb: float
    page_ms: list[float]
    behind: live.Behind


def crowd(device: Recorder, app: App, context: BrowserContext, camera_id: int, window_s: float) -> Crowd:
    """Measure a hundred viewers without a browser, and the latency in one browser among them."""
    channel, token, _ = app.profiles(camera_id, "sub")[0]
    with viewers(app, camera_id, [token], 1, window_s + 60):
        time.sleep(8)  # for the joins of the viewers
        alone_mb = _memory_mb(app)
    with viewers(app, camera_id, [token], _CROWD, window_s + 60) as process:
        time.sleep(8)  # for the joins of the viewers
        cost = measure(lambda: family(psutil.Process(app.pid)), window_s)
        grown_mb = _memory_mb(app) - alone_mb
        page_ms = []
        for _ in range(20):
            page_ms.append(app.page_ms("/cameras"))
            time.sleep(0.2)
        address = f"{app.url}/viewer/{camera_id}?channel={channel}&quality=sub"
        behind = live.app_behind(context, address, lambda: device.timing(channel, "sub"), 60)
        output, _ = process.communicate(timeout=window_s + 120)
    return Crowd(json.loads(output), cost, grown_mb, page_ms, behind)


def _memory_mb(app: App) -> float:
    """Return the memory of the app without ffmpeg, which decodes single pictures now and then."""
    own = [process for process in family(psutil.Process(app.pid)) if "ffmpeg" not in process.name()]
    return measure(lambda: own, 0.1).pss_mb


def _crowds(device: Recorder, app: App, camera_id: int, runs: int, window_s: float) -> Iterator[Figure]:
    with browser() as context:
        crowds = [crowd(device, app, context, camera_id, window_s) for _ in range(runs)]
    if any(found.late["without_pictures"] for found in crowds):
        raise RuntimeError("a viewer got no pictures")
    cpu = [found.cost.cpu_percent for found in crowds]
    what = f"{_CROWD} viewers of one sub stream"
    yield Figure(f"{what}: CPU of one core", "%", cpu, goal=100, label=what, axis="cpu")
    grown = [found.grown_mb for found in crowds]
    yield Figure("the same: memory above that with one viewer", "MB", grown, goal=_MOST_GROWN_MB)
    # Upper bound from the sending of a frame: the browser's latency plus the delay of the slowest viewer.
    worst = [found.behind.p95_ms + found.late["worst_viewer_p95_ms"] for found in crowds]
    yield Figure(
        "the same: behind reality in a browser among them", "ms", [found.behind.median_ms for found in crowds], goal=600
    )
    yield Figure("the same: the worst viewer of all, at most (95th percentile)", "ms", worst, goal=600)
    yield Figure(
        "the same: a plain page is answered (95th percentile)",
        "ms",
        [percentile(found.page_ms, 0.95) for found in crowds],
        goal=100,
    )
