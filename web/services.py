"""The parts of the app that views use: the managers, and the web's own limits, viewers and sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

from account_manager import AccountManager
from archive_manager import ArchiveManager
from backfill_manager import BackfillManager
from core.node_link import NodeLink
from core.placement import Placement
from core.settings import Settings
from event_manager import EventManager
from evidence_manager import EvidenceManager
from export_manager import ExportManager
from motion_manager import MotionManager
from notification_manager import NotificationManager
from notifications.web_push import WebPush
from object_manager import ObjectManager
from onvif_manager import OnvifManager
from picture_manager import PictureManager
from ptz_manager import PtzManager
from recording_manager import RecordingManager
from search_manager import SearchManager
from stream_manager import StreamManager
from walls.walls import WallManager
from web.downloads import Downloads
from web.live.sockets import Sockets
from web.login_viewers import LoginViewers
from web.other_nodes import OtherNodes
from web.request_limit import RequestLimit
from web.working_node import WorkingNode

if TYPE_CHECKING:
    from object_storage_manager import ObjectStorageManager

EXTENSION = "web.services"


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """The managers that views call."""

    cameras: OnvifManager
    streams: StreamManager
    recordings: RecordingManager
    accounts: AccountManager
    walls: WallManager
    ptz: PtzManager
    pictures: PictureManager
    exports: ExportManager
    evidence: EvidenceManager
    archive: ArchiveManager
    backfills: BackfillManager
    events: EventManager
    motion: MotionManager
    objects: ObjectManager
    web_push: WebPush
    notifications: NotificationManager
    searches: SearchManager
    placement: Placement
    node_link: NodeLink
    object_storage: ObjectStorageManager | None = None


class Services:
    """Everything that a view can reach. Ended logins and tokens end their viewers and sockets.

    A quarter of the request threads may wait for playlists that do not exist yet, another for devices, another for
    heads, an eighth for news about events, and another for other nodes.
    """

    def __init__(self, settings: Settings, managers: Managers, *, is_ready: Callable[[], bool]) -> None:
        self.settings = settings
        self.is_ready = is_ready
        self.managers = managers
        self.cameras = managers.cameras
        self.streams = managers.streams
        self.recordings = managers.recordings
        self.accounts = managers.accounts
        self.walls = managers.walls
        self.ptz = managers.ptz
        self.pictures = managers.pictures
        self.exports = managers.exports
        self.evidence = managers.evidence
        self.archive = managers.archive
        self.backfills = managers.backfills
        self.events = managers.events
        self.motion = managers.motion
        self.objects = managers.objects
        self.web_push = managers.web_push
        self.notifications = managers.notifications
        self.searches = managers.searches
        self.placement = managers.placement
        self.node_link = managers.node_link
        self.other_nodes = OtherNodes(self.placement, self.node_link)
        self.working_node = WorkingNode(self.placement, self.node_link)
        self.object_storage = managers.object_storage
        slots = max(2, settings.request_threads // 4)
        self.playlist_limit = RequestLimit(slots, "playlists")
        self.device_limit = RequestLimit(slots, "devices")
        self.disk_limit = RequestLimit(2 * slots, "disks")  # other nodes read archive files
        self.head_limit = RequestLimit(slots, "cameras that move")  # a move must not wait for snapshots
        self.event_limit = RequestLimit(max(1, settings.request_threads // 8), "events")
        self.node_limit = RequestLimit(max(1, settings.request_threads // 8), "other servers")
        self.sink_limit = RequestLimit(2, "tests of notifications")
        self.downloads = Downloads()
        self.login_viewers = LoginViewers(self.streams, fresh_s=settings.idle_end_s)
        self.sockets = Sockets(settings.max_sockets)
        self.accounts.on_ended(self.login_viewers.end_logins)
        self.accounts.on_ended(self.sockets.end_logins)
        self.accounts.on_ended(self.ptz.end_logins)
        self.sockets.on_left(self.ptz.leave)


def services() -> Services:
    """Return the running app's services. Works only while a request is handled."""
    return cast(Services, current_app.extensions[EXTENSION])
