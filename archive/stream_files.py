"""The files and stretches of one recorded stream while it is written, in the thread of its volume's writer.

A file begins with a key frame, the one that ended the file before, so that rotation loses no picture. Files end at
borders of UTC plus a phase of the stream, so that not all streams rotate together.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from archive.clock_guard import ClockGuard
from archive.index import ArchiveIndex
from archive.open_file import OpenFile
from archive.records import FileKey, IndexedFile, IndexedStretch, VolumeState
from archive.volume import REASONS, Volume
from archive.volumes import Volumes
from core.archive import GapReason, Origin, RecordedQuality, StreamKey
from media.archive.file_builder import ArchiveFileBuilder
from media.archive.groups import GroupCollector, UnitGroup
from media.codecs.access_unit import VIDEO, AccessUnit
from media.units import UnitDescription

log = logging.getLogger(__name__)

_GOLDEN = 0.6180339887498949  # its multiples are spread evenly over a period, however many streams there are


class Outcome(Enum):
    """The end of StreamFiles.work()."""

    DONE = "done"
    MOVE = "move"  # the next file belongs on another volume


@dataclass(slots=True)
class Batch:
    """Rows for the index; all their bytes are on the disk."""

    files: dict[FileKey, IndexedFile] = field(default_factory=dict)
    stretches: dict[int, IndexedStretch] = field(default_factory=dict)

    def is_empty(self) -> bool:
        return not self.files and not self.stretches


@dataclass(slots=True)
class _Stretch:
    id: int
    start_ms: int
    synced_ms: int  # the end of its pictures on the disk
    reason: GapReason | None = None
    has_changed: bool = False


class StreamFiles:
    """Takes the units of one stream, and writes them to one volume at a time.

    `problem`: why nothing is written at the moment; read by other threads. So is `written_until_ms`: the end of the
    pictures that are on the disk and in the index.
    """

    def __init__(
        self,
        stream: StreamKey,
        index: ArchiveIndex,
        *,
        file_s: float,
        origin: Origin = Origin.SERVER,
        clock_correction_s: float = 0.0,
        epoch: int = 0,
    ) -> None:
        self.stream = stream
        self.problem: GapReason | None = None
        self.written_until_ms: int | None = None
        self._synced_until_ms: int | None = None
        self._index = index
        self._longest_file_ms = self._file_ms = round(file_s * 1000)
        self._origin = origin
        self._clock_correction_s = clock_correction_s
        self._epoch = epoch
        self._guard = ClockGuard(origin)
        self._collector = GroupCollector()
        self._description: UnitDescription | None = None  # of the open file, or of the next one
        self._newest_description: UnitDescription | None = None
        self._tasks: deque[UnitGroup | UnitDescription | GapReason] = deque()
        self._file: OpenFile | None = None
        self._unsynced: list[OpenFile] = []
        self._stretch: _Stretch | None = None
        self._stretches: list[_Stretch] = []  # of which the index does not know everything

    def limit_files(self, file_s: float | None) -> None:
        """Make no file longer than this from the next key frame on; None for the usual length. Any thread."""
        self._file_ms = min(self._longest_file_ms, round(file_s * 1000)) if file_s else self._longest_file_ms

    # ---- units to tasks --------------------------------------------------------------------------

    def describe(self, description: UnitDescription) -> None:
        self._flush_collector()
        self._newest_description = description
        self._tasks.append(description)

    def add(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        begin = 0
        for place, (unit, at_s) in enumerate(zip(units, utc_s, strict=True)):
            if (reason := self._guard.jump_before(unit, at_s)) is not None:
                self._tasks += self._collector.add(units[begin:place], utc_s[begin:place])
                self._flush_collector()
                self._tasks.append(reason)
                begin = place
        self._tasks += self._collector.add(units[begin:], utc_s[begin:])

    def end(self, reason: GapReason) -> None:
        """End the stretch. The next units begin another one, with the same description unless a new one comes."""
        self._flush_collector()
        self._guard.forget()
        self._tasks.append(reason)

    def _flush_collector(self) -> None:
        if (group := self._collector.flush()) is not None:
            self._tasks.append(group)

    # ---- tasks to files --------------------------------------------------------------------------

    def work(self, volume: Volume, volumes: Volumes) -> Outcome:
        """Carry out the tasks. After MOVE, the writer of another volume calls this again."""
        while self._tasks:
            task = self._tasks[0]
            if isinstance(task, UnitGroup):
                if self._write(task, volume, volumes) is Outcome.MOVE:
                    return Outcome.MOVE
            elif isinstance(task, UnitDescription):
                if task != self._description:
                    self._close_file()
                self._description = task
            else:
                self._end_stretch(task)
            self._tasks.popleft()
        return Outcome.DONE

    def _write(self, group: UnitGroup, volume: Volume, volumes: Volumes) -> Outcome:
        start_ms = _start_ms(group)
        if self._file is not None and self._must_end(self._file, group, start_ms, volume):
            self._close_file()
        while True:
            if self._file is None:
                outcome = self._open_file(group, start_ms, volume, volumes)
                if outcome is not None:
                    return outcome
            if self._append(group, volume):
                return Outcome.DONE
            if not group.is_key:
                self._lose(REASONS.get(volume.state, GapReason.DISK_GONE))
                return Outcome.DONE

    def _must_end(self, file: OpenFile, group: UnitGroup, start_ms: int, volume: Volume) -> bool:
        if volume.state is VolumeState.GONE:
            return True
        file_ms = self._file_ms  # any thread may change it
        is_due = self._period(start_ms, file_ms) != self._period(file.key.start_ms, file_ms)
        return group.is_key and (is_due or not volume.is_usable)

    def _period(self, time_ms: int, file_ms: int) -> int:
        return (time_ms - _phase_ms(self.stream, file_ms)) // file_ms

    def _open_file(self, group: UnitGroup, start_ms: int, volume: Volume, volumes: Volumes) -> Outcome | None:
        """Open the next file. Return None, or the outcome for the group if that is impossible here."""
        if not group.is_key or self._description is None:
            if self._stretch is not None:
                self._lose(REASONS.get(volume.state, GapReason.DAMAGED))
            return Outcome.DONE
        while True:
            target = volumes.first_usable()
            if target is None:
                self._lose(volumes.problem())
                return Outcome.DONE
            if target is not volume:
                return Outcome.MOVE
            if volume.check() and self._create_file(start_ms, volume):
                return None
            if volume.is_usable:  # not the volume's fault
                self._lose(GapReason.UNSUPPORTED)
                return Outcome.DONE

    def _create_file(self, start_ms: int, volume: Volume) -> bool:
        assert self._description is not None  # noqa: S101 - the caller has looked
        try:
            builder = ArchiveFileBuilder(self._description)
        except ValueError as error:
            if self.problem is not GapReason.UNSUPPORTED:  # once, not with each key frame
                log.warning("camera %d, channel %d: %s", self.stream.camera_id, self.stream.channel, error)
            return False
        if self._stretch is None:
            self._stretch = _Stretch(self._index.new_stretch_id(), start_ms, start_ms)
            self._stretches.append(self._stretch)
        try:
            key = FileKey(self.stream, volume.id, start_ms)
            self._file = OpenFile.create(volume, key, builder, self._stretch.id, epoch=self._epoch)
        except OSError as error:
            volume.note_error(error)
            return False
        self._unsynced.append(self._file)
        return True

    def _append(self, group: UnitGroup, volume: Volume) -> bool:
        """Write a group to the open file. Return False if the volume refuses it; the file is closed then."""
        assert self._file is not None  # noqa: S101 - the caller has opened it
        try:
            self._file.write(group)
        except OSError as error:
            volume.note_error(error)
            self._drop_if_empty(self._file, volume)
            self._close_file()
            return False
        self.problem = None
        return True

    def _drop_if_empty(self, file: OpenFile, volume: Volume) -> None:
        """Delete a file that has no picture."""
        if file.end_ms > file.key.start_ms:
            return
        file.abandon()
        self._unsynced.remove(file)
        self._file = None
        try:
            (volume.folder / file.key.path).unlink()
        except OSError as error:
            log.debug("an empty file stays on the volume %s: %s", volume.name, error)

    def _close_file(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                log.warning("a file of the archive has no index: %s", error)
            self._file = None

    def _end_stretch(self, reason: GapReason) -> None:
        self._close_file()
        if self._stretch is not None:
            self._stretch.reason = reason
            self._stretch.has_changed = True
            self._stretch = None

    def _lose(self, reason: GapReason) -> None:
        """End the stretch, because nothing can be written."""
        self._end_stretch(reason)
        self.problem = reason

    # ---- files to the disk -----------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """True if nothing waits to be written, synced or committed."""
        return not self._tasks and not self._unsynced and not self._stretches

    def sync(self, volume: Volume, batch: Batch) -> None:
        """Bring all written files to the disk, and add their rows to the batch."""
        for file in tuple(self._unsynced):
            if not file.is_dirty and not file.is_closed:
                continue
            try:
                file.sync()
            except OSError as error:
                volume.note_error(error)
                self.abandon(GapReason.DISK_GONE)
                break
            self._note_synced(file, batch)
        self._note_stretches(batch)

    def note_committed(self) -> None:
        """Note that the rows of everything that was synced are in the index."""
        self.written_until_ms = self._synced_until_ms

    def open_keys(self) -> list[FileKey]:
        """Return the files that are open, or have no row with their last state yet."""
        return [file.key for file in self._unsynced]

    def give_up(self, reason: GapReason) -> None:
        """Forget the waiting tasks, and end the stretch."""
        self._tasks.clear()
        self._lose(reason)

    def renewed(self) -> StreamFiles:
        """Return new files of the same stream, for another volume. They begin with the next key frame."""
        made = StreamFiles(
            self.stream,
            self._index,
            file_s=self._longest_file_ms / 1000,
            origin=self._origin,
            clock_correction_s=self._clock_correction_s,
            epoch=self._epoch,
        )
        made._file_ms = self._file_ms
        made._description = self._newest_description
        made.written_until_ms = made._synced_until_ms = self.written_until_ms
        return made

    def abandon(self, reason: GapReason) -> None:
        """Let go of all files, because their volume is gone; the recovery finishes them later."""
        for file in self._unsynced:
            file.abandon()
        self._unsynced = []
        self._file = None
        self._lose(reason)

    def _note_synced(self, file: OpenFile, batch: Batch) -> None:
        row = file.row
        if file.is_closed:
            self._unsynced.remove(file)
        batch.files[row.key] = row
        self._synced_until_ms = row.end_ms
        stretch = next((it for it in self._stretches if it.id == row.stretch_id), None)
        if stretch is not None:
            stretch.synced_ms = max(stretch.synced_ms, row.end_ms)
            stretch.has_changed = True

    def _note_stretches(self, batch: Batch) -> None:
        for it in tuple(self._stretches):
            is_ended = it.reason is not None
            if it.has_changed and it.synced_ms > it.start_ms:
                batch.stretches[it.id] = IndexedStretch(
                    it.id, self.stream, it.start_ms, it.synced_ms, self._origin, it.reason, self._clock_correction_s
                )
            it.has_changed = False
            if is_ended:
                self._stretches.remove(it)


def _phase_ms(stream: StreamKey, file_ms: int) -> int:
    number = 64 * stream.camera_id + 2 * stream.channel + (stream.quality is RecordedQuality.SUB)
    return int(number * _GOLDEN % 1.0 * file_ms)


def _start_ms(group: UnitGroup) -> int:
    return round(min(at_s for unit, at_s in zip(group.units, group.utc_s, strict=True) if unit.track == VIDEO) * 1000)
