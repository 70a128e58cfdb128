"""Replay over RTSP: the archive's pictures and sound from any time on (ONVIF Streaming Specification, Replay).

One player a connection. A PLAY while it plays waits for the end of what is playing, unless it says `Immediate: yes`.
Each picture's first packet carries the header extension 0xABAC with its time by the device's clock and the bits C (key
frame), E (a gap follows), D (what was before is not connected) and T (the last). Playing goes on behind a gap at once;
it ends with the recording, or at the end that was asked for. Clients that do not require onvif-replay get the same
without the extension, in real time, and cannot ask for Immediate.
"""

from __future__ import annotations

import asyncio
import math
import re
import struct
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.archive import Recording, find, find_channel
from simulator.burnt_time import SliceWriter, time_lines
from simulator.clip import Clip, EncodeError
from simulator.h26x import ParameterSets, Picture, nal_type, packetize, sdp_format
from simulator.layout import ARCHIVE_LOOP_S, ChannelSpec, PictureSpec, archive_spec, picture_spec
from simulator.live import AUDIO, VIDEO, VIDEO_PAYLOAD_TYPE, Track
from simulator.sound import Sound

if TYPE_CHECKING:
    from simulator.recorder import Recorder

MAX_SESSIONS = 2
_NTP_EPOCH_S = 2_208_988_800
_EXTENSION = struct.Struct(">HHIIBBH")
_RTP = struct.Struct(">BBHII")
_PIECES_KEPT = 4
_PIECE_TIMEOUT_S = 20.0
_CLOCK = re.compile(r"clock=(\d{8}T\d{6}(?:\.\d{1,9})?Z)?-(\d{8}T\d{6}(?:\.\d{1,9})?Z)?")


@dataclass(frozen=True, slots=True)
class Play:
    """One PLAY. Times are seconds since 1970 by the device's clock; `start_s` is a key frame's.

    `key_frames_ms`: None for all pictures, else key frames only, at least so far apart.
    """

    start_s: float
    end_s: float | None
    cseq: int
    is_onvif: bool
    fast: bool
    scale: float
    key_frames_ms: int | None


def clock_time(text: str) -> float | None:
    """Seconds since 1970 of ``20261122T100000.5Z`` (RFC 2326, 3.7); None when it is none."""
    head, _, fraction = text.rstrip("Z").partition(".")
    try:
        moment = datetime.strptime(head, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def clock_range(text: str) -> tuple[float | None, float | None] | None:
    """Start and end of a Range header with clock times; None when it is another one."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    start, end = (clock_time(part) if part else None for part in found.groups())
    return start, end


def clock_text(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"


# -- pictures ----------------------------------------------------------------------------------------------------------


class ArchivePictures:
    """Any group of pictures of a channel's archive. `prepare` first."""

    def __init__(self, recorder: Recorder, channel: ChannelSpec) -> None:
        self._store = recorder.store
        self._channel = channel
        self._is_loop = recorder.config.replay_clip
        self.spec = channel.main if self._is_loop else archive_spec(channel).stream
        self.sets = ParameterSets()
        self._loop: Clip | None = None
        self._writer: SliceWriter | None = None
        self._pieces: OrderedDict[int, PictureSpec] = OrderedDict()

    async def prepare(self, now_s: float) -> None:
        """EncodeError when there are none."""
        if self._is_loop:
            clip = self._loop = self._store.clip(picture_spec(self._channel, "main"))
            await clip.wait_described(_PIECE_TIMEOUT_S)
        elif self.spec.codec == "h265":
            clip = await self._piece(int(now_s) - int(now_s) % ARCHIVE_LOOP_S, self.spec.gop_frames)
        else:
            clip = self._loop = self._store.clip(archive_spec(self._channel))
            await clip.wait_described(_PIECE_TIMEOUT_S)
            self._writer = SliceWriter.of_sets(clip.sets.sps, clip.sets.pps)
        self.sets = clip.sets

    async def group(self, start_s: int) -> list[Picture]:
        """The pictures from the key frame at this second on; it is a multiple of the GOP's length."""
        count = self.spec.gop_frames
        if self._loop is None:
            begins_s = start_s - start_s % ARCHIVE_LOOP_S
            first = (start_s - begins_s) * self.spec.fps
            clip = await self._piece(begins_s, first + count)
            return clip.pictures[first : first + count]
        first = start_s % self.spec.loop_s * self.spec.fps
        await self._filled(self._loop, first + count)
        found = self._loop.pictures[first : first + count]
        if self._writer is None:
            return found
        tenths = start_s * 10
        return [self._stamped(picture, tenths + place * 10 // self.spec.fps) for place, picture in enumerate(found)]

    def _stamped(self, picture: Picture, tenths: int) -> Picture:
        assert self._writer is not None  # noqa: S101 (group() looked)
        payloads: list[bytes] = []
        is_done = False
        for nal in picture.payloads:
            if not is_done and nal_type("h264", nal) in (1, 5):
                nal, is_done = self._writer.slice_with(nal, time_lines(tenths, self.spec.width)), True
            payloads += packetize("h264", nal)
        return Picture(tuple(payloads), picture.is_key)

    async def _piece(self, begins_s: int, count: int) -> Clip:
        spec = archive_spec(self._channel, begins_s=begins_s)
        self._pieces[begins_s] = spec
        self._pieces.move_to_end(begins_s)
        clip = self._store.clip(spec)
        self._store.clip(archive_spec(self._channel, begins_s=begins_s + ARCHIVE_LOOP_S), urgent=False)
        self._pieces[begins_s + ARCHIVE_LOOP_S] = archive_spec(self._channel, begins_s=begins_s + ARCHIVE_LOOP_S)
        while len(self._pieces) > _PIECES_KEPT:
            self._store.forget(self._pieces.popitem(last=False)[1])
        await self._filled(clip, count)
        return clip

    async def _filled(self, clip: Clip, count: int) -> None:
        await clip.wait_described(_PIECE_TIMEOUT_S)
        ends_s = time.monotonic() + _PIECE_TIMEOUT_S
        while len(clip.pictures) < count and not clip.is_complete:
            if clip.failure or time.monotonic() > ends_s:
                raise EncodeError(clip.failure or "the pictures are still being encoded")
            await asyncio.sleep(0.005)


# -- sending -----------------------------------------------------------------------------------------------------------


class ReplayPlayer:
    """What one connection plays of one channel, or of one of its recordings where it has several."""

    def __init__(
        self, recorder: Recorder, channel: ChannelSpec, writer: asyncio.StreamWriter, recording_token: str | None
    ) -> None:
        self.recorder, self.channel = recorder, channel
        self._token = recording_token
        self._writer = writer
        self.pictures = ArchivePictures(recorder, channel)
        self.sound: Sound | None = None
        self.tracks: dict[int, Track] = {VIDEO: Track(VIDEO_PAYLOAD_TYPE, 90_000)}
        self.channels: dict[int, int] = {}
        self.position_s: float | None = None
        self.plays = 0
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Play] = []

    async def prepare(self) -> None:
        """EncodeError when there is nothing to send."""
        if self.channel.audio and self.sound is None:
            self.sound = await self.recorder.store.sound(self.channel.audio)
            self.tracks[AUDIO] = Track(self.sound.payload_type, self.sound.rate)
        await self.pictures.prepare(self.recorder.clock.epoch_s())

    @property
    def is_playing(self) -> bool:
        return self._task is not None and not self._task.done()

    def recording(self) -> Recording | None:
        """As it is now: a recording that goes on has a later end each time."""
        if self._token is not None and self.recorder.make.recording_hours:
            return find(self.recorder, self._token)
        return find_channel(self.recorder, self.channel.number)

    def key_frame_at(self, moment_s: float) -> float | None:
        """The key frame at or before a moment, the next one in a gap; None when nothing follows."""
        recording, gop_s = self.recording(), self.pictures.spec.gop_s
        at = moment_s
        while recording is not None and (span := recording.span_at(at)):
            before = math.floor(moment_s / gop_s) * gop_s
            start = before if before >= span[0] else math.ceil(span[0] / gop_s) * gop_s
            if start < span[1]:
                return float(start)
            at = span[1]
        return None

    def start(self, play: Play) -> None:
        """From now on this is played, in the place of what was and of what waits."""
        self.stop()
        self.plays += 1
        for track in self.tracks.values():  # recorders number anew; a hole of one is enough to be noticed
            track.sequence = (track.sequence + 1) & 0xFFFF
        self._task = asyncio.create_task(self._run(play))

    def queue(self, play: Play) -> None:
        """Played once what is playing now, and what waits already, has come to its end (RFC 2326, 10.5)."""
        self.plays += 1
        self._waiting.append(play)

    def stop(self) -> None:
        """What waits is dropped, too (RFC 2326, 10.6)."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def rtp_info(self, base: str, start_s: float) -> str:
        """The next packet of each track (RFC 2326, 12.33)."""
        infos = [
            f"url={base}/trackID={number};seq={(track.sequence + 1) & 0xFFFF};rtptime={_timestamp(track, start_s)}"
            for number, track in self.tracks.items()
            if number in self.channels
        ]
        return ",".join(infos)

    async def _run(self, play: Play) -> None:
        try:
            await self._send(play)
            while self._waiting:
                await self._send(self._waiting.pop(0))
        except EncodeError as error:
            self.recorder.log(f"replay of channel {self.channel.number}: {error}")
        except ConnectionError:
            return  # the client is gone

    async def _send(self, play: Play) -> None:
        began_s = time.monotonic()
        self.position_s = play.start_s
        played_s = 0.0
        last_key_s = -math.inf
        is_seam = True
        number = self.channel.number
        async for at_s, picture, ends_section, is_last in self._moments(play):
            self.position_s = at_s
            if play.key_frames_ms is not None:
                if not picture.is_key or (at_s - last_key_s) * 1000 < play.key_frames_ms:
                    continue
                last_key_s = at_s
            while self.recorder.faults.is_on("rtsp_silent", number):  # noqa: ASYNC110 (it ends by the clock or /clear)
                await asyncio.sleep(0.1)
            bits = picture.is_key << 7 | ends_section << 6 | is_seam << 5 | is_last << 4
            self._writer.write(self._packets(play, at_s, picture, bits))
            await self._writer.drain()
            is_seam = ends_section
            played_s += 1 / self.pictures.spec.fps
            if not play.fast and (wait_s := began_s + played_s / play.scale - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            elif play.fast:
                await asyncio.sleep(0)

    async def _moments(self, play: Play) -> AsyncIterator[tuple[float, Picture, bool, bool]]:
        """Each picture's time, the picture, whether a gap follows, and whether it is the recording's last."""
        at = play.start_s
        fps, gop_s = self.pictures.spec.fps, self.pictures.spec.gop_s
        recording = self.recording()
        span = recording.span_at(at) if recording else None
        while recording is not None and span is not None:
            start = max(math.ceil(span[0] / gop_s) * gop_s, int(at))
            while start < span[1]:
                for place, picture in enumerate(await self.pictures.group(start)):
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
                    yield at, picture, ends, not goes_on
                start += gop_s
            at = max(at, span[1])
            span = recording.span_at(at)

    def _packets(self, play: Play, at_s: float, picture: Picture, bits: int) -> bytes:
        """One picture, and the sound of its time, as interleaved frames."""
        out = self._frames(VIDEO, picture.payloads, at_s, play, bits)
        if play.key_frames_ms is None and self.sound is not None and AUDIO in self.channels:
            frame_s = self.sound.frame_s
            first = math.ceil(at_s / frame_s - 1e-6)
            while first * frame_s < at_s + 1 / self.pictures.spec.fps - 1e-6:
                payload = self.sound.frames[first % len(self.sound.frames)]
                out += self._frames(AUDIO, (payload,), first * frame_s, play, 0x80)
                first += 1
        return b"".join(out)

    def _frames(self, number: int, payloads: tuple[bytes, ...], at_s: float, play: Play, bits: int) -> list[bytes]:
        channel = self.channels.get(number)
        if channel is None:
            return []
        track = self.tracks[number]
        sequence, timestamp = track.advance(payloads), _timestamp(track, at_s)
        extension = _extension(at_s, bits, play.cseq) if play.is_onvif else b""
        parts: list[bytes] = []
        for place, payload in enumerate(payloads):
            extra = extension if place == 0 else b""
            kind = track.payload_type | (0x80 if place == len(payloads) - 1 else 0)
            first = 0x90 if extra else 0x80
            head = _RTP.pack(first, kind, (sequence + place) & 0xFFFF, timestamp, track.ssrc)
            length = len(head) + len(extra) + len(payload)
            parts += (struct.pack(">BBH", 0x24, channel, length), head, extra, payload)
        return parts

    def as_json(self) -> dict[str, object]:
        position = None if self.position_s is None else clock_text(self.position_s)
        return {
            "channel": self.channel.number,
            "playing": self.is_playing,
            "plays": self.plays,
            "position": position,
            "unsent_bytes": self._writer.transport.get_write_buffer_size(),
        }


def _timestamp(track: Track, at_s: float) -> int:
    return (round(at_s * track.clock_hz) + track.offset) & 0xFFFFFFFF


def _extension(at_s: float, bits: int, cseq: int) -> bytes:
    ntp = at_s + _NTP_EPOCH_S
    return _EXTENSION.pack(0xABAC, 3, int(ntp), int(ntp % 1 * 2**32), bits, cseq & 0xFF, 0)


def describe(player: ReplayPlayer) -> str:
    """SDP (RFC 4566) with the span of the recording as its range."""
    return "\r\n".join(_sdp_lines(player)) + "\r\n"


def _sdp_lines(player: ReplayPlayer) -> Iterator[str]:
    rtpmap, fmtp = sdp_format(player.pictures.spec.codec, player.pictures.sets)
    recording = player.recording()
    latest_s = recording.latest_s if recording else 0.0
    earliest_s = recording.earliest_s if recording else 0.0
    yield from ("v=0", "o=- 2208988800 1 IN IP4 127.0.0.1", "s=Replay", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*")
    yield f"a=range:clock={clock_text(earliest_s)}-{clock_text(latest_s)}"
    yield from (f"m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}", f"a=control:trackID={VIDEO}")
    yield from (f"a=rtpmap:{VIDEO_PAYLOAD_TYPE} {rtpmap}", f"a=fmtp:{VIDEO_PAYLOAD_TYPE} {fmtp}", "a=recvonly")
    if sound := player.sound:
        yield from (f"m=audio 0 RTP/AVP {sound.payload_type}", f"a=control:trackID={AUDIO}")
        yield f"a=rtpmap:{sound.payload_type} {sound.rtpmap}"
        if sound.fmtp:
            yield f"a=fmtp:{sound.payload_type} {sound.fmtp}"
        yield "a=recvonly"
