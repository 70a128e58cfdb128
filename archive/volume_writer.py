"""The writer of one volume: a thread that takes units from the queues of its streams and writes them to files.

Every few seconds it brings the files to the disk, and only then commits their rows to the index. A thread that hangs
in the disk's driver holds nothing that other threads wait for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Container, Iterator

from archive.index import ArchiveIndex
from archive.records import FileKey, VolumeState, from_ms
from archive.recovery import Recovery
from archive.stream_files import Batch, Outcome, StreamFiles
from archive.stream_writer import QueueBudget, QueuedUnits, StreamWriter
from archive.volume import REASONS, Volume
from archive.volumes import Volumes
from core.archive import GapReason
from core.clock import Clock
from core.errors import AppError
from core.settings import Settings
from media.units import UnitDescription

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
_IDLE_CHECK_S = 10.0
_SLOW_FOR_S = 30.0  # a volume that lost media counts as slow for so long


class ArchiveParts:
    """The parts that all volume writers share.

    `crashed_at_ms`: the last heartbeat of the run before. `adopts`: the index is new, so it takes any volume.
    `is_strict`: it takes no volume with recordings, because these belong to another database of the app.
    """

    def __init__(self, settings: Settings, clock: Clock, volumes: Volumes, index: ArchiveIndex) -> None:
        self.settings = settings
        self.clock = clock
        self.volumes = volumes
        self.index = index
        self.crashed_at_ms: int | None = None
        self.adopts = False
        self.is_strict = False
        self.writers: dict[Volume, VolumeWriter] = {}


class VolumeWriter:
    """`run_once()` does all work that is due; the thread calls it again and again."""

    def __init__(self, volume: Volume, parts: ArchiveParts) -> None:
        self.volume = volume
        self.budget = QueueBudget(held_bytes=parts.settings.archive_pre_roll_bytes)
        self.busy_since_s: float | None = None  # of one step; a disk that hangs makes it old
        self._parts = parts
        self._lock = threading.Lock()  # of the streams and the thread; never held during work
        self._streams: list[StreamWriter] = []
        self._leftovers: list[StreamFiles] = []  # of streams that were taken away while the disk hung
        self._batch = Batch()
        self._next_flush_s = 0.0
        self._next_check_s = 0.0
        self._dropped_at_s: float | None = None
        self._is_recovered = False
        self._is_compared = False
        self._comparison: Iterator[int] | None = None
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    # ---- any thread ------------------------------------------------------------------------------

    def start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._is_stopping = False
                self._thread = threading.Thread(target=self._serve, name=f"archive-{self.volume.name}", daemon=True)
                self._thread.start()

    def request_stop(self) -> None:
        self._is_stopping = True
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread. Return False if it still hangs in the disk's driver."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
            if thread.is_alive():
                return False
            self._thread = None
        return True

    def add(self, stream: StreamWriter) -> None:
        """Write a stream from now on."""
        with self._lock:
            self._streams.append(stream)
            self.budget.share_between(len(self._streams))
        stream.change_budget(self.budget)
        self._wake.set()

    def release_streams(self) -> list[StreamWriter]:
        """Give all streams away, because the disk hangs. Each gets new files; the old ones end if the disk answers."""
        with self._lock:
            streams, self._streams = self._streams, []
            for stream in streams:
                self._leftovers.append(stream.files)
                stream.files = stream.files.renewed()
        return streams

    def has_leftovers(self, camera_id: int) -> bool:
        """True while files of a camera have no final row, although its streams were given away."""
        with self._lock:
            if any(files.stream.camera_id == camera_id for files in self._leftovers):
                return True
        return any(key.stream.camera_id == camera_id for key in tuple(self._batch.files))

    def has_dropped(self) -> bool:
        """Return True if a stream lost media lately because the disk was too slow. Called by one thread."""
        with self._lock:
            dropped = [stream.take_dropped() for stream in self._streams]
        now_s = self._parts.clock.monotonic_s()
        if any(dropped):
            self._dropped_at_s = now_s
        return self._dropped_at_s is not None and now_s - self._dropped_at_s < _SLOW_FOR_S

    # ---- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping:
            self._try_once()
            self._wake.wait(LOOK_EVERY_S if self._streams or self._comparison else _IDLE_CHECK_S)
            self._wake.clear()
        try:
            self.finish()
        except Exception:  # the top of a thread
            log.exception("ending the recordings on %s failed", self.volume.name)

    def _try_once(self) -> None:
        try:
            self.run_once()
        except AppError as error:
            log.warning("the index of recordings: %s", error.detail)
        except Exception:  # the top of a thread
            log.exception("writing recordings to %s failed", self.volume.name)

    def run_once(self) -> None:
        """Write the content of the queues; check the volume, flush and recover if that is due."""
        now_s = self._parts.clock.monotonic_s()
        self._note_progress()
        try:
            if not self.volume.id or now_s >= self._next_check_s:
                self._check(now_s)
            for stream in self._present():
                self._write_stream(stream)
            self._end_leftovers()
            if now_s >= self._next_flush_s:
                self._next_flush_s = now_s + self._parts.settings.archive_flush_s
                self.flush()
            elif self._comparison is not None and next(self._comparison, None) is None:
                self._comparison = None
        finally:
            self.busy_since_s = None

    def finish(self) -> None:
        """Write everything that waits, and end all stretches."""
        for stream in self._present():
            stream.finish(GapReason.SERVER_OFF)
        for stream in self._present():
            self._write_stream(stream)
        self.flush()

    def flush(self) -> None:
        """Bring the files to the disk, then commit their rows. A commit that fails is tried again with the next one."""
        streams = self._present()
        synced = [stream.files for stream in streams]
        for files in synced:
            files.sync(self.volume, self._batch)
            self._note_progress()
        if not self._batch.is_empty():
            self._parts.index.commit([*self._batch.files.values()], [*self._batch.stretches.values()])
            self._batch = Batch()
        for files in synced:
            files.note_committed()
        for stream in streams:
            if stream.is_finished and stream.files.is_settled and self._remove(stream):
                stream.note_closed()

    def _note_progress(self) -> None:
        """Between two steps: the disk answers."""
        self.busy_since_s = time.monotonic()

    def _present(self) -> tuple[StreamWriter, ...]:
        with self._lock:
            return tuple(self._streams)

    def _remove(self, stream: StreamWriter) -> bool:
        """Write a stream no more. Return False if it was given away meanwhile."""
        with self._lock:
            is_own = stream in self._streams
            if is_own:
                self._streams.remove(stream)
            self.budget.share_between(len(self._streams))
            return is_own

    def _write_stream(self, stream: StreamWriter) -> None:
        files = stream.files
        if self._work(stream, files) is Outcome.MOVE:
            return
        while files is stream.files and (item := stream.take_item()) is not None:
            try:
                if isinstance(item, QueuedUnits):
                    files.add(item.units, item.utc_s)
                elif isinstance(item, UnitDescription):
                    files.describe(item)
                else:
                    files.end(item)
                outcome = self._work(stream, files)
            finally:
                if isinstance(item, QueuedUnits):
                    stream.release(item)
            if outcome is Outcome.MOVE:
                return

    def _work(self, stream: StreamWriter, files: StreamFiles) -> Outcome:
        """Carry out a stream's tasks; hand it over to another volume's writer if its next file belongs there."""
        self._note_progress()
        try:
            outcome = files.work(self.volume, self._parts.volumes)
        except Exception:  # one stream must not stop the others
            log.exception("a recording of camera %d cannot be written", stream.stream.camera_id)
            files.give_up(GapReason.UNKNOWN)
            return Outcome.DONE
        if outcome is Outcome.MOVE and files is stream.files:
            self._hand_over(stream)
        return outcome

    def _hand_over(self, stream: StreamWriter) -> None:
        target = self._parts.volumes.first_usable()
        if target is None or target is self.volume:
            return
        self.flush()  # the other writer goes on with the same stretch
        if self._remove(stream):
            self._parts.writers[target].add(stream)

    def _end_leftovers(self) -> None:
        with self._lock:
            leftovers = tuple(self._leftovers)
        for files in leftovers:
            files.give_up(GapReason.DISK_TOO_SLOW)
            files.sync(self.volume, self._batch)
            with self._lock:  # not before: has_leftovers() must see the files here or in the batch
                self._leftovers.remove(files)

    # ---- the volume ------------------------------------------------------------------------------

    def _check(self, now_s: float) -> None:
        self._next_check_s = now_s + _IDLE_CHECK_S
        if not self.volume.answers:
            self._is_recovered = False  # files may have been left open
        if self.volume.state is VolumeState.GONE:
            self._is_compared = False  # another hand may have changed its files
        if not self.volume.uuid or not self.volume.id:
            self._parts.volumes.open(
                self.volume, self._parts.index, adopts=self._parts.adopts, is_strict=self._parts.is_strict
            )
        else:
            self.volume.check()
        if self.volume.state is VolumeState.GONE:
            for stream in self._present():
                stream.files.abandon(REASONS[self.volume.state])
        elif self.volume.answers and not self._is_recovered:
            self._recover()

    def _recover(self) -> None:
        recovery = Recovery(self._parts.index, self.volume)
        busy = OpenFiles(self)
        try:
            for _ in recovery.finish_open_files(busy):
                self._note_progress()
            if self._parts.crashed_at_ms is not None:
                for _ in recovery.adopt_since(from_ms(self._parts.crashed_at_ms), busy):
                    self._note_progress()
            if not self._is_compared:
                self._comparison = recovery.compare(busy)
                self._is_compared = True
        except OSError as error:
            self.volume.note_error(error)
            return
        self._is_recovered = True

    def is_open(self, key: FileKey) -> bool:
        """True if a file is being written, or has no row yet."""
        with self._lock:
            present = [*self._leftovers, *(stream.files for stream in self._streams)]
        return key in self._batch.files or any(key in files.open_keys() for files in present)


class OpenFiles(Container[FileKey]):
    """The files that a volume's writer has open at the moment."""

    def __init__(self, writer: VolumeWriter) -> None:
        self._writer = writer

    def __contains__(self, key: object) -> bool:
        return isinstance(key, FileKey) and self._writer.is_open(key)
