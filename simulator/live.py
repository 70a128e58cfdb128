"""Live streams: an endless loop of frames and audio for each channel and role, sent to all listeners by the clock.

Time rule: tick k of a stream is sent at epoch second (k + phase) / fps and carries frame (k + offset) mod frames.
The offset changes when the stream jumps: to a requested key frame, or at the end of a loop that is still being encoded.
A stream without listeners runs no task.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Iterator
from typing import Protocol

from simulator import audio_faults
from simulator.audio import AudioLoop
from simulator.clip import Clip
from simulator.clip_store import ClipStore
from simulator.clock import DeviceClock
from simulator.faults import Faults
from simulator.h26x import AccessUnit, ParameterSets
from simulator.layout import ROLES, ChannelSpec, Layout, Role, clip_spec
from simulator.packing import repack
from simulator.painter import STILL_EVERY_S
from simulator.plain_sps import is_sps, without_vui
from simulator.rtp import AUDIO, METADATA, METADATA_PAYLOAD_TYPE, VIDEO, VIDEO_PAYLOAD_TYPE, Track

_REPORT_EVERY_S = 5.0
_RESYNC_S = 1.0  # that the clock was set back
_LATEST_S = 5.0  # frames that are later are left out; a pause of the process loses none
_METADATA = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"></tt:MetadataStream>'
)


class Listener(Protocol):
    """A client's connection, as a stream sees it."""

    def channel_of(self, stream: LiveStream, track: int) -> int | None:
        """The interleaved channel of a track, None if the client did not set it up."""

    def send(self, data: bytes) -> None:
        """Send interleaved frames (RFC 2326, 10.12)."""


# Track number, its counters, the payloads of one video or audio frame, their timestamp.
_Part = tuple[int, Track, tuple[bytes, ...], int]


class LiveStream:
    """One channel's main or sub stream."""

    def __init__(
        self, channel: ChannelSpec, role: Role, store: ClipStore, faults: Faults, clock: DeviceClock, *, seed: int
    ) -> None:
        self.channel, self.role = channel, role
        self.spec = channel.stream(role)
        self._store, self._faults, self._clock = store, faults, clock
        rng = random.Random(f"{seed}/{channel.number}/{role}")
        self.phase = round(rng.random(), 3)
        # Offsets a whole GOP apart would give all channels their key frames at the same moment.
        self.offset = rng.randrange(self.spec.frames)
        self.video = Track(VIDEO_PAYLOAD_TYPE, 90_000)
        self.metadata = Track(METADATA_PAYLOAD_TYPE, 90_000) if channel.has_metadata else None
        self.audio: Track | None = None
        self.clip: Clip | None = None
        self.audio_loop: AudioLoop | None = None
        self.listeners: set[Listener] = set()
        self.sent_bytes = 0
        self._sub_clip: Clip | None = None
        self._wants_key = False
        self._task: asyncio.Task[None] | None = None
        self._audio_tick = 0
        self._reported_s = 0.0

    # -- for the RTSP server ---------------------------------------------------------------------------------------

    async def prepare(self, timeout_s: float) -> Clip:
        """Have the first frame and the audio ready. Raise EncodeError if the frame does not come in time."""
        clip = self._store.clip(clip_spec(self.channel, self.role))
        await clip.wait_described(timeout_s)
        if self.channel.audio and self.audio_loop is None:
            audio_loop = await self._store.audio_loop(self.channel.audio)
            if self.audio_loop is None:  # another client may have waited for it, too
                self.audio_loop, self.audio = audio_loop, Track(audio_loop.payload_type, audio_loop.rate)
        self.clip = clip
        return clip

    def track(self, number: int) -> Track | None:
        return {VIDEO: self.video, AUDIO: self.audio, METADATA: self.metadata}.get(number)

    def add(self, listener: Listener) -> None:
        """Send to a listener from the next tick on: it joins in the middle of a GOP, as with many cameras."""
        self.listeners.add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, listener: Listener) -> None:
        self.listeners.discard(listener)

    def request_key(self) -> None:
        """Jump to the next key frame with the next tick. The fault `no_key_on_request` ignores the request."""
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
        """Number of the frame that is current at a moment."""
        return (self.tick_at(epoch_s) + self.offset) % self.spec.frames

    def still_at(self, epoch_s: float) -> int:
        """Place of the still that is current at a moment (see `painter.still_frames`)."""
        return self.index_at(epoch_s) // (STILL_EVERY_S * self.spec.fps)

    def as_json(self) -> dict[str, object]:
        """All that a test needs to tell which frame is sent when (see the time rule)."""
        now = time.time()
        spec, clip = self.spec, self.clip
        return {
            "channel": self.channel.number, "role": self.role, "codec": spec.codec,
            "width": spec.width, "height": spec.height, "fps": spec.fps, "frames": spec.frames,
            "gop_frames": spec.gop_frames, "offset": self.offset, "phase": self.phase,
            "now": now, "index": self.index_at(now),
            "encoded": len(clip.units) if clip else 0, "complete": bool(clip and clip.is_complete),
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
            if late > _LATEST_S or late < -_RESYNC_S:  # the process was suspended, or the host's clock was set
                tick = self.tick_at(time.time()) + 1
                self._audio_tick = self._first_audio_tick(tick)
                continue
            self.send_tick(tick, due)
            tick += 1

    def _first_audio_tick(self, tick: int) -> int:
        seconds = (tick + self.phase) / self.spec.fps
        return math.floor(seconds / self.audio_loop.frame_s) if self.audio_loop else 0

    def send_tick(self, tick: int, due: float) -> None:
        """Send the frame of a tick, and the audio and metadata of its time."""
        unit = self._unit(tick)
        number = self.channel.number
        reports_due = due - self._reported_s >= _REPORT_EVERY_S
        if reports_due:
            self._reported_s = due
        if self._faults.is_on("rtsp_silent", number):
            self._collect_audio(due)
            return
        muted = self._faults.is_on("rtcp_only", number) or self.dead_kind() == "no_signal"
        payloads = tuple(map(self._plain, unit.payloads)) if unit.is_key else unit.payloads
        sent: list[_Part] = [] if muted else [(VIDEO, self.video, payloads, self.video.timestamp(due))]
        if unit.is_key and self._faults.is_on("no_key_frames", number):
            sent = []
        audio_frames = self._collect_audio(due)
        if not muted:
            sent += [(AUDIO, self.audio, (payload,), stamp) for payload, stamp in audio_frames if self.audio]
        if self.metadata and tick % self.spec.fps == 0 and not muted:
            sent.append((METADATA, self.metadata, (_METADATA,), self.metadata.timestamp(due)))
        self._deliver(sent, due, with_reports=reports_due)

    def _unit(self, tick: int) -> AccessUnit:
        clip = self._swapped_clip() or self.clip
        assert clip is not None  # noqa: S101 (prepare() comes before add())
        if clip is not self.clip:
            return clip.units[tick % len(clip.units)]
        index = (tick + self.offset) % self.spec.frames
        if self._wants_key:
            self._wants_key = False
            index = clip.next_key(index)
        if index >= len(clip.units):  # this frame is not encoded yet: start over with those that are
            index = 0
        self.offset = (index - tick) % self.spec.frames
        return clip.units[index]

    def _plain(self, nal: bytes) -> bytes:
        """The payload; an sps without its VUI while the fault `plain_sps` is on."""
        is_plain = self.spec.codec == "h264" and is_sps(nal) and self._faults.is_on("plain_sps", self.channel.number)
        return without_vui(nal, self._faults.text("plain_sps", self.channel.number)) if is_plain else nal

    def parameter_sets(self) -> ParameterSets:
        """The parameter sets for SDP."""
        assert self.clip is not None  # noqa: S101 (prepare() came before)
        sets = self.clip.sets
        return ParameterSets(sets.vps, self._plain(sets.sps), sets.pps)

    def _swapped_clip(self) -> Clip | None:
        """The sub stream's clip while the fault `resolution_change` makes the main stream carry it."""
        if self.role != "main" or not self._faults.is_on("resolution_change", self.channel.number):
            return None
        if self._sub_clip is None:
            self._sub_clip = self._store.clip(clip_spec(self.channel, "sub"))
        return self._sub_clip if self._sub_clip.is_complete else None

    def dead_kind(self) -> str | None:
        """How the channel fails now, by layout or by fault; None if it works."""
        return self._faults.text("dead", self.channel.number) or self.channel.dead

    def audio_fault(self) -> str | None:
        return self._faults.text("audio", self.channel.number)

    def _collect_audio(self, due: float) -> list[tuple[bytes, int]]:
        """The audio frames that end until `due`, with their timestamps."""
        found: list[tuple[bytes, int]] = []
        if self.audio_loop is None or self.audio is None:
            return found
        loop, fault = self.audio_loop, self.audio_fault()
        loop_s = self.spec.frames / self.spec.fps
        shift = (self.offset - self.phase) / self.spec.fps
        while (self._audio_tick + 1) * loop.frame_s <= due:
            start = self._audio_tick * loop.frame_s
            place = round((start + shift) % loop_s / loop.frame_s) % len(loop.frames)
            stamp = (self._audio_tick * loop.samples + self.audio.offset) & 0xFFFFFFFF
            if fault != "none":
                data = audio_faults.payload(loop, loop.frames[place], fault)
                found.append((data, audio_faults.timestamp(stamp, fault)))
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
        """The frames; the faults `video_packing`, `packet_loss` and `corrupt` repack, leave out or alter some."""
        if packing := self._faults.text("video_packing", self.channel.number):
            frames = repack(packing, self.spec.codec, frames)
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


class LiveStreams:
    """The live streams of all channels."""

    def __init__(self, layout: Layout, store: ClipStore, faults: Faults, clock: DeviceClock, *, seed: int) -> None:
        self._layout, self._store = layout, store
        self._streams = {
            (channel.number, role): LiveStream(channel, role, store, faults, clock, seed=seed)
            for channel in layout
            for role in ROLES
        }

    def __iter__(self) -> Iterator[LiveStream]:
        return iter(self._streams.values())

    def of(self, channel: ChannelSpec, role: Role) -> LiveStream:
        """The stream of a channel of the layout."""
        return self._streams[channel.number, role]

    def find(self, number: int, role: str) -> LiveStream | None:
        """A stream by its channel's number and its role; None if there is none."""
        return next((stream for key, stream in self._streams.items() if key == (number, role)), None)

    def prepare(self, role: Role) -> None:
        """Encode the streams of a role, and the stills, in the background; dead channels have none."""
        for channel in self._layout:
            if not channel.dead:
                self._store.clip(clip_spec(channel, role), urgent=False)
                self._store.clip(clip_spec(channel, "main", "stills"), urgent=False)

    async def stop(self) -> None:
        """End sending; may be called twice."""
        for stream in self:
            await stream.stop()
