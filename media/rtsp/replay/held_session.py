"""The device session of a replay connection: opened by the first method that works, and kept for further PLAYs.

To open a replay session takes recorders two or three seconds, another PLAY in an open session some hundredths.
If a recorder does not support ONVIF's replay, its address is played as plain RTSP, otherwise the maker's own address
(methods.py). The working method is one of the abilities that a recorder shows, and is tried first the next time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.errors import CameraUnreachable, DeviceError
from core.recordings import ReplayAbilities, ReplaySource
from media.rtsp.client.budget import SessionBudget
from media.rtsp.client.errors import NoSuchRange, NotUnderstood, TooManyBytes
from media.rtsp.client.session import ClientContext
from media.rtsp.replay.device_session import ReplayDeviceSession
from media.rtsp.replay.headers import PLAY_FORMS, PlayForm, play_headers
from media.rtsp.replay.methods import LASTING_ERRORS, METHOD_ERRORS, ReplayMethod, makers_uri, replay_methods
from media.rtsp.replay.playback import ReplayPlayback
from media.rtsp.replay.precedence import Precedence

log = logging.getLogger(__name__)

_FAR_END_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """The parts of the gateway that each replay connection uses."""

    client: ClientContext
    budget: SessionBudget
    precedence: Precedence = field(default_factory=Precedence)


class HeldSession:
    """In the gateway's thread only. Sets `changed` when the session ends by itself."""

    def __init__(self, source: ReplaySource, context: ReplayContext, changed: asyncio.Event) -> None:
        self._source = source
        self.abilities = source.abilities  # with those that the recorder has shown since
        self._context = context
        self._changed = changed
        self._device_session: ReplayDeviceSession | None = None
        self._task: asyncio.Task[None] | None = None  # runs the session
        self._method: ReplayMethod | None = None  # of the session
        self._plays = 0  # in the session
        self._ended_bytes = 0  # received in earlier sessions
        self._form = PLAY_FORMS[0]  # the form of PLAY that the recorder accepts
        self._takes_form = False  # it has accepted that form
        self._pauses_first = False  # it ignores Immediate: a seek needs a PAUSE

    @property
    def is_open(self) -> bool:
        """True from the opening until the loss was taken or end() was called."""
        return self._device_session is not None

    def take_loss(self) -> BaseException | None:
        """Return the error that the session has ended with, and forget the session. None while it runs."""
        if self._task is None or not self._task.done():
            return None
        error = self._task.exception()
        self._note_flood(error)
        self._forget()
        return error or CameraUnreachable("The recorder ended the session.")

    @property
    def received_bytes(self) -> int:
        """Return the number of bytes of all sessions."""
        session = self._device_session
        return self._ended_bytes + (session.received_bytes if session is not None else 0)

    async def play(self, playback: ReplayPlayback) -> bool:
        """PLAY in the open session, otherwise in a new one. True if the open session took it.

        Raises NoSuchRange if nothing is recorded at that time, or the DeviceError of the first method that failed.
        """
        if self._can_seek() and await self._seek(playback):
            return True
        await self.end()
        await self._open_and_play(playback)
        return False

    async def pause(self) -> bool:
        """PAUSE; if the recorder cannot pause, stop reading from its connection. True if it paused or is ending."""
        if self._device_session is None:
            return True
        # A recorder that takes no second PLAY in a session would need a new session to continue after PAUSE.
        takes_another_play = self.abilities.seeks_in_session is not False
        if self._method is not None and self._method.is_onvif and takes_another_play:
            try:
                await self._device_session.pause()
                return True
            except METHOD_ERRORS:
                log.info("%s cannot pause", self._source.device_key)
            except DeviceError:
                if not self._device_session.is_connected:
                    return True  # take_loss() follows
                log.info("%s does not answer PAUSE", self._source.device_key)
        self._device_session.set_reading(False)
        return False

    def read_again(self) -> None:
        """Continue after a pause() that returned False."""
        if self._device_session is not None:
            self._device_session.set_reading(True)

    async def end(self) -> None:
        """End the session with TEARDOWN, if one is open. May be called twice."""
        session, task = self._device_session, self._task
        self._forget()
        if session is not None and task is not None:
            session.prepare_end()
            task.cancel()
            await asyncio.wait({task})

    def note_silent_seek(self) -> None:
        """The open session has accepted a PLAY, and no packet that answers it has come."""
        if self._device_session is not None and self._device_session.is_sending_old:
            log.info("%s goes on with the old position after a PLAY", self._source.device_key)
            self._pauses_first = True

    def learn_from(self, playback: ReplayPlayback) -> None:
        """Remember the abilities that show in the packets of this playback so far."""
        if playback.delivered:
            self._learn(has_times=playback.tells_times)
        is_fast = playback.beats_real_time(self._context.client.clock.monotonic_s())
        if is_fast or (is_fast is False and self.abilities.beats_real_time is None):
            self._learn(beats_real_time=is_fast)
        if playback.limit is not None and playback.delivered and self.abilities.keeps_to_requests is False:
            self._learn(keeps_to_requests=True)
        if playback.honours_frames is not None:
            self._learn(honours_frames=playback.honours_frames)

    # -- inside ------------------------------------------------------------------------------------

    def _can_seek(self) -> bool:
        """True if another PLAY in the open session is worth a try. A maker's address contains its times."""
        is_open = self._device_session is not None and self._method is not None and self._method.makers is None
        return is_open and self.abilities.seeks_in_session is not False

    async def _seek(self, playback: ReplayPlayback) -> bool:
        """PLAY in the open session. False if the recorder refuses it."""
        assert self._device_session is not None  # noqa: S101 - _can_seek() is True
        assert self._method is not None  # noqa: S101 - _can_seek() is True
        self._device_session.set_reading(True)  # otherwise the answer is not seen
        try:
            if not self._method.is_onvif or self._pauses_first or not self._form.has_options:
                # Without Immediate, the recorder would finish the present PLAY first (RFC 2326 section 10.5).
                await self._device_session.pause()
            await self._send_play(self._device_session, playback, self._method)
        except (NoSuchRange, TooManyBytes) as error:
            self._note_flood(error)
            raise
        except (*METHOD_ERRORS, CameraUnreachable) as error:
            if isinstance(error, LASTING_ERRORS):
                self._learn(seeks_in_session=False)
            return False
        self._plays += 1
        if self._plays > 1:
            self._learn(seeks_in_session=True)
        return True

    async def _open_and_play(self, playback: ReplayPlayback) -> None:
        """PLAY in a new session, by the method that worked before or the first that works now."""
        refusals: list[DeviceError] = []
        async for method in replay_methods(self._source, self.abilities.method):
            try:
                session = await self._open(playback, method)
                await self._send_play(session, playback, method)
            except (NoSuchRange, TooManyBytes) as error:
                self._use(method, refusals)
                self._note_flood(error)
                raise
            except METHOD_ERRORS as error:
                refusals.append(error)
                await self.end()
                continue
            self._use(method, refusals)
            return
        raise refusals[0]

    async def _send_play(self, session: ReplayDeviceSession, playback: ReplayPlayback, method: ReplayMethod) -> None:
        """PLAY, in simpler forms if the recorder does not understand the full one. Raises the first error.

        Some recorders understand whole seconds only, and call a fraction a bad request or an invalid range.
        """
        forms = PLAY_FORMS[PLAY_FORMS.index(self._form) :] if method.makers is None else PLAY_FORMS[:1]
        refusal: DeviceError | None = None
        for form in forms:
            if isinstance(refusal, NoSuchRange) and (self._takes_form or not form.has_options):
                break
            try:
                await session.start_playback(playback, _headers(playback, method, form))
            except (NotUnderstood, NoSuchRange) as error:
                refusal = error if refusal is None or isinstance(error, NoSuchRange) else refusal
                continue
            self._form, self._takes_form = form, True
            return
        if refusal is not None:
            raise refusal

    async def _open(self, playback: ReplayPlayback, method: ReplayMethod) -> ReplayDeviceSession:
        end_s = playback.end_device_s or playback.resume_s + _FAR_END_S
        uri = self._source.uri if method.makers is None else makers_uri(method.makers, playback.resume_s, end_s)
        source = replace(self._source, uri=uri)
        session = self._device_session = ReplayDeviceSession(source, self._context.client, is_onvif=method.is_onvif)
        self._task = asyncio.get_running_loop().create_task(session.run())
        self._task.add_done_callback(self._on_task_done)
        await session.until_opened(self._task)
        return session

    def _use(self, method: ReplayMethod, refusals: Sequence[DeviceError]) -> None:
        """Remember the method that works, unless an earlier one failed with an error that need not last.

        Such an earlier method is tried first again the next time.
        """
        self._method = method
        self._plays = 1
        is_lasting = method.is_onvif or all(isinstance(error, LASTING_ERRORS) for error in refusals)
        if is_lasting and self.abilities.method != method.kind:
            self.abilities = ReplayAbilities(method=method.kind)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # marks it as seen; take_loss() returns it
        self._changed.set()

    def _note_flood(self, error: BaseException | None) -> None:
        if isinstance(error, TooManyBytes):
            self._learn(keeps_to_requests=False)

    def _forget(self) -> None:
        self._ended_bytes = self.received_bytes
        self._device_session = self._task = None
        self._plays = 0

    def _learn(self, **seen: Any) -> None:
        """Remember fields of ReplayAbilities, unless the session plays by another method than the remembered one."""
        if self._method is not None and self._method.kind == self.abilities.method:
            self.abilities = replace(self.abilities, **seen)


def _headers(playback: ReplayPlayback, method: ReplayMethod, form: PlayForm) -> list[tuple[str, str]]:
    if method.makers is not None:
        return [("Range", "npt=0.000-")]
    return play_headers(
        playback.resume_s,
        fast=playback.fast,
        key_frames_only=playback.key_frames_only,
        scale=playback.scale,
        is_onvif=method.is_onvif,
        key_frames_ms=playback.key_frames_ms,
        end_device_s=playback.range_end_s,
        form=form,
    )
