"""A scripted RTSP camera for tests, in plain asyncio, independent of the code under test.

It plays an H.264 elementary stream (and, optionally, G.711 silence) in a loop over interleaved TCP and counts
requests. A test changes it through its options, or answers a method itself through `answers`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.patience import LIMIT_S

Answer = Callable[["Asked"], bytes | None]


@dataclass
class Asked:
    """A request that the camera received."""

    method: str
    uri: str
    headers: dict[str, str]
    camera: PeerCamera
    writer: asyncio.StreamWriter

    def reply(self, status: str = "200 OK", *headers: str, body: bytes = b"") -> bytes:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {self.headers.get('cseq', '0')}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode() + body


def nal_units(annex_b: bytes) -> list[bytes]:
    return [unit for unit in re.split(rb"\x00{2,3}\x01", annex_b) if unit]


def payloads(unit: bytes, most: int = 1200) -> Iterator[bytes]:
    """Yield the RTP payloads of a NAL unit (RFC 6184): the unit itself, or its fragments."""
    if len(unit) <= most:
        yield unit
        return
    head, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    pieces = [unit[index : index + most] for index in range(1, len(unit), most)]
    for index, piece in enumerate(pieces):
        flags = (0x80 if index == 0 else 0) | (0x40 if index == len(pieces) - 1 else 0)
        yield bytes([head, flags | kind]) + piece


def pictures(annex_b: bytes) -> list[list[bytes]]:
    """Split a stream into access units; parameter sets belong to the frame that follows."""
    found: list[list[bytes]] = []
    has_slices = True
    for unit in nal_units(annex_b):
        is_slice = unit[0] & 0x1F in {1, 5}
        if has_slices and not (is_slice and unit[1] < 0x80):  # not a further slice: first_mb_in_slice is 0
            found.append([])
            has_slices = False
        found[-1].append(unit)
        has_slices = has_slices or is_slice
    return found


def packed(units: list[bytes]) -> list[tuple[bytes, bool]]:
    """Return the payloads of a frame, each with its marker bit, as RFC 6184 wants them."""
    parts = [payload for unit in units for payload in payloads(unit)]
    return [(part, index == len(parts) - 1) for index, part in enumerate(parts)]


@dataclass
class PeerCamera:
    """The camera. The test's thread calls start() and stop(); everything else runs in the camera's own thread."""

    stream: bytes
    login: str = ""  # "", "basic", "md5", "md5-qop", "sha256"
    username: str = "admin"
    password: str = "pass 12"
    fps: float = 25.0
    payload_type: int = 96
    has_audio: bool = False
    audio_lines: tuple[str, ...] = ("m=audio 0 RTP/AVP 8",)
    audio: tuple[bytes, int] | None = None  # the audio of one frame of video, and its ticks; G.711 silence if None
    names_sets: bool = True
    sends_sets: bool = True
    sends_reports: bool = True
    reports_from_s: float = 1000.0  # the NTP time of the first frame
    session: str = "4711;timeout=60"
    public: str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER"
    transport: str = "tcp"  # "udp": interleaved TCP is refused
    tls: ssl.SSLContext | None = None
    most_sessions: int = 1000
    stop_after: int | None = None  # frames, after which only RTCP is sent
    media_after_s: float = 0.0  # after the answer to PLAY
    burst: int = 0  # frames sent without a pause at the start
    nonce: str = "n1"
    answers: dict[str, Answer] = field(default_factory=dict)
    delays_s: dict[str, float] = field(default_factory=dict)  # by method, before its answer
    asked: Counter[str] = field(default_factory=Counter)
    logins: int = 0
    connections: int = 0
    open_connections: int = 0
    playing: int = 0
    received: bytes = b""
    receiver_reports: int = 0
    timestamp_jump: tuple[int, int] = (0, 0)  # (after so many frames, by so many ticks)
    stamped_fps: float | None = None  # of the time stamps, if not `fps`
    shown: tuple[int, ...] = ()  # the display position of each frame of the stream, if not the sending order
    pack: Callable[[list[bytes]], list[tuple[bytes, bool]]] = packed
    sequence_of: Callable[[int], int] = lambda number: number
    numbers_count_frames: bool = False
    sent_payload_type: int | None = None  # of the video, if not `payload_type`
    has_stale_packets: bool = False  # of an ended session, between its own; SETUP names the right SSRC
    sent_pictures: int = 0
    port: int = 0
    # Loses, delays or doubles a packet on its way over UDP.
    mangle: Callable[[int, bytes], list[bytes]] = lambda channel, packet: [packet]

    def __post_init__(self) -> None:
        self._pictures = pictures(self.stream)
        self.udp_places: dict[int, int] = {}  # channel -> the client's port
        self.udp_sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for udp in self.udp_sockets:
            udp.bind(("127.0.0.1", 0))

    def start(self) -> PeerCamera:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(LIMIT_S)
        return self

    def stop(self) -> None:
        """Drop all connections. May be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._done.set)
            self._thread.join(LIMIT_S)
        for udp in self.udp_sockets:
            udp.close()

    def drop_connections(self) -> None:
        for writer in list(self._writers.values()):
            self._loop.call_soon_threadsafe(writer.transport.abort)

    def switch_to(self, stream: bytes) -> None:
        """Play this stream from the next frame on; the SDP stays the same."""
        self._pictures = pictures(stream)

    def uri(self, path: str = "/live") -> str:
        return f"rtsp{'s' if self.tls else ''}://127.0.0.1:{self.port}{path}"

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._done = asyncio.Event()
        self._writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._done.wait()
        server.close()
        for writer in self._writers.values():
            writer.transport.abort()
        await asyncio.gather(*self._writers)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._writers[task] = writer
        self.connections += 1
        self.open_connections += 1
        player: asyncio.Task[None] | None = None
        try:
            while asked := await self._next(reader, writer):
                answer = self._answer(asked)
                await asyncio.sleep(self.delays_s.get(asked.method, 0.0))
                if answer is not None:
                    writer.write(answer)
                is_played = asked.method == "PLAY" and re.search(rb"RTSP/1\.0\s+200\b", answer or b"")
                if is_played and player is None:
                    player = asyncio.create_task(self._play(writer))
                if asked.method == "TEARDOWN":
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_connections -= 1
            if player:
                player.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await player
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            del self._writers[task]

    async def _next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Asked | None:
        text = "RTSP/"
        while text.startswith("RTSP/"):  # skips responses to requests that a test sent as the camera
            first = await reader.readexactly(1)
            if first == b"$":
                head = await reader.readexactly(3)
                report = await reader.readexactly(head[1] << 8 | head[2])
                self.receiver_reports += report[1:2] == b"\xc9"
            else:
                text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
        self.received += text.encode()
        lines = text.split("\r\n")
        method, uri, _ = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:] if line)
        self.asked[method] += 1
        return Asked(method, uri, {name.lower(): value.strip() for name, _, value in pairs}, self, writer)

    def _answer(self, asked: Asked) -> bytes | None:
        if self.login:
            given = asked.headers.get("authorization", "")
            self.logins += bool(given)
            if not given or not self.lets_in(asked.method, given):
                return asked.reply("401 Unauthorized", self.challenge())
        if asked.method in self.answers:
            return self.answers[asked.method](asked)
        return self.usual(asked)

    def close_at_refusals(self) -> None:
        """Close the connection after each 401 from now on."""
        plain = self._answer

        def answer(asked: Asked) -> bytes | None:
            given = plain(asked)
            if given and b" 401 " in given:
                asked.writer.write(given)
                asked.writer.close()
                return None
            return given

        self._answer = answer  # type: ignore[method-assign]  # one camera's whim

    def usual(self, asked: Asked) -> bytes:
        if asked.method == "DESCRIBE":
            return asked.reply("200 OK", "Content-Type: application/sdp", body=self.sdp())
        if asked.method == "SETUP":
            if self.playing >= self.most_sessions:
                return asked.reply("453 Not Enough Bandwidth")
            if self.transport == "udp":
                return self._set_up_udp(asked)
            named = ";ssrc=0000004D" if self.has_stale_packets else ""
            return asked.reply("200 OK", f"Transport: {asked.headers['transport']}{named}", f"Session: {self.session}")
        if asked.method == "OPTIONS":
            return asked.reply("200 OK", f"Public: {self.public}", f"Session: {self.session}")
        return asked.reply("200 OK", f"Session: {self.session}")

    def _set_up_udp(self, asked: Asked) -> bytes:
        found = re.search(r"client_port=(\d+)-(\d+)", asked.headers["transport"])
        if found is None:
            return asked.reply("461 Unsupported Transport")
        track = 2 * int(asked.uri[-1])
        self.udp_places |= {track: int(found[1]), track + 1: int(found[2])}
        ports = [udp.getsockname()[1] for udp in self.udp_sockets]
        transport = f"{asked.headers['transport']};server_port={ports[0]}-{ports[1]}"
        return asked.reply("200 OK", f"Transport: {transport}", f"Session: {self.session}")

    def _send(self, writer: asyncio.StreamWriter, packets: list[tuple[int, bytes]]) -> None:
        """Send packets of channels by the transport that SETUP has settled; over TCP together."""
        data = b""
        for channel, packet in packets:
            port = self.udp_places.get(channel)
            if port is None:
                data += struct.pack(">BBH", 0x24, channel, len(packet)) + packet
                continue
            for shown in self.mangle(channel, packet):
                self.udp_sockets[channel % 2].sendto(shown, ("127.0.0.1", port))
        if data:
            writer.write(data)

    def challenge(self, stale: bool = False) -> str:
        if self.login == "basic":
            return 'WWW-Authenticate: Basic realm="cam"'
        extra = {"md5": "", "md5-qop": ', qop="auth"', "sha256": ', algorithm=SHA-256, qop="auth"'}[self.login]
        return f'WWW-Authenticate: Digest realm="cam", nonce="{self.nonce}"{extra}' + (", stale=true" if stale else "")

    def lets_in(self, method: str, given: str) -> bool:
        if self.login == "basic":
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return given == f"Basic {pair}"
        part = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
        name = "sha256" if self.login == "sha256" else "md5"

        def digest(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        secret = digest(f"{self.username}:cam:{self.password}")
        middle = f"{part['nonce']}:{part['nc']}:{part['cnonce']}:auth" if self.login != "md5" else part["nonce"]
        asked = digest(f"{method}:{part['uri']}")
        expected = digest(f"{secret}:{middle}:{asked}")
        return bool(part["nonce"] == self.nonce and part["response"] == expected)

    def sdp(self) -> bytes:
        sets = {unit[0] & 0x1F: base64.b64encode(unit).decode() for unit in nal_units(self.stream)}
        named = f";sprop-parameter-sets={sets[7]},{sets[8]}" if self.names_sets else ""
        lines = ["v=0", "o=- 0 0 IN IP4 10.0.0.1", "s=Media", "t=0 0", "a=control:*", "m=video 0 RTP/AVP 96"]
        lines += ["a=rtpmap:96 H264/90000", f"a=fmtp:96 packetization-mode=1{named}", "a=control:trackID=0"]
        if self.has_audio:
            lines += [*self.audio_lines, "a=control:trackID=1"]
        lines += ["m=application 0 RTP/AVP 107", "a=rtpmap:107 vnd.onvif.metadata/90000", "a=control:trackID=2"]
        return "\r\n".join((*lines, "")).encode()

    async def _play(self, writer: asyncio.StreamWriter) -> None:
        self.playing += 1
        sequence, loop = 0, self._loop
        try:
            await asyncio.sleep(self.media_after_s)
            started = loop.time()
            number = 0
            while True:
                everything = self._pictures
                if self.sends_reports and number % 25 == 0:
                    self._send(writer, [(1, self._report(number))])
                if self.stop_after is None or number < self.stop_after:
                    sequence = self._send_picture(writer, everything[number % len(everything)], number, sequence)
                    self.sent_pictures += 1
                number += 1
                await writer.drain()
                await asyncio.sleep(max(0.0, started + (number - self.burst) / self.fps - loop.time()))
        finally:
            self.playing -= 1

    def timestamp(self, number: int) -> int:
        after, ticks = self.timestamp_jump
        rounds, place = divmod(number, len(self._pictures))
        shown = rounds * len(self._pictures) + self.shown[place] if self.shown else number
        fps = self.stamped_fps or self.fps
        return (0xFFFF0000 + int(shown * 90000 / fps) + (ticks if after and number >= after else 0)) & 0xFFFFFFFF

    def _report(self, number: int) -> bytes:
        ntp_s = int(self.reports_from_s + number / self.fps)
        return struct.pack(">BBHIIIIII", 0x80, 200, 6, 77, ntp_s, 0, self.timestamp(number), 0, 0)

    def _send_picture(self, writer: asyncio.StreamWriter, picture: list[bytes], number: int, sequence: int) -> int:
        units = [unit for unit in picture if self.sends_sets or unit[0] & 0x1F in {1, 5}]
        packets: list[tuple[int, bytes]] = []
        for payload, has_marker in self.pack(units):
            payload_type = self.payload_type if self.sent_payload_type is None else self.sent_payload_type
            second = payload_type | (0x80 if has_marker else 0)
            numbered = number & 0xFFFF if self.numbers_count_frames else self.sequence_of(sequence) & 0xFFFF
            if self.has_stale_packets:
                packets.append((0, struct.pack(">BBHII", 0x80, second, numbered, 4711, 99) + payload[::-1]))
            head = struct.pack(">BBHII", 0x80, second, numbered, self.timestamp(number), 77)
            packets.append((0, head + payload))
            sequence += 1
        if self.has_audio:
            silence = int(8000 / self.fps)
            payload, ticks = self.audio or (b"\xd5" * silence, silence)
            head = struct.pack(">BBHII", 0x80, 0x88, number & 0xFFFF, number * ticks & 0xFFFFFFFF, 78)
            packets.append((2, head + payload))
        self._send(writer, packets)
        return sequence
