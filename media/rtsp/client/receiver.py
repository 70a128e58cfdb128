"""Takes the interleaved frames of one session: RTP packets go to the sink, RTCP keeps clocks and reports."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Protocol

from core.clock import Clock
from core.errors import CameraBadAnswer
from media.codecs.video import VideoCodec
from media.rtsp.client.codec_judge import CodecJudge
from media.rtsp.client.framing import Frame
from media.rtsp.client.rtp import (
    VIDEO,
    Delivery,
    RtpPacket,
    SenderReport,
    framed,
    parse_rtcp,
    parse_rtp,
    receiver_report,
)
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.client.track_filter import RTCP_TYPES, SwappedPackets, TrackFilter

_RTP_HEADER_BYTES = 12
_JOINED_HEADER = Struct(">HHQ")  # flags and type, number, then time stamp and sender as one value
_PLAIN = 0x80  # no padding, no extension, no contributing sources
_OUR_SSRC = 0x4F57_5652
_GOODBYE_AFTER_S = 0.3
_OTHER_CHANNEL_S = 1.0


class SessionSink(Protocol):
    """Gets the description and the packets of a session, in the gateway's thread.

    Implemented by live.source.SharedSource and replay.answer_filter.AnswerFilter.
    """

    takes_joined_packets: bool = False
    """True if on_packets() may get packets with `more`."""

    def on_description(
        self, video: VideoTrack, audio: AudioTrack | None, delivery: Delivery = Delivery.STREAM
    ) -> None: ...
    def on_audio_left_out(self, reason: str) -> None:
        """Called before on_description() if there is audio that cannot be had. `reason`: for users."""
        ...

    def on_opened(self, patience_s: float) -> None:
        """The session is set up; a live session has got its answer to PLAY. `patience_s`: until its first video."""
        ...

    def on_packets(self, packets: list[RtpPacket]) -> None: ...
    def on_report(self, track: int, report: SenderReport) -> None: ...
    def on_tick(self) -> None:
        """Called twice a second while the session is open. Raises the DeviceError that ends the session."""
        ...


@dataclass(slots=True)
class _Track:
    index: int
    filter: TrackFilter
    order: SwappedPackets
    rtcp_channel: int
    last_frame: bytes = b""
    repeats_numbers: bool = False  # the device sends different packets with one number: it does not count them
    goodbye_s: float | None = None
    report: SenderReport | None = None
    reported_at_s: float = 0.0


class MediaReceiver:
    """Takes the packets of all tracks. In the gateway's thread."""

    def __init__(self, sink: SessionSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._tracks: list[_Track] = []
        self._by_rtp: dict[int, _Track] = {}
        self._by_rtcp: dict[int, _Track] = {}
        self._sharing: dict[tuple[int, int], _Track] = {}  # further tracks of a channel, by their payload type
        self._judge: CodecJudge | None = None
        self._is_judging = False
        self._strays: dict[int, float] = {}  # channels of no track, with the arrival of their first packet

    def add_track(self, index: int, payload_type: int, channels: tuple[int, int], ssrc: int | None = None) -> None:
        """Expect a track on its RTP and RTCP channels. `ssrc`: the sender that SETUP announced.

        Some devices answer each SETUP with the channels of the first track: there the payload type tells the tracks
        apart. Raises CameraBadAnswer if the payload type is the same, too.
        """
        rtp, rtcp = channels
        track = _Track(index, TrackFilter(payload_type, ssrc), SwappedPackets(), rtcp)
        if rtp in self._by_rtp:
            if self._by_rtp[rtp].filter.payload_type == payload_type:
                raise CameraBadAnswer("The device gives two tracks the same channel.")
            self._sharing[rtp, payload_type] = track
        self._tracks.append(track)
        self._by_rtp.setdefault(rtp, track)
        self._by_rtcp.setdefault(rtcp, track)

    def judge_codec(self, codec: VideoCodec) -> None:
        """Compare the packets of the video with its description. To be called before the first packet."""
        self._judge, self._is_judging = CodecJudge(codec), True

    @property
    def other_codec(self) -> VideoCodec | None:
        """The codec of the video, once its packets have shown that it is another than the described one."""
        return self._judge.found if self._judge else None

    @property
    def has_goodbye(self) -> bool:
        """True if the device has ended its video by RTCP BYE, and no packet has come since.

        Some servers send a BYE of another session's sender while the video goes on.
        """
        video = next((track for track in self._tracks if track.index == VIDEO), None)
        if video is None or video.goodbye_s is None:
            return False
        if video.filter.arrived_s > video.goodbye_s:
            video.goodbye_s = None
            return False
        return self._clock.monotonic_s() - video.goodbye_s >= _GOODBYE_AFTER_S

    def begin_play(self) -> None:
        """A recorder has answered PLAY: forget a BYE before it, and accept another sender."""
        for track in self._tracks:
            track.goodbye_s = None
            track.filter.accept_any_sender()

    def forget_goodbye(self) -> None:
        """has_goodbye has been taken note of."""
        for track in self._tracks:
            track.goodbye_s = None

    def take_frames(self, frames: list[Frame]) -> None:
        """Deliver the packets of these frames, as one batch."""
        now_s = self._clock.monotonic_s()
        packets: list[RtpPacket] = []
        by_rtp, sharing = self._by_rtp, self._sharing
        may_join = self._sink.takes_joined_packets
        last: _Track | None = None  # whose packet the next one may join
        last_channel, last_head, last_rest = 0, 0, 0
        more: list[bytes] = []
        for channel, data in frames:
            if last is not None and channel == last_channel and len(data) > _RTP_HEADER_BYTES:
                head, sequence, rest = _JOINED_HEADER.unpack_from(data)
                if head == last_head and rest == last_rest and sequence == last.order.expected:
                    more.append(data[_RTP_HEADER_BYTES:])
                    last.order.expected = (sequence + 1) & 0xFFFF
                    last.order.run += 1
                    last.last_frame = data
                    continue
            last = None
            track = self._sharing_track(channel, data) if sharing else by_rtp.get(channel)
            if track is None:
                self._take_other_channel(channel, data, now_s)
            elif (packet := parse_rtp(data, track.index, now_s)) is None:
                continue
            elif track.filter.is_next(packet, track.order):  # nearly always
                track.last_frame = data
                packets.append(packet)
                if may_join and data[0] == _PLAIN and not packet.marker:
                    last, last_channel = track, channel
                    last_head, _, last_rest = _JOINED_HEADER.unpack_from(data)
                    packet.more = more = []
            else:
                self._take_unusual(track, packet, data, packets)
        if packets:
            if self._is_judging and self._judge:
                self._is_judging = self._judge.look([packet for packet in packets if packet.track == VIDEO])
            self._sink.on_packets(packets)

    def _sharing_track(self, channel: int, data: bytes) -> _Track | None:
        """Return the track of a packet where several tracks share channels."""
        track = self._by_rtp.get(channel)
        return self._sharing.get((channel, data[1] & 0x7F), track) if len(data) > 1 else track

    def _take_other_channel(self, channel: int, data: bytes, now_s: float) -> None:
        track = self._by_rtcp.get(channel)
        if track is not None and not self._is_swapped(track, data):
            self._take_rtcp(track, data, now_s)
        else:
            self._take_stray(channel, data, now_s)

    def _take_unusual(self, track: _Track, packet: RtpPacket, data: bytes, packets: list[RtpPacket]) -> None:
        """Take a packet of another sender or type than the last one of its track, or out of order.

        Some devices send each packet of their video twice. Others do not count packets, and may send two that are
        really equal; so may audio: silence of a device that counts neither packets nor samples.
        """
        if track.index == VIDEO and data[2:4] == track.last_frame[2:4] and packet.ssrc == track.filter.ssrc:
            if data != track.last_frame:
                track.repeats_numbers = True
            elif not track.repeats_numbers:
                return
        for mine in track.filter.take(packet):
            packets += track.order.take(mine)
        if packet.ssrc == track.filter.ssrc:
            track.last_frame = data
        elif packet.payload_type in RTCP_TYPES:  # on the wrong channel
            self._take_rtcp(track, data, packet.arrived_s)

    def _is_swapped(self, track: _Track, data: bytes) -> bool:
        """True for media on the channel of a track's RTCP while none come on its own."""
        return not track.last_frame and data[1:2] != b"" and data[1] & 0x7F == track.filter.payload_type

    def _take_stray(self, channel: int, data: bytes, now_s: float) -> None:
        """Expect a track on another channel than agreed, if its packets come there and none on the channel agreed."""
        since_s = self._strays.setdefault(channel, now_s)
        packet = parse_rtp(data, VIDEO, now_s) if now_s - since_s >= _OTHER_CHANNEL_S else None
        for track in self._tracks:
            if packet and packet.payload_type == track.filter.payload_type and not track.last_frame:
                self._by_rtp[channel] = track
                return

    def _take_rtcp(self, track: _Track, data: bytes, now_s: float) -> None:
        info = parse_rtcp(data)
        ssrc = track.filter.ssrc
        if info.report and (track.filter.accepts_any_sender or ssrc in {None, info.report.ssrc}):
            track.report = info.report
            track.reported_at_s = now_s
            self._sink.on_report(track.index, info.report)
        is_ours = not info.goodbyes or track.filter.accepts_any_sender or ssrc in info.goodbyes
        if info.goodbyes is not None and is_ours:
            track.goodbye_s = now_s
            if info.goodbyes and not track.filter.accepts_any_sender:
                track.filter.sender_left()

    def flush(self) -> None:
        """Deliver a packet that waits for the one before it. Call it now and then."""
        now_s = self._clock.monotonic_s()
        packets = [packet for track in self._tracks for packet in track.order.flush(now_s)]
        if packets:
            self._sink.on_packets(packets)

    def receiver_reports(self, now_s: float) -> list[bytes]:
        """Return a framed receiver report for each track that has sent a packet."""
        reports = []
        for track in self._tracks:
            if len(track.last_frame) >= 12:
                of_ssrc = int.from_bytes(track.last_frame[8:12], "big")
                sequence = int.from_bytes(track.last_frame[2:4], "big")
                middle = track.report.ntp_middle if track.report else 0
                packet = receiver_report(_OUR_SSRC, of_ssrc, sequence, middle, now_s - track.reported_at_s)
                reports.append(framed(track.rtcp_channel, packet))
        return reports
