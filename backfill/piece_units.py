"""Which units of a playback a piece takes, with their true times. Pure: it knows neither the recorder nor the disk.

Units are held until the next key frame. A group of pictures that lost frames on the way is left out at the first try,
so that a second one can fetch it whole: the archive never gets the same second twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backfill.records import Stretch
from core.errors import CameraBadAnswer
from media.codecs.access_unit import VIDEO, AccessUnit

_BEYOND_S = 20.0  # for the key frame after the end of a piece
_TOLERANCE_S = 0.05
_GAP_S = 1.5
_MOST_HELD_BYTES = 8_000_000
MOST_LOSSY = 20
"""Left out of a piece; further ones are taken as they came. A second try asks for each of them alone."""


@dataclass(slots=True)
class Group:
    """Units to be written. `ends_stretch`: the archive lacks the time before them, so its stretch ends there."""

    units: list[AccessUnit] = field(default_factory=list)
    utc_s: list[float] = field(default_factory=list)
    ends_stretch: bool = False


@dataclass(slots=True)
class _Held:
    """The units since a key frame. `is_whole` False: some of them were written already."""

    group: Group
    start_s: float
    size_bytes: int = 0
    frames_lost: int = 0
    is_whole: bool = True


class PieceUnits:
    """Takes the units of one playback. `goes_on`: the next piece begins at the end, so this one ends with a key frame.

    `repeats` False: also groups that lost frames are taken, because there is no further try.
    """

    def __init__(self, wanted: Stretch, correction_s: float, *, goes_on: bool, repeats: bool) -> None:
        self._start_s = wanted.start.timestamp() - _TOLERANCE_S
        self._end_s = wanted.end.timestamp()
        self._correction_s = correction_s
        self._goes_on = goes_on
        self._repeats = repeats
        self._held: _Held | None = None
        self._at_s = self._start_s
        self._newest_s = 0.0  # the newest frame, also of those that are held
        self._step_s = 0.04
        self._has_left_out = False
        self.last_video_s = 0.0
        self.is_over = False
        self.size_bytes = 0
        self.frames_lost = 0
        """Frames that are missing from what was taken."""
        self.lossy: list[Stretch] = []
        """Left out because of lost frames."""
        self.stretches: list[Stretch] = []

    def take(self, units: Sequence[AccessUnit]) -> list[Group]:
        """Return the groups that are complete with these units."""
        found: list[Group] = []
        for unit in units:
            found += self._take(unit)
            if self.is_over:
                break
        return found

    def finish(self) -> list[Group]:
        """Return the last group. No more units come."""
        found = list(self._release(self._newest_s + self._step_s))
        self._held = None
        return found

    def _take(self, unit: AccessUnit) -> Iterator[Group]:
        held = self._held
        if unit.track != VIDEO:
            if held is not None:
                self._at_s = unit.device_s - self._correction_s if unit.device_s is not None else self._at_s
                self._hold(held, unit)
            return
        if unit.device_s is None or not unit.is_time_confirmed:
            raise CameraBadAnswer("The recorder does not tell the times of its frames, so they cannot be archived.")
        at_s = unit.device_s - self._correction_s
        if held is not None:
            held.frames_lost += unit.frames_dropped_before
        if self._is_end(unit, at_s):
            self.is_over = True
            is_cut = not self._goes_on
            yield from self._release(min(at_s, max(self._end_s, self._newest_s + self._step_s)) if is_cut else at_s)
            self._held = None
            return
        if held is None and (not unit.is_key or at_s < self._start_s):
            return
        if unit.is_key or held is None:
            yield from self._release(at_s)
            held = self._held = _Held(Group(), at_s)
        elif held.size_bytes > _MOST_HELD_BYTES:
            yield from self._release(at_s, is_forced=True)
            held = self._held = _Held(Group(), at_s, is_whole=False)
        if 0 < at_s - self._newest_s <= _GAP_S:
            self._step_s = max(0.001, at_s - self._newest_s)
        self._at_s, self._newest_s = at_s, max(at_s, self._newest_s)
        self._hold(held, unit)

    def _hold(self, held: _Held, unit: AccessUnit) -> None:
        held.group.units.append(unit)
        held.group.utc_s.append(self._at_s)
        held.size_bytes += sum(len(part) for part in unit.parts)

    def _is_end(self, unit: AccessUnit, at_s: float) -> bool:
        if self._goes_on:
            return at_s >= self._end_s - _TOLERANCE_S and (unit.is_key or at_s > self._end_s + _BEYOND_S)
        return at_s >= self._end_s

    def _release(self, end_s: float, *, is_forced: bool = False) -> Iterator[Group]:
        """Return the held group, unless it is left out. It ends where the next frame begins, unless that is a gap."""
        held = self._held
        if held is None:
            return
        if end_s - self._newest_s > _GAP_S:
            end_s = self._newest_s + self._step_s
        may_repeat = self._repeats and held.is_whole and not is_forced and len(self.lossy) < MOST_LOSSY
        if held.frames_lost and may_repeat:
            self.lossy.append(_stretch(held.start_s, end_s))
            self._has_left_out = True
            return
        held.group.ends_stretch, self._has_left_out = self._has_left_out, False
        self.frames_lost += held.frames_lost
        self.size_bytes += held.size_bytes
        self._note_times(held.group, end_s)
        yield held.group

    def _note_times(self, group: Group, end_s: float) -> None:
        """Extend the newest stretch by the frames of a group, or begin another one after a gap."""
        begins = not self.stretches or group.ends_stretch
        for unit, at_s in zip(group.units, group.utc_s, strict=True):
            if unit.track != VIDEO:
                continue
            if not begins and at_s - self.last_video_s > _GAP_S:
                self._extend(self.last_video_s + self._step_s)
                begins = True
            if begins:
                self.stretches.append(_stretch(at_s, at_s))
                begins = False
            self.last_video_s = max(at_s, self.last_video_s)
            self._extend(at_s)
        self._extend(end_s)

    def _extend(self, until_s: float) -> None:
        if self.stretches and until_s > self.stretches[-1].end.timestamp():
            self.stretches[-1] = _stretch(self.stretches[-1].start.timestamp(), until_s)


def _stretch(start_s: float, end_s: float) -> Stretch:
    return Stretch(datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(end_s, UTC))
