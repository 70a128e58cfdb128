"""Recording on the server: the interface of the package `archive`."""

from __future__ import annotations

from archive.index import ArchiveIndex
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.clock import Clock
from core.settings import Settings
from database import Database
from media.rtsp.gateway import RtspGateway
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

    def start(self) -> None:
        """Open the index and start the writer. Raise StartRefused if the index cannot be used."""
        is_new = self.index.open()
        self.writer.start(is_new_index=is_new)

    def stop(self) -> None:
        """End all recordings within 3 s, also if a disk hangs. May be called twice."""
        self.writer.stop()
        self.index.close()
