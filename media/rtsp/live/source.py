"""A live source that consumers share: its frames and audio on one timeline, and its present state.

Packets become frames here, once, whatever a device makes of RTP: consumers know no device's habits.

The source is announced once the device has sent its SDP: the codec is known. It is described once the parameter sets
have come, in the SDP or in band: the video's size is known.

A consumer takes media: the RTSP server on loopback (loopback.py), the fragments for viewers (fragments.py), and the
units for recordings (units.py).
Each begins at a key frame, immediately if one is held (gop_buffer.py), and then gets every batch as it arrives.
All methods run in the gateway's thread unless they say otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from core.clock import Clock
from core.errors import CameraBadAnswer, CameraNoSignal, CameraUnreachable, DeviceError, StreamStalled
from core.records import Problem, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.codecs.video import MJPEG, ParameterSets, VideoCodec
from media.fmp4.tracks import TrackError, video_track
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.marker_habit import KnownMarkers, MarkerHabit
from media.rtsp.client.mjpeg_depacketizing import MjpegDepacketizer
from media.rtsp.client.receiver import SessionSink
from media.rtsp.client.rtp import AUDIO, VIDEO, Delivery, RtpPacket, SenderReport, single_packets
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.live.audio_input import SILENT_AFTER_S, AudioInput
from media.rtsp.live.consumers import MediaConsumer, MediaConsumers
from media.rtsp.live.feed import FeedState, FeedStatus, HeldKeyFrame, MediaDescription
from media.rtsp.live.gop_buffer import GopBuffer, Media
from media.rtsp.live.statistics import FlowStatistics
from media.rtsp.live.timeline import TrackClock, WallClock

log = logging.getLogger(__name__)

_SILENT_AFTER_S = 3.0
_KEY_FRAME_PATIENCE_S = 90.0
_NO_VIDEO = "The device agreed to play, but has sent no video for {seconds:.0f} s; the next try waits longer."
_UNREADABLE_AFTER_S = 20.0
_UNREADABLE = (
    "The device still sends video, but the app has read no frame for {seconds:.0f} s: its format may have changed."
)
_MARKED_PATIENCE_S = 0.3
_DAMAGED_FOR_S = 10.0
_TIMESTAMP_MASK = 0xFFFF_FFFF

_Depacketizer = VideoDepacketizer | MjpegDepacketizer


class SharedSource(SessionSink):
    """The sink of a live session; passes its media on to consumers. `known_markers`: the device's."""

    def __init__(
        self,
        clock: Clock,
        wall: WallClock,
        *,
        name: str,
        timeout_s: float,
        known_markers: KnownMarkers | None = None,
    ) -> None:
        self._clock = clock
        self._name = name
        self._timeout_s = timeout_s
        self._patience_s = timeout_s  # until the first video
        self._wall = wall
        self._known_markers = known_markers
        self._codec: VideoCodec | None = None
        self._audio = AudioInput(None)
        self._audio_left_out = ""
        self._video_format: VideoFormat | None = None
        self._codec_string = ""
        self._clocks: dict[int, TrackClock] = {}
        self._statistics = FlowStatistics(clock.monotonic_s())
        self._depacketizer: _Depacketizer | None = None
        self._has_loss = False
        self._gop = GopBuffer()
        self._sets: ParameterSets = {}
        self._described_sets: tuple[bytes, ...] = ()
        self._consumers = MediaConsumers()
        self._frames_dropped = 0
        self._damaged_at_s: float | None = None
        self._playing_since_s: float | None = None
        self._first_video_s: float | None = None
        self._last_video_s: float | None = None
        self._last_frame_s: float | None = None
        self._last_tick_s = clock.monotonic_s()
        self._ever_had_key = False
        self._waiters = threading.Condition()
        self._changed = asyncio.Event()
        self.error: DeviceError | None = None

    # -- client.receiver.SessionSink ---------------------------------------------------------------

    def on_description(self, video: VideoTrack, audio: AudioTrack | None, delivery: Delivery = Delivery.STREAM) -> None:
        self._codec = video.codec
        self._audio = AudioInput(audio, self._audio_left_out)
        self._has_loss = delivery is Delivery.DATAGRAMS
        self.takes_joined_packets = not self._has_loss
        self._sets = dict(video.sets)
        self._depacketizer = self._depacketizer_of(video, delivery)
        self._clocks[VIDEO] = TrackClock(video.clock_rate)
        if self._depacketizer.is_described:
            self._describe(video.codec, self._depacketizer.parameter_sets)
        self._notify()

    def _depacketizer_of(self, video: VideoTrack, delivery: Delivery) -> _Depacketizer:
        if video.codec is MJPEG:
            return MjpegDepacketizer(video.clock_rate, delivery=delivery, place=self._place_frame)
        markers = MarkerHabit(is_patient=True, known=self._known_markers)
        return VideoDepacketizer(video, delivery=delivery, markers=markers, place=self._place_frame)

    def on_audio_left_out(self, reason: str) -> None:
        self._audio_left_out = reason

    def on_opened(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._playing_since_s = self._clock.monotonic_s()
        self._notify()

    def on_packets(self, packets: list[RtpPacket]) -> None:
        if not self._depacketizer:
            return  # media before the session is set up
        batch: list[Media] = []
        was_settled = self._clocks[VIDEO].is_settled
        has_new_key = False
        self._statistics.count(packets)
        video: list[RtpPacket] = []
        for packet in self._without_repeats(packets) if self._has_loss else packets:
            if packet.track == VIDEO:
                video.append(packet)
                continue
            if video:
                has_new_key = self._take_video(self._depacketizer, video, batch) or has_new_key
                video = []
            for single in single_packets((packet,)) if packet.more else (packet,):
                self._take_audio(single, batch)
        if video:
            has_new_key = self._take_video(self._depacketizer, video, batch) or has_new_key
        self._after_packets(self._depacketizer, batch, was_settled=was_settled, has_new_key=has_new_key)

    def _take_video(self, depacketizer: _Depacketizer, video: list[RtpPacket], batch: list[Media]) -> bool:
        """Put the frames of these packets into the buffer and into `batch`. True if one of them is a key frame."""
        self._last_video_s = video[-1].arrived_s
        if self._first_video_s is None:
            self._first_video_s = video[0].arrived_s
        if not self._audio.is_late and self._last_video_s - self._first_video_s > SILENT_AFTER_S:
            self._audio.is_late = True
            self._notify()
        has_new_key = False
        for unit in depacketizer.push(video):
            has_new_key = self._take_frame(unit, batch) or has_new_key
        return has_new_key

    def _without_repeats(self, packets: Sequence[RtpPacket]) -> Iterator[RtpPacket]:
        """Yield the datagrams that come for the first time, with the number of lost ones before each."""
        for packet in packets:
            missing = self._statistics.count_missing(packet.track, packet.sequence, packet.timestamp)
            if missing is not None:
                packet.lost_before = missing
                yield packet

    def _after_packets(
        self, depacketizer: _Depacketizer, batch: list[Media], *, was_settled: bool, has_new_key: bool
    ) -> None:
        if self._clocks[VIDEO].is_settled and not was_settled:
            self._place_again()
        if depacketizer.frames_dropped != self._frames_dropped:
            self._frames_dropped = depacketizer.frames_dropped
            self._damaged_at_s = self._clock.monotonic_s()
        if self._codec and self._video_format is None and depacketizer.is_described:
            self._describe(self._codec, depacketizer.parameter_sets)
        self._consumers.send(batch)
        if self._consumers.has_waiting:
            self._start_waiting(has_new_key=has_new_key)
        if self._gop.is_too_large:
            self._gop.clear()

    def _take_frame(self, unit: AccessUnit, batch: list[Media]) -> bool:
        """Put a frame into the buffer and into `batch`. True if it is a key frame."""
        self._statistics.count_frame()
        self._last_frame_s = self._clock.monotonic_s()
        if unit.is_key:
            self._ever_had_key = True
            self._statistics.count_key_frame(unit.time_s)
            if self._codec and unit.parameter_sets and unit.parameter_sets != self._described_sets:
                self._consumers.send(batch)
                batch.clear()
                self._describe(self._codec, unit.parameter_sets)
        batch.append(unit)
        self._gop.hold_frame(unit)
        return unit.is_key

    def _take_audio(self, packet: RtpPacket, batch: list[Media]) -> None:
        was_known = self._audio.is_known
        for unit in self._audio.take(packet):
            batch.append(unit)
            self._gop.hold_audio(unit)
        if self._audio.is_known and not was_known:
            self._notify()

    def _place_frame(self, ticks: int, arrived_s: float, *, clock_went_back: bool = False) -> float:
        """Return the place of a frame on the timeline."""
        timestamp = ticks & _TIMESTAMP_MASK
        return self._clocks[VIDEO].place(timestamp, arrived_s, is_new_frame=True, clock_went_back=clock_went_back)

    def _place_again(self) -> None:
        """The clocks have settled: give the held media their final times."""
        video = self._clocks[VIDEO]
        for index, item in enumerate(self._gop.media):
            if item.track == VIDEO:
                self._gop.media[index] = replace(item, time_s=video.time_of(item.ticks & _TIMESTAMP_MASK))
            else:
                self._gop.media[index] = self._audio.place_again(item)

    def on_report(self, track: int, report: SenderReport) -> None:
        if track == AUDIO:
            self._audio.report(report)
            return
        clock = self._clocks.get(track)
        if clock and report.ntp_s:
            clock.report(report.rtp_timestamp, report.ntp_s)

    def on_tick(self) -> None:
        """Update statistics and clocks. Raises a DeviceError if no video comes, even if RTCP still does."""
        now_s = self._clock.monotonic_s()
        elapsed_s, self._last_tick_s = now_s - self._last_tick_s, now_s
        self._statistics.tick(now_s)
        self._wall.tick()
        video = self._clocks.get(VIDEO)
        if self._depacketizer and self._last_video_s is not None and now_s - self._last_video_s > _MARKED_PATIENCE_S:
            self._flush(self._depacketizer)
        if video:
            video.slew(elapsed_s)
            self._audio.slew(elapsed_s, video)
        self._raise_if_silent(now_s)

    def _flush(self, depacketizer: _Depacketizer) -> None:
        """No packet has come for a moment: pass on a frame that waits after its marker."""
        batch: list[Media] = []
        has_new_key = [self._take_frame(unit, batch) for unit in depacketizer.flush_marked()]
        was_settled = self._clocks[VIDEO].is_settled
        self._clocks[VIDEO].settle()
        if batch or not was_settled:
            self._after_packets(depacketizer, batch, was_settled=was_settled, has_new_key=any(has_new_key))

    def _raise_if_silent(self, now_s: float) -> None:
        began_s = self._playing_since_s if self._playing_since_s is not None else now_s
        if self._last_video_s is None:
            if now_s - began_s > self._patience_s:
                raise CameraNoSignal(_NO_VIDEO.format(seconds=self._patience_s))
        elif now_s - self._last_video_s > self._timeout_s:
            raise StreamStalled("The device has stopped sending video.")
        elif self._last_frame_s is not None and now_s - self._last_frame_s > max(_UNREADABLE_AFTER_S, self._timeout_s):
            raise StreamStalled(_UNREADABLE.format(seconds=now_s - self._last_frame_s))
        elif not self._ever_had_key and now_s - began_s > _KEY_FRAME_PATIENCE_S:
            raise CameraBadAnswer(self._waiting_text(now_s - began_s))

    def _waiting_text(self, waited_s: float) -> str:
        """Say why there is no picture although the device sends video."""
        if self._frames_dropped:
            damage = self._depacketizer.damage if self._depacketizer else ""
            return f"The device sends video for {waited_s:.0f} s, but its key frames are damaged ({damage})."
        return f"The device sends video, but it has sent no key frame for {waited_s:.0f} s."

    def _describe(self, codec: VideoCodec, parameter_sets: tuple[bytes, ...]) -> None:
        """Read the video's format from the parameter sets. If its size has changed, end the consumers."""
        self._sets = {set_type: nal for nal in parameter_sets if (set_type := codec.parameter_set_type(nal))}
        self._described_sets = parameter_sets
        before, self._video_format = self._video_format, codec.video_format(self._sets)
        self._codec_string = _codec_string(self._video_format, parameter_sets)
        if before and (before.width, before.height) != (self._video_format.width, self._video_format.height):
            log.info("%s: the video changed its size, its consumers begin again", self._name)
            self._consumers.end_all()
        self._notify()

    # -- consumers ---------------------------------------------------------------------------------

    def attach(self, consumer: MediaConsumer, *, at_next_key_frame: bool = False) -> None:
        """Start a consumer with the held key frame; with the next one if none is held or `at_next_key_frame` is set."""
        if self.error:
            consumer.on_end()
            return
        self._consumers.add(consumer, at_next_key_frame=at_next_key_frame)
        if not at_next_key_frame:
            self._start_waiting(has_new_key=False)

    def detach(self, consumer: MediaConsumer) -> None:
        """Stop sending media to a consumer; without effect for one that is not attached."""
        self._consumers.remove(consumer)

    def _start_waiting(self, *, has_new_key: bool) -> None:
        video_clock = self._clocks.get(VIDEO)
        if self._gop.has_key and video_clock and video_clock.is_settled:
            self._consumers.start_waiting(self._gop.media, has_new_key=has_new_key)

    def fail(self, error: DeviceError) -> None:
        """The session is over: end the consumers and wake the callers that wait for a description."""
        if self.error is None:
            self.error = error
            self._consumers.end_all()
            self._gop.clear()
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self.wake_waiters()

    def wake_waiters(self) -> None:
        """Let wait_described() check its condition again. From any thread."""
        with self._waiters:
            self._waiters.notify_all()

    def held_key_frame(self) -> HeldKeyFrame | None:
        """Return the last key frame, if the source holds one. In the gateway's thread."""
        unit = next((item for item in self._gop.media if item.track == VIDEO and item.is_key), None)
        if unit is None or self._codec is None or not self._gop.has_key:
            return None
        video = self._video_format
        shape = video.width / video.height if video is not None and video.width and video.height else None
        return HeldKeyFrame(self._codec.name, shape, unit.parameter_sets or self._described_sets, unit.parts)

    # -- description and status --------------------------------------------------------------------

    @property
    def codec(self) -> VideoCodec | None:
        return self._codec

    @property
    def sets(self) -> ParameterSets:
        """The newest parameter sets, from the SDP and in band."""
        return self._sets

    @property
    def announced_audio(self) -> AudioTrack | None:
        """The audio as it is carried, even if none has come."""
        return self._audio.track

    @property
    def audio(self) -> AudioTrack | None:
        """The audio as it is carried; None if none of it has come while two seconds of video did, or all is damaged."""
        return None if self._audio.is_missing else self._audio.track

    @property
    def audio_left_out(self) -> str:
        """Why there is no audio although the device offers some, for users; otherwise empty."""
        return self._audio.left_out

    def arrived_utc(self, time_s: float) -> datetime:
        """Return the arrival of the media at `time_s` by the wall clock. From any thread."""
        clock = self._clocks.get(VIDEO)
        return self._wall.utc_of(clock.arrived_s_of(time_s) if clock else time_s)

    def arrival_of(self, time_s: float) -> tuple[float, float]:
        """Return the arrival of the media at `time_s` by the monotonic clock, and the seconds to add to get UTC."""
        clock = self._clocks.get(VIDEO)
        arrived_s = clock.arrived_s_of(time_s) if clock else time_s
        return arrived_s, self._wall.difference_s_at(arrived_s)

    @property
    def has_key_frame(self) -> bool:
        """True if a key frame is held, with which a consumer could begin immediately."""
        return self._gop.has_key

    @property
    def is_audio_known(self) -> bool:
        """True if `audio` is what the packets show, or if no packet is going to come."""
        return self._audio.is_known

    def _is_described(self) -> bool:
        """True once the size of the video is known, and the audio, whose description may be wrong."""
        return self._video_format is not None and self._audio.is_known

    async def until_described(self, timeout_s: float) -> bool:
        """Wait until the parameter sets are known, and the audio. False on failure or timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_described() and self.error is None:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return self.error is None

    async def until_announced(self) -> VideoCodec | None:
        """Wait for the device's SDP; the parameter sets may follow with the first key frame. None on failure."""
        while self._codec is None and self.error is None:
            await self._changed.wait()
        return self._codec if self.error is None else None

    def wait_playing(self, timeout_s: float, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """See GatewayFeed.wait_playing. From other threads."""

        def is_over() -> bool:
            return self._playing_since_s is not None or self._is_described() or self.error is not None or is_given_up()

        with self._waiters:
            self._waiters.wait_for(is_over, timeout_s)

    def wait_described(self, timeout_s: float, is_given_up: Callable[[], bool] = lambda: False) -> MediaDescription:
        """See GatewayFeed.wait_described. From other threads."""
        with self._waiters:

            def is_over() -> bool:
                return self._is_described() or self.error is not None or is_given_up()

            if not self._waiters.wait_for(is_over, timeout_s) and self._is_patient:
                self._waiters.wait_for(lambda: is_over() or not self._is_patient, self._patience_s)
        if is_given_up():
            raise CameraUnreachable("The feed was closed.")
        if self.error:
            raise self.error.with_traceback(None)
        if self._video_format:
            audio = self.audio
            return MediaDescription(self._video_format, audio.format if audio else None)
        if self._playing_since_s is None:
            raise CameraUnreachable("The device did not begin to play in time.")
        if self._last_video_s is None:
            raise CameraNoSignal(_NO_VIDEO.format(seconds=self._patience_s))
        raise CameraBadAnswer("The device sends video, but without the parameter sets that describe its picture.")

    @property
    def _is_patient(self) -> bool:
        """True while the device has agreed to play, and its first video may take longer than usual."""
        return self._playing_since_s is not None and self._last_video_s is None and self._patience_s > self._timeout_s

    def status(self) -> FeedStatus:
        """Return the present state and rates. From any thread.

        `frames_dropped` is the source's; GatewayFeed.status() leaves out those from before its feed was opened.
        """
        now_s = self._clock.monotonic_s()
        error, statistics, last_s = self.error, self._statistics, self._last_video_s
        audio = self.audio
        return FeedStatus(
            state=self._state(now_s),
            problem=Problem(error.code, error.detail) if error else None,
            video=self._video_format,
            codec_string=self._codec_string,
            audio=audio.format if audio else None,
            audio_left_out=self._audio.left_out,
            bitrate_kbps=statistics.bitrate_kbps,
            fps=statistics.fps,
            last_packet_age_s=None if last_s is None else max(0.0, round(now_s - last_s, 3)),
            key_frame_interval_s=statistics.key_frame_interval_s,
            packets=statistics.packets,
            lost=statistics.lost,
            frames_dropped=self._frames_dropped,
            damage=self._damage(now_s),
        )

    def _damage(self, now_s: float) -> str:
        is_damaged = self._damaged_at_s is not None and now_s - self._damaged_at_s < _DAMAGED_FOR_S
        return self._depacketizer.damage if self._depacketizer and is_damaged else ""

    def _state(self, now_s: float) -> FeedState:
        if self.error:
            return FeedState.FAILED
        if self._playing_since_s is None:
            return FeedState.CONNECTING
        if self._last_video_s is None:
            return FeedState.WAITING_VIDEO
        if now_s - self._last_video_s > min(_SILENT_AFTER_S, self._timeout_s / 2):
            return FeedState.SILENT
        return FeedState.FLOWING if self._ever_had_key else FeedState.WAITING_KEY_FRAME


def _codec_string(video: VideoFormat, parameter_sets: tuple[bytes, ...]) -> str:
    try:
        return video_track(video, parameter_sets).codec_string
    except TrackError:  # MJPEG, or a size that no box can carry
        return ""
