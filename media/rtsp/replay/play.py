"""One play(): from the packets that answer it to what its consumer is told. In the gateway's thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.errors import CameraUnreachable, DeviceError
from core.records import AudioFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.rtsp.client.depacketizing import AudioDepacketizer, VideoDepacketizer
from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.replay.interface import END_OF_RECORDING, NO_DATA, ReplayConsumer

_SECTION_PATIENCE_S = 5.0
_SAME_PICTURE_S = 0.0005
_SAME_TIME_S = 10.0  # a GOP, and what a clock may be off
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


@dataclass(slots=True)
class _TrackTimeline:
    """One track's place: joins what comes after a pause to what came before it.

    A device that plays on sends the group of pictures again from its key frame, and may number its
    RTP time anew: what was handed on already is dropped, and the ticks go on where they were.
    """

    ticks: int | None = None
    device_s: float | None = None
    shift: int = 0
    skip_to_s: float | None = None
    is_new: bool = False

    def begin(self) -> None:
        self.skip_to_s = self.device_s
        self.is_new = self.ticks is not None

    def place(self, unit: AccessUnit) -> AccessUnit | None:
        """The unit on the line, None where it was handed on before."""
        if self.skip_to_s is not None and unit.device_s is not None:
            if unit.device_s <= self.skip_to_s + _SAME_PICTURE_S:
                return None
            self.skip_to_s = None
        if self.is_new and self.ticks is not None:
            self.is_new = False
            passed_s = (unit.device_s or 0.0) - (self.device_s or 0.0)
            self.shift = self.ticks + round(passed_s * unit.clock_rate) - unit.ticks
        if self.shift:
            unit = replace(unit, ticks=unit.ticks + self.shift)
        self.ticks, self.device_s = unit.ticks, unit.device_s
        return unit


@dataclass(eq=False)
class ReplayPlayback:
    """`start_device_s`: the time asked for. Over when its end, its failure or a newer play() has come."""

    start_device_s: float
    consumer: ReplayConsumer
    end_device_s: float | None = None
    fast: bool = True
    key_frames_only: bool = False
    scale: float = 1.0
    is_over: bool = False
    delivered: int = 0
    reached_s: float | None = None  # the newest picture handed on
    first_s: float | None = None
    stamped: bool = False
    is_heard: bool = False  # a packet has come since the last PLAY
    last_packet_s: float = 0.0  # our monotonic clock
    _timelines: dict[int, _TrackTimeline] = field(default_factory=dict)  # by track
    _video: VideoDepacketizer | None = None
    _audio: AudioDepacketizer | None = None
    _tracks: tuple[VideoTrack, AudioTrack | None] | None = None
    _announced_sets: tuple[bytes, ...] = ()
    _is_running: bool = False  # a key frame was handed on since the last PLAY, or follows what was
    _ends_section: bool = False
    _is_terminal: bool = False
    _sequences: dict[int, int] = field(default_factory=dict)
    _is_confirmed: bool = False  # the device has said when it began
    _report: SenderReport | None = None

    @property
    def resume_s(self) -> float:
        """Where to go on after a pause or a loss."""
        return self.start_device_s if self.reached_s is None else self.reached_s

    def begin(self, video: VideoTrack, audio: AudioTrack | None, now_s: float, begins_s: float | None = None) -> None:
        """The device has answered PLAY: what comes now is this play's, from `begins_s` on if it says so."""
        carried = audio if audio is not None and AudioDepacketizer.can_carry(audio) else None
        known = dict(video.sets)
        start_s = self.resume_s if begins_s is None else begins_s
        self._is_confirmed, self._report = begins_s is not None, None
        self._tracks = (video, carried)
        self._video = VideoDepacketizer(video.codec, known, video.clock_rate, start_s)
        self._audio = AudioDepacketizer(carried, start_s) if carried else None
        for track in (VIDEO, AUDIO):
            self._timelines.setdefault(track, _TrackTimeline()).begin()
        self._is_running = False
        self._sequences.clear()
        self._ends_section = self._is_terminal = self.is_heard = False
        self.last_packet_s = now_s

    def take(self, packets: Sequence[RtpPacket], now_s: float) -> None:
        """Packets of both tracks as they came."""
        if self.is_over or self._video is None:
            return
        self.last_packet_s = now_s
        self.is_heard = True
        units: list[AccessUnit] = []
        for packet in packets:
            packet.lost_before = self._lost_before(packet)
            if packet.track == VIDEO:
                if packet.extension and (stamp := read_stamp(packet.extension)) is not None:
                    self.stamped = True
                    self._is_terminal = self._is_terminal or stamp.is_terminal
                for unit in self._video.push((packet,)):
                    self._take_frame(unit, units)
            elif self._audio is not None:
                for unit in self._audio.push((packet,)):
                    self._take_audio(unit, units)
            if self.is_over:
                return
        self._deliver(units)
        if self._is_terminal and packets[-1].marker:
            self.end(END_OF_RECORDING)

    def take_report(self, report: SenderReport) -> None:
        """Of the video, since PLAY was answered."""
        self._report = report

    def tick(self, now_s: float, timeout_s: float) -> None:
        """Twice a second while it plays. Raises CameraUnreachable when the device has fallen silent."""
        if self.is_over or self._video is None:
            return
        silent_s = now_s - self.last_packet_s
        if self._ends_section and silent_s > min(_SECTION_PATIENCE_S, timeout_s):
            self.end(END_OF_RECORDING)
        elif silent_s > timeout_s:
            if not self.stamped and self.delivered:
                self.end(END_OF_RECORDING)  # plain RTSP has no other way to say so
                return
            raise CameraUnreachable("The device stopped sending the recording.")

    def end(self, reason: str = "") -> None:
        """Nothing follows. Without a reason: the end where something came, no data where nothing did."""
        if not self.is_over:
            self.is_over = True
            self.consumer.on_end(reason or (END_OF_RECORDING if self.delivered else NO_DATA))

    def fail(self, error: DeviceError) -> None:
        if not self.is_over:
            self.is_over = True
            self.consumer.on_failed(error)

    # -- units -------------------------------------------------------------------------------------

    def _lost_before(self, packet: RtpPacket) -> int:
        last = self._sequences.get(packet.track)
        self._sequences[packet.track] = packet.sequence
        if last is None:
            return 0
        return (packet.sequence - last - 1) & 0xFFFF

    def _take_frame(self, unit: AccessUnit, units: list[AccessUnit]) -> None:
        assert self._video is not None  # noqa: S101 - begin() came before
        if not self._is_running:
            if not unit.is_key or not self._video.is_described:
                return
            self._is_running = True
        if unit.is_key and self._announced_sets != self._video.parameter_sets:
            self._deliver(units)
            units.clear()
            self._describe()
        if not self.stamped and not self._is_confirmed:
            self._is_confirmed = unit.is_key and self._is_reported(unit)
            unit = replace(unit, is_time_confirmed=self._is_confirmed)
        placed = self._timelines[VIDEO].place(unit)
        if placed is None:
            return
        self._ends_section = unit.ends_section
        if unit.device_s is not None:
            if self.end_device_s is not None and unit.device_s >= self.end_device_s:
                self._deliver(units)
                units.clear()
                self.end(END_OF_RECORDING)
                return
            self.reached_s = unit.device_s
            self.first_s = unit.device_s if self.first_s is None else self.first_s
        units.append(placed)

    def _is_reported(self, unit: AccessUnit) -> bool:
        """Whether the sender's clock says the time asked for. Many say what time it is now, which tells nothing."""
        report = self._report
        if report is None or unit.device_s is None:
            return False
        ticks = ((unit.ticks - report.rtp_timestamp + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        said_s = report.ntp_s - _NTP_EPOCH_S + ticks / unit.clock_rate
        return abs(said_s - unit.device_s) <= _SAME_TIME_S

    def _take_audio(self, unit: AccessUnit, units: list[AccessUnit]) -> None:
        if self._is_running and (placed := self._timelines[AUDIO].place(unit)) is not None:
            units.append(placed)

    def _describe(self) -> None:
        assert self._video is not None  # noqa: S101 - begin() came before
        assert self._tracks is not None  # noqa: S101 - begin() came before
        video, audio = self._tracks
        sets = self._announced_sets = self._video.parameter_sets
        named = {set_type: nal for nal in sets if (set_type := video.codec.parameter_set_type(nal))}
        audio_format: AudioFormat | None = audio.format if audio else None
        self.consumer.on_description(
            video.codec.video_format(named), audio_format, sets, audio.config if audio else b""
        )

    def _deliver(self, units: list[AccessUnit]) -> None:
        if units and not self.is_over:
            self.delivered += len(units)
            self.consumer.on_units(tuple(units))
