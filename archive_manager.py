"""Recording on the server: the interface of the package `archive`."""

from __future__ import annotations

from archive.index import ArchiveIndex
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

    def start(self) -> None:
        """Open the index. Raise StartRefused if it cannot be used."""
        self.index.open()

    def stop(self) -> None:
        """Close the index. May be called twice."""
        self.index.close()
