"""A cold start of sixteen sub streams: the app's wall, and a plain page with sixteen ffmpeg and hls.js."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
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
    """Measure the wall, and the plain page if `with_plain`. `name` begins the rows' labels in the plot.

    Raise RuntimeError if a tile stays dark, or if an ffmpeg runs for the app's wall.
    """
    profiles = app.profiles(camera_id, "sub")[:TILES]
    urls = stream_urls(device, [token for _, token, _ in profiles])
    places = ",".join(f"{camera_id}.{channel}" for channel, _, _ in profiles)
    timings = [partial(device.timing, channel, "sub") for channel, _, _ in profiles]
    plain, ours = [], []
    with browser() as context:
        for _ in range(runs):
            if with_plain:
                plain.append(_plain_wall(context, urls, timings, window_s))
                app.stop_streams()
            address = f"{app.url}/wall?layout={TILES}&tiles={places}"
            ours.append(opened(context, address, timings, window_s, lambda: family(psutil.Process(app.pid))))
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
