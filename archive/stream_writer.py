"""The sink of one recorded stream: takes units in the gateway's thread and leaves them to a volume's writer.

Nothing here waits for a disk. If the disk is too slow for too long, whole groups of pictures are lost, up to the next
key frame after most of the queue has been written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from archive.stream_files import StreamFiles
from core.archive import GapReason, StreamKey
from media.codecs.access_unit import VIDEO, AccessUnit
from media.units import UnitDescription, UnitSink

QUEUE_BYTES = 64 * 1024 * 1024
STREAM_QUEUE_BYTES = 6 * 1024 * 1024  # ten seconds of a main stream
_UNIT_BYTES = 300  # the objects of a unit, besides its bytes


class QueueBudget:
    """Counts the bytes that wait for one volume: at most 64 MB, or 6 MB for each stream if there are more than ten.

    A whole pre-roll comes when an event begins. Pre-rolls have their own limit, `held_bytes`, so that the live units
    after them find space.
    """

    def __init__(self, limit_bytes: int = QUEUE_BYTES, *, held_bytes: int = 0) -> None:
        self._least_bytes = limit_bytes
        self._held_limit_bytes = held_bytes
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._used_bytes = 0
        self._held_bytes = 0

    @property
    def used_bytes(self) -> int:
        return self._used_bytes + self._held_bytes

    def share_between(self, streams: int) -> None:
        self.limit_bytes = max(self._least_bytes, streams * STREAM_QUEUE_BYTES)

    def take(self, size: int, *, is_held: bool = False) -> bool:
        """Count bytes if they do not exceed the limit; return True if so. `is_held`: a pre-roll held them."""
        with self._lock:
            if is_held:
                is_taken = self._held_bytes + size <= self._held_limit_bytes
            else:
                is_taken = self._used_bytes + size <= self.limit_bytes
            if is_taken:
                self._count(size, is_held=is_held)
            return is_taken

    def move(self, size: int, *, is_held: bool = False) -> None:
        """Count bytes that come from the queue of another volume, or leave for one (negative)."""
        with self._lock:
            self._count(size, is_held=is_held)

    def is_low(self) -> bool:
        return self._used_bytes <= self.limit_bytes // 2

    def _count(self, size: int, *, is_held: bool) -> None:
        if is_held:
            self._held_bytes += size
        else:
            self._used_bytes += size


@dataclass(frozen=True, slots=True)
class QueuedUnits:
    """Units with their times, and the bytes that they take in the queue. `is_held`: a pre-roll held them."""

    units: Sequence[AccessUnit]
    utc_s: Sequence[float]
    size_bytes: int
    is_held: bool = False


QueueItem = QueuedUnits | UnitDescription | GapReason


class StreamWriter(UnitSink):
    """The sink. on_description(), on_units() and on_end() are called by one thread; the rest by any."""

    def __init__(self, stream: StreamKey, files: StreamFiles, budget: QueueBudget) -> None:
        self.stream = stream
        self.files = files
        self._budget = budget
        self._lock = threading.Lock()
        self._items: deque[QueueItem] = deque()
        self._queued_bytes = 0
        self._queued_held_bytes = 0  # of them
        self._is_dropping = False
        self._has_dropped = False
        self._is_finished = False
        self._is_closed = False

    # ---- the source's side -----------------------------------------------------------------------

    def on_description(self, description: UnitDescription) -> None:
        self._items.append(description)

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        self._take_units(units, utc_s, is_held=False)

    def on_held_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        """Take units that a pre-roll held: many together, with their own limit."""
        self._take_units(units, utc_s, is_held=True)

    def _take_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float], *, is_held: bool) -> None:
        if self._is_finished:
            return
        if self._is_dropping:
            begin = next((place for place, it in enumerate(units) if it.is_key and it.track == VIDEO), None)
            if begin is None or not self._budget.is_low():
                return
            units, utc_s = units[begin:], utc_s[begin:]
        size = sum(len(part) for unit in units for part in unit.parts) + _UNIT_BYTES * len(units)
        with self._lock:
            is_taken = self._budget.take(size, is_held=is_held)
            if is_taken:
                self._count(size, is_held=is_held)
                self._items.append(QueuedUnits(units, utc_s, size, is_held))
        if is_taken:
            self._is_dropping = False
        elif not self._is_dropping:
            self._is_dropping = self._has_dropped = True
            self._items.append(GapReason.DISK_TOO_SLOW)

    def on_end(self, reason: GapReason) -> None:
        self._items.append(reason)

    def finish(self, reason: GapReason) -> None:
        """End the stretch and the writer; units that come later are ignored. May be called twice."""
        if not self._is_finished:
            self._is_finished = True
            self._items.append(reason)

    def limit_files(self, file_s: float | None) -> None:
        """Make no file longer than this from the next key frame on; None for the usual length (ARCHIVE_FILE_S)."""
        self.files.limit_files(file_s)

    @property
    def problem(self) -> GapReason | None:
        """The reason why the stream's media is not written at the moment."""
        return GapReason.DISK_TOO_SLOW if self._is_dropping else self.files.problem

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the disk. A source that can wait keeps them few."""
        return self._queued_bytes

    def written_until_utc_s(self) -> float | None:
        """Return the time up to which the stream's pictures are on the disk and in the index; None before the first."""
        until_ms = self.files.written_until_ms
        return None if until_ms is None else until_ms / 1000

    @property
    def is_closed(self) -> bool:
        """True if the stream is finished and its last rows are in the index. Files on a disk that hangs may follow."""
        return self._is_closed

    # ---- the side of the volume's writer ---------------------------------------------------------

    @property
    def is_finished(self) -> bool:
        """True if finish() was called and everything was taken from the queue."""
        return self._is_finished and not self._items

    def note_closed(self) -> None:
        """Note that a volume's writer has done everything for the stream."""
        self._is_closed = True

    def take_item(self) -> QueueItem | None:
        """Return the oldest item of the queue; None if it is empty. Units count until release()."""
        try:
            return self._items.popleft()
        except IndexError:
            return None

    def release(self, item: QueuedUnits) -> None:
        """Stop counting units that are written or lost."""
        with self._lock:
            self._count(-item.size_bytes, is_held=item.is_held)
            self._budget.move(-item.size_bytes, is_held=item.is_held)

    def change_budget(self, budget: QueueBudget) -> None:
        """Count the queue for another volume."""
        with self._lock:
            live_bytes = self._queued_bytes - self._queued_held_bytes
            for size, is_held in ((live_bytes, False), (self._queued_held_bytes, True)):
                self._budget.move(-size, is_held=is_held)
                budget.move(size, is_held=is_held)
            self._budget = budget

    def take_dropped(self) -> bool:
        """Return True if units were lost since the last call."""
        has_dropped, self._has_dropped = self._has_dropped or self._is_dropping, False
        return has_dropped

    def _count(self, size: int, *, is_held: bool) -> None:
        self._queued_bytes += size
        self._queued_held_bytes += size if is_held else 0
