"""Key frames with a movement become results: neighbours are joined, and rare movements come before usual ones."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime

from searches.records import SearchResult

FINE_STEP_S = 4
MOST_RESULTS = 500
_JOINED_S = 10.0
_LONGEST_S = 600.0  # of one result: a restless part of the picture must not become one result of a day
_USUAL_WINDOW_S = 300.0
_STRONG_CONTRAST = 60.0  # grey levels
_LONG_HITS = 4


@dataclass(frozen=True, slots=True)
class Look:
    """The judgement of one key frame. `share`: the changed part of the region, 0 if nothing moved there.

    `contrast`: in grey levels. `is_reset`: the background began anew.
    """

    time_ms: int
    share: float
    contrast: float = 0.0
    is_reset: bool = False


class Hits:
    """The judgements of fine looks so far. For one thread."""

    def __init__(self) -> None:
        self._looks: dict[int, Look] = {}

    def add(self, look: Look) -> None:
        """Add a judgement. A key frame that was looked at before keeps the stronger one."""
        before = self._looks.get(look.time_ms)
        if before is None or before.share < look.share:
            self._looks[look.time_ms] = look

    def results(self) -> tuple[SearchResult, ...]:
        """Return the results, the strongest first."""
        hits = sorted((look for look in self._looks.values() if look.share > 0), key=lambda look: look.time_ms)
        all_ms = sorted(self._looks)
        hits_ms = [look.time_ms for look in hits]
        groups: list[list[Look]] = []
        for hit in hits:
            group = groups[-1] if groups else None
            is_near = group is not None and hit.time_ms - group[-1].time_ms <= 1000 * _JOINED_S
            if group is not None and is_near and hit.time_ms - group[0].time_ms <= 1000 * _LONGEST_S:
                group.append(hit)
            else:
                groups.append([hit])
        found = [_result(group, _rarity(group, all_ms, hits_ms)) for group in groups]
        return tuple(sorted(found, key=lambda one: (-one.score, one.start))[:MOST_RESULTS])


def _rarity(group: list[Look], all_ms: list[int], hits_ms: list[int]) -> float:
    """Return 1 for a movement in a quiet time, less if other key frames around it move, too."""
    begin_ms = group[0].time_ms - round(1000 * _USUAL_WINDOW_S)
    end_ms = group[-1].time_ms + round(1000 * _USUAL_WINDOW_S)
    looks = bisect_right(all_ms, end_ms) - bisect_left(all_ms, begin_ms) - len(group)
    others = bisect_right(hits_ms, end_ms) - bisect_left(hits_ms, begin_ms) - len(group)
    return 1.0 - 0.8 * others / looks if looks > 0 else 1.0


def _result(group: list[Look], rarity: float) -> SearchResult:
    best = max(group, key=lambda look: (look.share, look.contrast))
    contrast = max(look.contrast for look in group)
    length = min(1.0, (len(group) + 1) / (_LONG_HITS + 1))
    score = math.sqrt(best.share) * min(1.0, contrast / _STRONG_CONTRAST) * length * rarity
    return SearchResult(
        _utc(group[0].time_ms),
        _utc(group[-1].time_ms + 1000 * FINE_STEP_S),
        round(min(1.0, score), 4),
        _utc(best.time_ms),
    )


def _utc(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
