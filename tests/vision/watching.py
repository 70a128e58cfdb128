"""Plays a scene to the watcher as the app does, and judges the movements that it reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from motion.judge import Closed, Judge, LookBackWanted, Opened
from tests.vision.encoded import EncodedUnit, Scene
from tests.vision.scenes import Movement
from vision.budget import Budget, OwnClocks, PeakMemory
from vision.messages import Began, BufferedUnit, FromChild, LookBack, Open, ToChild, Unit, Watched
from vision.watcher import Watcher

_KEY = "1:1"
_EARLY_S, _LATE_S = 2.0, 0.5
_LEARNING_S = 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """Times in seconds. `starts` are those of all reported movements, `errors_s` of the found ones."""

    starts: tuple[float, ...]
    found: int
    false: tuple[float, ...]
    missed: tuple[Movement, ...]
    errors_s: tuple[float, ...]


def new_watcher() -> Watcher:
    """Return a watcher in this process, with all of the processor's time."""
    return Watcher(Budget(math.inf, OwnClocks(), PeakMemory()))


def report(scene: Scene, *, sensitivity: float = 0.001, every_picture: bool = False) -> Report:
    opened = Open(_KEY, "h264", sensitivity, every_picture=every_picture)
    starts = tuple(start_ms / 1000 for start_ms, _ in movements(scene.units, opened))
    judged = [start_s for start_s in starts if start_s >= _LEARNING_S]
    errors, missed = [], []
    for movement in scene.movements:
        inside = [s for s in judged if movement.start_s - _EARLY_S <= s <= movement.end_s + _LATE_S]
        if inside:
            errors.append(abs(inside[0] - movement.start_s))
        else:
            missed.append(movement)
    false = tuple(s for s in judged if not any(m.start_s - _EARLY_S <= s <= m.end_s + _LATE_S for m in scene.movements))
    return Report(starts, len(errors), false, tuple(missed), tuple(errors))


def movements(units: Sequence[EncodedUnit], opened: Open) -> Iterator[tuple[int, Closed | None]]:
    """Yield the start of each movement that the app's own judge opens, with its end if it has one by then."""
    watcher = new_watcher()
    _told(watcher, [opened])
    judge = Judge(every_picture=opened.every_picture)
    start_ms: int | None = None
    for place, unit in enumerate(units):
        steps = judge.tick(unit.time_ms)
        for answer in _told(watcher, [Unit(_KEY, unit.time_ms, unit.is_key, unit.data)]):
            assert isinstance(answer, Watched), answer
            steps += judge.take(answer)
        for step in steps:
            if isinstance(step, LookBackWanted):
                steps += judge.take_beginning(_looked_back(watcher, units[: place + 1], step.hit_ms))
            elif isinstance(step, Opened):
                start_ms = step.movement.start_ms
            elif isinstance(step, Closed) and start_ms is not None:
                yield start_ms, step
                start_ms = None
    if start_ms is not None:
        yield start_ms, None


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
