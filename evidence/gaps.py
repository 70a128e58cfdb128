"""The parts of a requested range that no video shows, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

NOT_RECORDED = "not_recorded"
NOT_SENT = "not_sent"
UNKNOWN = "unknown"

Stretch = tuple[datetime, datetime]
_LEAST = timedelta(seconds=0.5)  # about the exactness of a recorder's list


@dataclass(frozen=True, slots=True)
class Gap:
    """`reason`: NOT_RECORDED (the recorder lists nothing here), NOT_SENT (it lists a recording) or UNKNOWN."""

    start: datetime
    end: datetime
    reason: str


def gaps_of(asked: Stretch, shown: Iterable[Stretch], recorded: Sequence[Stretch] | None) -> list[Gap]:
    """Return the gaps in order. `recorded`: as the recorder lists it; None if that was not noted."""
    found: list[Gap] = []
    for start, end in _without(asked, shown):
        if recorded is None:
            found.append(Gap(start, end, UNKNOWN))
            continue
        empty = _without((start, end), recorded)
        found += [Gap(*stretch, NOT_RECORDED) for stretch in empty]
        found += [Gap(*stretch, NOT_SENT) for stretch in _without((start, end), empty)]
    return sorted((gap for gap in found if gap.end - gap.start >= _LEAST), key=lambda gap: gap.start)


def _without(whole: Stretch, parts: Iterable[Stretch]) -> list[Stretch]:
    """Return what is left of a stretch."""
    left: list[Stretch] = []
    reached, end = whole
    for part_start, part_end in sorted(parts):
        if part_start > reached:
            left.append((reached, min(part_start, end)))
        reached = max(reached, part_end)
        if reached >= end:
            return left
    left.append((reached, end))
    return left
