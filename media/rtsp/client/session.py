"""One session with a device (RFC 2326): DESCRIBE, SETUP and PLAY, keep-alives, TEARDOWN.

A session runs once and raises the error that ended it; callers decide on another one. Its packets go to a
sink, so the same session serves live media (media/rtsp/live/source.py) and replay (media/rtsp/replay).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from core.clock import Clock
from core.errors import (
    CameraBadAnswer,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    DeviceError,
)
from core.login_gate import LoginGate
from media.rtsp.client.address import RtspSource, StreamAddress, control_uri, parse_address, pinned
from media.rtsp.client.connection import RtspConnection, connect
from media.rtsp.client.errors import status_error
from media.rtsp.client.login import LOGIN_WAIT_S, SessionLogin, says_stale
from media.rtsp.client.messages import MessageError, Response, SessionHeader, parse_interleaved, parse_session
from media.rtsp.client.receiver import MediaReceiver, SessionSink
from media.rtsp.client.rtp import AUDIO, VIDEO
from media.rtsp.client.sdp import AudioTrack, SdpError, SessionDescription, VideoTrack, parse_sdp
from media.rtsp.client.track_filter import announced_ssrc

log = logging.getLogger(__name__)

_TICK_S = 0.5
_REPORT_EVERY_S = 5.0
_TEARDOWN_S = 1.0
_KEEP_ALIVE_MOST_S = 25.0
_USER_AGENT = ("User-Agent", "onvif-web-viewer")
_FROM_NOW = (("Range", "npt=0.000-"),)

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ClientContext:
    """The parts of the gateway that each device session uses. `timeout_s` limits one request, and one silence."""

    login_gate: LoginGate
    clock: Clock
    timeout_s: float


class DeviceSession:
    """A session of either kind; one run() per object. This class plays live media immediately.

    media.rtsp.replay.device_session.ReplayDeviceSession overrides the hooks: it stays set up and waits for each PLAY.
    `require` is sent as Require with DESCRIBE, SETUP, PLAY and PAUSE.
    """

    def __init__(self, source: RtspSource, sink: SessionSink, context: ClientContext, *, require: str = "") -> None:
        self._source = source
        self._sink = sink
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._require = (("Require", require),) if require else ()
        self._login = SessionLogin(source, context.login_gate, context.clock)
        self._receiver = MediaReceiver(sink, context.clock)
        self._session: SessionHeader | None = None
        self._base = ""  # of the tracks' addresses
        self._control = ""  # the address of PLAY, PAUSE, TEARDOWN and keep-alives
        self._keep_alive_method = "GET_PARAMETER"

    async def run(self) -> None:
        """Open the session and keep it open until cancelled.

        Raises the DeviceError that ended the session; the connection is closed then. errors.status_error() says which
        status becomes which error. CameraBadAnswer also for broken or oversized answers, CameraUnsupported for a codec
        or transport that we do not have.
        """
        self._address = parse_address(self._source.uri)
        self._control = self._address.uri
        self._connection = await self._connect(self._address)
        try:
            try:
                async with asyncio.timeout(self._timeout_s * 3 + LOGIN_WAIT_S):
                    await self._open()
            except TimeoutError:
                raise CameraUnreachable("The device took too long to begin.") from None
            self._sink.on_opened()
            await self._serve()
        finally:
            await self.teardown()

    async def _connect(self, address: StreamAddress) -> RtspConnection:
        return await connect(address.host, address.port, self._receiver.take_frames, timeout_s=self._timeout_s)

    async def _open(self) -> None:
        description, video = await self.describe()
        await self.setup(VIDEO, video)
        audio = description.audio
        if audio:
            try:
                await self.setup(AUDIO, audio)
            except (CameraUnsupported, CameraBadAnswer, CameraNoSignal):
                log.info("the device refuses the audio of %s", self._source.device_key)
                audio = None  # the video is worth more
        self._sink.on_description(video, audio)
        self._control = control_uri(self._address, self._base, description.control)
        await self._after_setup()

    async def _after_setup(self) -> None:
        """Send PLAY. Hook for sessions that do something else once they are set up."""
        await self.play(_FROM_NOW)

    # -- RTSP methods ------------------------------------------------------------------------------

    async def describe(self) -> tuple[SessionDescription, VideoTrack]:
        """DESCRIBE. Raises CameraBadAnswer for a broken description, CameraUnsupported without video that we carry."""
        answer = await self._request("DESCRIBE", self._address.uri, [("Accept", "application/sdp")])
        try:
            description = parse_sdp(answer.body)
        except SdpError as error:
            raise CameraBadAnswer(f"The device's description of the stream is invalid: {error}.") from None
        if description.video is None:
            what = "in an unsupported codec" if description.has_other_video else "without video"
            raise CameraUnsupported(f"The device sends this stream {what}.", service="media")
        base = answer.headers.get("content-base") or answer.headers.get("content-location")
        self._base = pinned(self._address, base) or self._address.uri
        return description, description.video

    async def setup(self, index: int, track: VideoTrack | AudioTrack) -> None:
        """SETUP of one track over interleaved TCP. `index`: VIDEO or AUDIO."""
        uri = control_uri(self._address, self._base, track.control)
        transport_wanted = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
        answer = await self._request("SETUP", uri, [("Transport", transport_wanted)])
        transport = answer.headers.get("transport")
        if transport and "tcp" not in transport.lower():
            raise CameraUnsupported("The device does not send its media over TCP.", service="media")
        channels = parse_interleaved(transport) or (2 * index, 2 * index + 1)
        self._receiver.add_track(index, track.payload_type, channels, announced_ssrc(transport))
        if "session" in answer.headers:
            try:
                self._session = parse_session(answer.headers.get("session"))
            except MessageError:
                raise CameraBadAnswer("The device's session id cannot be sent back.") from None

    async def play(self, headers: Headers) -> Response:
        """PLAY. Raises NoSuchRange if the device has nothing in the requested range."""
        return await self._request("PLAY", self._control, headers)

    async def pause(self) -> None:
        """PAUSE."""
        await self._request("PAUSE", self._control, ())

    async def teardown(self) -> None:
        """TEARDOWN if there is a session; wait at most a second for its answer, then close the connection."""
        connection = self._connection
        self._login.abandon_renewal()
        try:
            if self._session and connection.is_open:
                headers = self._complete("TEARDOWN", self._control, ())
                with suppress(TimeoutError, DeviceError):
                    async with asyncio.timeout(_TEARDOWN_S):
                        await connection.request("TEARDOWN", self._control, headers)
        finally:
            connection.close()

    # -- requests, with the login ------------------------------------------------------------------

    async def _request(self, method: str, uri: str, headers: Headers) -> Response:
        headers = [*headers, *self._require]
        answer = await self._exchange(method, uri, headers)
        if answer.status == 401:
            answer = await self._log_in(method, uri, headers, answer)
        if not 200 <= answer.status < 300:
            log.info("%s: %s is answered %d", self._source.device_key, method, answer.status)
            raise status_error(method, answer.status)
        return answer

    async def _exchange(self, method: str, uri: str, headers: Headers) -> Response:
        try:
            async with asyncio.timeout(self._timeout_s):
                complete = self._complete(method, uri, headers)
                return await self._connection.request(method, uri, complete, self._on_answer)
        except TimeoutError:
            raise CameraUnreachable(f"The device did not answer {method} in time.") from None

    def _on_answer(self, method: str, answer: Response, cseq: int) -> None:
        """Called between the packets before an answer and those after it."""

    def _complete(self, method: str, uri: str, headers: Headers) -> list[tuple[str, str]]:
        """Return `headers` with User-Agent, and with Session and Authorization if there are any."""
        complete = [*headers, _USER_AGENT]
        if self._session:
            complete.append(("Session", self._session.session_id))
        if (authorization := self._login.authorization(method, uri)) is not None:
            complete.append(("Authorization", authorization))
        return complete

    async def _log_in(self, method: str, uri: str, headers: Headers, answer: Response) -> Response:
        """Send the request with the credential; a second time if the device says that only the nonce was stale."""
        for is_last in (False, True):
            attempt = await self._login.begin_attempt(answer)
            try:
                answer = await self._exchange(method, uri, headers)
                if answer.status != 401:
                    if 200 <= answer.status < 500 and answer.status not in {400, 403}:
                        attempt.accepted()
                    return answer
                if is_last or not says_stale(answer):
                    attempt.refused()
                    break
            finally:
                attempt.unanswered()  # without effect after accepted() and refused()
        raise self._login.refuse()

    # -- while the session is open -----------------------------------------------------------------

    async def _serve(self) -> None:
        """Send reports and keep-alives until the connection ends. Raises the DeviceError that ended it."""
        now_s = self._clock.monotonic_s()
        next_report_s = now_s + _REPORT_EVERY_S / 2
        next_keep_alive_s = now_s + self._keep_alive_every_s()
        pending: asyncio.Future[Response] | None = None
        while True:
            await asyncio.wait({self._connection.ended}, timeout=_TICK_S)
            if self._connection.ended.done():
                raise self._connection.ended.result()
            if self._receiver.has_goodbye:
                self._on_goodbye()
            self._receiver.flush()
            self._sink.on_tick()
            now_s = self._clock.monotonic_s()
            if now_s >= next_report_s:
                next_report_s = now_s + _REPORT_EVERY_S
                for report in self._receiver.receiver_reports(now_s):
                    self._connection.send(report)
            if pending and pending.done():
                if self._must_repeat_keep_alive(pending.result()):
                    next_keep_alive_s = now_s
                pending = None
            if now_s >= next_keep_alive_s:
                next_keep_alive_s = now_s + self._keep_alive_every_s()
                if pending:
                    pending.cancel()  # some devices never answer; media is what counts
                    self._login.abandon_renewal()
                headers = self._complete(self._keep_alive_method, self._control, ())
                pending = self._connection.request(self._keep_alive_method, self._control, headers)

    def _on_goodbye(self) -> None:
        """RTCP BYE: the device ends the stream."""
        raise CameraUnreachable("The device ended the stream.")

    def _keep_alive_every_s(self) -> float:
        timeout_s = self._session.timeout_s if self._session else 60.0
        return min(timeout_s * 0.4, _KEEP_ALIVE_MOST_S)

    def _must_repeat_keep_alive(self, answer: Response) -> bool:
        """True if the device wants the keep-alive again with a new nonce.

        Raises CameraUnreachable if the device forgot the session, CameraAuthFailed if it refuses the credential.
        """
        if answer.status == 401:
            return self._login.renew(answer)
        self._login.confirm_renewal()
        if answer.status == 454:
            raise status_error(self._keep_alive_method, 454)
        if answer.status >= 400:
            self._keep_alive_method = "OPTIONS"
        return False
