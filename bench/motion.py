"""Sixteen channels looked at for motion by one child: its processor time for a minute of video, and its memory.

The child gets each key frame as soon as it has judged the one before, so the minute takes some seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

from bench.figures import Figure
from tests.vision.child import Child, running_child
from tests.vision.encoded import GOP, EncodedUnit, scene
from tests.vision.watching import look_back
from vision.messages import Began, Open, Unit, Watched

CHANNELS = 16
_SCENES = ("day", "night", "rain", "clouds")
_LENGTH_S = 60
_MOST_PERCENT, _MOST_MB = 8.0, 200.0
_BEHIND_HIT = 9  # units, 0.6 s


@dataclass(frozen=True, slots=True)
class _Use:
    cpu_s: float
    memory_bytes: int
    looked_back: int


def figures(runs: int) -> Iterator[Figure]:
    streams = [scene(_SCENES[n % 4], _LENGTH_S, seed=n + 1).units for n in range(CHANNELS)]
    uses = [_run(streams, every_picture=False) for _ in range(runs)]
    what = f"motion on {CHANNELS} channels, 640x360, 15 fps, a key frame each 2 s"
    percent = [100 * use.cpu_s / _LENGTH_S for use in uses]
    yield Figure(f"{what}: CPU, of one core", "%", percent, goal=_MOST_PERCENT)
    yield Figure(f"{what}: memory", "MB", [use.memory_bytes / 1e6 for use in uses], goal=_MOST_MB)
    yield Figure(f"{what}: times that it looked back", "", [float(use.looked_back) for use in uses])
    all_uses = [_run(streams, every_picture=True) for _ in range(runs)]
    percent = [100 * use.cpu_s / _LENGTH_S for use in all_uses]
    yield Figure(f"{what}, by every picture: CPU, of one core", "%", percent)


def _run(streams: Sequence[Sequence[EncodedUnit]], *, every_picture: bool) -> _Use:
    with running_child() as child:
        process = psutil.Process(child.process.pid)
        for number in range(len(streams)):
            child.send(Open(f"1:{number}", "h264", 0.001, every_picture=every_picture))
        work = _send_all if every_picture else _send_keys
        looked_back = work(child, streams)
        times, memory = process.cpu_times(), process.memory_info()
        return _Use(times.user + times.system, memory.rss, looked_back)


def _send_all(child: Child, streams: Sequence[Sequence[EncodedUnit]]) -> int:
    for units in zip(*streams, strict=True):
        for number, unit in enumerate(units):
            child.send(Unit(f"1:{number}", unit.time_ms, unit.is_key, unit.data))
    child.wait_for(Watched, 4 * _LENGTH_S * len(streams))
    return 0


def _send_keys(child: Child, streams: Sequence[Sequence[EncodedUnit]]) -> int:
    """Send key frames as the app does, and look back once for each movement."""
    moving: set[str] = set()
    looked_back = 0
    for place in range(0, len(streams[0]), GOP):
        for number, units in enumerate(streams):
            unit = units[place]
            child.send(Unit(f"1:{number}", unit.time_ms, unit.is_key, unit.data))
        newest = child.wait_for(Watched, (place // GOP + 1) * len(streams))[-len(streams) :]
        for answer in newest:
            if answer.is_moving and answer.key not in moving and place:
                units = streams[int(answer.key.partition(":")[2])]
                child.send(look_back(answer.key, answer.time_ms, units[place - GOP : place + _BEHIND_HIT]))
                looked_back += 1
        moving = {answer.key for answer in newest if answer.is_moving}
    if looked_back:
        child.wait_for(Began, looked_back)
    return looked_back
