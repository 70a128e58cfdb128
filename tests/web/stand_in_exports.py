"""The real export manager for web tests. Its worker is not started, so that jobs stay queued."""

from __future__ import annotations

from dataclasses import replace

from core.settings import Settings
from database import Database
from export_manager import ExportManager
from media.process import Spawner
from onvif_manager import OnvifManager
from tests.recordings.recorder import Archive
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.stand_ins import ThinReplays


def export_manager(database: Database, settings: Settings, cameras: OnvifManager, archive: Archive) -> ExportManager:
    """Return a manager with the recordings and the clock of the archive."""
    return ExportManager(
        database,
        replace(settings, export_min_free_bytes=0),
        archive.clock,
        Spawner(),
        ThinReplays(ThinRecorder([])),
        cameras,
        archive.manager,
    )
