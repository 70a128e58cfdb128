"""The gateway's replay connection: holds one device session with a recorder and seeks in it.

To open a replay session takes recorders two or three seconds, another PLAY in an open session some hundredths.
So the session stays open between plays, kept alive, until the connection is closed. Where a recorder cannot do
ONVIF's replay, its address is played as plain RTSP, and then the maker's own address (methods.py).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from core.errors import CameraBusy, CameraUnreachable, DeviceError
from core.recordings import ReplayAbilities, ReplaySource
from core.records import StreamSource
from media.rtsp.client.budget import SessionBudget, SessionSlot
from media.rtsp.client.errors import NoSuchRange
from media.rtsp.client.session import ClientContext
from media.rtsp.replay.abilities import RecorderAbilities
from media.rtsp.replay.device_session import ReplayDeviceSession
from media.rtsp.replay.headers import play_headers
from media.rtsp.replay.interface import ReplayConsumer
from media.rtsp.replay.methods import LASTING_ERRORS, METHOD_ERRORS, ReplayMethod, plain_uri, replay_methods
from media.rtsp.replay.playback import ReplayPlayback

log = logging.getLogger(__name__)

_TICK_S = 0.5
_SEEK_PATIENCE_S = 3.0
_FAR_END_S = 86_400.0


class ReplayState(Enum):
    """Where the connection stands between two updates."""

    IDLE = "idle"  # no playback: none was requested yet, or it has ended or failed; the session may be open
    SEEKING = "seeking"  # the recorder accepted another PLAY in the open session; no packet has come yet
    PLAYING = "playing"
    PAUSED = "paused"  # by PAUSE; the session is open, or was lost meanwhile
    BLOCKED = "blocked"  # the recorder cannot pause: its connection is not read
    CLOSED = "closed"


_EXPECTING = frozenset({ReplayState.SEEKING, ReplayState.PLAYING})  # media should come


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """What every replay connection gets from the gateway."""

    client: ClientContext
    budget: SessionBudget
    abilities: RecorderAbilities


class GatewayReplayConnection:
    """Implements interface.ReplayConnection. Other threads leave requests; the task of run() carries them out."""

    def __init__(self, source: ReplaySource, context: ReplayContext, loop: asyncio.AbstractEventLoop) -> None:
        self._source = source
        self._context = context
        self._clock = context.client.clock
        self._loop = loop
        self._changed = asyncio.Event()
        self._closed = threading.Event()
        self._slot = SessionSlot(context.budget, source.device_key)
        # requests, from any thread
        self._requested: ReplayPlayback | None = None
        self._pause_requested = False
        self._close_requested = False
        # the task's own
        self._state = ReplayState.IDLE
        self._playback: ReplayPlayback | None = None  # the newest one that was started
        self._session: ReplayDeviceSession | None = None
        self._session_task: asyncio.Task[None] | None = None  # runs the session
        self._method: ReplayMethod | None = None  # of the session
        self._plays_in_session = 0

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
    ) -> None:
        previous = self._requested
        if previous is not None:
            previous.is_over = True
        self._requested = ReplayPlayback(start_device_s, consumer, end_device_s, fast, key_frames_only, scale)
        self._pause_requested = False
        self._wake()

    def pause(self) -> None:
        self._pause_requested = True
        self._wake()

    def resume(self) -> None:
        self._pause_requested = False
        self._wake()

    def abilities(self) -> ReplayAbilities:
        return self._context.abilities.get(self._source.device_key)

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
        """Carry out requests until close()."""
        try:
            while not self._close_requested:
                await self._until_due()
                await self._update()
        finally:
            await self._end_session()
            self._slot.give_back()
            self._state = ReplayState.CLOSED
            self._closed.set()

    async def _until_due(self) -> None:
        """Wait for a request or the end of the session; while media is expected, half a second at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TICK_S if self._state in _EXPECTING else None):
                await self._changed.wait()
        self._changed.clear()

    async def _update(self) -> None:
        """Take the next step. Only this method and run() change the state: each step returns the state after it."""
        if self._close_requested:
            return
        if self._session_task is not None and self._session_task.done():
            self._state = await self._recover(self._session_task.exception())
        requested = self._requested
        if requested is not None and requested is not self._playback and not requested.is_over:
            self._state = await self._start(requested)
        playback = self._playback
        if playback is None:
            return
        match self._state:
            case ReplayState.SEEKING | ReplayState.PLAYING:
                self._learn_from(playback)
                if playback.is_over:
                    self._state = ReplayState.IDLE
                elif self._pause_requested:
                    self._state = await self._pause()
                else:
                    self._state = await self._check_progress(playback)
            case ReplayState.PAUSED | ReplayState.BLOCKED if not self._pause_requested and not playback.is_over:
                self._state = await self._resume(playback)
            case _:
                pass

    # -- steps -------------------------------------------------------------------------------------

    async def _start(self, playback: ReplayPlayback) -> ReplayState:
        """PLAY: in the open session if there is one, otherwise in a new one by the methods that may work."""
        if self._playback is not None and self._state in _EXPECTING:
            self._learn_from(self._playback)
        self._playback = playback
        playback.silent_since_s = self._clock.monotonic_s()
        try:
            self._take_slot()
            if self._can_seek() and await self._seek(playback):
                return ReplayState.SEEKING
            await self._end_session()
            await self._open_and_play(playback)
        except NoSuchRange:
            playback.end()
            return ReplayState.IDLE
        except DeviceError as error:
            if isinstance(error, CameraBusy):
                self._slot.refused_by_device()
            await self._end_session()
            self._slot.give_back()
            log.info("%s: replay failed: %s (%s)", self._source.device_key, error.detail, error.code)
            playback.fail(error)
            return ReplayState.IDLE
        return ReplayState.PLAYING

    async def _pause(self) -> ReplayState:
        if self._session is None:
            return ReplayState.PAUSED
        # A recorder that takes no second PLAY in a session would need a new session to continue after PAUSE.
        takes_another_play = self.abilities().seeks_in_session is not False
        if self._method is not None and self._method.is_onvif and takes_another_play:
            try:
                await self._session.pause()
                return ReplayState.PAUSED
            except METHOD_ERRORS:
                log.info("%s cannot pause", self._source.device_key)
            except DeviceError:
                return ReplayState.PAUSED  # the session is ending; _recover() follows
        self._session.set_reading(False)
        return ReplayState.BLOCKED

    async def _resume(self, playback: ReplayPlayback) -> ReplayState:
        """Read again, or send another PLAY from the newest frame; the playback drops what it delivered before."""
        if self._state is ReplayState.BLOCKED and self._session is not None:
            playback.silent_since_s = self._clock.monotonic_s()
            self._session.set_reading(True)
            return ReplayState.PLAYING if playback.is_heard else ReplayState.SEEKING
        return await self._start(playback)

    async def _check_progress(self, playback: ReplayPlayback) -> ReplayState:
        """End the session if the recorder is silent for too long."""
        now_s = self._clock.monotonic_s()
        if self._state is ReplayState.SEEKING and not playback.is_heard:
            # GStreamer's server accepts one seek in a hundred and sends nothing: a new session plays.
            if now_s - playback.silent_since_s > min(_SEEK_PATIENCE_S, self._context.client.timeout_s):
                await self._end_session()
                return await self._start(playback)
            return ReplayState.SEEKING
        try:
            playback.check_silence(now_s, self._context.client.timeout_s)
        except DeviceError as error:
            await self._end_session()
            return await self._recover(error)
        return ReplayState.IDLE if playback.is_over else ReplayState.PLAYING

    async def _recover(self, error: BaseException | None) -> ReplayState:
        """The session has ended with this error: continue in a new one if the playback had got further."""
        self._forget_session()
        playback = self._playback
        if playback is None or playback.is_over or playback is not self._requested:
            return ReplayState.IDLE
        if self._state in {ReplayState.PAUSED, ReplayState.BLOCKED}:
            return ReplayState.PAUSED  # _resume() opens a new session
        if playback.note_loss():
            return await self._start(playback)
        playback.fail(error if isinstance(error, DeviceError) else CameraUnreachable("The recorder ended the session."))
        return ReplayState.IDLE

    # -- the device session ------------------------------------------------------------------------

    def _can_seek(self) -> bool:
        """True if another PLAY in the open session is worth a try. A maker's address contains its times."""
        is_open = self._session is not None and self._method is not None and self._method.plain is None
        return is_open and self.abilities().seeks_in_session is not False

    async def _seek(self, playback: ReplayPlayback) -> bool:
        """PLAY in the open session. False if the recorder refuses it."""
        assert self._session is not None  # noqa: S101 - _can_seek() is True
        assert self._method is not None  # noqa: S101 - _can_seek() is True
        self._session.set_reading(True)  # otherwise the answer is not seen
        try:
            if not self._method.is_onvif:
                # Without Immediate, the recorder would finish the present PLAY first (RFC 2326 section 10.5).
                await self._session.pause()
            await self._session.start_playback(playback, _headers(playback, self._method))
        except NoSuchRange:
            raise
        except (*METHOD_ERRORS, CameraUnreachable) as error:
            if isinstance(error, LASTING_ERRORS):
                self._learn(seeks_in_session=False)
            return False
        self._plays_in_session += 1
        if self._plays_in_session > 1:
            self._learn(seeks_in_session=True)
        return True

    async def _open_and_play(self, playback: ReplayPlayback) -> None:
        """PLAY in a new session, by the method that worked before or the first that works now."""
        refusals: list[DeviceError] = []
        async for method in replay_methods(self._source, self.abilities().method):
            try:
                session = await self._open(playback, method)
                await session.start_playback(playback, _headers(playback, method))
            except NoSuchRange:
                self._use(method, refusals)
                raise
            except METHOD_ERRORS as error:
                refusals.append(error)
                await self._end_session()
                continue
            self._use(method, refusals)
            return
        raise refusals[0]

    async def _open(self, playback: ReplayPlayback, method: ReplayMethod) -> ReplayDeviceSession:
        end_s = playback.end_device_s or playback.resume_s + _FAR_END_S
        uri = self._source.uri if method.plain is None else plain_uri(method.plain, playback.resume_s, end_s)
        source = StreamSource(
            self._source.camera_id, self._source.recording_token, uri, self._source.device_key, self._source.credential
        )
        session = self._session = ReplayDeviceSession(source, self._context.client, is_onvif=method.is_onvif)
        self._session_task = asyncio.get_running_loop().create_task(session.run())
        self._session_task.add_done_callback(self._on_session_over)
        await session.until_opened(self._session_task)
        return session

    def _use(self, method: ReplayMethod, refusals: Sequence[DeviceError]) -> None:
        """Remember the method that works, unless an earlier one failed with an error that need not last.

        Such an earlier method is tried first again the next time.
        """
        self._method = method
        self._plays_in_session = 1
        is_lasting = method.is_onvif or all(isinstance(error, LASTING_ERRORS) for error in refusals)
        if is_lasting and self.abilities().method != method.kind:
            self._context.abilities.update(self._source, ReplayAbilities(method=method.kind))

    def _on_session_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # marks it as seen; _recover() acts on it
        self._changed.set()

    async def _end_session(self) -> None:
        if self._state is ReplayState.BLOCKED and self._session is not None:
            self._session.prepare_end()
        task = self._session_task
        self._forget_session()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def _forget_session(self) -> None:
        self._session_task = self._session = None
        self._plays_in_session = 0

    def _take_slot(self) -> None:
        if not self._slot.try_take():
            raise CameraBusy(f"All {self._slot.limit} replay sessions that this recorder may be asked for are in use.")

    # -- abilities ---------------------------------------------------------------------------------

    def _learn_from(self, playback: ReplayPlayback) -> None:
        """Note what the recorder has shown by the packets so far."""
        if playback.delivered:
            self._learn(has_times=playback.has_stamps)
        is_fast = playback.beats_real_time(self._clock.monotonic_s())
        if is_fast or (is_fast is False and self.abilities().beats_real_time is None):
            self._learn(beats_real_time=is_fast)

    def _learn(self, **seen: Any) -> None:
        """Note fields of ReplayAbilities, unless the session plays by another method than the remembered one."""
        known = self.abilities()
        if self._method is not None and self._method.kind == known.method:
            self._context.abilities.update(self._source, replace(known, **seen))


def _headers(playback: ReplayPlayback, method: ReplayMethod) -> list[tuple[str, str]]:
    if method.plain is not None:
        return [("Range", "npt=0.000-")]
    return play_headers(
        playback.resume_s,
        fast=playback.fast,
        key_frames_only=playback.key_frames_only,
        scale=playback.scale,
        is_onvif=method.is_onvif,
    )
