"""Replay over RTSP: the archive's frames and audio from any time on (ONVIF Streaming Specification, Replay).

Each connection has at most one player. A PLAY while it plays waits for the end of the present one, unless it says
`Immediate: yes`. The first packet of each frame carries the header extension 0xABAC with the frame's time by the
device's clock and the bits C (key frame), E (a gap follows), D (not connected with the frame before) and T (the last).
The player goes on behind a gap without a pause; it ends with the recording, or at the end of the requested range.
Clients that do not require onvif-replay get the same without the extension, in real time, and cannot ask for Immediate.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import secrets
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from simulator import audio_faults
from simulator.archive import Archive
from simulator.archive_frames import ArchiveFrames
from simulator.clip import EncodeError
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock
from simulator.console import log
from simulator.faults import Faults
from simulator.h26x import AccessUnit, sdp_format
from simulator.layout import ChannelSpec
from simulator.replay_source import Play, ReplaySource
from simulator.rtp import AUDIO, NTP_EPOCH_S, VIDEO, VIDEO_PAYLOAD_TYPE, Track

_MAX_SESSIONS = 2
_EXTENSION = struct.Struct(">HHIIBBH")
_RTP = struct.Struct(">BBHII")
_ALL_BITS = 0x70  # E, D and T
_LOCAL_S = 8 * 3600
_YEAR_S = 366 * 86_400
_CLOCK = re.compile(r"clock=(\d{8}T\d{6}(?:\.\d{1,9})?Z)?-(\d{8}T\d{6}(?:\.\d{1,9})?Z)?")


def clock_time(text: str) -> float | None:
    """Seconds since 1970 of ``20261122T100000.5Z`` (RFC 2326, 3.7); None if the text is no such time."""
    head, _, fraction = text.rstrip("Z").partition(".")
    try:
        moment = datetime.strptime(head, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def clock_range(text: str) -> tuple[float | None, float | None] | None:
    """Start and end of a Range header with clock times; None if it is another kind of range."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    start, end = (clock_time(part) if part else None for part in found.groups())
    return start, end


def clock_text(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


class ReplayPlayer:
    """Plays a source to one connection."""

    def __init__(self, source: ReplaySource, clock: DeviceClock, faults: Faults, writer: asyncio.StreamWriter) -> None:
        self.source = source
        self._clock, self._faults, self._writer = clock, faults, writer
        self.tracks: dict[int, Track] = {VIDEO: Track(VIDEO_PAYLOAD_TYPE, 90_000)}
        self.channels: dict[int, int] = {}
        self.position_s: float | None = None
        self.plays = 0
        self.sent_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Play] = []

    async def prepare(self) -> None:
        """Have the audio and the parameter sets ready. Raise EncodeError if that fails."""
        await self.source.prepare(self._clock.epoch_s())
        if audio := self.source.audio:
            self.tracks.setdefault(AUDIO, Track(audio.payload_type, audio.rate))

    @property
    def is_playing(self) -> bool:
        return self._task is not None and not self._task.done()

    def start(self, play: Play) -> None:
        """Play this now, instead of the present PLAY and of those that wait."""
        self.stop()
        self.plays += 1
        for track in self.tracks.values():  # recorders begin new numbers; a client notices a hole of one
            track.sequence = (track.sequence + 1) & 0xFFFF
        self._task = asyncio.create_task(self._run(play))

    def queue(self, play: Play) -> None:
        """Play this after the present PLAY and those that wait already (RFC 2326, 10.5)."""
        self.plays += 1
        self._waiting.append(play)

    def stop(self) -> None:
        """End the present PLAY; drop those that wait (RFC 2326, 10.6)."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def rtp_info(self, base: str, start_s: float) -> str:
        """The next packet of each track (RFC 2326, 12.33)."""
        infos = [
            f"url={base}/trackID={number};seq={(track.sequence + 1) & 0xFFFF};rtptime={track.timestamp(start_s)}"
            for number, track in self.tracks.items()
            if number in self.channels
        ]
        return ",".join(infos)

    async def _run(self, play: Play) -> None:
        try:
            await self._send(play)
            while self._waiting:
                await self._send(self._waiting.pop(0))
            self._tell_end()
        except EncodeError as error:
            log(f"replay of channel {self.source.channel.number}: {error}")
        except ConnectionError:
            return  # the client is gone

    def _tell_end(self) -> None:
        """Tell the end by the fault `replay_end`; without it, the bits of the last frame have told it."""
        kind = self._faults.text("replay_end")
        if kind == "bye" and VIDEO in self.channels:
            packet = struct.pack(">BBHI", 0x81, 203, 1, self.tracks[VIDEO].ssrc)
            self._writer.write(struct.pack(">BBH", 0x24, self.channels[VIDEO] + 1, len(packet)) + packet)
        elif kind == "notice":
            self._writer.write(b"ANNOUNCE * RTSP/1.0\r\nCSeq: 1\r\nX-Notice: 2101 End-of-Stream Reached\r\n\r\n")
        elif kind == "close":
            self._writer.close()

    async def _send(self, play: Play) -> None:
        began_s = time.monotonic()
        self.position_s = play.start_s
        played_s = 0.0
        last_key_s = -math.inf
        is_seam = True
        number = self.source.channel.number
        async for at_s, unit, ends_section, is_last in self.source.moments(play):
            self.position_s = at_s
            if play.key_frames_ms is not None:
                if not unit.is_key or (at_s - last_key_s) * 1000 < play.key_frames_ms:
                    await asyncio.sleep(0)
                    continue
                last_key_s = at_s
            while self._faults.is_on("rtsp_silent", number):  # noqa: ASYNC110 (Faults.wait_change serves one task only)
                await asyncio.sleep(0.1)
            if is_last and self._faults.is_on("replay_end"):
                is_last = ends_section = False
            bits = unit.is_key << 7 | ends_section << 6 | is_seam << 5 | is_last << 4
            packets = self._packets(play, at_s, unit, bits)
            self.sent_bytes += len(packets)
            self._writer.write(packets)
            await self._writer.drain()
            is_seam = ends_section
            played_s += 1 / self.source.fps
            if not play.fast and (wait_s := began_s + played_s / play.scale - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            elif play.fast:
                await asyncio.sleep(0)

    def _packets(self, play: Play, at_s: float, unit: AccessUnit, bits: int) -> bytes:
        """One video frame, and the audio of its time, as interleaved frames."""
        out = self._interleaved(VIDEO, unit.payloads, at_s, play, bits)
        if play.key_frames_ms is None and self.source.audio is not None and AUDIO in self.channels:
            frame_s = self.source.audio.frame_s
            first = math.ceil(at_s / frame_s - 1e-6)
            while first * frame_s < at_s + 1 / self.source.fps - 1e-6:
                payload = self.source.audio.frames[first % len(self.source.audio.frames)]
                out += self._interleaved(AUDIO, (payload,), first * frame_s, play, 0x80)
                first += 1
        return b"".join(out)

    def _interleaved(self, number: int, payloads: tuple[bytes, ...], at_s: float, play: Play, bits: int) -> list[bytes]:
        channel = self.channels.get(number)
        if channel is None:
            return []
        track = self.tracks[number]
        sequence, timestamp = track.advance(payloads), track.timestamp(at_s)
        extension = self._extension(play, at_s, bits) if play.is_onvif else b""
        parts: list[bytes] = []
        loss = self._faults.number("packet_loss", self.source.channel.number) if number == VIDEO else 0.0
        for place, payload in enumerate(payloads):
            if loss and random.random() * 100 < loss:
                continue
            extra = extension if place == 0 else b""
            kind = track.payload_type | (0x80 if place == len(payloads) - 1 else 0)
            first = 0x90 if extra else 0x80
            head = _RTP.pack(first, kind, (sequence + place) & 0xFFFF, timestamp, track.ssrc)
            length = len(head) + len(extra) + len(payload)
            parts += (struct.pack(">BBH", 0x24, channel, length), head, extra, payload)
        return parts

    def _extension(self, play: Play, at_s: float, bits: int) -> bytes:
        kind, cseq = self._faults.text("replay_stamps"), play.cseq
        match kind:
            case "zero":
                at_s = -NTP_EPOCH_S
            case "local":
                at_s += _LOCAL_S
            case "present":
                at_s = self._clock.epoch_s()
            case "other_year":
                at_s += _YEAR_S
            case "standing":
                at_s = play.start_s
            case "all_bits":
                bits |= _ALL_BITS
            case "no_cseq":
                cseq = 0
        ntp = at_s + NTP_EPOCH_S
        return _EXTENSION.pack(0xABAC, 3, int(ntp), int(ntp % 1 * 2**32), bits, cseq & 0xFF, 0)

    def audio_fault(self) -> str | None:
        return self._faults.text("audio", self.source.channel.number)

    def as_json(self) -> dict[str, object]:
        position = None if self.position_s is None else clock_text(self.position_s)
        return {
            "channel": self.source.channel.number,
            "recording": self.source.recording_token,
            "playing": self.is_playing,
            "plays": self.plays,
            "position": position,
            "sent_bytes": self.sent_bytes,
            "unsent_bytes": self._writer.transport.get_write_buffer_size(),
        }


class Replays:
    """Makes players, and counts the open replay sessions: a recorder has only a few."""

    def __init__(
        self, archive: Archive, store: ClipStore, clock: DeviceClock, faults: Faults, *, plays_live_clips: bool
    ) -> None:
        self._archive, self._store, self._clock, self._faults = archive, store, clock, faults
        self._plays_live_clips = plays_live_clips
        self._sessions: set[str] = set()

    def player(self, channel: ChannelSpec, recording_token: str | None, writer: asyncio.StreamWriter) -> ReplayPlayer:
        """A player of a channel that sends to a connection."""
        recording = self._archive.find_named(channel.number, recording_token)
        role = recording.role if recording is not None else "main"
        frames = ArchiveFrames(channel, self._store, role, plays_live_clip=self._plays_live_clips)
        source = ReplaySource(channel, recording_token, frames, self._archive, self._store)
        return ReplayPlayer(source, self._clock, self._faults, writer)

    def open_session(self) -> str | None:
        """The id of a new session; None if there are too many."""
        if len(self._sessions) >= _MAX_SESSIONS:
            return None
        session = secrets.token_hex(8)
        self._sessions.add(session)
        return session

    def close_session(self, session: str) -> None:
        self._sessions.discard(session)


def describe(player: ReplayPlayer) -> str:
    """SDP (RFC 4566) with the recording's first and last moment as its range."""
    return "\r\n".join(_sdp_lines(player)) + "\r\n"


def _sdp_lines(player: ReplayPlayer) -> Iterator[str]:
    rtpmap, fmtp = sdp_format(player.source.frames.spec.codec, player.source.frames.sets)
    recording = player.source.recording()
    latest_s = recording.latest_s if recording else 0.0
    earliest_s = recording.earliest_s if recording else 0.0
    yield from ("v=0", "o=- 2208988800 1 IN IP4 127.0.0.1", "s=Replay", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*")
    yield f"a=range:clock={clock_text(earliest_s)}-{clock_text(latest_s)}"
    yield from (f"m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}", f"a=control:trackID={VIDEO}")
    yield from (f"a=rtpmap:{VIDEO_PAYLOAD_TYPE} {rtpmap}", f"a=fmtp:{VIDEO_PAYLOAD_TYPE} {fmtp}", "a=recvonly")
    if audio_loop := player.source.audio:
        yield from (f"m=audio 0 RTP/AVP {audio_loop.payload_type}", f"a=control:trackID={AUDIO}")
        rtpmap, fmtp = audio_faults.description(audio_loop, player.audio_fault())
        yield f"a=rtpmap:{audio_loop.payload_type} {rtpmap}"
        if fmtp:
            yield f"a=fmtp:{audio_loop.payload_type} {fmtp}"
        yield "a=recvonly"
