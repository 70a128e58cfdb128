"""The composition root: builds all parts of the app, connects them, and starts and stops them.

It is a separate file so that only gunicorn's worker imports it, through `app.py`: the master saves some 40 MB that way.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from account_manager import AccountManager
from accounts.commands import users_commands
from archive.storages import NodeStorage
from archive_manager import ArchiveManager
from backfill_manager import BackfillManager
from cameras.onvif_device import OnvifNetwork
from cameras.plain_device import NetworkWithPlainCameras
from core.allowed_addresses import allowed_addresses
from core.certificates import PinnedCertificates
from core.clock import Clock, SystemClock
from core.errors import AppError, Conflict, StartRefused
from core.login_gate import LoginGate
from core.login_protection import LoginProtection
from core.loop_thread import LoopThread
from core.node_link import NodeLink
from core.placement import Placement
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.store import SubscriptionStore
from evidence_manager import EvidenceManager
from export_manager import ExportManager
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from media.still_decoder import StillDecoder
from motion.child import VisionChild
from motion_manager import MotionManager
from notification_manager import NotificationManager
from notifications.push_services import PushServices, parse_push_services, push_contact
from notifications.push_store import PushStore
from notifications.web_push import WebPush
from object_manager import ObjectManager
from onvif_manager import OnvifManager
from picture_manager import PictureManager
from placement.alone import Alone
from placement.commands import nodes_commands
from ptz_manager import PtzManager
from recording_manager import RecordingManager
from search_manager import SearchManager
from searches.candidates import Candidates
from searches.judge import Judges
from searches.key_frames import Replays
from searches.run import SearchContext
from stream_manager import StreamManager
from walls.walls import WallManager
from web.flask_app import API_VERSION, build_web
from web.logs import start_logging
from web.recordings_command import recordings_commands
from web.secrets_command import secrets_commands
from web.services import Managers, Services
from workers.event_import import EventImporter
from workers.event_listener import EventListeners
from workers.event_pictures import EventPictureTaker
from workers.event_watch import EventWatch
from workers.motion_watch import MotionWatch
from workers.notifier import Notifier
from workers.pinned_channels import PinnedChannels, parse_pinned_channels
from workers.tours import TourWorker

if TYPE_CHECKING:
    from object_storage_manager import ObjectStorageManager
    from placement.local_node import LocalNode


class Application:
    """All parts of the app. `start()` starts them in the order of their dependencies, `stop()` ends them in reverse."""

    def __init__(self, settings: Settings, *, is_demo: bool = False, placement: Placement | None = None) -> None:
        self.settings = settings
        self._is_demo = is_demo
        self._running: ExitStack | None = None
        clock = SystemClock()
        login_gate = LoginGate(clock, retry_after_s=settings.login_retry_s)
        self.database = Database(settings.database_place)
        self.accounts = AccountManager(self.database, settings, clock)
        self.spawner = Spawner()
        certificates = PinnedCertificates(clock)
        self._media_thread = LoopThread("media")
        self.node = self._make_node(clock) if settings.node_name and placement is None else None
        self.placement: Placement = placement or (self.node.placement if self.node is not None else Alone())
        self.gateway = RtspGateway(
            login_gate=login_gate,
            clock=clock,
            settings=settings,
            certificates=certificates,
            thread=self._media_thread,
        )
        protection = LoginProtection(login_gate, certificates)
        network = NetworkWithPlainCameras(
            OnvifNetwork(settings, protection, clock, SubscriptionStore(self.database)),
            self.gateway.describe,
            clock,
            login_gate,
            timeout_s=settings.device_timeout_s,
        )
        self.cameras = OnvifManager(self.database, settings, clock, protection, network, spawner=self.spawner)
        self.cameras.use_placement(self.placement)
        self.gateway.on_habits(self.cameras.note_rtsp_habits)
        self.events = EventManager(self.database, settings, clock, self.cameras)
        self.archive = ArchiveManager(self.database, settings, clock, self.gateway, self.cameras, self.events)
        self.object_storage = self._make_object_storage(clock) if settings.object_storage_url else None
        self.web_push = WebPush(
            PushStore(self.database, self.cameras),
            PushServices(parse_push_services(settings.push_services), ca_file=settings.notification_ca_file),
            clock,
            contact=push_contact(settings.public_url),
        )
        self.event_listeners = EventListeners(self.events, self.cameras, clock, self.archive, self.events)
        self.motion = MotionManager(self.database, settings, clock, self.spawner, self.cameras, self.events)
        self.objects = ObjectManager(self.database, settings, clock, self.spawner, self.events)
        self.motion.show_pictures_to(self.objects)
        self.event_watch = EventWatch(self.events, self.cameras, self.archive, clock)
        if self.object_storage is not None:
            self.event_watch.also_watch(self.object_storage)
        self.recordings = RecordingManager(self.database, settings, clock, self.cameras, self.archive)
        self.event_import = EventImporter(self.events, self.cameras, self.recordings, settings, clock)
        self.backfills = BackfillManager(
            self.database, settings, clock, self.gateway, self.cameras, self.archive, self.recordings
        )
        self.streams = StreamManager(settings, clock, self.spawner, self.gateway, self.cameras, self.recordings)
        self.pictures = PictureManager(settings, clock, self.spawner, self.gateway, self.cameras, self.recordings)
        judges = Judges(clock)
        judges.use(VisionChild(self.spawner, clock, judges, name="search-vision"))
        searching = SearchContext(
            clock,
            Replays(settings, clock, self.gateway, self.cameras, self.recordings),
            self.recordings,
            self.pictures,
            Candidates(self.motion, self.events),
            self.motion,
            judges,
            self.motion.is_available,
        )
        self.searches = SearchManager(self.database, clock, self.cameras, self.recordings, searching)
        self.event_pictures = EventPictureTaker(
            self.events,
            self.cameras,
            self.streams,
            self.gateway,
            StillDecoder(self.spawner, partial(find_ffmpeg, settings.ffmpeg), clock),
            self.archive,
            clock,
        )
        self.notifications = NotificationManager(
            self.database, settings, clock, self.cameras, self.events, self.accounts
        )
        self.notifications.use_push(self.web_push)
        self.notifier = Notifier(self.notifications)
        self.exports = ExportManager(
            self.database, settings, clock, self.spawner, self.gateway, self.cameras, self.recordings
        )
        self.evidence = EvidenceManager(self.database, settings, clock, self.spawner, self.exports)
        self.ptz = PtzManager(self.database, clock, self.cameras)
        self.tours = TourWorker(self.ptz)
        self.motion_watch = MotionWatch(self.motion, self.cameras, self.gateway, self.ptz, self.archive, clock)
        self.pinned_channels = PinnedChannels(
            parse_pinned_channels(settings.keep_connected), clock, self.cameras, self.gateway
        )
        self.cameras.on_closing(self.ptz.stop_camera)
        self.cameras.on_kept(self.ptz.keep_camera)
        self.cameras.on_closing(self.event_listeners.close_camera)
        for subscribe in (self.cameras.on_kept, self.cameras.on_delete, self.cameras.on_change):
            subscribe(self.event_listeners.open_camera)
        self.cameras.on_delete(self.streams.stop_camera)
        self.cameras.on_change(self.streams.restart_camera)
        self.cameras.on_delete(self.exports.camera_deleted)
        self.cameras.on_delete(self.archive.delete_footage)
        self.cameras.on_delete(self.events.delete_events)
        self.cameras.on_delete(self.motion.delete_camera)
        self.archive.on_limit(self.pictures.forget_before)
        self.cameras.on_change(self.exports.camera_changed)
        self.cameras.on_accepted_certificate(self.streams.retry_certificate)
        self.cameras.on_accepted_certificate(self.pinned_channels.forget_camera)
        self.cameras.on_accepted_certificate(self.archive.forget_camera)
        self.motion.on_activity(self.archive.take_watched)
        self.cameras.on_accepted_certificate(self.motion_watch.forget_camera)
        for subscribe in (self.cameras.on_delete, self.cameras.on_change):
            subscribe(self.motion_watch.forget_camera)
            subscribe(self.searches.forget_camera)
            subscribe(self.motion.forget_camera)
            subscribe(self.events.forget_camera)
            subscribe(self.pinned_channels.forget_camera)
            subscribe(self.archive.forget_camera)
            subscribe(self.backfills.forget_camera)
            subscribe(self.recordings.forget_camera)
            subscribe(self.pictures.forget_camera)
            subscribe(self.ptz.forget_camera)
        node_link = NodeLink(self.cameras, clock)
        if self.node is not None:
            self.node.follow_cameras(self.cameras, self.streams)  # first: it continues refused logins
            self.node.follow_logins(self.accounts)
            self.node.follow_events(self.events.log)
            self.node.follow_sinks(self.notifications)
            self.archive.share_files(NodeStorage(self.placement, node_link, clock), self.node.placement.epoch)
            self.node.follow_files(self.archive)
            self.node.follow_models(self.objects)
        managers = Managers(
            cameras=self.cameras,
            streams=self.streams,
            recordings=self.recordings,
            accounts=self.accounts,
            walls=WallManager(self.database),
            ptz=self.ptz,
            pictures=self.pictures,
            exports=self.exports,
            evidence=self.evidence,
            archive=self.archive,
            backfills=self.backfills,
            events=self.events,
            motion=self.motion,
            objects=self.objects,
            web_push=self.web_push,
            notifications=self.notifications,
            searches=self.searches,
            placement=self.placement,
            node_link=node_link,
            object_storage=self.object_storage,
        )
        if self.object_storage is not None:
            self.archive.use_object_storage(self.object_storage.store)  # after share_files()
        services = Services(settings, managers, is_ready=self.is_ready)
        self.sockets = services.sockets
        self._follow_moves()
        self.web = build_web(services)
        self.web.extensions["application"] = self
        self.web.cli.add_command(users_commands(self.accounts, self.database))
        self.web.cli.add_command(nodes_commands(self.database, clock))
        self.web.cli.add_command(secrets_commands(settings, self.cameras, self.accounts))
        self.web.cli.add_command(recordings_commands(settings, self.archive))
        if settings.object_storage_url:
            from object_storage.place import copies_commands  # noqa: PLC0415 - others save its memory

            self.web.cli.add_command(copies_commands(self.database, settings, clock))

    def _make_node(self, clock: Clock) -> LocalNode:
        """Build the parts for several nodes; the code is loaded only for them."""
        from placement.local_node import LocalNode  # noqa: PLC0415 - one process alone saves its memory
        from placement.pulse import LoopPulse  # noqa: PLC0415 - as above

        return LocalNode(self.database, self.settings, clock, [LoopPulse(self._media_thread)], API_VERSION)

    def _make_object_storage(self, clock: Clock) -> ObjectStorageManager:
        """Build the copies in an object storage; the code is loaded only for them."""
        from object_storage_manager import ObjectStorageManager  # noqa: PLC0415 - others save its memory

        return ObjectStorageManager(self.database, self.settings, clock, self.placement, self.archive)

    def _follow_moves(self) -> None:
        """Let the managers follow the moves of cameras between nodes.

        Pages learn of a move before their streams end, and go on at the new owner. The RTSP sessions end next, before
        anything that could wait. The last two ask the device. None of them may wait for the database.
        """
        for end in (
            self.sockets.leave_camera,
            self.gateway.release_camera,
            self.streams.stop_camera,
            self.archive.release_camera,
            self.exports.release_camera,
            self.backfills.release_camera,
            self.searches.release_camera,
            self.pictures.release_camera,
            self.recordings.release_camera,
            self.pinned_channels.forget_camera,
            self.motion_watch.forget_camera,
            self.ptz.stop_camera,
            self.event_listeners.close_camera,
        ):
            self.cameras.on_lost(end)
        for forget in (
            self.event_listeners.open_camera,
            self.events.release_camera,
            self.ptz.release_camera,
        ):
            self.cameras.on_closed(forget)
        for begin in (  # those that read the database first, so that nothing connects before
            self.events.adopt_camera,
            self.notifications.adopt_camera,
            self.ptz.adopt_camera,
            self.searches.adopt_camera,
            self.gateway.adopt_camera,
            self.exports.adopt_camera,
            self.backfills.adopt_camera,
            self.motion.forget_camera,
            self.archive.forget_camera,
        ):
            self.cameras.on_gained(begin)

    def start(self) -> None:
        """Start all parts. Raise StartRefused, and stop those that run already, if one of them cannot start."""
        if self._running is not None:
            return
        start_logging(self.settings)
        allowed_addresses.allow_loopback(self.settings.allow_loopback_devices)
        joining = self.node or self.placement
        with ExitStack() as started:
            for start, stop in (
                (self._start_accounts, self.accounts.stop),
                (self.spawner.start, self.spawner.stop),
                (self.gateway.start, self.gateway.stop),
                (self.cameras.start, self.cameras.stop),
                (self.archive.start, self.archive.stop),
                (self._start_copies, self._stop_copies),
                (self.events.start, self.events.stop),
                (self.event_listeners.start, self.event_listeners.stop),
                (self.objects.start, self.objects.stop),
                (self.motion.start, self.motion.stop),
                (self.event_watch.start, self.event_watch.stop),
                (self.recordings.start, self.recordings.stop),
                (self.event_import.start, self.event_import.stop),
                (self.backfills.start, self.backfills.stop),
                (self.streams.start, self.streams.stop),
                (self.pictures.start, self.pictures.stop),
                (self.searches.start, self.searches.stop),
                (self.event_pictures.start, self.event_pictures.stop),
                (self.notifications.start, self.notifications.stop),
                (self.notifier.start, self.notifier.stop),
                (self.exports.start, self.exports.stop),
                (self.evidence.start, self.evidence.stop),
                (self.ptz.start, self.ptz.stop),
                (self.tours.start, self.tours.stop),
                (self.motion_watch.start, self.motion_watch.stop),
                (partial(self.sockets.start, self._media_thread), self.sockets.stop),
                (self.pinned_channels.start, self.pinned_channels.stop),
                (joining.start, joining.stop),  # it calls back into the parts above
            ):
                started.callback(stop)
                start()
            if self._is_demo and not self.cameras.list_cameras():
                with suppress(Conflict):  # another node, which starts at the same time, has added it
                    self.cameras.add_pretend_recorder()
            self._running = started.pop_all()

    def _start_copies(self) -> None:
        if self.object_storage is not None:
            self.object_storage.start()

    def _stop_copies(self) -> None:
        if self.object_storage is not None:
            self.object_storage.stop()

    def _start_accounts(self) -> None:
        self.accounts.start(checks_logins=True)
        if not self.settings.is_loopback and not self.accounts.has_accounts():
            raise StartRefused(
                f"HOST={self.settings.host} is refused: without an account, everyone who reaches this address could\n"
                "watch and change the cameras. Make one first:  .venv/bin/flask --app app users add NAME\n"
                "or set HOST to 127.0.0.1."
            )

    def stop(self) -> None:
        """End streams, connections and child processes. May be called twice."""
        running, self._running = self._running, None
        if running is not None:
            running.close()

    def is_ready(self) -> bool:
        """True if the app can serve requests: all parts run and the database answers."""
        if self._running is None:
            return False
        try:
            with self.database.read():
                return True
        except AppError:
            return False
