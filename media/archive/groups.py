"""Access units into groups of pictures, each of which becomes a fragment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from media.codecs.access_unit import VIDEO, AccessUnit

_LONGEST_S = 2.0
_SHORTEST_S = 0.5  # streams of key frames alone would have a fragment for each
_LONGEST_STEP_S = 5.0
_USUAL_STEP_S = 0.04
_LONGEST_REORDERED_STEP = 1.5  # usual steps
_MOST_UNITS = 4096
_MOST_BYTES = 16 * 1024 * 1024
_MOST_AUDIO_BYTES = 1024 * 1024


@dataclass(slots=True)
class UnitGroup:
    """Frames in decoding order with the audio that came along, in the order of arrival; the first unit is a frame.

    `utc_s`: presentation time of each unit, in seconds since 1970. `end_utc_s`: end of the frame that is shown last.
    `is_key`: decoding can begin with this group. A long GOP becomes several groups, and several short GOPs become one.
    """

    units: list[AccessUnit] = field(default_factory=list)
    utc_s: list[float] = field(default_factory=list)
    end_utc_s: float = 0.0
    is_key: bool = False
    size_bytes: int = 0


class GroupCollector:
    """Collects the units of one stream, up to the next key frame, at most 2 s. Units before a key frame are dropped.

    A group ends where the next one begins, unless the step is so long that it is a gap (more than 5 s).
    """

    def __init__(self) -> None:
        self._group: UnitGroup | None = None
        self._begins_s = 0.0
        self._earliest_s = 0.0  # the earliest presentation time of the group
        self._newest_s = 0.0  # the latest presentation time of the group
        self._audio_bytes = 0
        self._reorders = False
        self._frames = 0
        self._usual_step_s = _USUAL_STEP_S

    @property
    def size_bytes(self) -> int:
        """The size of the unfinished group."""
        return self._group.size_bytes if self._group else 0

    def add(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> list[UnitGroup]:
        """Return the groups that these units complete."""
        complete = []
        for unit, at_s in zip(units, utc_s, strict=True):
            if not any(unit.parts):
                continue
            if unit.track != VIDEO:
                self._add_audio(unit, at_s)
                continue
            group = self._group
            if group is not None and self._is_complete(group, unit, at_s):
                complete.append(self._closed(group, at_s))
                group = None
            if group is None:
                if self._group is None and not unit.is_key:
                    continue
                group = self._group = UnitGroup(is_key=unit.is_key)
                self._begins_s = self._earliest_s = self._newest_s = at_s
                self._audio_bytes = self._frames = 0
            self._reorders = self._reorders or at_s < self._newest_s
            self._earliest_s = min(self._earliest_s, at_s)
            self._newest_s = max(self._newest_s, at_s)
            self._frames += 1
            group.units.append(unit)
            group.utc_s.append(at_s)
            group.size_bytes += sum(map(len, unit.parts))
        return complete

    def flush(self) -> UnitGroup | None:
        """Return the unfinished group; None if there is none. The next group begins at a key frame."""
        group, self._group = self._group, None
        return self._closed(group, None) if group else None

    def _add_audio(self, unit: AccessUnit, at_s: float) -> None:
        group = self._group
        size = len(unit.parts[0])
        if group is None or self._audio_bytes + size > _MOST_AUDIO_BYTES or len(group.units) > 2 * _MOST_UNITS:
            return
        group.units.append(unit)
        group.utc_s.append(at_s)
        group.size_bytes += size
        self._audio_bytes += size

    def _is_complete(self, group: UnitGroup, unit: AccessUnit, at_s: float) -> bool:
        length_s = at_s - self._begins_s
        if unit.is_key:
            return length_s >= _SHORTEST_S or length_s < 0
        if group.size_bytes >= _MOST_BYTES or len(group.units) >= _MOST_UNITS:
            return True
        if length_s < -_LONGEST_S:
            return True
        return length_s >= _LONGEST_S and at_s > self._newest_s  # no frame that is shown later comes before it

    def _closed(self, group: UnitGroup, next_s: float | None) -> UnitGroup:
        if self._newest_s > self._earliest_s:
            self._usual_step_s = (self._newest_s - self._earliest_s) / (self._frames - 1)
        group.end_utc_s = self._newest_s + self._usual_step_s
        longest_s = _LONGEST_REORDERED_STEP * self._usual_step_s if self._reorders else _LONGEST_STEP_S
        if next_s is not None and 0 < next_s - self._newest_s <= longest_s:
            group.end_utc_s = next_s
        return group
