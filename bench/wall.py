"""A cold start of sixteen sub streams: the app's wall, and a plain page with sixteen ffmpeg and hls.js."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import psutil
from playwright.sync_api import BrowserContext

from bench.figures import Figure, percentile
from bench.live import Timing, delays_ms
from bench.load import stream_urls
from bench.meter import family, measure
from bench.pictures import browser, wait_shown
from bench.plain import PlainServer
from bench.setting import App, Recorder, serves_stream
from tools.frames import READ_ALL_VIDEOS

TILES = 16
_SETTLE_MS = 8000
_READ_S = 10
_OPENED = ", cold, opened until all move"
_P95, _LAST = ", 95th percentile", ", the last tile"
_SAME = "the same: behind reality,"
_WITH_MOTION = "the same while the app looks for motion in all: further behind reality,"
_MOST_LATER_MS = 5.0
_BEGIN_S = 60.0
_CPU = "the same: CPU of one core; ours: the server, no ffmpeg runs; plain: its 16 ffmpeg alone"
_BROWSER_CPU = "the same: CPU of one core for the browser, which decodes in software"


@dataclass(frozen=True, slots=True)
class Wall:
    """One opened wall: time until all tiles move, latency of the median and the worst tile, CPU, number of ffmpeg.

    `p95_ms`: latency of the frames of all tiles, 95th percentile.
    """

    shown_ms: float
    behind_ms: float
    p95_ms: float
    worst_ms: float
    cpu_percent: float
    browser_percent: float
    ffmpegs: int


@dataclass(frozen=True, slots=True)
class Goals:
    """Limits of the latency: the tiles' median, the 95th percentile of all frames, the slowest tile."""

    behind_ms: float = 90
    p95_ms: float | None = 110
    worst_ms: float = 120


_GOALS = Goals()


def figures(
    device: Recorder,
    app: App,
    camera_id: int,
    runs: int,
    window_s: float,
    *,
    with_plain: bool = True,
    goals: Goals = _GOALS,
    name: str = "wall of 16",
) -> Iterator[Figure]:
    """Measure the wall. If `with_plain`, also measure the plain page, and the wall while the app looks for motion.

    `name` begins the rows' labels in the plot.

    Raise RuntimeError if a tile stays dark, or if an ffmpeg runs for the app's wall.
    """
    profiles = app.profiles(camera_id, "sub")[:TILES]
    urls = stream_urls(device, [token for _, token, _ in profiles])
    places = ",".join(f"{camera_id}.{channel}" for channel, _, _ in profiles)
    timings = [partial(device.timing, channel, "sub") for channel, _, _ in profiles]
    address = f"{app.url}/wall?layout={TILES}&tiles={places}"
    channels = [channel for channel, _, _ in profiles]
    plain, ours, watched = [], [], []
    with browser() as context:
        for _ in range(runs):
            if with_plain:
                plain.append(_plain_wall(context, urls, timings, window_s))
                app.stop_streams()
                with _watched_for_motion(app, camera_id, channels):
                    watched.append(_our_wall(context, app, address, timings, window_s))
                    app.stop_streams()
            ours.append(_our_wall(context, app, address, timings, window_s))
            app.stop_streams()
    if any(wall.ffmpegs for wall in ours):
        raise RuntimeError("an ffmpeg runs for the wall")
    what = f"{name}, sub streams, cold"
    yield from (
        Figure(row, unit, [of(wall) for wall in ours], [of(wall) for wall in plain], goal, label, axis)
        for row, unit, of, goal, label, axis in (
            (f"{what}: page opened until all move", "ms", attrgetter("shown_ms"), 2500, f"{name}{_OPENED}", "first"),
            (f"{_SAME} the tiles' median", "ms", attrgetter("behind_ms"), goals.behind_ms, name, "behind"),
            (f"{_SAME} 95th percentile of all", "ms", attrgetter("p95_ms"), goals.p95_ms, f"{name}{_P95}", "behind"),
            (
                f"{_SAME} the last of the tiles",
                "ms",
                attrgetter("worst_ms"),
                goals.worst_ms,
                f"{name}{_LAST}",
                "behind",
            ),
            (_CPU, "%", attrgetter("cpu_percent"), 25, name, "cpu"),
            (_BROWSER_CPU, "%", attrgetter("browser_percent"), None, f"{name}, browser", "cpu"),
        )
    )
    for what, of in (("the tiles' median", attrgetter("behind_ms")), ("the last of the tiles", attrgetter("worst_ms"))):
        if later_ms := [of(with_motion) - of(without) for with_motion, without in zip(watched, ours, strict=False)]:
            yield Figure(f"{_WITH_MOTION} {what}", "ms", later_ms, goal=_MOST_LATER_MS)


@contextmanager
def _watched_for_motion(app: App, camera_id: int, channels: Sequence[int]) -> Iterator[None]:
    """Let the app look for motion in all channels. Raise RuntimeError if it does not begin."""
    paths = [f"/api/cameras/{camera_id}/channels/{channel}/motion" for channel in channels]
    for path in paths:
        app.call("PUT", path, {"mode": "key_frames"})
    try:
        begun_s = time.monotonic()
        while any(app.call("GET", path)["state"]["told_by"] != "server" for path in paths):
            if time.monotonic() - begun_s > _BEGIN_S:
                raise RuntimeError("the app does not look for motion")
            time.sleep(0.5)
        yield
    finally:
        for path in paths:
            app.call("PUT", path, {"mode": "auto"})


def _our_wall(context: BrowserContext, app: App, address: str, timings: Sequence[Timing], window_s: float) -> Wall:
    return opened(context, address, timings, window_s, lambda: family(psutil.Process(app.pid)))


def _plain_wall(context: BrowserContext, urls: list[str], timings: Sequence[Timing], window_s: float) -> Wall:
    with PlainServer(urls) as server:
        address = f"{server.url}?play={','.join(str(number) for number in range(len(urls)))}"
        return opened(context, address, timings, window_s, server.ffmpegs)


def opened(
    context: BrowserContext,
    address: str,
    timings: Sequence[Timing],
    window_s: float,
    processes: Callable[[], list[psutil.Process]],
) -> Wall:
    """Open a page with one picture for each of `timings`, and measure it; `processes` are those of its server."""
    page = context.new_page()
    try:
        page.goto(address)
        shown_ms = wait_shown(page, len(timings))
        page.wait_for_timeout(_SETTLE_MS)
        browser_cpu_s = _browser_cpu_s()
        since_s = time.monotonic()
        cost = measure(processes, window_s)
        browser_percent = 100 * (_browser_cpu_s() - browser_cpu_s) / (time.monotonic() - since_s)
        ffmpegs = sum(serves_stream(process) for process in processes())
        seen = page.evaluate(READ_ALL_VIDEOS, _READ_S)
    finally:
        page.close()
    tiles = [delays_ms(each, timing(), _READ_S - 2) for each, timing in zip(seen, timings, strict=True)]
    medians = [statistics.median(each) for each in tiles]
    p95_ms = percentile(itertools.chain.from_iterable(tiles), 0.95)
    middle_ms = statistics.median(medians)
    return Wall(shown_ms, middle_ms, p95_ms, max(medians), cost.cpu_percent, browser_percent, ffmpegs)


def _browser_cpu_s() -> float:
    """Return the CPU seconds of the processes of the browser, which this program has started."""
    return sum(_cpu_s(process) for process in psutil.Process().children(recursive=True))


def _cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2])) if "chrom" in process.name() else 0.0
    except psutil.NoSuchProcess:
        return 0.0
