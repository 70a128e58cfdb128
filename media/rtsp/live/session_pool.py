"""Device sessions of live sources, and the feeds that share them.

Feeds of the same source (camera, media profile, address, credential) share one device session, which ends some
seconds after the last feed has closed. A device has a budget of sessions, lowered for a while after a 453.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from core.errors import (
    CameraBadAnswer,
    CameraBusy,
    CameraUnreachable,
    DeviceError,
    StreamNotFound,
    Unavailable,
)
from core.loop_thread import LoopThread
from core.records import StreamSource
from media.codecs.display_order import KnownReordering
from media.fmp4.live import FragmentSink
from media.rtsp.client.budget import SessionBudget, SessionSlot
from media.rtsp.client.errors import NoSuchStream
from media.rtsp.client.marker_habit import KnownMarkers
from media.rtsp.client.session import ClientContext, DeviceSession
from media.rtsp.live.feed import FeedStatus, HeldKeyFrame, MediaDescription
from media.rtsp.live.fragments import LiveFragments
from media.rtsp.live.loopback import LoopbackOutlet, LoopbackServer
from media.rtsp.live.source import SharedSource
from media.rtsp.live.timeline import WallClock
from media.rtsp.live.units import UnitTap
from media.units import UnitSink

log = logging.getLogger(__name__)

_MOST_REMEMBERED = 1024

_Key = tuple[int, str, str, str, str]
_Stream = TypeVar("_Stream", str, tuple[int, str])
_Memory = TypeVar("_Memory", KnownMarkers, KnownReordering)


class SharedDeviceSession:
    """A device session, its source, and the feeds that share it. DeviceSessionPool guards `feeds` by its lock.

    `known_reordering` belongs to the stream, and is used in the gateway's thread only.
    """

    def __init__(
        self,
        key: _Key,
        source: StreamSource,
        shared_source: SharedSource,
        slot: SessionSlot,
        known_reordering: KnownReordering,
    ) -> None:
        self.key = key
        self.source = source
        self.shared_source = shared_source
        self.slot = slot
        self.known_reordering = known_reordering
        self.feeds: set[GatewayFeed] = set()
        self.task: asyncio.Task[None] | None = None


class GatewayFeed:
    """One reader of one source. All public methods but end_consumers() may be called from any thread.

    Feeds of the same source share its device session. The gateway does not retry: if the source fails, its feeds are
    `failed` with a Problem, and the caller opens a new feed.
    """

    def __init__(
        self, pool: DeviceSessionPool, session: SharedDeviceSession, outlet: LoopbackOutlet, thread: LoopThread
    ) -> None:
        self._pool = pool
        self.session = session
        self.outlet = outlet
        self._frames_dropped_before = session.shared_source.status().frames_dropped
        self._thread = thread
        self._is_closed = False
        self._is_audio_enabled = False
        self._fragments: LiveFragments | None = None
        self._fragments_task: asyncio.Task[None] | None = None
        self._units: UnitTap | None = None
        self._units_task: asyncio.Task[None] | None = None

    # -- any thread --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """`rtsp://127.0.0.1:port/<random>`: without a password, for one ffmpeg at a time.

        A second reader takes the place of the first. Valid until close().
        """
        return self.outlet.url

    def wait_described(self, timeout_s: float) -> MediaDescription:
        """Wait for the description of the tracks, which often comes before the first key frame.

        Also wait until the first packets have confirmed or corrected the description of the audio, at most 2 s after
        the first video. Raises the DeviceError that the source failed with; after `timeout_s` CameraUnreachable if the
        device does not play yet, CameraNoSignal if it plays and sends no video, CameraBadAnswer if it sends video
        without parameter sets.
        """
        return self.session.shared_source.wait_described(timeout_s, lambda: self._is_closed)

    def wait_playing(self, timeout_s: float) -> None:
        """Wait until the device has agreed to play, has described its tracks, or has failed; at most `timeout_s`."""
        self.session.shared_source.wait_playing(timeout_s, lambda: self._is_closed)

    def status(self) -> FeedStatus:
        """Return the present status. Never blocks."""
        status = self.session.shared_source.status()
        return replace(status, frames_dropped=status.frames_dropped - self._frames_dropped_before)

    def is_failed(self) -> bool:
        """True if the source has failed; then a new feed is needed."""
        return self.session.shared_source.error is not None

    def wall_time_of(self, media_s: float) -> datetime | None:
        """Return the arrival time of the frame `media_s` after the key frame that the present reader began with.

        None before that key frame. It is corrected for the drift between the device's clock and ours and for steps of
        our own wall clock. The result for a given `media_s` does not change once that frame has arrived.
        """
        start_s = self.outlet.start_s
        return None if start_s is None else self.session.shared_source.arrived_utc(start_s + media_s)

    def open_fragments(self, sink: FragmentSink, *, origin_s: float | None = None) -> None:
        """Make fragments of the source's frames for `sink` (fmp4/live.py), from the last key frame until close().

        Only the first call has an effect. `origin_s`: the source's time that is 0 on the timeline of the fragments.
        MJPEG has no fragments: the sink gets no call then.
        """
        self._thread.call(self._start_fragments, sink, origin_s)

    def open_units(self, sink: UnitSink) -> None:
        """Pass the access units of the source on to `sink` (media/units.py), from the next key frame until close().

        Only the first call has an effect. All calls of the sink come from the gateway's thread; the last one is
        on_end(), with SWITCHED_OFF after close(), UNSUPPORTED for MJPEG, otherwise the reason of the failure.
        """
        self._thread.call(self._start_units, sink)

    def enable_audio(self) -> None:
        """Put audio into the fragments from now on, if the source has audio that we can carry."""
        self._is_audio_enabled = True
        self._thread.call(self._apply_audio)

    def fragments_origin_s(self) -> float | None:
        """Return the source's time that is 0 on the timeline of the fragments. None before the first fragment."""
        return self._fragments.origin_s if self._fragments else None

    def close(self) -> None:
        """Stop reading the source. Returns immediately and may be called twice; a waiting wait_described() ends.

        The device session ends some seconds after its last feed has closed.
        """
        self._is_closed = True
        self.session.shared_source.wake_waiters()
        self._pool.close_feed(self)

    # -- the gateway's thread ----------------------------------------------------------------------

    def end_consumers(self) -> None:
        """End the reader, the fragments and the units."""
        self.outlet.close()
        if self._fragments_task:
            self._fragments_task.cancel()
        if self._fragments:
            self.session.shared_source.detach(self._fragments)
        if self._units_task:
            self._units_task.cancel()
        if self._units:
            self._units.close()

    def _start_units(self, sink: UnitSink) -> None:
        if self._units is None:
            self._units = UnitTap(self.session.shared_source, sink)
            if self._is_closed:
                self._units.close()
            else:
                self._units_task = asyncio.get_running_loop().create_task(self._units.attach())

    def _start_fragments(self, sink: FragmentSink, origin_s: float | None) -> None:
        if self._fragments_task is None and not self._is_closed:
            self._fragments_task = asyncio.get_running_loop().create_task(self._attach_fragments(sink, origin_s))

    async def _attach_fragments(self, sink: FragmentSink, origin_s: float | None) -> None:
        """Wait for the codec only: the parameter sets may come as late as the first key frame."""
        shared_source = self.session.shared_source
        codec = await shared_source.until_announced()
        if codec is None:
            sink.on_end()
            return
        if not codec.has_fragments:
            return
        self._fragments = LiveFragments(
            shared_source, codec, sink, origin_s=origin_s, known_reordering=self.session.known_reordering
        )
        self._apply_audio()
        shared_source.attach(self._fragments)

    def _apply_audio(self) -> None:
        if self._fragments and self._is_audio_enabled:
            self._fragments.enable_audio()


class DeviceSessionPool:
    """All live device sessions of the gateway. Feeds are opened and closed from any thread."""

    def __init__(self, thread: LoopThread, client: ClientContext, budget: SessionBudget, *, linger_s: float) -> None:
        self._thread = thread
        self._client = client
        self._budget = budget
        self._linger_s = linger_s
        self._server = LoopbackServer(client.clock)
        self._wall = WallClock(client.clock)
        self._lock = threading.Lock()
        self._is_open = False
        self._sessions: dict[_Key, SharedDeviceSession] = {}
        self._feeds: set[GatewayFeed] = set()
        self._known_reordering: dict[tuple[int, str], KnownReordering] = {}  # by camera and media profile
        self._known_markers: dict[str, KnownMarkers] = {}  # by device
        self._running: set[SharedDeviceSession] = set()  # those with a slot of the budget; the gateway's thread only

    async def start(self) -> None:
        """Listen on loopback and accept feeds. Raises OSError."""
        await self._server.start()
        self._is_open = True

    def open_feed(self, source: StreamSource) -> GatewayFeed:
        """Return a feed of this source; start its device session unless one runs. Raises Unavailable after stop()."""
        credential = source.credential
        fingerprint = credential.password.fingerprint()
        key = (source.camera_id, source.profile_token, source.uri, credential.username, fingerprint)
        with self._lock:
            if not self._is_open:
                raise Unavailable("The media gateway is not running.")
            session = self._sessions.get(key)
            if session is None or session.shared_source.error:
                session = self._sessions[key] = self._new_session(key, source)
                self._thread.call(self._start_session, session)
            feed = GatewayFeed(self, session, self._server.add_outlet(session.shared_source), self._thread)
            session.feeds.add(feed)
            self._feeds.add(feed)
        return feed

    def close_feed(self, feed: GatewayFeed) -> None:
        """Do what GatewayFeed.close() says."""
        with self._lock:
            if feed not in self._feeds:
                return
            self._feeds.discard(feed)
            feed.session.feeds.discard(feed)
        self._server.remove_outlet(feed.outlet)
        self._thread.call(self._after_close, feed)

    def end_camera(self, camera_id: int) -> None:
        """End the sessions of a camera now, those with feeds too. In the gateway's thread."""
        with self._lock:
            found = [session for key, session in self._sessions.items() if key[0] == camera_id]
        for session in found:
            if session.task is not None:
                session.task.cancel()

    def held_key_frame(self, camera_id: int, profile_token: str) -> HeldKeyFrame | None:
        """Return the last key frame of a running session. In the gateway's thread."""
        with self._lock:
            found = [one.shared_source for key, one in self._sessions.items() if key[:2] == (camera_id, profile_token)]
        held = (source.held_key_frame() for source in found if source.error is None)
        return next((frame for frame in held if frame is not None), None)

    def session_count(self) -> int:
        """Return how many device sessions are open or opening, also those that no feed uses any more."""
        with self._lock:
            return sum(session.shared_source.error is None for session in self._sessions.values())

    def _new_session(self, key: _Key, source: StreamSource) -> SharedDeviceSession:
        name = f"{source.device_key}/{source.profile_token!r}"
        shared_source = SharedSource(
            self._client.clock,
            self._wall,
            name=name,
            timeout_s=self._client.timeout_s,
            known_markers=_remembered(self._known_markers, source.device_key, KnownMarkers),
        )
        slot = SessionSlot(self._budget, source.device_key)
        known_reordering = _remembered(
            self._known_reordering, (source.camera_id, source.profile_token), KnownReordering
        )
        return SharedDeviceSession(key, source, shared_source, slot, known_reordering)

    # -- the gateway's thread ----------------------------------------------------------------------

    def _start_session(self, session: SharedDeviceSession) -> None:
        session.task = asyncio.get_running_loop().create_task(self._run(session))

    async def _run(self, session: SharedDeviceSession) -> None:
        """Run one device session from its slot in the budget to its end. A new feed is needed for another one."""
        try:
            await self._take_slot(session)
            await DeviceSession(session.source, session.shared_source, self._client).run()
        except DeviceError as error:
            if isinstance(error, CameraBusy):
                session.slot.refused_by_device()
            if isinstance(error, NoSuchStream) and session.source.is_plain:
                error = StreamNotFound("The camera has no stream at this address.")
            log.info("%s failed: %s (%s)", session.source.device_key, error.detail, error.code)
            session.shared_source.fail(error)
        except asyncio.CancelledError:
            session.shared_source.fail(CameraUnreachable("The session was ended."))
            raise
        except Exception:  # the top of a session: a fault of ours must not leave feeds waiting
            log.exception("a device session ended with an unexpected error")
            session.shared_source.fail(CameraBadAnswer("The device sent data that the app cannot process."))
        finally:
            self._running.discard(session)
            session.slot.give_back()
            self._forget_if_unused(session)

    async def _take_slot(self, session: SharedDeviceSession) -> None:
        """Take a slot, if needed from a session that no feed uses any more. Raises CameraBusy."""
        while not session.slot.try_take():
            unused = self._unused(session.source.device_key)
            if unused is None or unused.task is None:
                raise CameraBusy(
                    f"All {session.slot.limit} sessions that the app may open with this device are in use."
                )
            unused.task.cancel()
            await asyncio.wait({unused.task})
        self._running.add(session)

    def _unused(self, device_key: str) -> SharedDeviceSession | None:
        with self._lock:
            same_device = (one for one in self._running if one.source.device_key == device_key)
            return next((one for one in same_device if not one.feeds), None)

    def _after_close(self, feed: GatewayFeed) -> None:
        feed.end_consumers()
        if feed.session.shared_source.error:
            self._forget_if_unused(feed.session)
        else:
            asyncio.get_running_loop().call_later(self._linger_s, self._end_if_unused, feed.session)

    def _end_if_unused(self, session: SharedDeviceSession) -> None:
        if self._forget_if_unused(session) and session.task:
            session.task.cancel()

    def _forget_if_unused(self, session: SharedDeviceSession) -> bool:
        """Remove a session without feeds, so that the next feed gets a new one. True if it has no feeds."""
        with self._lock:
            if session.feeds:
                return False
            if self._sessions.get(session.key) is session:
                del self._sessions[session.key]
            return True

    async def stop(self) -> set[asyncio.Task[None]]:
        """Close all feeds, stop listening and cancel the sessions. Returns the tasks that are ending."""
        with self._lock:
            self._is_open = False
            feeds = list(self._feeds)
        for feed in feeds:
            feed.close()
        with self._lock:
            tasks = {session.task for session in self._sessions.values() if session.task}
            self._sessions.clear()
        for task in tasks:
            task.cancel()
        await self._server.stop()
        return tasks


def _remembered(memories: dict[_Stream, _Memory], key: _Stream, new: type[_Memory]) -> _Memory:
    """Return the memory of this key, a new one if there is none. The oldest is forgotten if there are too many."""
    found = memories.setdefault(key, new())
    if len(memories) > _MOST_REMEMBERED:
        del memories[next(iter(memories))]
    return found
