"""Recording on the server: the interface of the package `archive`."""

from __future__ import annotations

from datetime import datetime

from archive.index import ArchiveIndex
from archive.inflow import Inflow
from archive.kept import KeptRanges
from archive.open_files import OpenFiles
from archive.retention import Retention, RetentionParts
from archive.rules import RuleStore
from archive.storage_report import StorageReport
from archive.storage_view import StorageView
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.access import Principal
from core.archive import KeptRange, RecordingRule
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
        self.open_files = OpenFiles()
        self._rules = RuleStore(database, clock)
        self._kept = KeptRanges(database, clock)
        inflow = Inflow(self.index, self._rules, clock)
        parts = RetentionParts(self.index, self.volumes, self._rules, self._kept, self.open_files, inflow)
        self._retention = Retention(parts, clock, min_free_bytes=settings.archive_min_free_bytes)
        self._report = StorageReport(parts, clock, min_free_bytes=settings.archive_min_free_bytes)

    def start(self) -> None:
        """Open the index, start the writer and the retention. Raise StartRefused if the index cannot be used."""
        is_new = self.index.open()
        self._rules.load()
        self.writer.start(is_new_index=is_new)
        self._retention.start()

    def stop(self) -> None:
        """End all recordings within 3 s, also if a disk hangs. May be called twice."""
        self._retention.stop()
        self.writer.stop()
        self.index.close()

    # ---- rules -----------------------------------------------------------------------------------

    def rule(self, camera_id: int, channel: int) -> RecordingRule:
        """Return the rule of a channel; one that says off if there is none."""
        return self._rules.rule(camera_id, channel)

    def set_rule(self, camera_id: int, channel: int, rule: RecordingRule) -> None:
        """Raise InvalidRequest, which names the field, or NotFound for an unknown camera."""
        self._rules.set_rule(camera_id, channel, rule)
        self._retention.wake()

    # ---- retention -------------------------------------------------------------------------------

    def keep(
        self,
        camera_id: int,
        channel: int,
        start: datetime,
        end: datetime,
        *,
        reason: str,
        until: datetime | None,
        by: Principal,
    ) -> KeptRange:
        """Keep a range from the retention, except from the channel's limit by law.

        Raise InvalidRequest, NotFound for an unknown camera, or LimitReached (kept_limit).
        """
        return self._kept.keep(camera_id, channel, start, end, reason=reason, until=until, by=by)

    def kept(self, camera_id: int | None = None) -> list[KeptRange]:
        """Return the kept ranges of a camera or of all cameras, the newest footage first."""
        return self._kept.ranges(camera_id)

    def kept_range(self, range_id: int) -> KeptRange:
        """Raise NotFound."""
        return self._kept.get(range_id)

    def unkeep(self, range_id: int, by: Principal) -> None:
        """Let the retention delete a range again. Raise NotFound, or Forbidden for a range of another user."""
        self._kept.release(range_id, by)
        self._retention.wake()

    def storage(self) -> StorageView:
        """Return the volumes with their forecast, and the share of each channel. Raise Unavailable."""
        return self._report.view()

    def delete_footage(self, camera_id: int) -> None:
        """Delete all footage of a camera that was removed."""
        self._retention.delete_camera(camera_id)
