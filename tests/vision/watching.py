"""Plays a scene to the watcher as the app does, and judges the movements that it reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.events import ClosedWhy
from motion.judge import Closed, Judge, LookBackWanted, Opened
from tests.vision.encoded import EncodedUnit, Scene
from tests.vision.scenes import FPS, Movement
from vision.budget import Budget, OwnClocks, PeakMemory
from vision.messages import Began, BufferedUnit, FromChild, LookBack, Open, ToChild, Unit, Watched
from vision.watcher import Watcher

_KEY = "1:1"
_EARLY_S, _LATE_S = 2.0, 0.5
_LEARNING_S = 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """Times in seconds. `starts` are those of all reported movements.

    Of the found ones, `errors_s` are the differences of their starts, and `delays_s` the times until they are known.
    `flagged_s` of `quiet_s` seconds without a movement are reported as one.
    """

    starts: tuple[float, ...]
    found: int
    false: tuple[float, ...]
    missed: tuple[Movement, ...]
    errors_s: tuple[float, ...]
    delays_s: tuple[float, ...]
    quiet_s: float
    flagged_s: float


@dataclass(frozen=True, slots=True)
class Reported:
    """A movement that the app's own judge opens. `known_ms`: when. `closed.why`: STOPPED if it goes on at the end."""

    start_ms: int
    known_ms: int
    closed: Closed

    def includes(self, time_ms: int) -> bool:
        return self.start_ms <= time_ms <= self.closed.end_ms


def new_watcher() -> Watcher:
    """Return a watcher in this process, with all of the processor's time."""
    return Watcher(Budget(math.inf, OwnClocks(), PeakMemory()))


def report(scene: Scene, *, sensitivity: float = 0.001, every_picture: bool = False) -> Report:
    opened = Open(_KEY, "h264", sensitivity, every_picture=every_picture)
    found = [*movements(scene.units, opened)]
    starts = tuple(one.start_ms / 1000 for one in found)
    judged = [(one.start_ms / 1000, one.known_ms / 1000) for one in found if one.start_ms / 1000 >= _LEARNING_S]
    spans = [(movement.start_s - _EARLY_S, movement.end_s + _LATE_S) for movement in scene.movements]
    errors, delays, missed = [], [], []
    for movement, (first_s, last_s) in zip(scene.movements, spans, strict=True):
        inside = [one for one in judged if first_s <= one[0] <= last_s]
        if inside:
            errors.append(abs(inside[0][0] - movement.start_s))
            delays.append(inside[0][1] - movement.start_s)
        else:
            missed.append(movement)
    false = tuple(start_s for start_s, _ in judged if not _is_within(start_s, spans))
    quiet = [unit.time_ms for unit in scene.units if unit.time_ms >= 1000 * _LEARNING_S]
    quiet = [time_ms for time_ms in quiet if not _is_within(time_ms / 1000, spans)]
    flagged = [time_ms for time_ms in quiet if any(one.includes(time_ms) for one in found)]
    seconds = (len(quiet) / FPS, len(flagged) / FPS)
    return Report(starts, len(errors), false, tuple(missed), tuple(errors), tuple(delays), *seconds)


def _is_within(moment_s: float, spans: Iterable[tuple[float, float]]) -> bool:
    return any(first_s <= moment_s <= last_s for first_s, last_s in spans)


def movements(units: Sequence[EncodedUnit], opened: Open) -> Iterator[Reported]:
    """Yield each movement that the app's own judge opens, when it has ended or the units have."""
    watcher = new_watcher()
    _told(watcher, [opened])
    judge = Judge(every_picture=opened.every_picture)
    opening: tuple[int, int] | None = None
    for place, unit in enumerate(units):
        steps = judge.tick(unit.time_ms)
        for answer in _told(watcher, [Unit(_KEY, unit.time_ms, unit.is_key, unit.data)]):
            assert isinstance(answer, Watched), answer
            steps += judge.take(answer)
        for step in steps:
            if isinstance(step, LookBackWanted):
                steps += judge.take_beginning(_looked_back(watcher, units[: place + 1], step.hit_ms))
            elif isinstance(step, Opened):
                opening = (step.movement.start_ms, unit.time_ms)
            elif isinstance(step, Closed) and opening is not None:
                yield Reported(*opening, step)
                opening = None
    for step in judge.end(ClosedWhy.STOPPED):
        if isinstance(step, Closed) and opening is not None:
            yield Reported(*opening, step)


def _looked_back(watcher: Watcher, units: Sequence[EncodedUnit], hit_ms: int) -> Began:
    before = max(place for place, unit in enumerate(units) if unit.is_key and unit.time_ms < hit_ms)
    (answer,) = _told(watcher, [look_back(_KEY, hit_ms, units[before:])])
    assert isinstance(answer, Began), answer
    return answer


def look_back(key: str, hit_ms: int, units: Sequence[EncodedUnit]) -> LookBack:
    table = tuple(BufferedUnit(unit.time_ms, unit.is_key, len(unit.data)) for unit in units)
    return LookBack(key, hit_ms, table, b"".join(unit.data for unit in units))


def _told(watcher: Watcher, messages: Iterable[ToChild]) -> list[FromChild]:
    return [answer for message in messages for answer in watcher.answers(message)]
