"""Recording on the server: the interface of the package `archive`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from archive.coverage import gaps_of
from archive.disk_replay import DiskReplayConnection
from archive.index import ArchiveIndex
from archive.open_files import OpenFiles
from archive.stream_reader import StreamReader
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.archive import ArchivedStream, ArchiveGap, ArchiveStretch, RecordedQuality, StreamKey
from core.clock import Clock
from core.errors import NotFound
from core.recordings import ReplaySource
from core.settings import Settings
from database import Database
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayConnection
from onvif_manager import OnvifManager

__all__ = ["ArchiveManager"]


class ArchiveManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, gateway: RtspGateway, cameras: OnvifManager
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._gateway = gateway
        self._cameras = cameras
        self.index = ArchiveIndex(settings.archive_index_file)
        self.volumes = Volumes(settings)
        self.writer = ArchiveWriter(settings, clock, self.volumes, self.index)
        self.open_files = OpenFiles()

    def start(self) -> None:
        """Open the index and start the writer. Raise StartRefused if the index cannot be used."""
        is_new = self.index.open()
        self.writer.start(is_new_index=is_new)

    def stop(self) -> None:
        """End all recordings within 3 s, also if a disk hangs. May be called twice."""
        self.writer.stop()
        self.index.close()

    # ---- playing ---------------------------------------------------------------------------------

    def streams_of(self, camera_id: int) -> Sequence[ArchivedStream]:
        """Return the recorded streams of a camera that the archive has footage of."""
        return self.index.extents(self.index.streams(camera_id))

    def stretches(
        self, camera_id: int, channel: int, start: datetime, end: datetime, quality: RecordedQuality | None = None
    ) -> Sequence[ArchiveStretch]:
        """Return the recorded stretches of a channel that overlap [start, end): of both streams, or of one."""
        streams = [it for it in self.index.streams(camera_id, channel) if quality in (None, it.quality)]
        return self.index.stretches(streams, start, end)

    def open_replay(self, source: ReplaySource) -> ReplayConnection:
        """Return a connection that plays a recording of the archive. Raise NotFound for one of the device."""
        stream = StreamKey.of_token(source.camera_id, source.recording_token)
        if stream is None:
            raise NotFound("This server has no such recording.")
        return DiskReplayConnection(StreamReader(self.index, stream, self.open_files), self._clock)

    def gaps(self, camera_id: int, channel: int, start: datetime, end: datetime) -> Sequence[ArchiveGap]:
        """Return the times of a window that the archive should have and does not have."""
        return gaps_of(self._database, camera_id, channel, start, end)
