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


def gaps_of(
    asked: Stretch, shown: Iterable[Stretch], recorded: Sequence[Stretch], not_recorded: Sequence[Stretch]
) -> list[Gap]:
    """Return the gaps in order. `recorded` and `not_recorded`: as far as the recorder's list says so."""
    found: list[Gap] = []
    for gap in _without(asked, shown):
        known = [*recorded, *not_recorded]
        for reason, others in (
            (NOT_RECORDED, _without(gap, not_recorded)),
            (NOT_SENT, _without(gap, recorded)),
            (UNKNOWN, _common(gap, known)),
        ):
            found += [Gap(*stretch, reason) for stretch in _without(gap, others)]
    return sorted((gap for gap in found if gap.end - gap.start >= _LEAST), key=lambda gap: gap.start)


def _common(whole: Stretch, parts: Iterable[Stretch]) -> list[Stretch]:
    """Return the parts of a stretch that lie in one of `parts`."""
    return _without(whole, _without(whole, parts))


def _without(whole: Stretch, parts: Iterable[Stretch]) -> list[Stretch]:
    """Return the rest of a stretch without these parts."""
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
