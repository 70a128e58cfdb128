"""The gateway: one thread, every device session, every feed.

The thread is started by start() and owns all sockets; open_feed() may be called from anywhere and
returns at once. Feeds of the same source (camera, media profile, address, credential) share one
device session; it ends some seconds after its last feed. A device has a budget of sessions, lowered
for a while when it refuses one (453).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from core.clock import Clock
from core.errors import CameraBadAnswer, CameraBusy, CameraUnreachable, DeviceError, Unavailable
from core.login_gate import LoginGate
from core.recordings import ReplayAbilities, ReplaySource
from core.records import StreamSource
from core.settings import Settings
from media.fmp4.live import FragmentSink, LiveFragments
from media.rtsp.client.budget import SessionBudget
from media.rtsp.client.session import ClientContext, DeviceSession
from media.rtsp.live.feed import Feed, FeedStatus, MediaDescription
from media.rtsp.live.loopback import LoopbackReader, LoopbackServer
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock
from media.rtsp.replay.abilities import RecorderAbilities, StoreAbilities
from media.rtsp.replay.connection import GatewayReplayConnection, ReplayContext

log = logging.getLogger(__name__)

LINGER_S = 5.0
_START_S = 5.0
_STOP_S = 4.0

_Key = tuple[int, str, str, str, str]


@dataclass(eq=False, slots=True)
class LiveConnection:
    """One shared source and who holds on to it. `feeds` is guarded by the gateway's lock."""

    key: _Key
    stream: StreamSource
    source: SharedSource
    feeds: set[GatewayFeed] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


class GatewayFeed:
    """The gateway's Feed; see feed.Feed for what each method promises."""

    def __init__(self, gateway: RtspGateway, connection: LiveConnection, port: int) -> None:
        self._gateway = gateway
        self._connection = connection
        self.token = secrets.token_urlsafe(24)
        self._port = port
        self._reader: LoopbackReader | None = None
        self._start_s: float | None = None
        self._is_closed = False
        self._wants_audio = False
        self._fragments: LiveFragments | None = None
        self._fragments_begin: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._port}/{self.token}"

    @property
    def source(self) -> SharedSource:
        """For consumers inside the gateway's thread."""
        return self._connection.source

    def wait_described(self, timeout_s: float) -> MediaDescription:
        return self._connection.source.wait_described(timeout_s, lambda: self._is_closed)

    def status(self) -> FeedStatus:
        return self._connection.source.status()

    def is_failed(self) -> bool:
        return self._connection.source.error is not None

    def first_frame_utc(self) -> datetime | None:
        return self.wall_time_of(0.0)

    def wall_time_of(self, media_s: float) -> datetime | None:
        start_s = self._start_s
        return None if start_s is None else self._connection.source.arrived_utc(start_s + media_s)

    def open_fragments(self, sink: FragmentSink, *, origin_s: float | None = None) -> None:
        self._gateway.in_thread(self._begin_fragments, sink, origin_s)

    def enable_audio(self) -> None:
        self._wants_audio = True
        self._gateway.in_thread(self._apply_audio)

    def fragments_origin_s(self) -> float | None:
        return self._fragments.origin_s if self._fragments else None

    def close(self) -> None:
        self._is_closed = True
        self._connection.source.wake_waiters()
        self._gateway.close_feed(self)

    # the gateway's thread

    @property
    def connection(self) -> LiveConnection:
        return self._connection

    def take_reader(self, reader: LoopbackReader) -> None:
        if self._reader and self._reader is not reader:
            self._reader.close()
        self._reader = reader

    def on_started(self, start_s: float) -> None:
        self._start_s = start_s

    def end_consumers(self) -> None:
        if self._reader:
            self._reader.close()
            self._reader = None
        if self._fragments_begin:
            self._fragments_begin.cancel()
        if self._fragments:
            self.source.detach(self._fragments)

    def _begin_fragments(self, sink: FragmentSink, origin_s: float | None) -> None:
        if self._fragments_begin is None and not self._is_closed:
            self._fragments_begin = asyncio.get_running_loop().create_task(self._attach_fragments(sink, origin_s))

    async def _attach_fragments(self, sink: FragmentSink, origin_s: float | None) -> None:
        """The parameter sets may come with the first key frame only, so all that is waited for is the codec."""
        source = self.source
        if not await source.until_announced() or source.codec is None:
            sink.on_end()
            return
        self._fragments = LiveFragments(
            source.codec, source.sets, source.announced_audio, sink, utc_of=source.arrived_utc, origin_s=origin_s
        )
        self._apply_audio()
        source.attach(self._fragments)

    def _apply_audio(self) -> None:
        if self._fragments and self._wants_audio:
            self._fragments.enable_audio()


class RtspGateway:
    """start(), open_feed() as often as wanted, stop(). Both may be called twice.

    `keep_abilities` is told, by a thread that may wait, what a camera was seen to do when it replayed.
    """

    def __init__(
        self,
        *,
        login_gate: LoginGate,
        clock: Clock,
        settings: Settings,
        keep_abilities: StoreAbilities = lambda _camera_id, _abilities: None,
        linger_s: float = LINGER_S,
    ) -> None:
        self._clock = clock
        self._client = ClientContext(login_gate, clock, settings.rtsp_timeout_s)
        self._linger_s = linger_s
        self._budget = SessionBudget(settings.device_live_sessions, clock)
        self._replay = ReplayContext(
            self._client, SessionBudget(settings.device_replay_sessions, clock), RecorderAbilities(keep_abilities)
        )
        self._replays: dict[GatewayReplayConnection, asyncio.Task[None]] = {}  # the thread's own
        self._wall = WallClock(clock)
        self._lock = threading.Lock()
        self._connections: dict[_Key, LiveConnection] = {}
        self._feeds: dict[str, GatewayFeed] = {}
        self._holding: set[LiveConnection] = set()  # those with a place in the budget; the thread's own
        self._server = LoopbackServer(self._find_outlet, clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Returns when the listener is there. Raises OSError if it cannot be."""
        if self._thread:
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, args=(self._loop,), name="rtsp-gateway", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(_START_S)

    def stop(self) -> None:
        """Ends every session and connection, then the thread; takes a few seconds at most."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
            feeds = list(self._feeds.values())
        if not loop or not thread:
            return
        ending: Future[None] = asyncio.run_coroutine_threadsafe(self._end_all(feeds), loop)
        with suppress(FutureTimeout):
            ending.result(_STOP_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_S)

    def open_feed(self, stream: StreamSource) -> Feed:
        """A feed of this source; its device session begins now unless there is one.

        Raises Unavailable while the gateway is not running.
        """
        credential = stream.credential
        fingerprint = credential.password.fingerprint()
        key = (stream.camera_id, stream.profile_token, stream.uri, credential.username, fingerprint)
        with self._lock:
            if self._loop is None:
                raise Unavailable("The media gateway is not running.")
            connection = self._connections.get(key)
            if connection is None or connection.source.error:
                name = f"{stream.device_key}/{stream.profile_token!r}"
                source = SharedSource(self._clock, self._wall, name=name, timeout_s=self._client.timeout_s)
                connection = self._connections[key] = LiveConnection(key, stream, source)
                self._loop.call_soon_threadsafe(self._begin, connection)
            feed = GatewayFeed(self, connection, self._server.port)
            connection.feeds.add(feed)
            self._feeds[feed.token] = feed
        return feed

    def open_replay(self, source: ReplaySource) -> GatewayReplayConnection:
        """Return a connection that plays a recording (replay.interface.ReplayConnection); its first play() opens it.

        Raises Unavailable while the gateway is not running.
        """
        with self._lock:
            loop = self._loop
        if loop is None:
            raise Unavailable("The media gateway is not running.")
        connection = GatewayReplayConnection(source, self._replay, loop)
        loop.call_soon_threadsafe(self._serve, connection)
        return connection

    def replay_abilities(self, device_key: str) -> ReplayAbilities:
        """What a recorder was seen to do when it replayed."""
        return self._replay.abilities.get(device_key)

    def restore_replay_abilities(self, device_key: str, abilities: ReplayAbilities) -> None:
        """What a recorder was seen to do in an earlier run; what this one has seen counts more."""
        self._replay.abilities.restore(device_key, abilities)

    def replay_capacity(self, device_key: str) -> int:
        """How many recordings a recorder plays at once: the setting, or fewer once it has refused one (453)."""
        return self._replay.budget.capacity(device_key)

    def forget_replay_abilities(self, device_key: str) -> None:
        """A device was edited or deleted: what it can is found out anew."""
        self._replay.abilities.forget(device_key)

    def in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        """Has the gateway's thread do it; nothing where the gateway has stopped."""
        with self._lock:
            if self._loop:
                self._loop.call_soon_threadsafe(work, *arguments)

    def close_feed(self, feed: GatewayFeed) -> None:
        """Feed.close()."""
        with self._lock:
            if self._feeds.pop(feed.token, None) is None:
                return
            feed.connection.feeds.discard(feed)
            if self._loop:
                self._loop.call_soon_threadsafe(self._after_close, feed)

    def device_sessions(self) -> int:
        """How many device sessions are open or being opened, lingering ones included."""
        with self._lock:
            return sum(connection.source.error is None for connection in self._connections.values())

    # the thread

    def _run_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _serve(self, connection: GatewayReplayConnection) -> None:
        task = self._replays[connection] = asyncio.get_running_loop().create_task(connection.run())
        task.add_done_callback(lambda _: self._replays.pop(connection, None))

    def _find_outlet(self, token: str) -> GatewayFeed | None:
        with self._lock:
            return self._feeds.get(token)

    def _begin(self, connection: LiveConnection) -> None:
        connection.task = asyncio.get_running_loop().create_task(self._run_connection(connection))

    async def _run_connection(self, connection: LiveConnection) -> None:
        """One device session from its place in the budget to its end; never retried here."""
        try:
            await self._take_slot(connection)
            await self._run_session(connection)
        except DeviceError as error:
            log.info("%s failed: %s (%s)", connection.stream.device_key, error.detail, error.code)
            connection.source.fail(error)
        except asyncio.CancelledError:
            connection.source.fail(CameraUnreachable("The session was ended."))
            raise
        except Exception:  # the top of a session: a fault of ours must not leave feeds waiting
            log.exception("a device session broke off")
            connection.source.fail(CameraBadAnswer("The device sent what could not be worked with."))
        finally:
            if connection in self._holding:
                self._holding.discard(connection)
                self._budget.give_back(connection.stream.device_key)
            self._forget_if_unused(connection)

    async def _run_session(self, connection: LiveConnection) -> None:
        session = DeviceSession(connection.stream, connection.source, self._client)
        try:
            await session.run()
        except CameraBusy:
            self._budget.refused_by_device(connection.stream.device_key)
            raise

    async def _take_slot(self, connection: LiveConnection) -> None:
        """Raises CameraBusy. Sessions that only linger make room first."""
        device_key = connection.stream.device_key
        while not self._budget.try_take(device_key):
            idle = self._lingering(device_key)
            if idle is None or idle.task is None:
                limit = self._budget.limit(device_key)
                raise CameraBusy(f"All {limit} sessions that this device may be asked for are in use.")
            idle.task.cancel()
            await asyncio.wait({idle.task})
        self._holding.add(connection)

    def _lingering(self, device_key: str) -> LiveConnection | None:
        with self._lock:
            same = (connection for connection in self._holding if connection.stream.device_key == device_key)
            return next((connection for connection in same if not connection.feeds), None)

    def _after_close(self, feed: GatewayFeed) -> None:
        feed.end_consumers()
        if feed.connection.source.error:
            self._forget_if_unused(feed.connection)
        else:
            asyncio.get_running_loop().call_later(self._linger_s, self._end_if_unused, feed.connection)

    def _end_if_unused(self, connection: LiveConnection) -> None:
        with self._lock:
            is_unused = not connection.feeds
            if is_unused and self._connections.get(connection.key) is connection:
                del self._connections[connection.key]
        if is_unused and connection.task:
            connection.task.cancel()

    def _forget_if_unused(self, connection: LiveConnection) -> None:
        with self._lock:
            if not connection.feeds and self._connections.get(connection.key) is connection:
                del self._connections[connection.key]

    async def _end_all(self, feeds: list[GatewayFeed]) -> None:
        for feed in feeds:
            feed.close()
        with self._lock:
            tasks = {connection.task for connection in self._connections.values() if connection.task}
            self._connections.clear()
        for task in tasks:
            task.cancel()
        for replay in list(self._replays):
            replay.close()  # not cancelled: each says goodbye to its recorder
        tasks.update(self._replays.values())
        await self._server.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S / 2)
