"""Live streams: one endless loop of pictures and sound a channel and role, sent on the clock to all who listen.

Time rule: tick k of a stream is sent at epoch second (k + phase) / fps and shows picture (k + offset) mod frames.
The offset changes when the stream jumps (a requested key frame, or the end of a loop that is still being encoded).
Nothing runs while nobody listens.
"""

from __future__ import annotations

import asyncio
import math
import random
import struct
import time
from dataclasses import dataclass, field
from typing import Protocol

from simulator.clip import Clip
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock
from simulator.faults import Faults
from simulator.h26x import Picture
from simulator.layout import ChannelSpec, Role, picture_spec
from simulator.painter import STILL_EVERY_S
from simulator.sound import Sound

VIDEO, AUDIO, METADATA = 0, 1, 4
VIDEO_PAYLOAD_TYPE, METADATA_PAYLOAD_TYPE = 96, 107
_REPORT_EVERY_S = 5.0
_RESYNC_S = 1.0
_NTP_EPOCH_S = 2_208_988_800
_HEADER = struct.Struct(">BBHBBHII")
_METADATA = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"></tt:MetadataStream>'
)


class Listener(Protocol):
    """A client's connection, as a stream sees it."""

    def channel_of(self, stream: LiveStream, track: int) -> int | None:
        """The interleaved channel of a track, None when it was not set up."""

    def send(self, data: bytes) -> None:
        """Give it interleaved frames (RFC 2326, 10.12)."""


@dataclass(slots=True)
class Track:
    """RTP's counters of one track (RFC 3550); `clock_hz` are its timestamp units a second."""

    payload_type: int
    clock_hz: int
    ssrc: int = field(default_factory=lambda: random.getrandbits(32))
    sequence: int = field(default_factory=lambda: random.getrandbits(16))
    offset: int = field(default_factory=lambda: random.getrandbits(32))
    packets: int = 0
    octets: int = 0

    def timestamp(self, epoch_s: float) -> int:
        return (round(epoch_s * self.clock_hz) + self.offset) & 0xFFFFFFFF

    def frames(self, channel: int, payloads: tuple[bytes, ...], timestamp: int, first: int) -> list[bytes]:
        """Interleaved frames of payloads that begin at sequence number `first`, to be joined; the last is marked."""
        parts: list[bytes] = []
        last = len(payloads) - 1
        for place, payload in enumerate(payloads):
            kind = self.payload_type | (0x80 if place == last else 0)
            sequence = (first + place) & 0xFFFF
            head = _HEADER.pack(0x24, channel, len(payload) + 12, 0x80, kind, sequence, timestamp, self.ssrc)
            parts += (head, payload)
        return parts

    def advance(self, payloads: tuple[bytes, ...]) -> int:
        """Count payloads as sent; gives the sequence number of the first."""
        first = self.sequence
        self.sequence = (first + len(payloads)) & 0xFFFF
        self.packets = (self.packets + len(payloads)) & 0xFFFFFFFF
        self.octets = (self.octets + sum(map(len, payloads))) & 0xFFFFFFFF
        return first

    def report(self, channel: int, epoch_s: float, device_epoch_s: float) -> bytes:
        """A sender report with a CNAME (compound, RFC 3550, 6.1), as an interleaved frame."""
        ntp = device_epoch_s + _NTP_EPOCH_S
        whole, part = int(ntp) & 0xFFFFFFFF, int(ntp % 1 * 2**32)
        report = struct.pack(
            ">BBHIIIIII", 0x80, 200, 6, self.ssrc, whole, part, self.timestamp(epoch_s), self.packets, self.octets
        )
        source = struct.pack(">BBHIBB", 0x81, 202, 4, self.ssrc, 1, 7) + b"pretend\0\0\0"
        packet = report + source
        return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


# Track number, its counters, the payloads of one picture or sound frame, their timestamp.
_Part = tuple[int, Track, tuple[bytes, ...], int]


class LiveStream:
    """One channel's main or sub stream."""

    def __init__(
        self, channel: ChannelSpec, role: Role, store: ClipStore, faults: Faults, clock: DeviceClock, *, seed: int
    ) -> None:
        self.channel, self.role = channel, role
        self.spec = channel.stream(role)
        self._store, self._faults, self._clock = store, faults, clock
        dice = random.Random(f"{seed}/{channel.number}/{role}")
        self.phase = round(dice.random(), 3)
        # A whole GOP apart would give all channels their key frames at the same moment.
        self.offset = dice.randrange(self.spec.frames)
        self.video = Track(VIDEO_PAYLOAD_TYPE, 90_000)
        self.metadata = Track(METADATA_PAYLOAD_TYPE, 90_000) if channel.has_metadata else None
        self.audio: Track | None = None
        self.clip: Clip | None = None
        self.sound: Sound | None = None
        self.listeners: set[Listener] = set()
        self.sent_bytes = 0
        self._other: Clip | None = None
        self._wants_key = False
        self._task: asyncio.Task[None] | None = None
        self._audio_tick = 0
        self._reported_s = 0.0

    # -- what a door needs -----------------------------------------------------------------------------------------

    async def prepare(self, timeout_s: float) -> Clip:
        """Have the first frame and the sound ready. Raise EncodeError if the frame does not come in time."""
        clip = self._store.clip(picture_spec(self.channel, self.role))
        await clip.wait_described(timeout_s)
        if self.channel.audio and self.sound is None:
            sound = await self._store.sound(self.channel.audio)
            if self.sound is None:  # two clients may have waited for it
                self.sound, self.audio = sound, Track(sound.payload_type, sound.rate)
        self.clip = clip
        return clip

    def track(self, number: int) -> Track | None:
        return {VIDEO: self.video, AUDIO: self.audio, METADATA: self.metadata}.get(number)

    def add(self, listener: Listener) -> None:
        """Send to it from the next picture on, whatever that is: it joins in the middle of a GOP."""
        self.listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, listener: Listener) -> None:
        self.listeners.discard(listener)

    def request_key(self) -> None:
        """Jump to the next key picture with the next tick, unless it is to be a device that does not care."""
        self._wants_key = not self._faults.is_on("no_key_on_request", self.channel.number)

    async def stop(self) -> None:
        """End sending; may be called twice."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tick_at(self, epoch_s: float) -> int:
        """The last tick at or before a moment."""
        return math.floor(epoch_s * self.spec.fps - self.phase)

    def index_at(self, epoch_s: float) -> int:
        """The number of the picture that is current at a moment."""
        return (self.tick_at(epoch_s) + self.offset) % self.spec.frames

    def still_at(self, epoch_s: float) -> int:
        """The place of the still that is current at a moment (see `painter.still_frames`)."""
        return self.index_at(epoch_s) // (STILL_EVERY_S * self.spec.fps)

    def as_json(self) -> dict[str, object]:
        """What a test needs to know which picture is sent when (see the time rule)."""
        now = time.time()
        spec, clip = self.spec, self.clip
        return {
            "channel": self.channel.number, "role": self.role, "codec": spec.codec,
            "width": spec.width, "height": spec.height, "fps": spec.fps, "frames": spec.frames,
            "gop_frames": spec.gop_frames, "offset": self.offset, "phase": self.phase,
            "now": now, "index": self.index_at(now),
            "encoded": len(clip.pictures) if clip else 0, "complete": bool(clip and clip.is_complete),
            "listeners": len(self.listeners), "sent_bytes": self.sent_bytes,
            "rule": "tick k leaves at epoch second (k + phase) / fps and shows picture (k + offset) mod frames",
        }  # fmt: skip

    # -- sending ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        assert self.clip is not None  # noqa: S101 (prepare() comes before add())
        await self.clip.playable.wait()
        tick = self.tick_at(time.time()) + 1
        if not self.clip.is_complete:  # begin at the first frame: the last ones do not exist yet
            self.offset = -tick % self.spec.frames
        self._audio_tick = self._first_audio_tick(tick)
        while self.listeners:
            due = (tick + self.phase) / self.spec.fps
            late = time.time() - due
            if late < 0:
                await asyncio.sleep(-late)
            if abs(late) > _RESYNC_S:  # suspended, or the host's clock was set
                tick = self.tick_at(time.time()) + 1
                self._audio_tick = self._first_audio_tick(tick)
                continue
            self._send_tick(tick, due)
            tick += 1

    def _first_audio_tick(self, tick: int) -> int:
        seconds = (tick + self.phase) / self.spec.fps
        return math.floor(seconds / self.sound.frame_s) if self.sound else 0

    def _send_tick(self, tick: int, due: float) -> None:
        picture = self._picture(tick)
        number = self.channel.number
        reports_due = due - self._reported_s >= _REPORT_EVERY_S
        if reports_due:
            self._reported_s = due
        if self._faults.is_on("rtsp_silent", number):
            self._collect_audio(due)
            return
        muted = self._faults.is_on("rtcp_only", number) or self.dead_kind() == "no_signal"
        sent: list[_Part] = [] if muted else [(VIDEO, self.video, picture.payloads, self.video.timestamp(due))]
        if picture.is_key and self._faults.is_on("no_key_frames", number):
            sent = []
        sounds = self._collect_audio(due)
        if not muted:
            sent += [(AUDIO, self.audio, (payload,), stamp) for payload, stamp in sounds if self.audio]
        if self.metadata and tick % self.spec.fps == 0 and not muted:
            sent.append((METADATA, self.metadata, (_METADATA,), self.metadata.timestamp(due)))
        self._deliver(sent, due, with_reports=reports_due)

    def _picture(self, tick: int) -> Picture:
        clip = self._swapped_clip() or self.clip
        assert clip is not None  # noqa: S101 (prepare() comes before add())
        if clip is not self.clip:
            return clip.pictures[tick % len(clip.pictures)]
        index = (tick + self.offset) % self.spec.frames
        if self._wants_key:
            self._wants_key = False
            index = clip.next_key(index)
        if index >= len(clip.pictures):  # not encoded yet: start over with what there is
            index = 0
        self.offset = (index - tick) % self.spec.frames
        return clip.pictures[index]

    def _swapped_clip(self) -> Clip | None:
        """The sub stream's clip while the main stream is made to change its resolution."""
        if self.role != "main" or not self._faults.is_on("resolution_change", self.channel.number):
            return None
        if self._other is None:
            self._other = self._store.clip(picture_spec(self.channel, "sub"))
        return self._other if self._other.is_complete else None

    def dead_kind(self) -> str | None:
        """In which way the channel fails now, by layout or by fault."""
        return self._faults.text("dead", self.channel.number) or self.channel.dead

    def _collect_audio(self, due: float) -> list[tuple[bytes, int]]:
        """The sound frames whose last sample is over at `due`, with their timestamps."""
        found: list[tuple[bytes, int]] = []
        if self.sound is None or self.audio is None:
            return found
        loop_s = self.spec.frames / self.spec.fps
        shift = (self.offset - self.phase) / self.spec.fps
        while (self._audio_tick + 1) * self.sound.frame_s <= due:
            start = self._audio_tick * self.sound.frame_s
            place = round((start + shift) % loop_s / self.sound.frame_s) % len(self.sound.frames)
            stamp = (self._audio_tick * self.sound.samples + self.audio.offset) & 0xFFFFFFFF
            found.append((self.sound.frames[place], stamp))
            self._audio_tick += 1
        return found

    def _deliver(self, sent: list[_Part], due: float, *, with_reports: bool) -> None:
        ready = [(part, part[1].advance(part[2])) for part in sent]
        blobs: dict[tuple[int | None, ...], bytes] = {}
        for listener in tuple(self.listeners):
            channels = tuple(listener.channel_of(self, number) for number in (VIDEO, AUDIO, METADATA))
            if channels not in blobs:
                by_track = dict(zip((VIDEO, AUDIO, METADATA), channels, strict=True))
                blobs[channels] = self._joined(ready, by_track, due, with_reports=with_reports)
            self.sent_bytes += len(blobs[channels])
            listener.send(blobs[channels])

    def _joined(
        self, ready: list[tuple[_Part, int]], channels: dict[int, int | None], due: float, *, with_reports: bool
    ) -> bytes:
        parts: list[bytes] = []
        for (number, track, payloads, stamp), first in ready:
            channel = channels[number]
            if channel is not None:
                frames = track.frames(channel, payloads, stamp, first)
                parts += self._damaged(frames) if number == VIDEO else frames
        if with_reports:
            parts += self.reports(channels, due)
        return b"".join(parts)

    def _damaged(self, frames: list[bytes]) -> list[bytes]:
        """The frames as they are, or with some left out or altered when a fault says so."""
        loss, corrupt = (self._faults.number(name, self.channel.number) for name in ("packet_loss", "corrupt"))
        if not loss and not corrupt:
            return frames
        kept: list[bytes] = []
        for head, payload in zip(frames[::2], frames[1::2], strict=True):
            if random.random() * 100 < loss:
                continue
            if random.random() * 100 < corrupt:
                at = random.randrange(len(payload))
                payload = payload[:at] + random.randbytes(1) + payload[at + 1 :]
            kept += (head, payload)
        return kept

    def reports(self, channels: dict[int, int | None], epoch_s: float) -> list[bytes]:
        """Sender reports of the tracks that have a channel."""
        wrong_by = self._clock.epoch_s() - time.time()
        found = []
        for number, channel in channels.items():
            track = self.track(number)
            if channel is not None and track is not None:
                found.append(track.report(channel + 1, epoch_s, epoch_s + wrong_by))
        return found
