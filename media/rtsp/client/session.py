"""One session with a device (RFC 2326): DESCRIBE, SETUP and PLAY, keep-alives, TEARDOWN.

A session runs once and raises the error that ended it; callers decide on another one. Its packets go to a
sink, so the same session serves live media (media/rtsp/live/source.py) and replay (media/rtsp/replay).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from core.certificates import PinnedCertificates
from core.clock import Clock
from core.errors import (
    CameraAuthFailed,
    CameraBadAnswer,
    CameraNoSignal,
    CameraUnreachable,
    CameraUnsupported,
    DeviceError,
)
from core.login_gate import LoginGate
from media.codecs import g711
from media.codecs.video import VideoCodec
from media.rtsp.client.address import RtspSource, base_addresses, parse_address, session_addresses
from media.rtsp.client.codec_judge import other_codec
from media.rtsp.client.connecting import Connector
from media.rtsp.client.connection import RtspConnection
from media.rtsp.client.device_requests import DeviceRequests, Headers, RequestRules
from media.rtsp.client.errors import (
    NoAnswer,
    NotOffered,
    NoTransport,
    NotRtsp,
    PortClosed,
    TunnelLoginRefused,
)
from media.rtsp.client.habits import FIRST_REQUEST, REPORTS, HabitStore
from media.rtsp.client.keep_alive import MOST_S, RECEIVER_REPORT, KeepAlive
from media.rtsp.client.login import LOGIN_WAIT_S, SessionLogin, says_stale
from media.rtsp.client.messages import Response
from media.rtsp.client.playing import LIVE_RANGES, PlayRequests
from media.rtsp.client.receiver import MediaReceiver, SessionSink
from media.rtsp.client.rtp import AUDIO, VIDEO, Delivery
from media.rtsp.client.sdp import AudioTrack, SdpError, SessionDescription, VideoTrack, parse_sdp
from media.rtsp.client.track_setup import TrackSetup
from media.rtsp.client.transports import UDP
from media.rtsp.client.tunnel import LOGIN_REFUSED as TUNNEL_LOGIN_REFUSED
from media.rtsp.client.tunnel import open_tunnel

log = logging.getLogger(__name__)

_TICK_S = 0.5
_REPORT_EVERY_S = 5.0
_TEARDOWN_S = 1.0
_SDP_ONLY = [("Accept", "application/sdp")]
_WANTS_OPTIONS = frozenset({400, 405, 454, 455, 551})
_ANY_REFUSAL = frozenset(range(400, 600)) - {401}
_AUDIO_SETUP_S = 4.0
_RTSP = "RTSP"
_TUNNEL = "HTTP tunnel"
_OTHER_TRANSPORT = "The device sends this stream {how}, which the app cannot receive."
# Why a stream has no audio, for users: the ends of sentences.
_TRACK_REFUSED = "the device refuses its track"
_TRACK_UNANSWERED = "the device does not answer the request for its track"
_NOT_PLAYED = "the device did not play the stream with it"
_NO_PICTURE = "the device sent no picture with it"


@dataclass(frozen=True, slots=True)
class ClientContext:
    """The parts of the gateway that each device session uses. `timeout_s` limits one request, and one silence."""

    login_gate: LoginGate
    clock: Clock
    timeout_s: float
    certificates: PinnedCertificates
    tls_context: Callable[[], ssl.SSLContext]
    habits: HabitStore


class DeviceSession:
    """A session of either kind; one run() per object. This class plays live media immediately.

    media.rtsp.replay.device_session.ReplayDeviceSession overrides the hooks: it stays set up and waits for each PLAY.
    `require` is sent as Require with DESCRIBE, SETUP, PLAY and PAUSE.
    """

    def __init__(self, source: RtspSource, sink: SessionSink, context: ClientContext, *, require: str = "") -> None:
        self._source = source
        self._sink = sink
        self._context = context
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._require = require
        self._has_audio = False
        self._has_answered = False  # the device, over the present way
        self._keep_alive: KeepAlive | None = None  # from PLAY on
        self._keep_alive_most_s = MOST_S

    async def run(self) -> None:
        """Open the session and keep it open until cancelled.

        Raises the DeviceError that ended the session; the connection is closed then. errors.status_error() says which
        status becomes which error. CameraBadAnswer also for broken or oversized answers, CameraUnsupported for a codec
        or transport that we do not have.
        """
        self._address = parse_address(self._source.uri)
        self._habits = self._context.habits.of(self._source.device_key, self._address.origin, self._source.habits)
        tunnel = self._habits.tunnel
        first: DeviceError | None = None
        for way in (_TUNNEL, _RTSP) if tunnel.goes_first else (_RTSP, _TUNNEL):
            if way == _TUNNEL and tunnel.is_left_out:
                continue
            try:
                if way == _TUNNEL and tunnel.refuses(self._fingerprint):
                    raise TunnelLoginRefused(TUNNEL_LOGIN_REFUSED)
                await self._run_over(way, is_only_way=isinstance(first, (PortClosed, NotRtsp)))
            except DeviceError as error:
                if way == _TUNNEL and not self._has_answered:
                    self._note_no_tunnel(error)
                telling = self._more_telling(first, error)
                if self._keep_alive is not None or not self._is_worth_another(way, error):
                    raise telling from None
                first = telling
        raise first or CameraUnreachable("The device cannot be reached on its RTSP port.")

    @property
    def _fingerprint(self) -> str:
        return self._source.credential.password.fingerprint()

    def _note_no_tunnel(self, error: DeviceError) -> None:
        """No tunnel could be opened. Another login may open it, so a refused one does not count against the tunnel."""
        if isinstance(error, TunnelLoginRefused):
            self._habits.tunnel.refused_login(self._fingerprint)
        elif not isinstance(error, CameraAuthFailed):
            self._habits.tunnel.failed(is_refused=not isinstance(error, CameraUnreachable))

    def _more_telling(self, first: DeviceError | None, error: DeviceError) -> DeviceError:
        """Return the error that says more to users: of the first port, of the second one, or of both."""
        if first is None or self._keep_alive is not None:
            return error
        if not isinstance(first, (PortClosed, NotRtsp)):
            return error if isinstance(first, TunnelLoginRefused) and self._has_answered else first
        is_known = self._context.login_gate.has_accepted(self._source.device_key, self._source.credential)
        if self._has_answered or (isinstance(error, CameraAuthFailed) and not is_known):
            return error
        # A device may have other users for its web server, so that says nothing about a login that it has accepted.
        return first if isinstance(error, CameraUnreachable) else type(first)(f"{first.detail} {error.detail}")

    def _is_worth_another(self, way: str, error: DeviceError) -> bool:
        """True if the device may be reached over its other port."""
        if way == _TUNNEL:
            return isinstance(error, (CameraUnreachable, CameraBadAnswer, CameraUnsupported, TunnelLoginRefused))
        is_refused = isinstance(error, NotOffered) and not self._require
        return is_refused or isinstance(error, (PortClosed, NotRtsp, NoTransport))

    async def _run_over(self, way: str, *, is_only_way: bool) -> None:
        """Run one session over RTSP's own port, or over the web server's. `is_only_way`: the other one failed."""
        context, habits, address = self._context, self._habits, self._address
        self._has_answered = self._has_audio = False
        self._receiver = MediaReceiver(self._sink, self._clock)
        self._login = SessionLogin(self._source, context.login_gate, self._clock, habits, is_tls=address.is_tls)
        self._web_login = SessionLogin(
            *(self._source, context.login_gate, self._clock, habits), is_tls=address.is_tls, outer=self._login
        )
        connect = partial(self._connect, way)
        self._requests = DeviceRequests(
            *(self._source, address, await connect(), connect, self._login, habits),
            RequestRules(self._timeout_s, self._require, self._on_answer),
        )
        self._setup = TrackSetup(
            *(address, self._requests, self._receiver, habits, self._clock),
            can_use_udp=way == _RTSP and not address.is_tls,
        )
        self._plays = PlayRequests(self._requests, self._receiver, habits, self._clock, address.uri)
        try:
            try:
                async with asyncio.timeout(self._timeout_s * 3 + LOGIN_WAIT_S):
                    await self._open()
            except TimeoutError:
                raise CameraUnreachable("The device took too long to begin.") from None
            if way == _TUNNEL:
                habits.tunnel.worked(is_only_way=is_only_way)
            self._sink.on_opened(habits.patience_s(address.uri, self._timeout_s))
            await self._serve()
        except CameraNoSignal:
            if self._has_audio:
                habits.audio.failed(address.uri, _NO_PICTURE)
            if self._keep_alive is not None:  # the app ended the session: its keep-alives are not the reason
                self._setup.no_media_came()
                habits.no_media_came(address.uri)
            raise
        except CameraUnreachable:
            if self._keep_alive is not None and self._connection.ended.done():
                self._note_loss(self._keep_alive)
            raise
        finally:
            self._has_answered = self._requests.has_answered
            await self.teardown()

    @property
    def _connection(self) -> RtspConnection:
        return self._requests.connection

    async def _connect(self, way: str) -> RtspConnection:
        address, context, receiver = self._address, self._context, self._receiver
        connector = Connector(address.host, context.certificates, context.tls_context, self._timeout_s)
        if way == _RTSP:
            return await connector.connect(address.port, lambda: RtspConnection(receiver), is_tls=address.is_tls)
        problem: DeviceError = CameraUnreachable("The device offers no RTSP over HTTP.")
        ports = dict.fromkeys((address.port, *(() if address.is_tls else (self._source.web_port or 80,))))
        for port in ports:
            try:
                return await self._open_tunnel(port, connector)
            except (CameraUnreachable, CameraBadAnswer, CameraUnsupported, TunnelLoginRefused) as error:
                problem = error
        raise problem

    async def _open_tunnel(self, port: int, connector: Connector) -> RtspConnection:
        """Open a tunnel at this port: once more if the device may be busy with the end of the session before."""
        address, receiver, web_login = self._address, self._receiver, self._web_login
        open_it = partial(open_tunnel, address, port, connector, web_login, receiver, timeout_s=self._timeout_s)
        web_login.forget()  # each port, and often each connection, has a challenge of its own
        try:
            return await open_it()
        except TunnelLoginRefused:
            busy_s = self._habits.busy_s(self._fingerprint)
            if busy_s <= 0:
                raise
        await asyncio.sleep(busy_s)
        web_login.forget()
        return await open_it()

    async def _open(self) -> None:
        description, video, bases = await self.describe()
        video = self._with_true_codec(video)
        try:
            await self._setup.setup(VIDEO, video, bases)
        except NoTransport:
            if how := description.other_transport:
                raise NoTransport(_OTHER_TRANSPORT.format(how=how), service="media") from None
            raise
        audio = description.audio
        if description.other_audio:
            self._sink.on_audio_left_out(f"the app does not support {description.other_audio}")
        if audio and (reason := await self._set_up_audio(audio, bases)):
            self._sink.on_audio_left_out(reason)
            audio = None
        if audio and audio.format.codec in g711.LAWS:
            audio = replace(audio, law=self._habits.audio.law(self._address.uri, audio.format.codec))
        is_udp = self._setup.transport == UDP
        self._sink.on_description(video, audio, Delivery.DATAGRAMS if is_udp else Delivery.STREAM)
        self._plays.offer(session_addresses(bases, self._setup.base_name), self._setup.video_uri)
        self._has_audio = audio is not None
        try:
            await self._after_setup()
        except (CameraBadAnswer, CameraUnsupported):  # the audio may belong to another session of the device
            if self._has_audio:
                self._habits.audio.failed(self._address.uri, _NOT_PLAYED)
            raise
        except CameraUnreachable:  # the device may have ended, too
            if self._has_audio:
                self._habits.audio.doubt(self._address.uri, _NOT_PLAYED)
            raise

    def _with_true_codec(self, video: VideoTrack) -> VideoTrack:
        """Return the video with the codec that the last session with this stream has found in its packets."""
        self._described_codec = described = video.codec
        other = other_codec(described)
        if other and self._habits.true_codec(self._address.uri, described.name) == other.name:
            video = replace(video, codec=other, sets={}, more_sets=())
        self._receiver.judge_codec(video.codec)
        return video

    async def _set_up_audio(self, audio: AudioTrack, bases: Mapping[str, str]) -> str:
        """SETUP of the audio. If it fails, return the reason, for users: the video is worth more.

        The next sessions with this stream leave the audio out. Other streams of the device keep theirs.
        """
        habit = self._habits.audio
        if reason := habit.left_out(self._address.uri):
            return reason
        try:
            await self._setup.setup(AUDIO, audio, bases, timeout_s=min(self._timeout_s, _AUDIO_SETUP_S))
        except DeviceError as error:
            is_answered = self._connection.is_open and not isinstance(error, NoAnswer)
            reason = _TRACK_REFUSED if is_answered else _TRACK_UNANSWERED
            habit.failed(self._address.uri, reason)
            if not self._connection.is_open:
                raise
            log.info("%s: no audio (%s)", self._source.device_key, error.code)
        return reason

    async def _after_setup(self) -> None:
        """Send PLAY. Hook for sessions that do something else once they are set up."""
        await self._plays.send(LIVE_RANGES)

    # -- RTSP methods ------------------------------------------------------------------------------

    async def describe(self) -> tuple[SessionDescription, VideoTrack, dict[str, str]]:
        """DESCRIBE. Return the description, its video, and the base addresses of its tracks.

        Raises CameraBadAnswer for a broken description, CameraUnsupported without video that we carry.
        """
        answer = await self._ask_for_description()
        try:
            description = parse_sdp(answer.body)
        except SdpError as error:
            raise CameraBadAnswer(f"The device's description of the stream is invalid: {error}.") from None
        if description.video is None:
            raise CameraUnsupported(_no_video(description), service="media")
        address = replace(self._address, uri=self._requests.last_uri)
        named = {name: answer.headers.get(name) for name in ("content-base", "content-location")}
        return description, description.video, base_addresses(address, description.control, named)

    async def _ask_for_description(self) -> Response:
        """DESCRIBE, after OPTIONS if the device wants that first, as most other clients send it."""
        uri, habits, send = self._address.uri, self._habits, self._requests.send
        first = habits.order(FIRST_REQUEST, ("DESCRIBE", "OPTIONS"))[0]
        may_want_options = first == "DESCRIBE" and not self._require
        try:
            if first == "OPTIONS":
                await send("OPTIONS", uri, accept=_ANY_REFUSAL)
            accept = _WANTS_OPTIONS if may_want_options else frozenset()
            answer = await send("DESCRIBE", uri, _SDP_ONLY, accept=accept)
        except CameraUnreachable:
            if not self._requests.has_answered:
                habits.doubt(FIRST_REQUEST, first)
            raise
        if answer.status in _WANTS_OPTIONS:
            await send("OPTIONS", uri, accept=_ANY_REFUSAL)
            answer, first = await send("DESCRIBE", uri, _SDP_ONLY), "OPTIONS"
        habits.worked(FIRST_REQUEST, first)
        return answer

    async def play(self, headers: Headers) -> Response:
        """PLAY. Raises NoSuchRange if the device has nothing in the requested range."""
        return await self._plays.send({"": list(headers)})

    async def pause(self) -> None:
        """PAUSE."""
        await self._requests.send("PAUSE", self._plays.control)

    async def teardown(self) -> None:
        """TEARDOWN if there is a session; wait at most a second for its answer, then close the connection."""
        connection = self._connection
        self._login.abandon_renewal()
        try:
            if self._requests.session and connection.is_open:
                with suppress(TimeoutError, DeviceError):
                    async with asyncio.timeout(_TEARDOWN_S):
                        answer = await self._requests.send_now("TEARDOWN", self._plays.control)
                        if answer.status == 401 and says_stale(answer):
                            self._login.take_up(answer)
                            await self._requests.send_now("TEARDOWN", self._plays.control)
                self._habits.ended_session(self._fingerprint)
        finally:
            self._setup.close()
            connection.close()

    def _on_answer(self, method: str, answer: Response, cseq: int) -> None:
        """Hook for an answer: the packets before it were delivered, those after it were not.

        ReplayDeviceSession opens its AnswerFilter here for the packets of the PLAY that was answered.
        """

    # -- while the session is open -----------------------------------------------------------------

    async def _serve(self) -> None:
        """Send reports and keep-alives until the connection ends. Raises the DeviceError that ended it."""
        began_s, has_media = self._clock.monotonic_s(), False
        next_report_s = began_s + _REPORT_EVERY_S / 2
        self._keep_alive = keep_alive = KeepAlive(
            *(self._requests, self._login, self._habits, self._clock),
            uri=self._plays.control,
            most_s=self._keep_alive_most_s,
        )
        while True:
            await asyncio.wait({self._connection.ended}, timeout=_TICK_S)
            if self._connection.ended.done():
                raise self._connection.ended.result()
            if self._receiver.has_goodbye:
                self._on_goodbye()
            if self._receiver.other_codec:
                self._on_other_codec(self._receiver.other_codec)
            self._receiver.flush()
            self._sink.on_tick()
            now_s = self._clock.monotonic_s()
            if now_s >= next_report_s:
                next_report_s = now_s + _REPORT_EVERY_S
                self._send_reports(now_s)
            if not has_media and self._receiver.receiver_reports(now_s):
                has_media = True
                if now_s - began_s > self._timeout_s:
                    self._habits.audio.late_media_came(self._address.uri, _NO_PICTURE)
            keep_alive.tick()

    def _send_reports(self, now_s: float) -> None:
        reports = self._receiver.receiver_reports(now_s)
        if reports:
            self._setup.media_came()
            if self._has_audio:
                self._habits.audio.worked(self._address.uri)
        if reports and self._keep_alive and not self._habits.has_failed(REPORTS, RECEIVER_REPORT):
            self._keep_alive.reported_s = now_s
            for report in reports:
                self._setup.send_report(report)
        self._setup.keep_open()

    def _note_loss(self, keep_alive: KeepAlive) -> None:
        """The device has ended the session: find out what the next one should do in another way."""
        keep_alive.session_lost()
        if not self._receiver.receiver_reports(self._clock.monotonic_s()):
            self._setup.no_media_came()

    def _on_other_codec(self, sent: VideoCodec) -> None:
        """End the session: the next one reads the video in the codec that its packets have."""
        described = self._described_codec
        self._habits.note_codec(self._address.uri, described.name, sent.name)
        if sent is described:
            raise CameraBadAnswer(f"The device sends {sent.title} again, as it describes its video.")
        raise CameraBadAnswer(
            f"The device describes its video as {described.title} and sends {sent.title}. The next try reads that."
        )

    def _on_goodbye(self) -> None:
        """RTCP BYE: the device ends the stream."""
        raise CameraUnreachable("The device ended the stream.")


def _no_video(description: SessionDescription) -> str:
    """Return the reason why there is no video that we carry, and the remedy."""
    if not description.has_other_video:
        return "The device sends this stream without video."
    codec = description.other_video or "a video format that the app does not know"
    return f"The device sends this stream as {codec}, which the app cannot show. Choose H.264 in the camera's settings."
