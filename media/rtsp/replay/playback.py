"""One playback: turns the packets that answer a play() into access units for its consumer. In the gateway's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.errors import CameraUnreachable, DeviceError
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.connection import ReadLimit
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.client.onvif_replay_extension import ReplayStamp, read_stamp
from media.rtsp.client.rtp import RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.client.sdp_audio import audio_name
from media.rtsp.replay.frame_times import FrameTimes
from media.rtsp.replay.gap_marks import GapMarks
from media.rtsp.replay.interface import END_OF_RECORDING, NO_DATA, ReplayConsumer
from media.rtsp.replay.track_timeline import TrackTimeline

_SECTION_PATIENCE_S = 5.0
_GOODBYE_PATIENCE_S = 1.0  # some recorders say BYE at a gap, and go on behind it
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_FAST_FROM = 2.0  # times real time
_JUDGED_AFTER_S = 2.0
_RECENT_FRAMES = 1500  # a minute
_JUDGED_FRAMES = 4
_FRAMES_BEHIND_END = 3
_LEAST_PART = 0.6  # of the requested distance of key frames
_STAMPED_FRAMES = 16  # more than there are frames between a packet and its complete frame


@dataclass(eq=False)
class ReplayPlayback:
    """The arguments of one play() and its progress.

    `markers`: the habit of the recorder's markers, shared by its playbacks.
    `is_over`: True after its end, its failure or a newer play(), which sets it from another thread.
    """

    start_device_s: float
    consumer: ReplayConsumer
    end_device_s: float | None = None
    fast: bool = True
    key_frames_only: bool = False
    scale: float = 1.0
    key_frames_ms: int | None = None
    limit: ReadLimit | None = None
    markers: MarkerHabit = field(default_factory=lambda: MarkerHabit(is_patient=False))
    is_over: bool = False
    is_cut_short: bool = False  # it ended at end_device_s: the recorder still sends
    delivered: int = 0  # access units
    delivered_at_loss: int = 0  # the same when the device session was lost the last time
    honours_frames: bool | None = None  # the recorder leaves frames out as requested; None: not known (yet)
    has_stamps: bool = False  # the packets carry a time of the device (0xABAC)
    is_heard: bool = False  # a packet has come since the last PLAY
    silent_since_s: float = 0.0  # our monotonic clock: the last packet, or the last request to send
    audio_left_out: str = ""  # why there is no audio although the device offers some
    _reached_s: float | None = None  # device time of the newest delivered frame
    _first_s: float | None = None  # device time of the first frame since the last PLAY
    _answered_s: float = 0.0  # our monotonic clock when the last PLAY was answered
    _timelines: dict[int, TrackTimeline] = field(default_factory=dict)  # by track
    _video: VideoDepacketizer | None = None
    _audio: AudioDepacketizer | None = None
    _tracks: tuple[VideoTrack, AudioTrack | None] | None = None
    _announced_sets: tuple[bytes, ...] = ()
    _announced_audio: AudioTrack | None = None
    _is_running: bool = False  # a key frame was delivered since the last PLAY
    _ends_section: bool = False
    _is_terminal: bool = False
    _has_goodbye: bool = False
    _was_silent: bool = False  # the recorder was silent once, and nothing new has come since
    _times: FrameTimes = field(default_factory=lambda: FrameTimes(0.0, None))
    _marks: GapMarks = field(default_factory=GapMarks)
    _stamped: deque[int] = field(default_factory=lambda: deque(maxlen=_STAMPED_FRAMES))  # RTP timestamps of frames
    _is_audio_stamped: bool = False
    _report: SenderReport | None = None
    _recent: dict[int, float] = field(default_factory=dict)  # time by content, of frames whose stamps tell no time
    _is_start_doubted: bool = False  # the first frame may be one of the old position
    _doubted: AccessUnit | None = None  # that frame, until the next one has come
    _key_frames_s: deque[float] = field(default_factory=lambda: deque(maxlen=_JUDGED_FRAMES))
    _is_rejoining: bool = False  # frames that were delivered before the last PLAY may come again

    @property
    def resume_s(self) -> float:
        """Device time to play from after a pause or a lost session."""
        return self.start_device_s if self._reached_s is None else self._reached_s

    @property
    def range_end_s(self) -> float | None:
        """The end of PLAY's Range, for key frames alone and at the recorder's pace, which pictures are made of.

        A fast recorder sends many key frames until it gets PAUSE. The end lies behind that of the playback by some of
        them, so that the frame that ends the playback is among them: many recorders do not tell the end of a range.
        GStreamer's server keeps the end of an earlier PLAY for one without an end, and then sends nothing.
        """
        if self.end_device_s is None or (self.fast and not self.key_frames_only):
            return None
        return self.end_device_s + _FRAMES_BEHIND_END * max(1.0, (self.key_frames_ms or 0) / 1000)

    @property
    def leaves_frames_out(self) -> bool:
        """True if the recorder may leave frames out, so that a long step between two frames is no gap."""
        return self.key_frames_only or self.scale != 1.0

    @property
    def tells_times(self) -> bool:
        """True if the recorder stamps frames with times that are right."""
        return self.has_stamps and self._times.has_right_stamps

    @property
    def stamp_zone_s(self) -> float:
        """The time zone of the stamps: the stamp of a frame minus its time."""
        return self._times.zone_s

    def begin(
        self,
        video: VideoTrack,
        audio: AudioTrack | None,
        now_s: float,
        begins_s: float | None = None,
        *,
        is_start_doubted: bool = False,
    ) -> None:
        """The recorder accepted a PLAY of this playback. `begins_s`: device time it plays from, if it says so.

        `is_start_doubted`: a frame of the old position may come first, and no stamp would tell it.
        """
        carried = audio if audio is not None and AudioDepacketizer.can_carry(audio) else None
        if audio is not None and carried is None:
            self.audio_left_out = f"the app does not play {audio_name(audio.encoding.partition('/')[0])} in recordings"
        self._times = FrameTimes(self.resume_s, begins_s, is_standing=self._times.is_standing)
        self._marks, self._report = GapMarks(), None
        self._tracks = (video, carried)
        start_s = self._times.start_s
        self._video = VideoDepacketizer(video, start_s, markers=self.markers)
        self._audio = AudioDepacketizer(carried, start_s) if carried else None
        for track in (VIDEO, AUDIO):
            self._timelines.setdefault(track, TrackTimeline()).begin()
        self._stamped.clear()
        self._first_s = None
        self._is_running = self._ends_section = self._is_terminal = self.is_heard = False
        self._has_goodbye = self._is_audio_stamped = False
        self._is_rejoining = bool(self._recent)
        self._is_start_doubted, self._doubted = is_start_doubted and not self.leaves_frames_out, None
        self.silent_since_s = self._answered_s = now_s

    def take(self, packets: Sequence[RtpPacket], now_s: float) -> None:
        """Deliver the access units that these packets complete. Packets of both tracks, as they arrived."""
        if self.is_over or self._video is None:
            return
        self.silent_since_s = now_s
        self.is_heard, self._has_goodbye = True, False
        units: list[AccessUnit] = []
        for packet in packets:
            stamp = read_stamp(packet.extension) if packet.extension else None
            if packet.track == VIDEO:
                if stamp is not None:
                    self._take_stamp(packet.timestamp, stamp)
                for unit in self._video.push((packet,)):
                    self._take_frame(unit, units)
            elif self._audio is not None:
                self._is_audio_stamped = self._is_audio_stamped or stamp is not None
                for unit in self._audio.push((packet,)):
                    self._take_audio(unit, units)
            if self.is_over:
                return
        self._deliver(units)
        is_last = self._is_terminal and packets[-1].marker
        if is_last and not self.markers.marks_slices:
            self.end(END_OF_RECORDING)
        self._has_goodbye = is_last or self._marks.may_be_only_frame

    def take_report(self, report: SenderReport) -> None:
        """A sender report of the video, since PLAY was answered."""
        self._report = report

    def take_goodbye(self) -> None:
        """RTCP BYE: the recorder has sent everything, unless packets follow."""
        if self.is_heard:
            self._has_goodbye = True  # check_silence() ends the playback
        else:
            self.end()

    def check_silence(self, now_s: float, timeout_s: float) -> None:
        """End the playback if the recorder is silent after its end. Raises CameraUnreachable if it is silent before.

        Some recorders do not tell the end. After the first silence another session asks for what follows the last
        frame; if nothing does, that was the end.
        """
        if self.is_over or self._video is None:
            return
        silent_s = now_s - self.silent_since_s
        short_s = min(_SECTION_PATIENCE_S, timeout_s)
        if self._has_goodbye and silent_s > min(_GOODBYE_PATIENCE_S, timeout_s):
            self._take_last_frame(self._video)
            self.end()
        elif self._ends_section and silent_s > short_s:
            self._take_last_frame(self._video)
            self.end(END_OF_RECORDING)
        elif silent_s > (short_s if self._was_silent else timeout_s):
            if self.delivered and (not self.has_stamps or self._was_silent):
                self.end(END_OF_RECORDING)  # plain RTSP has no other sign of it
                return
            self._was_silent = True
            raise CameraUnreachable("The device stopped sending the recording.")

    def _take_last_frame(self, video: VideoDepacketizer) -> None:
        """Deliver a frame whose end no marker told: no frame follows it."""
        units: list[AccessUnit] = []
        for unit in video.flush():
            self._take_frame(unit, units)
        self._deliver(units)

    def end(self, reason: str = "") -> None:
        """Tell the consumer the end. Without a reason: END_OF_RECORDING if it got units, otherwise NO_DATA."""
        if not self.is_over:
            self._deliver(self._doubted_frame())
        if not self.is_over:
            self.is_over = True
            self.consumer.on_end(reason or (END_OF_RECORDING if self.delivered else NO_DATA))

    def fail(self, error: DeviceError) -> None:
        """Tell the consumer the error."""
        if not self.is_over:
            self.is_over = True
            self.consumer.on_failed(error)

    def note_loss(self) -> bool:
        """The session was lost. True if units were delivered since the loss before: a new session is worth a try."""
        if self.delivered <= self.delivered_at_loss:
            return False
        self.delivered_at_loss = self.delivered
        return True

    def beats_real_time(self, now_s: float) -> bool | None:
        """True if frames come at more than twice their speed, False if not within 2 s. None: not known (yet).

        Key frames alone do not show it: a recorder may send them at the pace of all frames.
        """
        shows_it = self.fast and self.has_stamps and not self.leaves_frames_out
        if not shows_it or self._first_s is None or self._reached_s is None:
            return None
        elapsed_s = max(now_s - self._answered_s, 0.01)
        if (self._reached_s - self._first_s) / elapsed_s > _FAST_FROM:
            return True
        return False if elapsed_s > _JUDGED_AFTER_S else None

    # -- units -------------------------------------------------------------------------------------

    def _take_stamp(self, timestamp: int, stamp: ReplayStamp) -> None:
        self.has_stamps = True
        if not self._stamped or self._stamped[-1] != timestamp:
            self._stamped.append(timestamp)
        self._is_terminal = self._marks.is_end(timestamp, is_terminal=stamp.is_terminal)

    def _take_frame(self, unit: AccessUnit, units: list[AccessUnit]) -> None:
        assert self._video is not None  # noqa: S101 - begin() came before
        if not self._is_running:
            if not unit.is_key or not self._video.is_described:
                return
            self._is_running = True
            if self._is_start_doubted:
                self._doubted = unit
                return
        if self._doubted is not None:
            units += self._doubted_frame(is_dropped=unit.is_key)
        self._show_frame(unit, units)

    def _doubted_frame(self, *, is_dropped: bool = False) -> list[AccessUnit]:
        """Return the first frame as soon as the next one shows that it is one of the new position.

        One key frame directly before another is a remainder of the old position. A recorder of key frames only loses
        one frame by that.
        """
        units: list[AccessUnit] = []
        doubted, self._doubted = self._doubted, None
        if doubted is not None and not is_dropped:
            self._show_frame(doubted, units)
        return units

    def _show_frame(self, unit: AccessUnit, units: list[AccessUnit]) -> None:
        assert self._video is not None  # noqa: S101 - begin() came before
        is_changed = (self._announced_sets, self._announced_audio) != (self._video.parameter_sets, self._audio_track)
        if unit.is_key and is_changed:
            self._deliver(units)
            units.clear()
            self._describe()
        if self._is_repeated(unit):
            return
        device_s, is_confirmed = self._times.of_frame(
            unit, is_stamped=unit.ticks & 0xFFFF_FFFF in self._stamped, reported_s=self._reported_s(unit)
        )
        if not self.tells_times:
            self._remember(unit, device_s)
        unit = self._marks.checked(replace(unit, device_s=device_s, is_time_confirmed=is_confirmed))
        placed = self._timelines[VIDEO].place(unit)
        if placed is None:
            return
        self._ends_section = unit.ends_section
        if self.end_device_s is not None and device_s >= self.end_device_s:
            self._deliver(units)
            units.clear()
            self.is_cut_short = True
            self.end(END_OF_RECORDING)
            return
        self._judge_frames(unit, device_s)
        self._reached_s = device_s
        self._first_s = device_s if self._first_s is None else self._first_s
        units.append(placed)

    def _judge_frames(self, unit: AccessUnit, device_s: float) -> None:
        """Note if a recorder that was requested to send key frames only, at a distance, does so."""
        if not self.key_frames_only or self.honours_frames is False:
            return
        if not unit.is_key:
            self.honours_frames = False
            return
        self._key_frames_s.append(device_s)
        if len(self._key_frames_s) == _JUDGED_FRAMES:
            step_s = (self._key_frames_s[-1] - self._key_frames_s[0]) / (_JUDGED_FRAMES - 1)
            self.honours_frames = step_s > _LEAST_PART * (self.key_frames_ms or 0) / 1000

    def _remember(self, unit: AccessUnit, device_s: float) -> None:
        self._recent[hash(unit.parts)] = device_s
        if len(self._recent) > _RECENT_FRAMES:
            del self._recent[next(iter(self._recent))]

    def _is_repeated(self, unit: AccessUnit) -> bool:
        """True for a frame that was delivered before the last PLAY, by its content.

        The recorder begins at a key frame before the requested time. Without stamps that tell the time, only the
        content shows how far before, and from which time on the next frames are counted.
        """
        if not self._is_rejoining:
            return False
        device_s = self._recent.get(hash(unit.parts))
        if device_s is None:
            self._is_rejoining = False
            return False
        self._is_rejoining = device_s < self.resume_s  # not beyond the last one: a scene may look the same for hours
        self._times.count_from(unit, device_s)
        self._marks.checked(unit)
        return True

    def _reported_s(self, unit: AccessUnit) -> float | None:
        """Return the frame's time by the newest sender report, in seconds since 1970."""
        report = self._report
        if report is None:
            return None
        ticks = ((unit.ticks - report.rtp_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        return report.ntp_s - _NTP_EPOCH_S + ticks / unit.clock_rate

    def _take_audio(self, unit: AccessUnit, units: list[AccessUnit]) -> None:
        """Audio with another configuration than the described one waits for the next key frame's description."""
        if not self._is_running or self._audio_track != self._announced_audio:
            return
        device_s = self._times.of_audio(unit.device_s, is_stamped=self._is_audio_stamped)
        if device_s != unit.device_s:
            unit = replace(unit, device_s=device_s)
        if (placed := self._timelines[AUDIO].place(unit)) is not None:
            units.append(placed)

    @property
    def _audio_track(self) -> AudioTrack | None:
        return self._audio.track if self._audio else None

    def _describe(self) -> None:
        assert self._video is not None  # noqa: S101 - begin() came before
        assert self._tracks is not None  # noqa: S101 - begin() came before
        video, _ = self._tracks
        audio = self._announced_audio = self._audio_track
        sets = self._announced_sets = self._video.parameter_sets
        by_type = {set_type: nal for nal in sets if (set_type := video.codec.parameter_set_type(nal))}
        audio_format, audio_config = (audio.format, audio.config) if audio else (None, b"")
        shown = video.codec.video_format(by_type)
        self.consumer.on_description(shown, audio_format, sets, audio_config, self.audio_left_out)

    def _deliver(self, units: list[AccessUnit]) -> None:
        if units and not self.is_over:
            self.delivered += len(units)
            self._was_silent = False
            self.consumer.on_units(tuple(units))
