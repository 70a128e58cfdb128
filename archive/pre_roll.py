"""The pre-roll: holds the last seconds of a stream in memory, so that the recording of an event begins before it.

Groups of pictures are held whole, from the key frame before the requested time on: the first picture is never later
than that time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from archive.stream_writer import StreamWriter
from core.archive import GapReason
from media.codecs.access_unit import VIDEO, AccessUnit
from media.units import UnitDescription, UnitSink

NEWS_TAKES_S = 3.0  # at most, from an event to the app
_OVERHEAD_BYTES = 200  # memory of a unit besides its contents
_STREAM_SHARE = 8


class PreRollBudget:
    """The memory of all pre-rolls together. Safe between threads.

    One pre-roll holds at most an eighth of it. If all together hold too much, those over the average give some back.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._holders = 0
        self.held_bytes = 0

    @property
    def stream_bytes(self) -> int:
        """The most that one pre-roll holds."""
        return self._max_bytes // _STREAM_SHARE

    def change(self, before_bytes: int, after_bytes: int) -> None:
        """Count the memory of one pre-roll, which held `before_bytes` and holds `after_bytes` now."""
        with self._lock:
            self.held_bytes += after_bytes - before_bytes
            self._holders += (after_bytes > 0) - (before_bytes > 0)

    def is_too_much(self, held_bytes: int) -> bool:
        """True if one pre-roll, which holds `held_bytes`, must give some back."""
        is_over_average = held_bytes * self._holders > self._max_bytes
        return held_bytes > self.stream_bytes or (self.held_bytes > self._max_bytes and is_over_average)


class _Phase(Enum):
    HOLDING = "holding"  # in memory
    RECORDING = "recording"  # to the sink
    ENDING = "ending"  # to the sink until the next key frame


class _Group(NamedTuple):
    description: UnitDescription
    units: list[AccessUnit]
    utc_s: list[float]


class PreRoll(UnitSink):
    """Between a tap and the sink that records. Takes units in the gateway's thread; begin() and end() from any thread.

    `pre_s` may be changed at any time.
    """

    def __init__(self, sink: StreamWriter, budget: PreRollBudget, pre_s: float) -> None:
        self.pre_s = pre_s
        self._sink = sink
        self._budget = budget
        self._cut_to_s: float | None = None
        self._lock = threading.Lock()
        self._phase = _Phase.HOLDING
        self._groups: deque[_Group] = deque()
        self._held_bytes = 0
        self._description: UnitDescription | None = None
        self._sent: UnitDescription | None = None  # to the sink, in the present stretch

    @property
    def held_from_utc_s(self) -> float | None:
        """The time of the first held picture, in seconds since 1970. None if nothing is held."""
        with self._lock:
            return self._groups[0].utc_s[0] if self._groups else None

    @property
    def cut_to_s(self) -> float | None:
        """The seconds before an event that the memory suffices for; None if it suffices for `pre_s`."""
        cut_to_s = self._cut_to_s
        return None if cut_to_s is None or cut_to_s >= self.pre_s else cut_to_s

    def begin(self, event_utc_s: float | None = None) -> None:
        """Record all units from now on, and the held ones.

        `event_utc_s`: the time of an event, in seconds since 1970. Held units from more than `pre_s` before it are
        left out, up to the last key frame before that time.
        """
        with self._lock:
            if self._phase is _Phase.HOLDING:
                if event_utc_s is not None:
                    self._drop_before(event_utc_s - self.pre_s)
                for group in self._groups:
                    self._describe(group.description)
                    self._sink.on_held_units(group.units, group.utc_s)
                self._clear()
            self._phase = _Phase.RECORDING

    def end(self) -> None:
        """Record until the next key frame, and hold again from there on."""
        with self._lock:
            if self._phase is _Phase.RECORDING:
                self._phase = _Phase.ENDING if self._sent else _Phase.HOLDING

    # -- media.units.UnitSink ----------------------------------------------------------------------

    def on_description(self, description: UnitDescription) -> None:
        with self._lock:
            self._description = description
            if self._phase is _Phase.ENDING:
                self._hold_again()
            if self._phase is _Phase.RECORDING:
                self._describe(description)

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        with self._lock:
            if self._phase is _Phase.ENDING:
                units, utc_s = self._finish_group(units, utc_s)
            if self._phase is _Phase.HOLDING:
                self._hold(units, utc_s)
            elif units:
                self._record(units, utc_s)

    def on_end(self, reason: GapReason) -> None:
        """Forget the held units, and end the stretch. Later units are recorded if the present ones were."""
        with self._lock:
            self._clear()
            self._description = None
            if self._sent is not None:
                self._sent = None
                self._sink.on_end(reason)
            if self._phase is _Phase.ENDING:
                self._phase = _Phase.HOLDING

    # -- inside, with the lock ---------------------------------------------------------------------

    def _describe(self, description: UnitDescription) -> None:
        if description is not self._sent:
            self._sent = description
            self._sink.on_description(description)

    def _record(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        if self._sent is None:
            place = _key_frame(units)
            if place is None or self._description is None:
                return
            self._describe(self._description)
            units, utc_s = units[place:], utc_s[place:]
        self._sink.on_units(units, utc_s)

    def _finish_group(
        self, units: Sequence[AccessUnit], utc_s: Sequence[float]
    ) -> tuple[Sequence[AccessUnit], Sequence[float]]:
        """Send the units before the next key frame to the sink; return the rest."""
        place = _key_frame(units)
        if place is None:
            return units, utc_s
        if place:
            self._sink.on_units(units[:place], utc_s[:place])
        self._hold_again()
        return units[place:], utc_s[place:]

    def _hold_again(self) -> None:
        self._phase = _Phase.HOLDING
        self._sent = None
        self._sink.on_end(GapReason.NO_EVENT)

    def _hold(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        for unit, moment_s in zip(units, utc_s, strict=True):
            if unit.track == VIDEO and unit.is_key and self._description is not None:
                self._groups.append(_Group(self._description, [], []))
            if self._groups:
                self._groups[-1].units.append(unit)
                self._groups[-1].utc_s.append(moment_s)
                self._count(_size(unit))
        if self._drop_before(utc_s[-1] - self.pre_s - NEWS_TAKES_S):
            self._cut_to_s = None
        while self._groups and self._budget.is_too_much(self._held_bytes):
            self._drop_oldest()
            begin_s = self._groups[0].utc_s[0] if self._groups else utc_s[-1]
            self._cut_to_s = max(0.0, utc_s[-1] - begin_s - NEWS_TAKES_S)

    def _drop_before(self, moment_s: float) -> bool:
        """Drop the groups that end before a time. Return True if there are some: the memory suffices."""
        before = len(self._groups)
        while len(self._groups) > 1 and self._groups[1].utc_s[0] <= moment_s:
            self._drop_oldest()
        return len(self._groups) < before

    def _drop_oldest(self) -> None:
        self._count(-sum(map(_size, self._groups.popleft().units)))

    def _clear(self) -> None:
        self._groups.clear()
        self._count(-self._held_bytes)

    def _count(self, size_bytes: int) -> None:
        before_bytes, self._held_bytes = self._held_bytes, self._held_bytes + size_bytes
        self._budget.change(before_bytes, self._held_bytes)


def _key_frame(units: Sequence[AccessUnit]) -> int | None:
    return next((index for index, unit in enumerate(units) if unit.track == VIDEO and unit.is_key), None)


def _size(unit: AccessUnit) -> int:
    return sum(map(len, unit.parts)) + _OVERHEAD_BYTES
