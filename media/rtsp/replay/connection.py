"""Replay lines: a held session with a recorder, sought in as long as it lets us.

Opening a replay session takes recorders two or three seconds, another PLAY in an open one some
hundredths: so a session stays open between plays, kept alive, until its line is closed. Where a
recorder cannot do ONVIF's replay, its address is played as plain RTSP, and then the maker's own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from core.clock import Clock
from core.errors import CameraBusy, CameraUnreachable, DeviceError
from core.login_gate import LoginGate
from core.recordings import ReplayAbilities, ReplaySource
from core.records import StreamSource
from media.rtsp.client.budget import SessionBudget
from media.rtsp.client.rtp import VIDEO, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.client.session import NoSuchRange
from media.rtsp.replay.device_session import ONVIF_REPLAY, PLAIN, ReplayDeviceSession, play_headers, run_until_opened
from media.rtsp.replay.interface import ReplayConsumer
from media.rtsp.replay.methods import CANNOT, NEVER, ReplayMethod, plain_uri, replay_methods
from media.rtsp.replay.play import ReplayPlayback

log = logging.getLogger(__name__)

_FAST_FROM = 2.0  # times real time
_JUDGED_AFTER_S = 2.0
_FAR_END_S = 86_400.0
_SEEK_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """What every line is given. `abilities` are by device key, shared by all; `learned` is told of each change."""

    gate: LoginGate
    clock: Clock
    timeout_s: float
    budget: SessionBudget
    abilities: dict[str, ReplayAbilities]
    learned: Callable[[ReplaySource], None]


class GatewayReplayConnection:
    """The gateway's ReplayConnection; see interface.ReplayConnection for what each method promises."""

    def __init__(
        self,
        context: ReplayContext,
        source: ReplaySource,
        loop: asyncio.AbstractEventLoop,
        on_closed: Callable[[GatewayReplayConnection], None],
    ) -> None:
        self._context = context
        self._source = source
        self._loop = loop
        self._on_closed = on_closed
        self._changed = asyncio.Event()
        self._wanted: ReplayPlayback | None = None
        self._wants_pause = False
        self._is_closed = False
        self._is_gone = threading.Event()
        self._served: ReplayPlayback | None = None
        self._is_paused = False
        self._is_held_up = False  # paused by not reading
        self._session: ReplayDeviceSession | None = None
        self._run: asyncio.Task[None] | None = None
        self._method: ReplayMethod | None = None
        self._tracks: tuple[VideoTrack, AudioTrack | None] | None = None
        self._has_slot = False
        self._plays_in_session = 0
        self._is_seek = False  # the newest PLAY was one in an open session
        self._is_lost_seek = False
        self._delivered_at_loss = -1
        self._unpaused_at_s = 0.0

    # -- any thread --------------------------------------------------------------------------------

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
        before = self._wanted
        if before is not None:
            before.is_over = True
        self._wanted = ReplayPlayback(start_device_s, consumer, end_device_s, fast, key_frames_only, scale)
        self._wants_pause = False
        self._wake()

    def pause(self) -> None:
        self._wants_pause = True
        self._wake()

    def resume(self) -> None:
        self._wants_pause = False
        self._wake()

    def abilities(self) -> ReplayAbilities:
        return self._context.abilities.get(self._source.device_key, ReplayAbilities())

    def close(self, wait_s: float = 0.0) -> None:
        self._is_closed = True
        if self._wanted is not None:
            self._wanted.is_over = True
        self._wake()
        self._is_gone.wait(wait_s)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the gateway has stopped
            self._loop.call_soon_threadsafe(self._changed.set)

    # -- the gateway's thread: what the session delivers -------------------------------------------

    def on_tracks(self, video: VideoTrack, audio: AudioTrack | None) -> None:
        self._tracks = (video, audio)

    def on_play_answered(self, begins_s: float | None) -> None:
        if self._served is not None and self._tracks is not None:
            now_s = self._context.clock.monotonic_s()
            self._unpaused_at_s = now_s
            self._served.begin(*self._tracks, now_s, begins_s)

    def on_packets(self, packets: list[RtpPacket]) -> None:
        if self._served is not None:
            self._served.take(packets, self._context.clock.monotonic_s())

    def on_report(self, track: int, report: SenderReport) -> None:
        if self._served is not None and track == VIDEO:
            self._served.take_report(report)

    def on_goodbye(self) -> None:
        if self._served is not None:
            self._served.end()

    def on_tick(self) -> None:
        play = self._served
        if play is None or play.is_over or self._is_paused:
            return
        now_s = self._context.clock.monotonic_s()
        self._judge(play, now_s)
        if (
            self._is_seek
            and not play.is_heard
            and now_s - play.last_packet_s > min(_SEEK_PATIENCE_S, self._context.timeout_s)
        ):
            self._is_lost_seek = True
            raise CameraUnreachable("The recorder took another time to play from, and sends nothing.")
        play.tick(now_s, self._context.timeout_s)

    def _judge(self, play: ReplayPlayback, now_s: float) -> None:
        """What the recorder has shown so far."""
        if play.delivered:
            self._learn(has_times=play.stamped)
        took_s = now_s - self._unpaused_at_s
        if not (play.fast and play.stamped) or play.first_s is None or play.reached_s is None:
            return
        speed = (play.reached_s - play.first_s) / max(took_s, 0.01)
        if speed > _FAST_FROM:
            self._learn(beats_real_time=True)
        elif took_s > _JUDGED_AFTER_S and self.abilities().beats_real_time is None:
            self._learn(beats_real_time=False)

    def _learn(self, **seen: Any) -> None:
        """Remember fields of ReplayAbilities, unless the open session plays by another method than the stored one."""
        known = self.abilities()
        if self._method is not None and self._method.kind == known.method:
            self._remember(replace(known, **seen))

    def _remember(self, abilities: ReplayAbilities) -> None:
        if abilities != self.abilities():
            self._context.abilities[self._source.device_key] = abilities
            self._context.learned(self._source)

    # -- the gateway's thread: what is to be done --------------------------------------------------

    async def serve(self) -> None:
        """The line's task: brings what is into agreement with what is wanted, until it is closed."""
        try:
            while not self._is_closed:
                await self._changed.wait()
                self._changed.clear()
                await self._step()
        finally:
            await self._end_session()
            self._give_slot_back()
            self._is_gone.set()
            self._on_closed(self)

    async def _step(self) -> None:
        if self._is_closed:
            return
        if self._run is not None and self._run.done():
            await self._take_loss()
        wanted = self._wanted
        if wanted is not None and wanted is not self._served and not wanted.is_over:
            self._is_paused = False
            self._delivered_at_loss = -1
            await self._start(wanted)
        served = self._served
        if served is None or served.is_over:
            return
        if self._wants_pause and not self._is_paused:
            await self._pause()
        elif not self._wants_pause and self._is_paused:
            await self._resume(served)

    async def _take_loss(self) -> None:
        """The session ended by itself: once more from where it was, if it had come any further since."""
        run, self._run, self._session = self._run, None, None
        error = run.exception() if run else None
        self._plays_in_session = 0
        is_lost_seek, self._is_lost_seek = self._is_lost_seek, False
        served = self._served
        if served is None or served.is_over or served is not self._wanted or self._is_paused:
            return
        if is_lost_seek:  # GStreamer's server does that once in a hundred seeks: a new session plays
            await self._start(served)
            return
        if served.delivered > self._delivered_at_loss and served.delivered:
            self._delivered_at_loss = served.delivered
            await self._start(served)
            return
        served.fail(error if isinstance(error, DeviceError) else CameraUnreachable("The recorder ended the session."))

    async def _start(self, play: ReplayPlayback) -> None:
        """PLAY, in the open session where there is one; through the methods that may work."""
        if self._served is not None:
            self._judge(self._served, self._context.clock.monotonic_s())
        self._served = play
        play.last_packet_s = self._context.clock.monotonic_s()  # the wait begins now, not before time began
        try:
            self._take_slot()
            if self._can_seek() and await self._seek(play):
                return
            await self._end_session()
            await self._open_and_play(play)
        except NoSuchRange:
            play.end()
        except DeviceError as error:
            if isinstance(error, CameraBusy) and self._has_slot:
                self._context.budget.refused_by_device(self._source.device_key)
            await self._end_session()
            self._give_slot_back()
            log.info("%s: replay failed: %s (%s)", self._source.device_key, error.detail, error.code)
            play.fail(error)

    def _can_seek(self) -> bool:
        """Whether another PLAY in the open session is worth a try. A maker's address has its times in itself."""
        is_open = self._session is not None and self._method is not None and self._method.plain is None
        return is_open and self.abilities().seeks_in_session is not False

    async def _seek(self, play: ReplayPlayback) -> bool:
        """Whether the open session takes another PLAY."""
        assert self._session is not None  # noqa: S101 - asked before
        assert self._method is not None  # noqa: S101 - asked before
        if self._is_held_up:
            self._is_held_up = False
            self._session.set_reading(True)  # else its answer is never seen
        try:
            if not self._method.is_onvif:
                # Nothing says Immediate there: without a PAUSE the present PLAY goes first (RFC 2326, 10.5).
                await self._session.pause()
            await self._session.play(self._headers(play, self._method))
        except NoSuchRange:
            raise
        except (*CANNOT, CameraUnreachable) as error:
            if isinstance(error, NEVER):
                self._learn(seeks_in_session=False)
            return False
        self._is_seek = True
        self._plays_in_session += 1
        if self._plays_in_session > 1:
            self._learn(seeks_in_session=True)
        return True

    async def _open_and_play(self, play: ReplayPlayback) -> None:
        """In a new session, the method that worked before first."""
        refusals: list[DeviceError] = []
        async for method in replay_methods(self._source, self.abilities().method):
            try:
                await self._open(play, method)
                assert self._session is not None  # noqa: S101 - _open made it
                await self._session.play(self._headers(play, method))
            except NoSuchRange:
                self._found(method, refusals)
                raise
            except CANNOT as error:
                refusals.append(error)
                await self._end_session()
                continue
            self._found(method, refusals)
            return
        raise refusals[0]

    def _found(self, method: ReplayMethod, refusals: Sequence[DeviceError]) -> None:
        """Remember the method that works, unless an earlier method failed without saying that it is not offered.

        Such an earlier method may work the next time.
        """
        self._method = method
        self._is_seek = False
        self._plays_in_session = 1
        is_lasting = method.is_onvif or all(isinstance(error, NEVER) for error in refusals)
        if is_lasting and self.abilities().method != method.kind:
            self._remember(ReplayAbilities(method=method.kind))

    async def _open(self, play: ReplayPlayback, method: ReplayMethod) -> None:
        end_s = play.end_device_s or play.resume_s + _FAR_END_S
        uri = self._source.uri if method.plain is None else plain_uri(method.plain, play.resume_s, end_s)
        source = StreamSource(
            self._source.camera_id, self._source.recording_token, uri, self._source.device_key, self._source.credential
        )
        session = ReplayDeviceSession(
            source,
            self,
            login_gate=self._context.gate,
            clock=self._context.clock,
            timeout_s=self._context.timeout_s,
            play=ONVIF_REPLAY if method.is_onvif else PLAIN,
        )

        def begin() -> asyncio.Task[None]:
            self._run = asyncio.get_running_loop().create_task(session.run())
            self._run.add_done_callback(self._on_run_over)
            return self._run

        self._session = session
        await run_until_opened(session, begin)

    def _on_run_over(self, run: asyncio.Task[None]) -> None:
        if not run.cancelled():
            run.exception()  # seen; _take_loss says what follows
        self._changed.set()

    def _headers(self, play: ReplayPlayback, method: ReplayMethod) -> list[tuple[str, str]]:
        if method.plain is not None:
            return [("Range", "npt=0.000-")]
        return play_headers(
            play.resume_s,
            fast=play.fast,
            key_frames_only=play.key_frames_only,
            scale=play.scale,
            is_onvif=method.is_onvif,
        )

    async def _pause(self) -> None:
        self._is_paused = True
        if self._session is None:
            return
        # Where each PLAY takes a session of its own, going on after a PAUSE would take one, too.
        goes_on = self.abilities().seeks_in_session is not False
        if self._method is not None and self._method.is_onvif and goes_on:
            try:
                await self._session.pause()
                return
            except CANNOT:
                log.info("%s cannot pause", self._source.device_key)
            except DeviceError:
                return  # the session is ending; _take_loss says what follows
        self._is_held_up = True
        self._session.set_reading(False)

    async def _resume(self, play: ReplayPlayback) -> None:
        """Where it can pause: another PLAY from the picture reached. What came before is dropped."""
        self._is_paused = False
        if self._is_held_up and self._session is not None:
            self._is_held_up = False
            play.last_packet_s = self._context.clock.monotonic_s()
            self._session.set_reading(True)
            return
        await self._start(play)

    # -- ends --------------------------------------------------------------------------------------

    def _take_slot(self) -> None:
        if not self._has_slot:
            if not self._context.budget.try_take(self._source.device_key):
                limit = self._context.budget.limit(self._source.device_key)
                raise CameraBusy(f"All {limit} replay sessions that this recorder may be asked for are in use.")
            self._has_slot = True

    def _give_slot_back(self) -> None:
        if self._has_slot:
            self._has_slot = False
            self._context.budget.give_back(self._source.device_key)

    async def _end_session(self) -> None:
        if self._is_held_up and self._session is not None:
            self._session.release()
        run, self._run, self._session = self._run, None, None
        self._is_held_up = False
        self._plays_in_session = 0
        if run is not None:
            run.cancel()
            await asyncio.wait({run})
