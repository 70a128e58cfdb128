"""The writer of the archive: gives each recorded stream a sink, and keeps an eye on the volumes' threads."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from archive.index import ArchiveIndex
from archive.records import from_ms, to_ms
from archive.stream_files import StreamFiles
from archive.stream_writer import StreamWriter
from archive.volume_writer import ArchiveParts, VolumeWriter
from archive.volumes import Volumes
from core.archive import GapReason, Origin, StreamKey
from core.clock import Clock
from core.errors import AppError
from core.settings import Settings

log = logging.getLogger(__name__)

_WATCH_EVERY_S = 1.0
_IDLE_HEARTBEAT_S = 60.0
_HANGS_AFTER_S = 30.0
_STOP_S = 2.5
_HANGS = "The disk does not answer."


EpochOf = Callable[[int], int | None]
"""Returns the number of this node's lease of a camera, None without one."""


class ArchiveWriter:
    """Thread-safe. The index must be open between start() and stop().

    Without ARCHIVE_DIRS, the folder and its thread begin with the first recording.
    """

    def __init__(self, settings: Settings, clock: Clock, volumes: Volumes, index: ArchiveIndex) -> None:
        self._parts = ArchiveParts(settings, clock, volumes, index)
        for volume in volumes.all():
            self._parts.writers[volume] = VolumeWriter(volume, self._parts)
        self._clock = clock
        self._lock = threading.Lock()
        self._next_heartbeat_s = 0.0
        self._was_off: tuple[datetime, datetime] | None = None
        self._open_streams: list[StreamWriter] = []
        self._is_stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._epoch_of: EpochOf | None = None

    def note_epochs(self, epoch_of: EpochOf) -> None:
        """Note with each file from now on the number of the camera's lease."""
        self._epoch_of = epoch_of

    @property
    def was_off(self) -> tuple[datetime, datetime] | None:
        """The time before this start in which the app did not run; None at its very first start."""
        return self._was_off

    def start(self, *, is_new_index: bool = False, adopts: bool = True) -> None:
        """Note the time that the app was off, and begin to recover the volumes in the background.

        `is_new_index`: adopt the files of all volumes. Without `adopts`, refuse these volumes.
        """
        now = self._clock.now_utc()
        last_ms = self._parts.index.heartbeat_ms()
        self._parts.adopts = is_new_index and adopts
        self._parts.is_strict = is_new_index and not adopts
        self._parts.crashed_at_ms = last_ms
        if last_ms is not None:
            self._was_off = (from_ms(last_ms), max(now, from_ms(last_ms)))
        self._parts.index.finish_stretches(GapReason.SERVER_OFF)
        for volume in self._parts.volumes.add_former(self._parts.index):
            self._parts.writers[volume] = VolumeWriter(volume, self._parts)
        self._beat()
        self._is_stopping.clear()
        settings = self._parts.settings
        if settings.archive_dirs or self._parts.index.volumes() or settings.archive_folders[0].exists():
            for writer in self._parts.writers.values():
                writer.start()
        self._watch = threading.Thread(target=self._serve, name="archive-watch", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Write and end everything within 3 s; leave a volume alone that hangs. May be called twice."""
        watch, self._watch = self._watch, None
        if watch is None:
            return
        self._is_stopping.set()
        ends_s = time.monotonic() + _STOP_S
        for writer in self._parts.writers.values():
            writer.request_stop()
        for writer in self._parts.writers.values():
            if not writer.join(max(0.0, ends_s - time.monotonic())):
                log.error("the archive's volume %s does not answer; its last recordings may be cut", writer.volume.name)
        watch.join(max(0.1, ends_s - time.monotonic()))
        self._beat()

    def open_stream(
        self,
        stream: StreamKey,
        *,
        origin: Origin = Origin.SERVER,
        clock_correction_s: float = 0.0,
        file_s: float | None = None,
    ) -> StreamWriter:
        """Return the sink of a stream; finish() closes it.

        `file_s`: the length of its files, by default ARCHIVE_FILE_S. The rest is noted with its stretches.
        """
        files = StreamFiles(
            stream,
            self._parts.index,
            file_s=file_s or self._parts.settings.archive_file_s,
            origin=origin,
            clock_correction_s=clock_correction_s,
            epoch=(self._epoch_of(stream.camera_id) or 0) if self._epoch_of is not None else 0,
        )
        writer = self._first_writer()
        writer.start()
        made = StreamWriter(stream, files, writer.budget)
        with self._lock:
            self._open_streams = [it for it in self._open_streams if not it.is_closed]
            self._open_streams.append(made)
        writer.add(made)
        return made

    def is_writing(self, camera_id: int) -> bool:
        """True until the last files of all streams of a camera have their final rows in the index."""
        with self._lock:  # streams move between the volumes, so these cannot tell
            streams = tuple(self._open_streams)
        return any(it.stream.camera_id == camera_id and not it.is_closed for it in streams) or any(
            writer.has_leftovers(camera_id) for writer in self._parts.writers.values()
        )

    def watch_once(self) -> None:
        """Note that the app runs; notice slow and hanging volumes, and move the streams of one that hangs."""
        for writer in self._parts.writers.values():
            writer.volume.note_slow(is_slow=writer.has_dropped())
            busy_since_s = writer.busy_since_s
            if busy_since_s is not None and time.monotonic() - busy_since_s > _HANGS_AFTER_S:
                self._give_away(writer)
        if self._clock.monotonic_s() >= self._next_heartbeat_s:
            self._beat()

    def _give_away(self, writer: VolumeWriter) -> None:
        writer.volume.note_gone(_HANGS)
        target = self._parts.volumes.first_usable()
        if target is not None:
            self._parts.writers[target].start()
            for stream in writer.release_streams():
                self._parts.writers[target].add(stream)

    def _first_writer(self) -> VolumeWriter:
        target = self._parts.volumes.first_usable()
        return self._parts.writers[target or self._parts.volumes.all()[0]]

    def _serve(self) -> None:
        while not self._is_stopping.wait(_WATCH_EVERY_S):
            try:
                self.watch_once()
            except Exception:  # the top of a thread
                log.exception("watching the archive's volumes failed")

    def _beat(self) -> None:
        with self._lock:
            records = any(not it.is_finished for it in self._open_streams)
        every_s = self._parts.settings.archive_flush_s if records else _IDLE_HEARTBEAT_S
        self._next_heartbeat_s = self._clock.monotonic_s() + every_s
        try:
            self._parts.index.beat(to_ms(self._clock.now_utc()))
        except AppError as error:
            log.warning("the index of recordings: %s", error.detail)
