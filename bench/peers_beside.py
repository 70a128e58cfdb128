"""This app, go2rtc and MediaMTX in turns: behind reality, first picture, sixteen main streams, a hundred viewers.

All run all the time and share one pretend recorder; one of them has viewers at a time. Pictures come to a browser over
what each has nearest to reality: ours over the socket, the peers over WebRTC.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import psutil
from playwright.sync_api import BrowserContext

from bench import sockets, wall
from bench.figures import in_words
from bench.live import FRAMES, Behind, Timing, behind_of
from bench.load import stream_urls
from bench.meter import Cost, family, measure
from bench.peers import STARTS, Peer
from bench.pictures import browser, wait_shown
from bench.setting import ROOT, App, Recorder
from bench.wall import TILES, Wall
from bench.whep import WhepServer
from tools.frames import READ_FRAMES

CROWD = 100
_SETTLE_MS = 8000
_SETTLE_S = 10.0
# A peer closes its session with the recorder this long after its last viewer.
_PEER_LINGER_S = 4.0
OURS = "This app"
T = TypeVar("T")


@dataclass(slots=True)
class Row:
    """One row of the table: the values of each run, by the name of the side."""

    what: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Streams:
    """The recorder's streams: (channel, media profile) of main and sub streams, and their RTSP addresses."""

    mains: list[tuple[int, str]]
    subs: list[tuple[int, str]]
    main_urls: list[str]
    sub_urls: list[str]
    first_h264: int
    """Place in `mains` of the stream for the viewer page."""


class Side(Protocol):
    """One of the programs, with its ways to be watched. Each measurement begins without a session with the recorder."""

    @property
    def streams(self) -> Streams: ...

    @property
    def name(self) -> str: ...

    def viewer_address(self) -> str: ...

    def wall_address(self) -> str: ...

    def processes(self) -> list[psutil.Process]: ...

    def load(self, viewers: int, *, of_mains: bool, window_s: float) -> Cost:
        """Return the cost while so many readers watch each main stream, or the first sub stream."""
        ...

    def rest(self) -> None:
        """Wait until no session with the recorder is left."""
        ...


@dataclass(frozen=True, slots=True)
class OurSide:
    app: App
    camera_id: int
    streams: Streams

    @property
    def name(self) -> str:
        return OURS

    def viewer_address(self) -> str:
        channel, _ = self.streams.mains[self.streams.first_h264]
        return f"{self.app.url}/viewer/{self.camera_id}?channel={channel}&quality=main"

    def wall_address(self) -> str:
        places = ",".join(f"{self.camera_id}.{channel}" for channel, _ in self.streams.subs)
        return f"{self.app.url}/wall?layout={TILES}&tiles={places}"

    def processes(self) -> list[psutil.Process]:
        return family(psutil.Process(self.app.pid))

    def load(self, viewers: int, *, of_mains: bool, window_s: float) -> Cost:
        profiles = self.streams.mains if of_mains else self.streams.subs[:1]
        tokens = [token for _, token in profiles]
        with sockets.viewers(self.app, self.camera_id, tokens, viewers, _SETTLE_S + window_s + 2) as process:
            cost = _cost(self, process, window_s)
            output, _ = process.communicate(timeout=60 + window_s)
        if json.loads(output)["without_pictures"]:
            raise RuntimeError(f"a viewer of {self.name} got no pictures")
        return cost

    def rest(self) -> None:
        self.app.stop_streams()


@dataclass(frozen=True, slots=True)
class PeerSide:
    """A peer. Its streams are the main streams, then the sub streams."""

    peer: Peer
    page: WhepServer
    streams: Streams

    @property
    def name(self) -> str:
        return f"{self.peer.name} {self.peer.version}"

    def viewer_address(self) -> str:
        return self.page.page([self.streams.first_h264])

    def wall_address(self) -> str:
        return self.page.page([len(self.streams.mains) + place for place in range(len(self.streams.subs))])

    def processes(self) -> list[psutil.Process]:
        return self.peer.processes()

    def load(self, viewers: int, *, of_mains: bool, window_s: float) -> Cost:
        mains = range(len(self.streams.mains))
        numbers = mains if of_mains else [len(mains)]
        addresses = [self.peer.reader.format(number) for number in numbers]
        seconds = _SETTLE_S + window_s + 2
        command = [sys.executable, "-m", "bench.peer_readers", str(seconds), str(viewers), *addresses]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                cost = _cost(self, process, window_s)
                output, _ = process.communicate(timeout=60 + window_s)
            finally:
                process.kill()
        if not output or not all(json.loads(output)["bytes"]):
            raise RuntimeError(f"a reader of {self.name} got nothing")
        return cost

    def rest(self) -> None:
        time.sleep(_PEER_LINGER_S)


def measured(
    device: Recorder, app: App, camera_id: int, programs: dict[str, Path], runs: int, window_s: float
) -> Iterator[Row]:
    """Measure all sides once in each run, each time in another order."""
    streams = streams_of(device, app, camera_id)
    with contextlib.ExitStack() as stack:
        sides: list[Side] = [OurSide(app, camera_id, streams)]
        for name, program in programs.items():
            peer = stack.enter_context(STARTS[name](program, [*streams.main_urls, *streams.sub_urls]))
            sides.append(PeerSide(peer, stack.enter_context(WhepServer(peer.whep)), streams))
        rows: dict[str, Row] = {}
        for run in range(runs):
            for side in in_turn(sides, run):
                for what, unit, value in _turn(device, side, window_s):
                    row = rows.setdefault(what, Row(what, unit, {each.name: [] for each in sides}))
                    row.values[side.name].append(value)
        yield from rows.values()


def in_turn(sides: Sequence[T], run: int) -> list[T]:
    """Return the sides in the order of a run: each is first once, so that a slow drift of the machine affects all."""
    first = run % len(sides)
    return [*sides[first:], *sides[:first]]


def streams_of(device: Recorder, app: App, camera_id: int) -> Streams:
    mains, subs = app.profiles(camera_id, "main"), app.profiles(camera_id, "sub")[:TILES]
    return Streams(
        [(channel, token) for channel, token, _ in mains],
        [(channel, token) for channel, token, _ in subs],
        stream_urls(device, [token for _, token, _ in mains]),
        stream_urls(device, [token for _, token, _ in subs]),
        next(place for place, (_, _, codec) in enumerate(mains) if codec == "h264"),
    )


def _turn(device: Recorder, side: Side, window_s: float) -> Iterator[tuple[str, str, float]]:
    """Measure one run of one side; yield (what, unit, value)."""
    streams = side.streams
    channel, _ = streams.mains[streams.first_h264]
    with browser() as context:
        first_ms, behind = _viewed(context, side.viewer_address(), partial(device.timing, channel, "main"))
        side.rest()
        timings = [partial(device.timing, number, "sub") for number, _ in streams.subs]
        tiles = wall.opened(context, side.wall_address(), timings, window_s, side.processes)
        side.rest()
    yield "viewer: page opened to moving picture, cold", "ms", first_ms
    yield "viewer: behind reality", "ms", behind.median_ms
    yield "the same, 95th percentile", "ms", behind.p95_ms
    yield from _wall_values(tiles, len(timings))
    mains = side.load(1, of_mains=True, window_s=window_s)
    side.rest()
    yield f"{len(streams.mains)} main streams, one viewer each: CPU of one core", "%", mains.cpu_percent
    crowd = side.load(CROWD, of_mains=False, window_s=window_s)
    side.rest()
    yield f"{CROWD} viewers of one sub stream: CPU of one core", "%", crowd.cpu_percent
    yield "the same: memory", "MB", crowd.pss_mb


def _wall_values(tiles: Wall, count: int) -> Iterator[tuple[str, str, float]]:
    yield f"wall of {count}: page opened until all move, cold", "ms", tiles.shown_ms
    yield f"wall of {count}: behind reality, the tiles' median", "ms", tiles.behind_ms
    yield "the same, the last of the tiles", "ms", tiles.worst_ms


def _viewed(context: BrowserContext, address: str, timing: Timing) -> tuple[float, Behind]:
    """Open a page; return the time until its picture moves, and then its latency."""
    page = context.new_page()
    try:
        page.goto(address)
        shown_ms = wait_shown(page)
        page.wait_for_timeout(_SETTLE_MS)
        seen = [(number, at_ms) for number, at_ms, _ in page.evaluate(READ_FRAMES, FRAMES)]
        return shown_ms, behind_of(seen, timing(), FRAMES)
    finally:
        page.close()


def _cost(side: Side, readers: subprocess.Popen[str], window_s: float) -> Cost:
    time.sleep(_SETTLE_S)
    if readers.poll() is not None:
        raise RuntimeError(f"the readers of {side.name} ended")
    return measure(side.processes, window_s)


def table(rows: Iterable[Row]) -> list[str]:
    """Return the lines of one table with a column for each side."""
    rows = list(rows)
    sides = list(rows[0].values) if rows else []
    lines = [f"| What | {' | '.join(sides)} |", "|---" * (len(sides) + 1) + "|"]
    return lines + [
        f"| {row.what} | {' | '.join(in_words(row.values[side], row.unit) for side in sides)} |" for row in rows
    ]


def markdown(rows: Iterable[Row], facts: dict[str, str], command: str) -> str:
    """Return the page for docs/performance."""
    lines = [
        "# Beside go2rtc and MediaMTX",
        "",
        "Written by `make bench` if `GO2RTC=` and `MEDIAMTX=` name these programs: medians, with the range in",
        "brackets. All ran in turns on one machine, with the same recorder. In the browser the peers show their",
        "pictures over WebRTC, this app over its socket. The viewers of the last rows are a program without a browser:",
        "they read this app's socket, MSE over a WebSocket from go2rtc, and RTSP over TCP from MediaMTX, whose WebRTC",
        "needs a browser.",
        "",
        f"## `{command}`",
        "",
        *(f"- {name}: {text}" for name, text in facts.items()),
        "",
        *table(rows),
    ]
    return "\n".join(lines) + "\n"
