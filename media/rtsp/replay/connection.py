"""The gateway's replay connection: carries out play(), pause() and resume() in one device session (held_session.py)."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from enum import Enum

from core.errors import CameraBusy, CameraUnreachable, DeviceError
from core.recordings import ReplayAbilities, ReplaySource
from media.rtsp.client.budget import SessionSlot
from media.rtsp.client.connection import ReadLimit
from media.rtsp.client.errors import NoSuchRange, TooManyBytes
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.replay.held_session import HeldSession, ReplayContext
from media.rtsp.replay.interface import ReplayConnection, ReplayConsumer, ReplayRank
from media.rtsp.replay.playback import ReplayPlayback
from media.rtsp.replay.precedence import RankedConnection

log = logging.getLogger(__name__)

_TICK_S = 0.5
_SEEK_PATIENCE_S = 3.0
_GIVEN_AWAY = "The recorder's session is needed for {}."


class ReplayState(Enum):
    """The state of a connection between two updates."""

    IDLE = "idle"  # no playback: none was requested yet, or it has ended or failed; the session may be open
    SEEKING = "seeking"  # the recorder accepted another PLAY in the open session; no packet has come yet
    PLAYING = "playing"
    PAUSED = "paused"  # by PAUSE; the session is open, or was lost meanwhile
    BLOCKED = "blocked"  # the recorder cannot pause: its connection is not read
    CLOSED = "closed"


_EXPECTING = frozenset({ReplayState.SEEKING, ReplayState.PLAYING})  # media should come


class GatewayReplayConnection(ReplayConnection, RankedConnection):
    """ReplayConnection documents the methods. Other threads leave requests; the task of run() carries them out."""

    def __init__(
        self,
        source: ReplaySource,
        context: ReplayContext,
        loop: asyncio.AbstractEventLoop,
        rank: ReplayRank = ReplayRank.WATCHED,
    ) -> None:
        self._source = source
        self._context = context
        self.rank = rank
        self._clock = context.client.clock
        self._timeout_s = context.client.timeout_s
        self._loop = loop
        self._markers = MarkerHabit(is_patient=False)
        self._changed = asyncio.Event()
        self._closed = threading.Event()
        # requests, from any thread
        self._requested: ReplayPlayback | None = None
        self._pause_requested = False
        self._close_requested = False
        self._given_away = CameraBusy(_GIVEN_AWAY.format("something else"))
        # the task's own
        self._state = ReplayState.IDLE
        self._playback: ReplayPlayback | None = None  # the newest one that was started
        self._checked_s = 0.0  # our monotonic clock at the last look at its progress
        self._held = HeldSession(source, context, self._changed)
        self._slot = SessionSlot(context.budget, source.device_key)
        self._task: asyncio.Task[None] | None = None
        self._freed = asyncio.Event()

    @property
    def camera_id(self) -> int:
        return self._source.camera_id

    # -- any thread: see interface.ReplayConnection ------------------------------------------------

    def play(
        self,
        start_device_s: float,
        consumer: ReplayConsumer,
        *,
        end_device_s: float | None = None,
        fast: bool = True,
        key_frames_only: bool = False,
        scale: float = 1.0,
        key_frames_ms: int | None = None,
        limit: ReadLimit | None = None,
    ) -> None:
        previous = self._requested
        if previous is not None:
            previous.is_over = True
        # _update() carries it out, in _start()
        self._requested = ReplayPlayback(
            *(start_device_s, consumer, end_device_s, fast, key_frames_only, scale, key_frames_ms, limit, self._markers)
        )
        self._pause_requested = False
        self._wake()
        if self._close_requested:  # it has given way
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._requested.fail, self._given_away)

    def pause(self) -> None:
        self._pause_requested = True
        self._wake()

    def resume(self) -> None:
        self._pause_requested = False
        self._wake()

    def abilities(self) -> ReplayAbilities:
        return self._held.abilities

    def received_bytes(self) -> int:
        return self._held.received_bytes

    def set_rank(self, rank: ReplayRank) -> None:
        self.rank = rank

    def close(self, wait_s: float = 0.0) -> None:
        self._close_requested = True
        if self._requested is not None:
            self._requested.is_over = True
        self._wake()
        self._closed.wait(wait_s)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the gateway has stopped
            self._loop.call_soon_threadsafe(self._changed.set)

    # -- the gateway's thread ----------------------------------------------------------------------

    async def run(self) -> None:
        """Carry out requests until close() or give_way()."""
        self._task = asyncio.current_task()
        self._context.precedence.add(self)
        try:
            while not self._close_requested:
                await self._until_due()
                await self._update()
        except asyncio.CancelledError:
            if not self._close_requested or self._task is None:
                raise
            self._task.uncancel()
        finally:
            await self._held.end()
            self._slot.give_back()
            self._context.precedence.remove(self)
            self._state = ReplayState.CLOSED
            self._closed.set()
            self._freed.set()

    # -- precedence.RankedConnection ---------------------------------------------------------------

    @property
    def device_key(self) -> str:
        return self._source.device_key

    @property
    def has_session(self) -> bool:
        return self._slot.is_taken

    def give_way(self, rank: ReplayRank) -> asyncio.Event:
        """End now, also while the device is slow to open a session."""
        if not self._close_requested and self._task is not None:
            log.info("%s: a replay gives its session to one before it", self._source.device_key)
            self._given_away = CameraBusy(_GIVEN_AWAY.format(rank.purpose))
            self._close_requested = True
            if self._requested is not None:
                self._requested.fail(self._given_away)
            self._task.cancel()
        return self._freed

    async def _until_due(self) -> None:
        """Wait for a request or the end of the session; half a second at most while media is expected."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK_S if self._state in _EXPECTING else None):
                await self._changed.wait()
        self._changed.clear()

    async def _update(self) -> None:
        """Take the next steps. Only this method and run() change the state: each step returns the state after it."""
        if self._close_requested:
            return
        if (error := self._held.take_loss()) is not None:
            self._state = await self._recover(error)
        requested = self._requested
        if requested is not None and requested is not self._playback and not requested.is_over:
            self._state = await self._start(requested)
        playback = self._playback
        if playback is None:
            return
        match self._state:
            case ReplayState.SEEKING | ReplayState.PLAYING:
                if playback.is_over:
                    self._state = await self._finish(playback)
                elif self._pause_requested:
                    self._state = await self._pause(playback)
                else:
                    self._state = await self._check_progress(playback)
            case ReplayState.PAUSED | ReplayState.BLOCKED if not self._pause_requested and not playback.is_over:
                self._state = await self._resume(playback)
            case _:
                pass

    # -- steps -------------------------------------------------------------------------------------

    async def _start(self, playback: ReplayPlayback) -> ReplayState:
        """PLAY: in the open session if there is one, otherwise in a new one."""
        if self._playback is not None and self._state in _EXPECTING:
            self._held.learn_from(self._playback)
        self._playback = playback
        playback.silent_since_s = self._clock.monotonic_s()
        try:
            await self._take_slot()
            is_seek = await self._play(playback)
        except NoSuchRange:
            playback.end()
            return ReplayState.IDLE
        except DeviceError as error:
            if isinstance(error, CameraBusy):
                self._slot.refused_by_device()
            await self._held.end()
            self._slot.give_back()
            log.info("%s: replay failed: %s (%s)", self._source.device_key, error.detail, error.code)
            playback.fail(error)
            return ReplayState.IDLE
        self._checked_s = self._clock.monotonic_s()
        return ReplayState.SEEKING if is_seek else ReplayState.PLAYING

    async def _take_slot(self) -> None:
        """Take one of the sessions that the app may open with the recorder. Raise CameraBusy if none is free.

        A backfill runs only while another one is free, so that viewers need not wait until it has given way.
        """
        if self.rank is ReplayRank.BACKFILL:
            if not self._slot.try_take(leaves_one=True):
                raise CameraBusy("The last free replay session of the recorder stays free for viewers.")
            return
        while not self._slot.try_take():
            if not await self._context.precedence.free_session(self._source.device_key, self.rank):
                limit, users = self._slot.limit, self._context.precedence.purposes(self._source.device_key)
                raise CameraBusy(
                    f"All {limit} replay sessions that the app may open with this recorder are in use: for {users}."
                )
        if self._slot.is_last:
            self._context.precedence.end_backfill(self._source.device_key, self.rank)

    async def _play(self, playback: ReplayPlayback) -> bool:
        """PLAY; if the recorder has no session left, once more with the session of a connection that gives way."""
        try:
            return await self._held.play(playback)
        except CameraBusy:
            await self._held.end()
            if not await self._context.precedence.free_session(self._source.device_key, self.rank):
                raise
        return await self._held.play(playback)

    async def _finish(self, playback: ReplayPlayback) -> ReplayState:
        """Pause a recorder that was to play only a part: it would go on sending until the next PLAY."""
        self._held.learn_from(playback)
        if playback.is_cut_short:
            await self._held.pause()
        return ReplayState.IDLE

    async def _pause(self, playback: ReplayPlayback) -> ReplayState:
        self._held.learn_from(playback)  # before the pause, which would count as slowness
        return ReplayState.PAUSED if await self._held.pause() else ReplayState.BLOCKED

    async def _resume(self, playback: ReplayPlayback) -> ReplayState:
        """Read again, or send another PLAY from the newest frame; the playback drops repeated frames."""
        if self._state is ReplayState.BLOCKED and self._held.is_open:
            playback.silent_since_s = self._clock.monotonic_s()
            self._held.read_again()
            return ReplayState.PLAYING if playback.is_heard else ReplayState.SEEKING
        return await self._start(playback)

    async def _check_progress(self, playback: ReplayPlayback) -> ReplayState:
        """Twice a second: learn from the packets so far, end the session if the recorder is silent for too long."""
        now_s = self._clock.monotonic_s()
        if now_s - self._checked_s < _TICK_S:
            return self._state
        self._checked_s = now_s
        self._held.learn_from(playback)
        if self._state is ReplayState.SEEKING and not playback.is_heard:
            # GStreamer's server accepts one seek in a hundred and sends nothing: a new session plays.
            if now_s - playback.silent_since_s > min(_SEEK_PATIENCE_S, self._timeout_s):
                self._held.note_silent_seek()
                await self._held.end()
                return await self._start(playback)
            return ReplayState.SEEKING
        try:
            playback.check_silence(now_s, self._timeout_s)
        except DeviceError as error:
            await self._held.end()
            return await self._recover(error)
        return await self._finish(playback) if playback.is_over else ReplayState.PLAYING

    async def _recover(self, error: BaseException) -> ReplayState:
        """The session has ended with this error: continue in a new one if the playback had got further."""
        playback = self._playback
        if playback is None or playback.is_over or playback is not self._requested:
            return ReplayState.IDLE
        if isinstance(error, TooManyBytes):
            playback.fail(error)
            return ReplayState.IDLE
        if self._state in {ReplayState.PAUSED, ReplayState.BLOCKED}:
            return ReplayState.PAUSED  # _resume() opens a new session
        if playback.note_loss():
            return await self._start(playback)
        if playback.delivered and playback.is_heard and isinstance(error, CameraUnreachable):
            # A new session has sent the last frames again and nothing new: the recorder ends a recording like this.
            playback.end()
            return ReplayState.IDLE
        playback.fail(error if isinstance(error, DeviceError) else CameraUnreachable("The recorder ended the session."))
        return ReplayState.IDLE
