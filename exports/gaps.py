"""The parts of a requested range that no video shows, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exports.origin import Interval, IntervalReason
from exports.records import ExportJob

NOT_RECORDED = "not_recorded"
NOT_SENT = "not_sent"
UNKNOWN = "unknown"

_Name = tuple[int, str, str]  # rank, reason, server
_LEAST = timedelta(seconds=0.5)  # about the exactness of a recorder's list


@dataclass(frozen=True, slots=True)
class Gap:
    """`reason`: NOT_SENT (a recording is listed here), why the server has not recorded it (core.archive.GapReason),
    "away" (the server `server` has it), NOT_RECORDED (nothing is listed here, and no reason is known) or UNKNOWN."""

    start: datetime
    end: datetime
    reason: str
    server: str | None = None


def range_gaps(job: ExportJob, index: int) -> list[Gap]:
    """Return the gaps of the range with this index, in order."""
    wanted, origin = job.draft.ranges[index], job.origins.get(index)
    shown = [(file.start, file.end) for file in job.files if file.range_index == index and file.is_recording]
    if origin is None:
        return gaps_of((wanted.start, wanted.end), shown)
    return gaps_of((wanted.start, wanted.end), shown, origin.recorded, origin.not_recorded, origin.reasons)


def gaps_of(
    asked: Interval,
    shown: Iterable[Interval],
    recorded: Iterable[Interval] = (),
    not_recorded: Iterable[Interval] = (),
    reasons: Iterable[IntervalReason] = (),
) -> list[Gap]:
    """Return the gaps in order. `recorded` and `not_recorded`: as far as the list of recordings says so.

    `reasons`: those that are known. Of intervals that overlap, the earlier parameter counts.
    """
    start, end = asked
    named = [
        *((one, (0, "", "")) for one in shown),
        *((one, (1, NOT_SENT, "")) for one in recorded),
        *(((it.start, it.end), (2, it.reason, it.server)) for it in reasons),
        *((one, (3, NOT_RECORDED, "")) for one in not_recorded),
        (asked, (4, UNKNOWN, "")),
    ]
    clipped = [(max(begin, start), min(until, end), name) for (begin, until), name in named]
    return [gap for gap in _divided(clipped) if gap.reason and gap.end - gap.start >= _LEAST]


def _divided(intervals: Sequence[tuple[datetime, datetime, _Name]]) -> list[Gap]:
    """Return stretches that do not overlap: of several names at one time, the least counts."""
    borders = [(begin, name, 1) for begin, until, name in intervals if begin < until]
    borders += [(until, name, -1) for begin, until, name in intervals if begin < until]
    open_names: Counter[_Name] = Counter()
    found: list[Gap] = []
    begin: datetime | None = None
    for at, name, change in sorted(borders):
        if begin is not None and begin < at:
            _, reason, server = min(open_names)
            gap = Gap(begin, at, reason, server or None)
            before = found[-1] if found else None
            if before is not None and before.end == begin and replace(before, start=begin, end=at) == gap:
                found[-1] = replace(before, end=at)
            else:
                found.append(gap)
        open_names[name] += change
        if not open_names[name]:
            del open_names[name]
        begin = at if open_names else None
    return found
