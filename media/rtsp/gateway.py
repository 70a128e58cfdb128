"""The RTSP gateway: every session with a device, live and replay, in one thread.

start() starts the thread; the other methods may be called from any thread and return immediately. See
media/rtsp/__init__.py for the way of a frame.
"""

from __future__ import annotations

import asyncio

from core.certificates import PinnedCertificates, tls_context
from core.clock import Clock
from core.errors import Unavailable
from core.login_gate import LoginGate
from core.loop_thread import LoopThread
from core.placement import NotOwner
from core.recordings import ReplaySource
from core.records import ServiceCheck, StreamFormats, StreamSource
from core.settings import Settings
from media.rtsp.client.budget import SessionBudget
from media.rtsp.client.habit_writer import HabitWriter, SaveHabits
from media.rtsp.client.habits import HabitStore
from media.rtsp.client.session import ClientContext
from media.rtsp.live.feed import HeldKeyFrame
from media.rtsp.live.session_pool import DeviceSessionPool, GatewayFeed
from media.rtsp.replay.connection import GatewayReplayConnection
from media.rtsp.replay.held_session import ReplayContext
from media.rtsp.replay.interface import ReplayConnection, ReplayRank

LINGER_S = 5.0
_START_S = 5.0
_STOP_S = 2.0
_CHECKS_S = 2.0


class RtspGateway:
    """start() and stop() may be called twice.

    `certificates`: the pins of devices, new ones unless given. `thread`: runs the sessions; an own one unless given.
    """

    def __init__(
        self,
        *,
        login_gate: LoginGate,
        clock: Clock,
        settings: Settings,
        certificates: PinnedCertificates | None = None,
        thread: LoopThread | None = None,
        linger_s: float = LINGER_S,
    ) -> None:
        self._writer = HabitWriter()
        self._habits = HabitStore(clock, self._writer.save)
        client = ClientContext(
            login_gate,
            clock,
            settings.rtsp_timeout_s,
            certificates or PinnedCertificates(clock),
            tls_context,
            self._habits,
        )
        self._thread = thread or LoopThread("rtsp-gateway")
        self._is_running = False
        self._live = DeviceSessionPool(
            self._thread, client, SessionBudget(settings.device_live_sessions, clock), linger_s=linger_s
        )
        self._replay = ReplayContext(client, SessionBudget(settings.device_replay_sessions, clock))
        self._replays: dict[GatewayReplayConnection, asyncio.Task[None]] = {}  # the thread's own
        self._released: set[int] = set()  # cameras that another node connects

    def start(self) -> None:
        """Start the thread and wait until it listens on loopback. Raises OSError if it cannot."""
        if not self._is_running:
            self._thread.start()
            self._writer.start()
            self._is_running = True
            self._thread.run(self._live.start(), _START_S)

    def stop(self) -> None:
        """End every session and connection, and an own thread; takes a few seconds at most."""
        if self._is_running:
            self._is_running = False
            self._thread.stop(self._end_all)
            self._writer.stop()

    def on_habits(self, save: SaveHabits) -> None:
        """Store the habits of devices with `save`, which may wait for the database. Call this before start()."""
        self._writer.save_with(save)

    def open_feed(self, source: StreamSource) -> GatewayFeed:
        """Return a feed of this live source. Raises Unavailable while the gateway is not running, or NotOwner.

        Feeds of the same source share one device session, which starts now unless it runs.
        """
        self._check_owner(source.camera_id)
        self._writer.note_camera(source.device_key, source.camera_id)
        feed = self._live.open_feed(source)
        if source.camera_id in self._released:  # meanwhile, and the end of its sessions may be over
            feed.close()
            self._thread.call(self._end_camera, source.camera_id)
            raise NotOwner(source.camera_id)
        return feed

    def open_replay(self, source: ReplaySource, rank: ReplayRank = ReplayRank.WATCHED) -> ReplayConnection:
        """Return a connection that plays a recording. Raises Unavailable while the gateway is not running, or NotOwner.

        The recorder gets its first request with the connection's first play().
        """
        self._check_owner(source.camera_id)
        self._writer.note_camera(source.device_key, source.camera_id)
        loop = self._thread.loop
        if loop is None or not self._is_running:
            raise Unavailable("The media gateway is not running.")
        connection = GatewayReplayConnection(source, self._replay, loop, rank)
        self._thread.call(self._run_replay, connection)
        if source.camera_id in self._released:
            connection.close()
        return connection

    def release_camera(self, camera_id: int) -> None:
        """End all sessions with a camera now, also unused ones, and open no new ones until adopt_camera().

        Another node connects the camera. A source from before may be opened late, so the gateway itself refuses it.
        """
        self._released.add(camera_id)
        if self._is_running:
            self._thread.call(self._end_camera, camera_id)

    def adopt_camera(self, camera_id: int) -> None:
        """Open sessions with a camera again. Its next source has its habits, as the last owner has stored them."""
        if self._is_running:
            for key in self._writer.keys_of(camera_id):
                self._thread.call(self._habits.forget, key)
        self._released.discard(camera_id)

    def _check_owner(self, camera_id: int) -> None:
        if camera_id in self._released:
            raise NotOwner(camera_id)

    def describe(self, source: StreamSource, timeout_s: float) -> StreamFormats:
        """Open a live source for a moment, at most for `timeout_s`, and return its formats.

        Raises the DeviceError, or Unavailable while the gateway is not running.
        """
        feed = self.open_feed(source)
        try:
            described = feed.wait_described(timeout_s)
            return StreamFormats(described.video, described.audio)
        finally:
            feed.close()

    def held_key_frame(self, camera_id: int, profile_token: str) -> HeldKeyFrame | None:
        """Return the last key frame of a live session that runs now, from memory. None if there is none."""
        found: list[HeldKeyFrame | None] = []

        async def look() -> None:
            found.append(self._live.held_key_frame(camera_id, profile_token))

        try:
            self._thread.run(look(), _CHECKS_S)
        except (RuntimeError, TimeoutError):
            return None
        return found[0]

    def device_sessions(self) -> int:
        """Return how many live device sessions are open or opening."""
        return self._live.session_count()

    def device_checks(self, device_key: str) -> tuple[ServiceCheck, ...]:
        """Return lines of the health card: guesses about the device's RTSP. None while the gateway is not running."""
        found: list[ServiceCheck] = []

        async def ask() -> None:
            found.extend(self._habits.checks(device_key))

        try:
            self._thread.run(ask(), _CHECKS_S)
        except (RuntimeError, TimeoutError):
            return ()
        return tuple(found)

    def replay_capacity(self, device_key: str) -> int:
        """Return how many recordings a recorder plays at a time: the setting, or less after a refusal (453)."""
        return self._replay.budget.capacity(device_key)

    # -- the thread --------------------------------------------------------------------------------

    def _run_replay(self, connection: GatewayReplayConnection) -> None:
        task = self._replays[connection] = asyncio.get_running_loop().create_task(connection.run())
        task.add_done_callback(lambda _: self._replays.pop(connection, None))

    def _end_camera(self, camera_id: int) -> None:
        self._live.end_camera(camera_id)
        for connection in [one for one in self._replays if one.camera_id == camera_id]:
            connection.close()

    async def _end_all(self) -> None:
        tasks = await self._live.stop()
        for connection in list(self._replays):
            connection.close()  # not cancelled: each sends TEARDOWN to its recorder
        tasks.update(self._replays.values())
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)
