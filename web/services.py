"""The parts of the app that views use: the managers, and the web's own limits, viewers and sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import current_app

from account_manager import AccountManager
from archive_manager import ArchiveManager
from backfill_manager import BackfillManager
from core.settings import Settings
from event_manager import EventManager
from evidence_manager import EvidenceManager
from export_manager import ExportManager
from onvif_manager import OnvifManager
from picture_manager import PictureManager
from ptz_manager import PtzManager
from recording_manager import RecordingManager
from stream_manager import StreamManager
from walls.walls import WallManager
from web.downloads import Downloads
from web.live.sockets import Sockets
from web.login_viewers import LoginViewers
from web.request_limit import RequestLimit

EXTENSION = "web.services"


class Services:
    """Everything that a view can reach. Ended logins and tokens end their viewers and sockets.

    A quarter of the request threads may wait for playlists that do not exist yet, another for devices, another for
    heads, and an eighth for news about events.
    """

    def __init__(
        self,
        settings: Settings,
        cameras: OnvifManager,
        streams: StreamManager,
        recordings: RecordingManager,
        accounts: AccountManager,
        walls: WallManager,
        ptz: PtzManager,
        pictures: PictureManager,
        exports: ExportManager,
        evidence: EvidenceManager,
        *,
        archive: ArchiveManager,
        backfills: BackfillManager,
        events: EventManager,
        is_ready: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.cameras = cameras
        self.streams = streams
        self.recordings = recordings
        self.accounts = accounts
        self.walls = walls
        self.ptz = ptz
        self.pictures = pictures
        self.exports = exports
        self.evidence = evidence
        self.archive = archive
        self.backfills = backfills
        self.events = events
        self.is_ready = is_ready
        slots = max(2, settings.request_threads // 4)
        self.playlist_limit = RequestLimit(slots, "playlists")
        self.device_limit = RequestLimit(slots, "devices")
        self.head_limit = RequestLimit(slots, "cameras that move")  # a move must not wait for snapshots
        self.event_limit = RequestLimit(max(1, settings.request_threads // 8), "events")
        self.downloads = Downloads()
        self.login_viewers = LoginViewers(streams, fresh_s=settings.idle_end_s)
        self.sockets = Sockets(settings.max_sockets)
        accounts.on_ended(self.login_viewers.end_logins)
        accounts.on_ended(self.sockets.end_logins)
        accounts.on_ended(ptz.end_logins)
        self.sockets.on_left(ptz.leave)


def services() -> Services:
    """Return the running app's services. Works only while a request is handled."""
    return cast(Services, current_app.extensions[EXTENSION])
