"""One source, shared: its packets on one time line, its current group of pictures, its consumers.

A consumer is anything that takes packets: the RTSP server on loopback (loopback.py), a writer of
fragments. Each begins at a key frame, at once if one is held in memory, and then gets every batch as
it arrives. Everything here runs in the gateway's thread, except what says otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from core.clock import Clock
from core.errors import CameraBadAnswer, CameraNoSignal, CameraUnreachable, DeviceError
from core.records import Problem, VideoFormat
from media.codecs.nal import PayloadKind
from media.codecs.video import ParameterSets, VideoCodec
from media.rtsp.client.rtp import AUDIO, VIDEO, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.live.feed import FeedState, FeedStatus, MediaDescription
from media.rtsp.live.statistics import FlowStatistics
from media.rtsp.live.timeline import TrackClock, WallClock

log = logging.getLogger(__name__)

_MAX_HELD_BYTES = 12 * 1024 * 1024
_SILENT_AFTER_S = 3.0
_KEY_FRAME_PATIENCE_S = 90.0
_SOUND_PATIENCE_S = 2.0
_NOMINAL_PACKET_BYTES = 200  # what a packet costs in memory beside its payload


class Consumer(Protocol):
    """Takes packets in the gateway's thread; must not block, and must not change them."""

    def on_packets(self, packets: Sequence[RtpPacket]) -> None:
        """A batch. The first one begins with the first packet of a key frame."""
        ...

    def on_end(self) -> None:
        """No more packets: the source failed, was given up, or its picture changed its format.

        The source has let go of the consumer already.
        """
        ...


class SharedSource:
    """The sink of one device session (device.SessionSink) and the well of its consumers."""

    def __init__(self, clock: Clock, wall: WallClock, *, name: str, timeout_s: float) -> None:
        self._clock = clock
        self._name = name
        self._timeout_s = timeout_s
        self.wall = wall
        self._codec: VideoCodec | None = None
        self._audio: AudioTrack | None = None
        self._sets: dict[str, bytes] = {}
        self._video_format: VideoFormat | None = None
        self._clocks: dict[int, TrackClock] = {}
        self._statistics = FlowStatistics(clock.monotonic_s())
        self._flowing: list[Consumer] = []
        self._waiting: list[Consumer] = []
        self._waiting_for_next: list[Consumer] = []
        self._held: list[RtpPacket] = []  # since the last key frame's first packet
        self._held_bytes = 0
        self._has_key = False
        self._unit_start = 0  # index in _held of the present picture's first packet
        self._unit_timestamp: int | None = None
        self._unit_has_slices = True
        self._unit_is_marked = False
        self._unit_has_sets = False
        self._unit_is_key = False
        self._playing_since_s: float | None = None
        self._first_video_s = 0.0
        self._last_video_s: float | None = None
        self._last_tick_s = clock.monotonic_s()
        self._ever_had_key = False
        self._told = threading.Condition()
        self._changed = asyncio.Event()
        self.error: DeviceError | None = None

    # what the device session calls

    def on_description(self, video: VideoTrack, audio: AudioTrack | None) -> None:
        self._codec = video.codec
        self._audio = audio
        self._sets = dict(video.sets)
        self._clocks[VIDEO] = TrackClock(video.clock_rate)
        if audio:
            self._clocks[AUDIO] = TrackClock(audio.clock_rate)
        self._review_description()
        self._notify()

    def on_playing(self) -> None:
        self._playing_since_s = self._clock.monotonic_s()

    def on_packets(self, packets: list[RtpPacket]) -> None:
        if not self._codec:
            return  # media before the session is set up
        video_clock = self._clocks[VIDEO]
        was_settled = video_clock.is_settled
        batch: list[RtpPacket] = []
        is_restarted = self._sort(packets, self._codec, batch)
        if video_clock.is_settled and not was_settled:
            self._place_again()
        if batch:
            for consumer in tuple(self._flowing):
                consumer.on_packets(batch)
        if self._waiting or self._waiting_for_next:
            self._start_waiting(is_restarted)
        if self._held_bytes > _MAX_HELD_BYTES:
            self._forget_held()

    def _sort(self, packets: list[RtpPacket], codec: VideoCodec, batch: list[RtpPacket]) -> bool:
        """Puts packets onto the time line and into memory; True if a key frame begins among them."""
        is_restarted = False
        for packet in packets:
            clock = self._clocks.get(packet.track)
            if clock is None:
                continue
            payload_bytes = len(packet.payload)
            missing = self._statistics.count(packet.track, packet.sequence, packet.timestamp, payload_bytes)
            if missing is None:
                continue
            packet.lost_before = missing
            packet.time_s = clock.place(packet.timestamp, packet.arrived_s)
            if packet.track == VIDEO and self._take_video(packet, codec, batch):
                is_restarted = True
            batch.append(packet)
            if self._has_key or packet.track == VIDEO:
                self._held.append(packet)
                self._held_bytes += payload_bytes + _NOMINAL_PACKET_BYTES
        return is_restarted

    def on_report(self, track: int, report: SenderReport) -> None:
        clock = self._clocks.get(track)
        if clock and report.ntp_s:
            clock.report(report.rtp_timestamp, report.ntp_s)

    def on_tick(self) -> None:
        """Keeps statistics and clocks; notices silence, though RTCP may still flow."""
        now_s = self._clock.monotonic_s()
        elapsed_s, self._last_tick_s = now_s - self._last_tick_s, now_s
        self._statistics.tick(now_s)
        self.wall.tick()
        video = self._clocks.get(VIDEO)
        if video:
            video.slew(elapsed_s)
            if AUDIO in self._clocks:
                self._clocks[AUDIO].slew(elapsed_s, video)
        self._raise_if_silent(now_s)

    def _raise_if_silent(self, now_s: float) -> None:
        began_s = self._playing_since_s if self._playing_since_s is not None else now_s
        if self._last_video_s is None:
            if now_s - began_s > self._timeout_s:
                raise CameraNoSignal("The device agreed to play and sends no picture.")
        elif now_s - self._last_video_s > self._timeout_s:
            raise CameraUnreachable("The device stopped sending pictures.")
        elif not self._ever_had_key and now_s - began_s > _KEY_FRAME_PATIENCE_S:
            raise CameraBadAnswer("The device sends media in which no picture can be found.")

    # pictures

    def _take_video(self, packet: RtpPacket, codec: VideoCodec, batch: list[RtpPacket]) -> bool:
        """Sorts one packet into pictures; True if it begins a key frame (what is held starts with it)."""
        if self._last_video_s is None:
            self._first_video_s = packet.arrived_s
        self._last_video_s = packet.arrived_s
        info = codec.inspect_payload(packet.payload)
        kind = info.kind
        if kind is PayloadKind.OTHER:
            return False
        is_leading = kind is PayloadKind.LEADING
        is_other_time = packet.timestamp != self._unit_timestamp
        # GStreamer repeats the parameter sets before every slice of a key frame: they begin no other picture.
        begins = is_other_time or (is_leading and self._unit_is_marked)
        if self._unit_has_slices and begins and kind is not PayloadKind.CONTINUATION:
            self._begin_unit(packet.timestamp)
            self._unit_has_slices = False
        if not is_leading:
            self._unit_has_slices = True
            self._unit_timestamp = packet.timestamp
        self._unit_is_marked = packet.marker and self._unit_has_slices
        if info.parameter_sets:
            self._learn_sets(info.parameter_sets, codec)
            self._unit_has_sets = True
        # Some encoders refresh without IDR; parameter sets before a slice mean: one may begin here.
        may_enter = kind is PayloadKind.KEY or (kind is PayloadKind.SLICE and self._unit_has_sets)
        if not may_enter or self._unit_is_key:
            return False
        self._unit_is_key = True
        self._enter_here(packet, codec, batch)
        return True

    def _begin_unit(self, timestamp: int) -> None:
        self._statistics.count_frame()
        if not self._has_key:
            self._held.clear()
            self._held_bytes = 0
        self._unit_start = len(self._held)
        self._unit_timestamp = timestamp
        self._unit_has_sets = self._unit_is_key = False

    def _enter_here(self, packet: RtpPacket, codec: VideoCodec, batch: list[RtpPacket]) -> None:
        del self._held[: self._unit_start]
        self._unit_start = 0
        if not self._unit_has_sets and codec.has_all(self._sets):
            # named in the SDP only: TS and players that join later need them in the stream; what is missing before the
            # key frame is missing before them, and may be the end of the picture before
            for set_type in codec.parameter_set_types:
                added = replace(packet, payload=self._sets[set_type], marker=False, extension=b"")
                self._held.append(added)
                batch.append(added)
        self._held_bytes = sum(len(held.payload) + _NOMINAL_PACKET_BYTES for held in self._held)
        self._has_key = self._ever_had_key = True
        self._statistics.count_key_frame(packet.time_s)

    def _learn_sets(self, nals: tuple[bytes, ...], codec: VideoCodec) -> None:
        is_new = False
        for nal in nals:
            set_type = codec.parameter_set_type(nal)
            if set_type and self._sets.get(set_type) != nal:
                self._sets[set_type] = nal
                is_new = True
        if is_new:
            self._review_description()

    def _review_description(self) -> None:
        if not self._codec or not self._codec.has_all(self._sets):
            return
        before, self._video_format = self._video_format, self._codec.video_format(self._sets)
        if before and (before.width, before.height) != (self._video_format.width, self._video_format.height):
            log.info("%s: the picture changed its size, its readers begin anew", self._name)
            self._end_consumers()
        self._notify()

    def _place_again(self) -> None:
        """The clocks have found their footing: what was held since gets its final time."""
        for packet in self._held:
            packet.time_s = self._clocks[packet.track].time_of(packet.timestamp)

    def _forget_held(self) -> None:
        """More than we hold without a key frame: who comes now waits for the next one."""
        self._held.clear()
        self._held_bytes = 0
        self._unit_start = 0
        self._has_key = False

    # consumers

    def attach(self, consumer: Consumer, *, at_next_key: bool = False) -> None:
        """Starts it with the held key frame, or (always with at_next_key) the next one to come."""
        if self.error:
            consumer.on_end()
            return
        (self._waiting_for_next if at_next_key else self._waiting).append(consumer)
        if not at_next_key:
            self._start_waiting(False)

    def detach(self, consumer: Consumer) -> None:
        """Unknown ones are fine."""
        for consumers in (self._flowing, self._waiting, self._waiting_for_next):
            if consumer in consumers:
                consumers.remove(consumer)

    def _start_waiting(self, is_restarted: bool) -> None:
        video_clock = self._clocks.get(VIDEO)
        if not self._has_key or not video_clock or not video_clock.is_settled:
            return
        starting = self._waiting
        self._waiting = []
        if is_restarted:
            starting = [*starting, *self._waiting_for_next]
            self._waiting_for_next = []
        for consumer in starting:
            self._flowing.append(consumer)
            consumer.on_packets(tuple(self._held))

    def _end_consumers(self) -> None:
        ending = [*self._flowing, *self._waiting, *self._waiting_for_next]
        self._flowing, self._waiting, self._waiting_for_next = [], [], []
        for consumer in ending:
            consumer.on_end()

    def fail(self, error: DeviceError) -> None:
        """The session is over. Ends the consumers; whoever waits for a description is told."""
        if self.error is None:
            self.error = error
            self._end_consumers()
            self._forget_held()
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self.wake_waiters()

    def wake_waiters(self) -> None:
        """Lets other threads look again at what they wait for; from any thread."""
        with self._told:
            self._told.notify_all()

    # what is known of it

    @property
    def codec(self) -> VideoCodec | None:
        return self._codec

    @property
    def sets(self) -> ParameterSets:
        return self._sets

    @property
    def announced_audio(self) -> AudioTrack | None:
        return self._audio

    @property
    def audio(self) -> AudioTrack | None:
        """None also when the device announced sound and has sent none beside seconds of video."""
        clock = self._clocks.get(AUDIO)
        is_missing = (
            clock is not None
            and not clock.has_begun
            and self._last_video_s is not None
            and self._last_video_s - self._first_video_s > _SOUND_PATIENCE_S
        )
        return None if is_missing else self._audio

    def arrived_utc(self, time_s: float) -> datetime:
        """The wall clock when what lies at time_s arrived; for any thread."""
        clock = self._clocks.get(VIDEO)
        return self.wall.utc_of(clock.arrived_s_of(time_s) if clock else time_s)

    async def until_described(self, timeout_s: float) -> bool:
        """For the event loop: True once the description is complete, False on failure or timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._video_format is None and self.error is None:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return self.error is None

    async def until_announced(self) -> bool:
        """For the event loop: True once the device has said what it sends; False when the session failed before."""
        while self._codec is None and self.error is None:
            await self._changed.wait()
        return self.error is None

    def wait_described(self, timeout_s: float, is_given_up: Callable[[], bool] = lambda: False) -> MediaDescription:
        """For other threads; see feed.Feed.wait_described."""
        with self._told:
            self._told.wait_for(lambda: self._video_format or self.error or is_given_up(), timeout_s)
        if is_given_up():
            raise CameraUnreachable("The feed was closed.")
        if self.error:
            raise self.error.with_traceback(None)
        if self._video_format:
            audio = self.audio
            return MediaDescription(self._video_format, audio.format if audio else None)
        if self._playing_since_s is None:
            raise CameraUnreachable("The device has not begun to play in time.")
        raise CameraNoSignal("The device plays, and nothing describes its picture yet.")

    def status(self) -> FeedStatus:
        """For any thread."""
        now_s = self._clock.monotonic_s()
        error, statistics, last_s = self.error, self._statistics, self._last_video_s
        audio = self.audio
        return FeedStatus(
            state=self._state(now_s),
            problem=Problem(error.code, error.detail) if error else None,
            video=self._video_format,
            audio=audio.format if audio else None,
            bitrate_kbps=statistics.bitrate_kbps,
            fps=statistics.fps,
            last_packet_age_s=None if last_s is None else max(0.0, round(now_s - last_s, 3)),
            key_frame_interval_s=statistics.key_frame_interval_s,
            packets=statistics.packets,
            lost=statistics.lost,
        )

    def _state(self, now_s: float) -> FeedState:
        if self.error:
            return FeedState.FAILED
        if self._playing_since_s is None:
            return FeedState.CONNECTING
        if self._last_video_s is not None and now_s - self._last_video_s > min(_SILENT_AFTER_S, self._timeout_s / 2):
            return FeedState.SILENT
        return FeedState.FLOWING if self._ever_had_key else FeedState.WAITING_KEY_FRAME
