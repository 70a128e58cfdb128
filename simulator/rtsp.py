"""The RTSP server: live streams and replay over TCP, interleaved (RFC 2326), behind Digest.

URLs look like a Dahua recorder's: ``/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif``. Only TCP is
offered; any other transport gets 461. A session belongs to its connection, and ends when the client sends nothing for
the session's time-out; RTCP from the client counts.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from simulator import audio_faults
from simulator.clip import EncodeError
from simulator.console import log
from simulator.faults import Faults
from simulator.h26x import sdp_format
from simulator.layout import Layout
from simulator.live import LiveStream, LiveStreams
from simulator.login import Login, Outcome
from simulator.makes import Make
from simulator.replay import Replays
from simulator.replay_requests import ReplayRequests
from simulator.rtp import AUDIO, METADATA, METADATA_PAYLOAD_TYPE, VIDEO, VIDEO_PAYLOAD_TYPE
from simulator.rtsp_messages import Reply, Request, interleaved_channels

_MAX_HEADER_BYTES = 16 * 1024
_MAX_BODY_BYTES = 64 * 1024
_MAX_UNREAD_BYTES = 8 * 1024 * 1024
_FIRST_FRAME_TIMEOUT_S = 20.0
_SILENCE_POLL_S = 0.2
_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
_REASONS = {
    200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 453: "Not Enough Bandwidth", 454: "Session Not Found",
    455: "Method Not Valid in This State", 457: "Invalid Range", 461: "Unsupported Transport",
    503: "Service Unavailable", 551: "Option not supported",
}  # fmt: skip


class _Gone(Exception):
    """Raised to close the connection without an answer."""


def describe(stream: LiveStream) -> str:
    """SDP (RFC 4566) of a stream that is prepared."""
    rtpmap, fmtp = sdp_format(stream.spec.codec, stream.parameter_sets())
    lines = [
        "v=0", "o=- 2208988800 1 IN IP4 127.0.0.1", "s=Media Server", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}", f"a=control:trackID={VIDEO}", f"a=framerate:{stream.spec.fps}",
        f"a=rtpmap:{VIDEO_PAYLOAD_TYPE} {rtpmap}", f"a=fmtp:{VIDEO_PAYLOAD_TYPE} {fmtp}", "a=recvonly",
    ]  # fmt: skip
    if audio_loop := stream.audio_loop:
        lines += [f"m=audio 0 RTP/AVP {audio_loop.payload_type}", f"a=control:trackID={AUDIO}"]
        rtpmap, fmtp = audio_faults.description(audio_loop, stream.audio_fault())
        lines += [f"a=rtpmap:{audio_loop.payload_type} {rtpmap}"]
        lines += [f"a=fmtp:{audio_loop.payload_type} {fmtp}"] if fmtp else []
        lines += ["a=recvonly"]
    if stream.metadata:
        lines += [f"m=application 0 RTP/AVP {METADATA_PAYLOAD_TYPE}", f"a=control:trackID={METADATA}"]
        lines += [f"a=rtpmap:{METADATA_PAYLOAD_TYPE} vnd.onvif.metadata/90000", "a=recvonly"]
    return "\r\n".join(lines) + "\r\n"


@dataclass(eq=False)
class RtspConnection:
    """One client. It is a `live.Listener`: streams write interleaved frames between the answers."""

    server: RtspServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    session: str = ""
    stream: LiveStream | None = None
    channels: dict[int, int] = field(default_factory=dict)
    is_playing: bool = False
    user_agent: str = ""
    since: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        server = self.server
        self.replay = ReplayRequests(
            server.layout,
            server.make,
            server.replays,
            server.faults,
            self.writer,
            session_timeout_s=server.session_timeout_s,
        )

    def channel_of(self, stream: LiveStream, track: int) -> int | None:
        return self.channels.get(track) if stream is self.stream else None

    def send(self, data: bytes) -> None:
        if not data or self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            self.writer.transport.abort()  # a recorder does not wait for a client that stopped reading
            return
        self.writer.write(data)

    def close(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()

    def stop_playing(self) -> None:
        self.replay.close()
        if self.stream:
            self.stream.remove(self)
        self.is_playing = False

    def channel_number(self) -> int | None:
        player = self.replay.player
        return self.stream.channel.number if self.stream else player.source.channel.number if player else None

    # -- reading ---------------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer requests until the client or a fault ends the connection."""
        try:
            while request := await self._next_request():
                await self._respond(request)
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            TimeoutError,
            ValueError,
            _Gone,
        ):
            pass
        finally:
            self.stop_playing()
            self.writer.close()

    async def _next_request(self) -> Request | None:
        while True:
            async with asyncio.timeout(self.server.session_timeout_s):
                first = await self.reader.read(1)
                if not first:
                    return None
                if first in b"\r\n":
                    continue
                if first == b"$":
                    head = await self.reader.readexactly(3)
                    await self.reader.readexactly(int.from_bytes(head[1:], "big"))
                    continue
                return await self._parse(first + await self.reader.readuntil(b"\r\n\r\n"))

    async def _parse(self, raw: bytes) -> Request:
        if len(raw) > _MAX_HEADER_BYTES:
            raise ValueError("header too long")
        lines = raw.decode("utf-8", "replace").split("\r\n")
        method, url, version = lines[0].split(" ")
        if not version.startswith("RTSP/1."):
            raise ValueError("not RTSP 1")
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _MAX_BODY_BYTES:
            raise ValueError("body too long")
        await self.reader.readexactly(length)
        self.user_agent = headers.get("user-agent", self.user_agent)[:200]
        return Request(method, url, headers)

    # -- answering -------------------------------------------------------------------------------------------------

    async def _respond(self, request: Request) -> None:
        faults = self.server.faults
        channel = request.number("channel") or self.channel_number()
        if faults.is_on("drop_connections", channel):
            raise _Gone
        if delay := faults.number("rtsp_slow", channel):
            await asyncio.sleep(delay)
        reply = await self._answer(request)
        is_silent = faults.is_on("rtsp_silent", channel)
        if not is_silent:
            self._write(request, reply)
        if reply.then:
            reply.then()
        if is_silent:
            return
        await self.writer.drain()
        if request.method == "TEARDOWN" and reply.status == 200:
            raise _Gone

    def _write(self, request: Request, reply: Reply) -> None:
        lines = [f"RTSP/1.0 {reply.status} {_REASONS[reply.status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += ["Server: Pretend RTSP Server/1.0", *reply.headers]
        if reply.body:
            lines += [f"Content-Length: {len(reply.body.encode())}"]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n" + reply.body).encode())

    async def _answer(self, request: Request) -> Reply:
        if target := self.server.faults.text("rtsp_redirect"):
            return Reply(302, (f"Location: {target}",))
        if "cseq" not in request.headers:
            return Reply(400)
        if unsupported := self.replay.refused(request):
            return unsupported
        if request.method == "OPTIONS":
            return Reply(200, (f"Public: {_PUBLIC}",))
        if refused := self._refused(request):
            return refused
        if self.replay.answers(request):
            return await self.replay.answer(request)
        handler = {
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._keep_alive,
            "SET_PARAMETER": self._keep_alive,
        }.get(request.method)
        return await handler(request) if handler else Reply(405, (f"Allow: {_PUBLIC}",))

    def _refused(self, request: Request) -> Reply | None:
        login = self.server.login
        if login.rtsp_is_open():
            return None
        header = request.headers.get("authorization", "")
        outcome = login.check_header("rtsp", request.method, request.url, header, exact=False)
        if outcome is Outcome.OK:
            return None
        challenges = login.challenges("rtsp", stale=outcome is Outcome.STALE)
        return Reply(401, tuple(f"WWW-Authenticate: {challenge}" for challenge in challenges))

    def _find(self, request: Request) -> LiveStream | None:
        if request.number("channel") is None and request.method != "DESCRIBE":
            return self.stream  # some clients drop the query when they append the track
        if urlsplit(request.url).path.split("/")[1:3] != ["cam", "realmonitor"]:
            return None
        role = {0: "main", 1: "sub"}.get(request.number("subtype") or 0)
        return self.server.streams.find(request.number("channel") or 0, role or "")

    async def _prepared(self, request: Request) -> LiveStream | Reply:
        stream = self._find(request)
        dead = stream.dead_kind() if stream else None
        if stream is None or dead == "not_found":
            return Reply(404)
        while dead == "silence":  # such a channel accepts everything and never answers
            await asyncio.sleep(_SILENCE_POLL_S)
            if self.reader.at_eof():
                raise _Gone
            dead = stream.dead_kind()
        try:
            await stream.prepare(_FIRST_FRAME_TIMEOUT_S)
        except EncodeError as error:
            log(f"channel {stream.channel.number} {stream.role}: {error}")
            return Reply(503, ("Retry-After: 5",))
        return stream

    async def _describe(self, request: Request) -> Reply:
        stream = await self._prepared(request)
        if isinstance(stream, Reply):
            return stream
        if not self.is_playing:
            self.stream = stream
        headers = (
            "Content-Type: application/sdp",
            f"Content-Base: {request.url.rstrip('/')}/",
            "Cache-Control: no-cache",
        )
        return Reply(200, headers, describe(stream))

    async def _setup(self, request: Request) -> Reply:
        stream = await self._prepared(request)
        if isinstance(stream, Reply):
            return stream
        number = request.number("trackID")
        track = stream.track(VIDEO if number is None else number)
        if track is None:
            return Reply(404)
        if number == AUDIO and stream.audio_fault() == "refused":
            return Reply(453)
        if self.channels and stream is not self.stream:
            return Reply(455)
        pair = interleaved_channels(request.headers.get("transport", ""), 2 * len(self.channels))
        if pair is None:
            return Reply(461)
        if not self.session and self.server.is_full():
            return Reply(453)
        self.stream, self.session = stream, self.session or secrets.token_hex(8)
        self.channels[VIDEO if number is None else number] = pair[0]
        transport = f"RTP/AVP/TCP;unicast;interleaved={pair[0]}-{pair[1]};ssrc={track.ssrc:08X}"
        return Reply(200, (f"Transport: {transport}", self._session_header()))

    def _session_header(self) -> str:
        return f"Session: {self.session};timeout={self.server.session_timeout_s:.0f}"

    def _session_problem(self, request: Request) -> Reply | None:
        sent = request.headers.get("session", "").partition(";")[0].strip()
        return None if sent and sent in (self.session, self.replay.session) else Reply(454)

    async def _play(self, request: Request) -> Reply:
        if problem := self._session_problem(request):
            return problem
        stream = self.stream
        if stream is None or not self.channels:
            return Reply(455)
        now = time.time()
        base = re.sub(r"/?trackID=\d+$", "", request.url).rstrip("/")
        infos = [
            f"url={base}/trackID={number};seq={track.sequence};rtptime={track.timestamp(now)}"
            for number in self.channels
            if (track := stream.track(number))
        ]
        self.is_playing = True
        headers = (self._session_header(), "Range: npt=now-", f"RTP-Info: {','.join(infos)}")
        return Reply(200, headers, then=partial(self._join, stream, now))

    def _join(self, stream: LiveStream, now: float) -> None:
        if self.writer.is_closing():
            return
        channels: dict[int, int | None] = dict(self.channels)
        if not self.server.faults.is_on("rtsp_silent", stream.channel.number):
            self.send(b"".join(stream.reports(channels, now)))
        stream.add(self)

    async def _pause(self, request: Request) -> Reply:
        if problem := self._session_problem(request):
            return problem
        self.stop_playing()
        return Reply(200, (self._session_header(),))

    async def _teardown(self, request: Request) -> Reply:
        if problem := self._session_problem(request):
            return problem
        self.stop_playing()
        return Reply(200, (self._session_header(),))

    async def _keep_alive(self, request: Request) -> Reply:
        if "session" in request.headers and (problem := self._session_problem(request)):
            return problem
        if session := self.session or self.replay.session:
            return Reply(200, (f"Session: {session};timeout={self.server.session_timeout_s:.0f}",))
        return Reply(200)

    def as_json(self) -> dict[str, object]:
        return {
            "channel": self.channel_number(),
            "role": self.stream.role if self.stream else None,
            "playing": self.is_playing,
            "user_agent": self.user_agent,
            "age_s": round(time.time() - self.since, 1),
            "unsent_bytes": self.writer.transport.get_write_buffer_size(),
        }


class RtspServer:
    """Serves RTSP connections. The parts that its connections answer from are its attributes."""

    def __init__(
        self,
        layout: Layout,
        make: Make,
        streams: LiveStreams,
        replays: Replays,
        login: Login,
        faults: Faults,
        *,
        session_timeout_s: float,
    ) -> None:
        self.layout, self.make = layout, make
        self.streams, self.replays = streams, replays
        self.login, self.faults = login, faults
        self.session_timeout_s = session_timeout_s
        self.connections: dict[RtspConnection, asyncio.Task[object] | None] = {}

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        connection = RtspConnection(self, reader, writer)
        self.connections[connection] = asyncio.current_task()
        try:
            await connection.serve()
        except asyncio.CancelledError:
            return  # by close(); asyncio would log the cancellation of a connection's task
        finally:
            self.connections.pop(connection, None)

    async def close(self) -> None:
        """Cut all connections, and end their tasks."""
        tasks = [task for task in self.connections.values() if task]
        self.drop(None)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def drop(self, channel: int | None) -> None:
        """Cut the connections of a channel; all of them if it is None."""
        for connection in tuple(self.connections):
            if channel is None or connection.channel_number() == channel:
                connection.close()

    def is_full(self) -> bool:
        """True if the fault `session_limit` allows no more live sessions."""
        limit = self.faults.value("session_limit")
        return isinstance(limit, int) and sum(bool(connection.session) for connection in self.connections) >= limit
