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
import re
import secrets
import struct
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator import audio_faults
from simulator.archive import Archive, Recording
from simulator.archive_frames import ArchiveFrames
from simulator.audio import AudioLoop
from simulator.clip import EncodeError
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock
from simulator.console import log
from simulator.faults import Faults
from simulator.h26x import AccessUnit, sdp_format
from simulator.layout import ChannelSpec
from simulator.rtp import AUDIO, NTP_EPOCH_S, VIDEO, VIDEO_PAYLOAD_TYPE, Track

_MAX_SESSIONS = 2
_EXTENSION = struct.Struct(">HHIIBBH")
_RTP = struct.Struct(">BBHII")
_ALL_BITS = 0x70  # E, D and T
_LOCAL_S = 8 * 3600
_YEAR_S = 366 * 86_400
_CLOCK = re.compile(r"clock=(\d{8}T\d{6}(?:\.\d{1,9})?Z)?-(\d{8}T\d{6}(?:\.\d{1,9})?Z)?")


@dataclass(frozen=True, slots=True)
class Play:
    """One PLAY. Times are seconds since 1970 by the device's clock; `start_s` is a key frame's.

    `key_frames_ms`: None for all frames, otherwise key frames only, at least so far apart.
    """

    start_s: float
    end_s: float | None
    cseq: int
    is_onvif: bool
    fast: bool
    scale: float
    key_frames_ms: int | None


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
    """Plays one channel to one connection, or one of its recordings if the make cuts its time into several."""

    def __init__(
        self,
        channel: ChannelSpec,
        recording_token: str | None,
        frames: ArchiveFrames,
        archive: Archive,
        store: ClipStore,
        clock: DeviceClock,
        faults: Faults,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.channel, self._token, self.frames = channel, recording_token, frames
        self._archive, self._store, self._clock, self._faults = archive, store, clock, faults
        self._writer = writer
        self.audio_loop: AudioLoop | None = None
        self.tracks: dict[int, Track] = {VIDEO: Track(VIDEO_PAYLOAD_TYPE, 90_000)}
        self.channels: dict[int, int] = {}
        self.position_s: float | None = None
        self.plays = 0
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Play] = []

    async def prepare(self) -> None:
        """Have the audio and the parameter sets ready. Raise EncodeError if that fails."""
        if self.channel.audio and self.audio_loop is None:
            self.audio_loop = await self._store.audio_loop(self.channel.audio)
            self.tracks[AUDIO] = Track(self.audio_loop.payload_type, self.audio_loop.rate)
        await self.frames.prepare(self._clock.epoch_s())

    @property
    def is_playing(self) -> bool:
        return self._task is not None and not self._task.done()

    def recording(self) -> Recording | None:
        """The recording as it is now: while it is being recorded, its end moves on."""
        return self._archive.find_named(self.channel.number, self._token)

    def key_frame_at(self, moment_s: float) -> float | None:
        """Time of the key frame at or before a moment; in a gap, of the next one; None if no data follows."""
        recording, gop_s = self.recording(), self.frames.spec.gop_s
        at = moment_s
        while recording is not None and (span := recording.span_at(at)):
            before = math.floor(moment_s / gop_s) * gop_s
            start = before if before >= span[0] else math.ceil(span[0] / gop_s) * gop_s
            if start < span[1]:
                return float(start)
            at = span[1]
        return None

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
            log(f"replay of channel {self.channel.number}: {error}")
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
        number = self.channel.number
        async for at_s, unit, ends_section, is_last in self._moments(play):
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
            self._writer.write(self._packets(play, at_s, unit, bits))
            await self._writer.drain()
            is_seam = ends_section
            played_s += 1 / self.frames.spec.fps
            if not play.fast and (wait_s := began_s + played_s / play.scale - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            elif play.fast:
                await asyncio.sleep(0)

    async def _moments(self, play: Play) -> AsyncIterator[tuple[float, AccessUnit, bool, bool]]:
        """Each frame's time, its access unit, whether a gap follows, and whether it is the recording's last."""
        at = play.start_s
        fps, gop_s = self.frames.spec.fps, self.frames.spec.gop_s
        recording = self.recording()
        span = recording.span_at(at) if recording else None
        while recording is not None and span is not None:
            start = max(math.ceil(span[0] / gop_s) * gop_s, int(at))
            while start < span[1]:
                for place, unit in enumerate(await self.frames.gop(start)):
                    at = start + place / fps
                    if play.end_s is not None and at >= play.end_s:
                        return
                    if at >= span[1]:
                        break
                    ends, goes_on = False, True
                    if at + 1 / fps >= span[1] - 1e-6:
                        recording = self.recording() or recording
                        following = recording.span_at(span[1])
                        ends = following is None or following[0] > span[1]
                        goes_on = following is not None
                    yield at, unit, ends, not goes_on
                start += self._groups_on(play) * gop_s
            at = max(at, span[1])
            span = recording.span_at(at)

    def _groups_on(self, play: Play) -> int:
        """Return how many groups of frames further the next one is that a play needs: a recorder reads no others."""
        gop_ms = round(1000 * self.frames.spec.gop_s)
        return 1 if play.key_frames_ms is None else max(1, -(-play.key_frames_ms // gop_ms))

    def _packets(self, play: Play, at_s: float, unit: AccessUnit, bits: int) -> bytes:
        """One video frame, and the audio of its time, as interleaved frames."""
        out = self._interleaved(VIDEO, unit.payloads, at_s, play, bits)
        if play.key_frames_ms is None and self.audio_loop is not None and AUDIO in self.channels:
            frame_s = self.audio_loop.frame_s
            first = math.ceil(at_s / frame_s - 1e-6)
            while first * frame_s < at_s + 1 / self.frames.spec.fps - 1e-6:
                payload = self.audio_loop.frames[first % len(self.audio_loop.frames)]
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
        for place, payload in enumerate(payloads):
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
        return self._faults.text("audio", self.channel.number)

    def as_json(self) -> dict[str, object]:
        position = None if self.position_s is None else clock_text(self.position_s)
        return {
            "channel": self.channel.number,
            "recording": self._token,
            "playing": self.is_playing,
            "plays": self.plays,
            "position": position,
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
        return ReplayPlayer(
            channel, recording_token, frames, self._archive, self._store, self._clock, self._faults, writer
        )

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
    rtpmap, fmtp = sdp_format(player.frames.spec.codec, player.frames.sets)
    recording = player.recording()
    latest_s = recording.latest_s if recording else 0.0
    earliest_s = recording.earliest_s if recording else 0.0
    yield from ("v=0", "o=- 2208988800 1 IN IP4 127.0.0.1", "s=Replay", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*")
    yield f"a=range:clock={clock_text(earliest_s)}-{clock_text(latest_s)}"
    yield from (f"m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}", f"a=control:trackID={VIDEO}")
    yield from (f"a=rtpmap:{VIDEO_PAYLOAD_TYPE} {rtpmap}", f"a=fmtp:{VIDEO_PAYLOAD_TYPE} {fmtp}", "a=recvonly")
    if audio_loop := player.audio_loop:
        yield from (f"m=audio 0 RTP/AVP {audio_loop.payload_type}", f"a=control:trackID={AUDIO}")
        rtpmap, fmtp = audio_faults.description(audio_loop, player.audio_fault())
        yield f"a=rtpmap:{audio_loop.payload_type} {rtpmap}"
        if fmtp:
            yield f"a=fmtp:{audio_loop.payload_type} {fmtp}"
        yield "a=recvonly"
