"""The time of a channel that only other places have, as the timeline names it: one pass over sorted stretches.

A camera that moved between nodes for a year has thousands of stretches, so nothing here compares each with each.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from operator import attrgetter

from archive.records import from_ms, to_ms
from archive.shared_files import ReachablePlaces, StoredStretch
from core.archive import ArchiveStretch, FootageElsewhere, RecordedQuality

_HERE = 2**62  # the rank of time on the disks of this node; the object storage is next
_Place = tuple[RecordedQuality, str, bool] | None
"""Quality, node ("" for the object storage), and whether it is away; None for time on the disks of this node."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A stretch. Of several with the same time, the one with the highest rank counts."""

    start_ms: int
    end_ms: int
    rank: int
    place: _Place


def footage_elsewhere(
    window: tuple[datetime, datetime],
    own: Sequence[ArchiveStretch],
    others: Sequence[StoredStretch],
    places: ReachablePlaces,
    this_node: str,
) -> list[FootageElsewhere]:
    """Return the time of a channel in a window that only other places have, also nodes that do not answer.

    `own`: the stretches of this node's index. Footage that is read from the object storage has the server "". Time that
    one of the two streams has is not away.
    """
    here = [(it.stream.quality, _Ranked(to_ms(it.start), to_ms(it.end), _HERE, None)) for it in own]
    of_nodes: list[tuple[RecordedQuality, _Ranked]] = []
    away: list[_Ranked] = []
    for it in others:
        quality = it.stream.quality
        if places.has_node_of(it):
            of_nodes.append((quality, _Ranked(it.start_ms, it.end_ms, it.epoch, (quality, it.node, False))))
        elif places.has(it):
            here.append((quality, _Ranked(it.start_ms, it.end_ms, _HERE - 1, (quality, "", False))))
        elif it.node != this_node:
            away.append(_Ranked(it.start_ms, it.end_ms, it.epoch, (quality, it.node, True)))
    groups = [[it for of, it in (*here, *of_nodes) if of is quality] for quality in RecordedQuality]
    groups.append([*away, *(replace(it, rank=_HERE, place=None) for _, it in (*here, *of_nodes))])
    found: list[FootageElsewhere] = []
    for piece in (piece for group in groups for piece in _highest(group)):
        begin, end = max(window[0], from_ms(piece.start_ms)), min(window[1], from_ms(piece.end_ms))
        if piece.place is not None and begin < end:
            quality, node, is_away = piece.place
            found.append(FootageElsewhere(quality, begin, end, node, is_away))
    return sorted(found, key=attrgetter("start"))


def _highest(stretches: Iterable[_Ranked]) -> list[_Ranked]:
    """Return the stretch that counts for each time, in order of time. Pieces of one place that touch are one piece."""
    waiting = sorted((it for it in stretches if it.start_ms < it.end_ms), key=attrgetter("start_ms"))
    borders = sorted({moment for it in waiting for moment in (it.start_ms, it.end_ms)})
    active: list[tuple[int, int]] = []  # rank, downwards, and number in `waiting`
    found: list[_Ranked] = []
    number = 0
    for begin, end in pairwise(borders):
        while number < len(waiting) and waiting[number].start_ms == begin:
            heapq.heappush(active, (-waiting[number].rank, number))
            number += 1
        while active and waiting[active[0][1]].end_ms <= begin:
            heapq.heappop(active)
        if not active:
            continue
        place = waiting[active[0][1]].place
        if found and found[-1].end_ms == begin and found[-1].place == place:
            found[-1] = replace(found[-1], end_ms=end)
        else:
            found.append(_Ranked(begin, end, 0, place))
    return found
