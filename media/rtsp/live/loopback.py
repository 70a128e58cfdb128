"""The RTSP server on loopback from which ffmpeg reads: its readers are consumers of shared sources.

The server forwards no byte of the device's signalling: its description is built from checked values, its sequence
numbers, SSRCs and time stamps are its own. Frames are packed anew, so that ffmpeg needs to know no habit of a device:
one packet for each NAL unit, fragments of the largest, the parameter sets before each key frame. Time stamps follow
the source's timeline, so that a jump of a device's clock does not reach ffmpeg; sender reports keep audio and video
together from the first packet on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.clock import Clock
from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, MJPEG, VideoCodec
from media.rtsp.client.framing import FramingError, Splitter
from media.rtsp.client.messages import Request, parse_interleaved, response_bytes
from media.rtsp.client.rtp import AUDIO, VIDEO, framed, framed_rtp_header, ntp_of, sender_report
from media.rtsp.client.sdp import OUR_AUDIO_TYPE, OUR_VIDEO_RATE, OUR_VIDEO_TYPE, build_sdp
from media.rtsp.live.consumers import MediaConsumer
from media.rtsp.live.gop_buffer import Media
from media.rtsp.live.packing import audio_payload, nal_payloads
from media.rtsp.live.source import SharedSource

log = logging.getLogger(__name__)

_MAX_READERS = 256
_MAX_QUEUED_REQUESTS = 16
_IDLE_S = 15.0
_DESCRIBE_S = 60.0
_REPORT_EVERY_S = 5.0
_UNSENT_HIGH_BYTES = 16 * 1024 * 1024  # above what a source holds, so that a first burst always fits
_UNSENT_LOW_BYTES = 256 * 1024
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER"


class LoopbackOutlet:
    """One address of the server, `rtsp://127.0.0.1:port/<random>`, for one reader of a source at a time.

    `start_s`: the place of the present reader's first packet on the source's timeline; None before it.
    """

    def __init__(self, shared_source: SharedSource, port: int) -> None:
        self.shared_source = shared_source
        self.path = secrets.token_urlsafe(24)
        self.url = f"rtsp://127.0.0.1:{port}/{self.path}"
        self.start_s: float | None = None
        self._reader: LoopbackReader | None = None

    def take_reader(self, reader: LoopbackReader) -> None:
        """A reader plays from now on; the one before it is ended."""
        if self._reader and self._reader is not reader:
            self._reader.close()
        self._reader = reader

    def close(self) -> None:
        """End the reader."""
        if self._reader:
            self._reader.close()
            self._reader = None


@dataclass(slots=True)
class _OutTrack:
    channel: int
    payload_type: int
    rate: int
    ssrc: int
    sequence: int
    base: int
    time_s: float = float("nan")
    timestamp: int = 0
    packets: int = 0
    octets: int = 0


class LoopbackReader(asyncio.BufferedProtocol, MediaConsumer):
    """One connection. Until PLAY it must send a request every 15 s; after that it may just read."""

    def __init__(self, server: LoopbackServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None
        self._requests: asyncio.Queue[Request | None] = asyncio.Queue(_MAX_QUEUED_REQUESTS)
        self._outlet: LoopbackOutlet | None = None
        self._tracks: dict[int, _OutTrack] = {}
        self._session_id = secrets.token_hex(8)
        self._is_playing = False
        self._codec: VideoCodec | None = None
        self._has_aac = False
        self._start_s: float | None = None
        self._start_ntp = (0, 0)
        self._reported_s = 0.0
        self.task: asyncio.Task[None] | None = None

    # -- asyncio's protocol ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            transport.set_write_buffer_limits(_UNSENT_HIGH_BYTES, _UNSENT_LOW_BYTES)
            self.task = asyncio.get_running_loop().create_task(self._serve())

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # asyncio's name, not used
        return self._splitter.free_space()

    def buffer_updated(self, nbytes: int) -> None:
        try:
            for unit in self._splitter.received(nbytes):
                if isinstance(unit, Request):
                    self._requests.put_nowait(unit)
        except (FramingError, asyncio.QueueFull):
            self.close()

    def pause_writing(self) -> None:
        """The reader is too slow: it gets nothing until it has caught up, then continues at a key frame."""
        if self._outlet and self._is_playing:
            log.info("a reader on loopback is too slow; it continues at the next key frame")
            self._outlet.shared_source.detach(self)

    def resume_writing(self) -> None:
        if self._outlet and self._is_playing:
            for track in self._tracks.values():
                track.sequence += 1  # so that ffmpeg sees the loss
            self._outlet.shared_source.attach(self, at_next_key_frame=True)

    def connection_lost(self, exc: Exception | None) -> None:
        log.debug("a reader on loopback has left: %s", exc)
        self._transport = None
        if self._outlet:
            self._outlet.shared_source.detach(self)
        if self.task:
            self.task.cancel()

    # -- requests ----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        try:
            while self._transport:
                async with asyncio.timeout(None if self._is_playing else _IDLE_S):
                    request = await self._requests.get()
                if request is None or not await self._answer(request):
                    break
        except TimeoutError:
            pass
        finally:
            if self._transport:
                self._transport.close()  # after the last answer is sent

    async def _answer(self, request: Request) -> bool:
        """Answer a request. False if the connection ends with it."""
        path, _, track = urlsplit(request.uri).path.strip("/").partition("/")
        if request.method == "OPTIONS":
            return self._reply(request, 200, "OK", ("Public", _METHODS))
        outlet = self._server.find_outlet(path)
        if outlet is None or (self._outlet is not None and outlet is not self._outlet):
            self._reply(request, 404, "Not Found")
            return False
        self._outlet = outlet
        if request.method == "DESCRIBE":
            return await self._describe(request, outlet.shared_source)
        if request.method == "SETUP":
            return self._set_up(request, outlet.shared_source, track)
        if request.method == "PLAY":
            return self._play(request, outlet)
        if request.method in {"GET_PARAMETER", "SET_PARAMETER"}:
            return self._reply(request, 200, "OK", *self._session())
        if request.method == "TEARDOWN":
            self._reply(request, 200, "OK", *self._session())
            return False
        return self._reply(request, 405, "Method Not Allowed", ("Allow", _METHODS))

    async def _describe(self, request: Request, shared_source: SharedSource) -> bool:
        is_described = await shared_source.until_described(_DESCRIBE_S)
        if not is_described or not shared_source.codec:
            self._reply(request, 503, "Service Unavailable")
            return False
        body = build_sdp(shared_source.codec, shared_source.sets, shared_source.audio)
        base = request.uri.rstrip("/") + "/"
        return self._reply(request, 200, "OK", ("Content-Type", "application/sdp"), ("Content-Base", base), body=body)

    def _set_up(self, request: Request, shared_source: SharedSource, track: str) -> bool:
        channels = parse_interleaved(request.headers.get("transport"))
        audio = shared_source.announced_audio
        if self._is_playing or (track == "track1" and not audio) or track not in {"track0", "track1"}:
            return self._reply(request, 455, "Method Not Valid in This State")
        if channels is None or channels[1] != channels[0] + 1:
            return self._reply(request, 461, "Unsupported Transport")
        ssrc, base, sequence = secrets.randbits(32), secrets.randbits(32), secrets.randbits(16)
        if track == "track0":
            self._tracks[VIDEO] = _OutTrack(channels[0], OUR_VIDEO_TYPE, OUR_VIDEO_RATE, ssrc, sequence, base)
        elif audio:
            self._tracks[AUDIO] = _OutTrack(channels[0], OUR_AUDIO_TYPE, audio.clock_rate, ssrc, sequence, base)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]};ssrc={ssrc:08X}"
        return self._reply(request, 200, "OK", ("Transport", transport), *self._session())

    def _play(self, request: Request, outlet: LoopbackOutlet) -> bool:
        if VIDEO not in self._tracks:
            return self._reply(request, 455, "Method Not Valid in This State")
        self._reply(request, 200, "OK", ("Range", "npt=now-"), *self._session())
        if not self._is_playing:
            self._is_playing = True
            self._codec = outlet.shared_source.codec
            audio = outlet.shared_source.announced_audio
            self._has_aac = audio is not None and audio.format.codec == "aac"
            outlet.take_reader(self)
            outlet.shared_source.attach(self)
        return True

    def _session(self) -> tuple[tuple[str, str], ...]:
        return (("Session", f"{self._session_id};timeout=60"),)

    def _reply(self, request: Request, status: int, reason: str, *headers: tuple[str, str], body: bytes = b"") -> bool:
        cseq = request.headers.get("cseq")
        numbered = [("CSeq", cseq)] if re.fullmatch(r"\d{1,10}", cseq) else []
        if self._transport:
            self._transport.write(response_bytes(status, reason, [*numbered, *headers], body))
        return True

    # -- consumers.MediaConsumer -------------------------------------------------------------------

    def on_media(self, media: Sequence[Media]) -> None:
        if self._transport is None:
            return
        parts: list[bytes] = []
        if self._start_s is None:
            self._begin(media[0].time_s)
        start_s = self._start_s or 0.0
        if media[-1].time_s - self._reported_s >= _REPORT_EVERY_S:
            self._append_reports(parts, media[-1].time_s)
        for item in media:
            track = self._tracks.get(item.track)
            if track is None:
                continue
            if item.time_s != track.time_s:
                if item.time_s < start_s and item.track == AUDIO:
                    continue  # audio from before the first frame
                track.time_s = item.time_s
                track.timestamp = (track.base + round((item.time_s - start_s) * track.rate)) & 0xFFFFFFFF
            if item.track == VIDEO:
                self._append_frame(parts, track, item)
            else:
                _append_packet(parts, track, audio_payload(item.parts[0], is_aac=self._has_aac), is_last=True)
        self._transport.write(b"".join(parts))

    def _append_frame(self, parts: list[bytes], track: _OutTrack, unit: AccessUnit) -> None:
        track.sequence += unit.frames_dropped_before > 0
        if self._codec is MJPEG:  # its frames stay in their payloads
            for payload in unit.parts:
                _append_packet(parts, track, payload, is_last=payload is unit.parts[-1])
            return
        nals = [*unit.parameter_sets, *unit.parts]
        for index, nal in enumerate(nals):
            payloads = nal_payloads(nal, is_h264=self._codec is H264)
            for payload in payloads:
                is_last = index == len(nals) - 1 and payload is payloads[-1]
                _append_packet(parts, track, payload, is_last=is_last)

    def on_end(self) -> None:
        self._is_playing = False
        if self._transport:
            self._transport.close()

    def close(self) -> None:
        """Close the connection immediately, without sending the rest."""
        if self._transport:
            self._transport.abort()

    # -- inside ------------------------------------------------------------------------------------

    def _begin(self, start_s: float) -> None:
        self._start_s = start_s
        self._reported_s = start_s - _REPORT_EVERY_S  # reports go before the first packet
        self._start_ntp = ntp_of(self._clock.now_utc())
        if self._outlet:
            self._outlet.start_s = start_s

    def _append_reports(self, parts: list[bytes], time_s: float) -> None:
        """Append a sender report of each track, all for one moment: the first frame's, later the latest."""
        is_first = self._reported_s < (self._start_s or 0.0)
        at_s = 0.0 if is_first else time_s - (self._start_s or 0.0)
        self._reported_s = time_s
        seconds, fraction = self._start_ntp
        moment = (seconds << 32 | fraction) + int(at_s * 2**32)
        ntp = moment >> 32 & 0xFFFFFFFF, moment & 0xFFFFFFFF
        for track in self._tracks.values():
            timestamp = (track.base + round(at_s * track.rate)) & 0xFFFFFFFF
            report = sender_report(track.ssrc, ntp, timestamp, track.packets, track.octets, "gateway")
            parts.append(framed(track.channel + 1, report))


def _append_packet(parts: list[bytes], track: _OutTrack, payload: bytes, *, is_last: bool) -> None:
    track.sequence = (track.sequence + 1) & 0xFFFF
    track.packets += 1
    track.octets += len(payload)
    parts.append(
        framed_rtp_header(
            track.channel,
            track.payload_type,
            is_last,
            track.sequence,
            track.timestamp,
            track.ssrc,
            len(payload),
        )
    )
    parts.append(payload)


class LoopbackServer:
    """Listens on a free port of 127.0.0.1, in the gateway's thread. Outlets may be added from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._outlets: dict[str, LoopbackOutlet] = {}  # by path
        self._server: asyncio.Server | None = None
        self._readers: set[LoopbackReader] = set()
        self._port = 0

    def add_outlet(self, shared_source: SharedSource) -> LoopbackOutlet:
        """Return a new address for a reader of this source."""
        outlet = LoopbackOutlet(shared_source, self._port)
        with self._lock:
            self._outlets[outlet.path] = outlet
        return outlet

    def remove_outlet(self, outlet: LoopbackOutlet) -> None:
        """Answer 404 at this address from now on; close() ends its reader."""
        with self._lock:
            self._outlets.pop(outlet.path, None)

    def find_outlet(self, path: str) -> LoopbackOutlet | None:
        with self._lock:
            return self._outlets.get(path)

    async def start(self) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    def _accept(self) -> asyncio.BaseProtocol:
        self._readers = {reader for reader in self._readers if reader.task is None or not reader.task.done()}
        if len(self._readers) >= _MAX_READERS:
            return _Refused()
        reader = LoopbackReader(self, self._clock)
        self._readers.add(reader)
        return reader

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._server:
            self._server.close()
        tasks = [reader.task for reader in self._readers if reader.task]
        for reader in self._readers:
            reader.close()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        if self._server:
            await self._server.wait_closed()


class _Refused(asyncio.Protocol):
    """A connection beyond the limit: closed before its first request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()
