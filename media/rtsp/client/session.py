"""A session with a device (RFC 2326): log in, describe, set up, play, keep alive, tear down.

It runs once and raises why it ended; retrying is for others. What the device sends goes to a sink,
so the same session serves live media and, with another PlayRequest, replay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from core.clock import Clock
from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraBusy,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    DeviceError,
)
from core.login_gate import Attempt, LoginGate
from core.records import StreamSource
from media.rtsp.client.address import StreamAddress, control_uri, parse_address, pinned
from media.rtsp.client.auth import Challenge, choose_challenge
from media.rtsp.client.connection import DeviceConnection, connect
from media.rtsp.client.framing import Frame
from media.rtsp.client.messages import MessageError, Response, SessionHeader, parse_interleaved, parse_session
from media.rtsp.client.rtp import AUDIO, VIDEO, RtpPacket, SenderReport, framed, parse_rtcp, parse_rtp, receiver_report
from media.rtsp.client.sdp import AudioTrack, SdpError, SessionDescription, VideoTrack, parse_sdp

log = logging.getLogger(__name__)

_TICK_S = 0.5
_REPORT_EVERY_S = 5.0
_LOGIN_POLL_S = 0.05
_LOGIN_WAIT_S = 30.0
_TEARDOWN_S = 1.0
_KEEP_ALIVE_MOST_S = 25.0
_USER_AGENT = ("User-Agent", "onvif-web-viewer")
_OUR_SSRC = 0x4F57_5652


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """How to play. `require` goes with DESCRIBE, SETUP and PLAY (onvif-replay); `headers` with PLAY."""

    headers: tuple[tuple[str, str], ...] = (("Range", "npt=0.000-"),)
    require: str = ""


LIVE = PlayRequest()


class SessionSink(Protocol):
    """Where a session delivers. All calls come from the event loop's thread."""

    def on_description(self, video: VideoTrack, audio: AudioTrack | None) -> None: ...
    def on_playing(self) -> None: ...
    def on_packets(self, packets: list[RtpPacket]) -> None: ...
    def on_report(self, track: int, report: SenderReport) -> None: ...
    def on_tick(self) -> None:
        """Twice a second while playing. Raises the DeviceError that ends the session."""
        ...


@dataclass(slots=True)
class _Track:
    index: int
    payload_type: int
    rtcp_channel: int
    last_frame: bytes = b""
    report: SenderReport | None = None
    reported_at_s: float = 0.0


class DeviceSession:
    """One run() per object."""

    def __init__(
        self,
        source: StreamSource,
        sink: SessionSink,
        *,
        login_gate: LoginGate,
        clock: Clock,
        timeout_s: float,
        play: PlayRequest = LIVE,
    ) -> None:
        self._source = source
        self._sink = sink
        self._gate = login_gate
        self._clock = clock
        self._timeout_s = timeout_s
        self._play = play
        self._challenge: Challenge | None = None
        self._session: SessionHeader | None = None
        self._by_rtp: dict[int, _Track] = {}
        self._by_rtcp: dict[int, _Track] = {}
        self._control = ""
        self._keep_alive_method = "GET_PARAMETER"
        self._attempt: Attempt | None = None  # under way with a keep-alive
        self._goodbye = False

    async def run(self) -> None:
        """Plays until cancelled. Raises the DeviceError that ended it; the connection is gone then.

        401 and 403 are CameraAuthFailed; 404 CameraNoSignal (recorders answer it for an input
        without a camera); 453 CameraBusy; 454 and 503 CameraUnreachable; a redirect, broken or
        oversized answers CameraBadAnswer; no codec or transport of ours CameraUnsupported.
        """
        address = parse_address(self._source.uri)
        self._control = address.uri
        self._connection = await self._connect(address)
        try:
            try:
                async with asyncio.timeout(self._timeout_s * 3 + _LOGIN_WAIT_S):
                    await self._open(address)
            except TimeoutError:
                raise CameraUnreachable("The device took too long to begin.") from None
            self._sink.on_playing()
            await self._keep_playing()
        finally:
            await self._tear_down()

    async def _connect(self, address: StreamAddress) -> DeviceConnection:
        return await connect(address.host, address.port, self._take_frames, timeout_s=self._timeout_s)

    # from DESCRIBE to PLAY

    async def _open(self, address: StreamAddress) -> None:
        answer = await self._request("DESCRIBE", address.uri, [("Accept", "application/sdp"), *self._require()])
        try:
            description = parse_sdp(answer.body)
        except SdpError as error:
            raise CameraBadAnswer(f"The device describes its stream wrongly: {error}.") from None
        if description.video is None:
            what = "in a codec that is not carried" if description.has_other_video else "without video"
            raise CameraUnsupported(f"The device sends this stream {what}.", service="media")
        base = answer.headers.get("content-base") or answer.headers.get("content-location")
        base = pinned(address, base) or address.uri
        await self._set_up_tracks(address, base, description, description.video)
        self._control = control_uri(address, base, description.control)
        await self._begin()

    async def _begin(self) -> None:
        await self._request("PLAY", self._control, [*self._play.headers, *self._require()])

    async def _set_up_tracks(
        self, address: StreamAddress, base: str, description: SessionDescription, video: VideoTrack
    ) -> None:
        await self._set_up(VIDEO, video.payload_type, control_uri(address, base, video.control))
        audio = description.audio
        if audio:
            try:
                await self._set_up(AUDIO, audio.payload_type, control_uri(address, base, audio.control))
            except (CameraUnsupported, CameraBadAnswer, CameraNoSignal):
                log.info("the device refuses the audio of %s", self._source.device_key)
                audio = None  # the picture is worth more
        self._sink.on_description(video, audio)

    async def _set_up(self, index: int, payload_type: int, uri: str) -> None:
        wanted = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
        answer = await self._request("SETUP", uri, [("Transport", wanted), *self._require()])
        transport = answer.headers.get("transport")
        if transport and "tcp" not in transport.lower():
            raise CameraUnsupported("The device does not send its media over TCP.", service="media")
        rtp, rtcp = parse_interleaved(transport) or (2 * index, 2 * index + 1)
        if rtp in self._by_rtp:
            raise CameraBadAnswer("The device gives two tracks the same channel.")
        if "session" in answer.headers:
            try:
                self._session = parse_session(answer.headers.get("session"))
            except MessageError:
                raise CameraBadAnswer("The device names its session in a way that cannot be sent back.") from None
        track = _Track(index, payload_type, rtcp)
        self._by_rtp[rtp] = track
        self._by_rtcp[rtcp] = track

    def _require(self) -> list[tuple[str, str]]:
        return [("Require", self._play.require)] if self._play.require else []

    # asking, with the login

    async def _request(self, method: str, uri: str, headers: Iterable[tuple[str, str]]) -> Response:
        headers = list(headers)
        answer = await self._exchange(method, uri, headers)
        if answer.status == 401:
            answer = await self._log_in(method, uri, headers, answer)
        if not 200 <= answer.status < 300:
            log.info("%s: %s is answered %d", self._source.device_key, method, answer.status)
            raise problem_of(method, answer.status)
        return answer

    async def _exchange(self, method: str, uri: str, headers: Iterable[tuple[str, str]]) -> Response:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._connection.request(
                    method, uri, self._with_login(method, uri, headers), self._on_answer
                )
        except TimeoutError:
            raise CameraUnreachable(f"The device did not answer {method} in time.") from None

    def _on_answer(self, method: str, answer: Response, number: int) -> None:
        """Called between the frames before an answer and those after it."""

    def _with_login(self, method: str, uri: str, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        headers_sent = [*headers, _USER_AGENT]
        if self._session:
            headers_sent.append(("Session", self._session.session_id))
        if self._challenge:
            value = self._challenge.authorization(self._source.credential, method, uri)
            headers_sent.append(("Authorization", value))
        return headers_sent

    async def _log_in(self, method: str, uri: str, headers: list[tuple[str, str]], answer: Response) -> Response:
        """Sends the credential, once more if only its nonce had become stale."""
        if not self._source.credential.username:
            raise CameraAuthFailed("The device asks for a user name and a password.")
        for is_last in (False, True):
            self._challenge = choose_challenge(answer.headers.all("www-authenticate"))
            if self._challenge is None:
                raise CameraUnsupported("The device asks for a kind of login that is not known.", service="media")
            attempt = await self._begin_attempt()
            try:
                answer = await self._exchange(method, uri, headers)
                if answer.status != 401:
                    if answer.status != 403 and 200 <= answer.status < 500 and answer.status != 400:
                        attempt.accepted()
                    return answer
                renewed = choose_challenge(answer.headers.all("www-authenticate"))
                if is_last or renewed is None or not renewed.is_stale:
                    attempt.refused()
                    break
            finally:
                attempt.unanswered()
        self._challenge = None
        raise CameraAuthFailed("The device refuses this user name or password.")

    async def _begin_attempt(self) -> Attempt:
        deadline_s = self._clock.monotonic_s() + _LOGIN_WAIT_S
        while self._clock.monotonic_s() < deadline_s:
            attempt = self._gate.try_begin(self._source.device_key, self._source.credential)
            if attempt is not None:
                return attempt
            await asyncio.sleep(_LOGIN_POLL_S)
        raise CameraUnreachable("The device did not say in time whether it lets us in.")

    # while it plays

    async def _keep_playing(self) -> None:
        now_s = self._clock.monotonic_s()
        next_report_s = now_s + _REPORT_EVERY_S / 2
        next_keep_alive_s = now_s + self._keep_alive_every_s()
        pending: asyncio.Future[Response] | None = None
        while True:
            await asyncio.wait({self._connection.ended}, timeout=_TICK_S)
            if self._connection.ended.done():
                raise self._connection.ended.result()
            if self._goodbye:
                self._take_goodbye()
            self._sink.on_tick()
            now_s = self._clock.monotonic_s()
            if now_s >= next_report_s:
                next_report_s = now_s + _REPORT_EVERY_S
                self._send_reports(now_s)
            if pending and pending.done():
                next_keep_alive_s = self._judge_keep_alive(pending.result(), next_keep_alive_s)
                pending = None
            if now_s >= next_keep_alive_s:
                next_keep_alive_s = now_s + self._keep_alive_every_s()
                if pending:
                    pending.cancel()  # some devices never answer; media is what counts
                    self._end_attempt()
                headers_sent = self._with_login(self._keep_alive_method, self._control, ())
                pending = self._connection.request(self._keep_alive_method, self._control, headers_sent)

    def _take_goodbye(self) -> None:
        raise CameraUnreachable("The device ended the stream.")

    def _keep_alive_every_s(self) -> float:
        timeout_s = self._session.timeout_s if self._session else 60.0
        return min(timeout_s * 0.4, _KEEP_ALIVE_MOST_S)

    def _judge_keep_alive(self, answer: Response, next_s: float) -> float:
        """When the next one is due.

        Raises CameraUnreachable if the device forgot the session, CameraAuthFailed if it refuses
        the credential that it took before: the password was changed.
        """
        attempt, self._attempt = self._attempt, None
        if answer.status == 401:
            return self._renew_login(answer, attempt, next_s)
        if attempt:
            attempt.accepted()
        if answer.status == 454:
            raise problem_of(self._keep_alive_method, 454)
        if answer.status >= 400:
            self._keep_alive_method = "OPTIONS"
        return next_s

    def _renew_login(self, answer: Response, attempt: Attempt | None, next_s: float) -> float:
        """The nonce has become stale, as a rule: one try with the new one."""
        renewed = choose_challenge(answer.headers.all("www-authenticate"))
        if attempt:
            if renewed and renewed.is_stale:
                attempt.unanswered()
                return next_s
            attempt.refused()
            raise CameraAuthFailed("The device no longer accepts this user name or password.")
        if renewed and self._source.credential.username:
            self._attempt = self._gate.try_begin(self._source.device_key, self._source.credential)
            if self._attempt:
                self._challenge = renewed
                return 0.0
        return next_s

    def _end_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt:
            attempt.unanswered()

    def _send_reports(self, now_s: float) -> None:
        for track in self._by_rtp.values():
            if len(track.last_frame) >= 12:
                of_ssrc = int.from_bytes(track.last_frame[8:12], "big")
                sequence = int.from_bytes(track.last_frame[2:4], "big")
                middle = track.report.ntp_middle if track.report else 0
                packet = receiver_report(_OUR_SSRC, of_ssrc, sequence, middle, now_s - track.reported_at_s)
                self._connection.send(framed(track.rtcp_channel, packet))

    def _take_frames(self, frames: list[Frame]) -> None:
        now_s = self._clock.monotonic_s()
        packets: list[RtpPacket] = []
        by_rtp = self._by_rtp
        for channel, data in frames:
            track = by_rtp.get(channel)
            if track is None:
                if channel in self._by_rtcp:
                    self._take_control(self._by_rtcp[channel], data, now_s)
                continue
            packet = parse_rtp(data, track.index, now_s)
            if packet is not None and packet.payload_type == track.payload_type:
                track.last_frame = data
                packets.append(packet)
        if packets:
            self._sink.on_packets(packets)

    def _take_control(self, track: _Track, data: bytes, now_s: float) -> None:
        news = parse_rtcp(data)
        if news.report:
            track.report = news.report
            track.reported_at_s = now_s
            self._sink.on_report(track.index, news.report)
        self._goodbye = self._goodbye or (news.is_goodbye and track.index == VIDEO)

    async def _tear_down(self) -> None:
        """Says goodbye if there is something to end, waits a second at most, drops the connection."""
        connection = self._connection
        self._end_attempt()
        try:
            if self._session and connection.is_open:
                with suppress(TimeoutError, DeviceError):
                    async with asyncio.timeout(_TEARDOWN_S):
                        await connection.request(
                            "TEARDOWN", self._control, self._with_login("TEARDOWN", self._control, ())
                        )
        finally:
            connection.close()


class NoSuchRange(CameraBadAnswer):
    """457: nothing is recorded at the time asked for."""


class NotOffered(CameraUnsupported):
    """405, 461, 501 or 551: it does not do this, whenever it is asked."""


class NotNow(CameraBadAnswer):
    """455: it does not do this in the state that the session is in."""


def problem_of(method: str, status: int) -> DeviceError:
    """What an answer other than 2xx means to a person. Pure; see run() for the table in words."""
    if 300 <= status < 400:
        return CameraBadAnswer("The device sends us to another address; that is not followed.")
    if status in {401, 403}:
        return CameraAuthFailed("The device does not let this user see this stream.")
    if status in {404, 410}:
        return CameraNoSignal("The device has no stream at this address: the input is probably not connected.")
    if status == 453:
        return CameraBusy("The device refuses one more session.")
    if status == 457:
        return NoSuchRange("The device has nothing to play at this time.")
    if status == 503:
        return CameraUnreachable("The device cannot serve this stream at the moment.")
    if status == 454:
        return CameraUnreachable("The device has forgotten the session.")
    if status in {461, 551} or (status in {405, 501} and method != "GET_PARAMETER"):
        return NotOffered(f"The device cannot do what is asked ({method}, status {status}).", service="media")
    if status == 455:
        return NotNow(f"The device answered {method} with status {status}.")
    return CameraBadAnswer(f"The device answered {method} with status {status}.")
