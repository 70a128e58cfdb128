"""Takes the interleaved frames of one session: RTP packets go to the sink, RTCP keeps clocks and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.clock import Clock
from core.errors import CameraBadAnswer
from media.rtsp.client.framing import Frame
from media.rtsp.client.rtp import VIDEO, RtpPacket, SenderReport, framed, parse_rtcp, parse_rtp, receiver_report
from media.rtsp.client.sdp import AudioTrack, VideoTrack

_OUR_SSRC = 0x4F57_5652


class SessionSink(Protocol):
    """Gets the description and the packets of a session, in the gateway's thread."""

    def on_description(self, video: VideoTrack, audio: AudioTrack | None) -> None: ...
    def on_opened(self) -> None:
        """The session is set up; a live session has got its answer to PLAY."""
        ...

    def on_packets(self, packets: list[RtpPacket]) -> None: ...
    def on_report(self, track: int, report: SenderReport) -> None: ...
    def on_tick(self) -> None:
        """Called twice a second while the session is open. Raises the DeviceError that ends the session."""
        ...


@dataclass(slots=True)
class _Track:
    index: int
    payload_type: int
    rtcp_channel: int
    last_frame: bytes = b""
    report: SenderReport | None = None
    reported_at_s: float = 0.0


class MediaReceiver:
    """In the gateway's thread. `has_goodbye` becomes True when the device ends its video by RTCP BYE."""

    def __init__(self, sink: SessionSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._by_rtp: dict[int, _Track] = {}
        self._by_rtcp: dict[int, _Track] = {}
        self.has_goodbye = False

    def add_track(self, index: int, payload_type: int, channels: tuple[int, int]) -> None:
        """Expect a track on its RTP and RTCP channels. Raises CameraBadAnswer if another track has them."""
        rtp, rtcp = channels
        if rtp in self._by_rtp:
            raise CameraBadAnswer("The device gives two tracks the same channel.")
        track = _Track(index, payload_type, rtcp)
        self._by_rtp[rtp] = track
        self._by_rtcp[rtcp] = track

    def take_frames(self, frames: list[Frame]) -> None:
        """Deliver the packets of these frames, as one batch."""
        now_s = self._clock.monotonic_s()
        packets: list[RtpPacket] = []
        by_rtp = self._by_rtp
        for channel, data in frames:
            track = by_rtp.get(channel)
            if track is None:
                if channel in self._by_rtcp:
                    self._take_rtcp(self._by_rtcp[channel], data, now_s)
                continue
            packet = parse_rtp(data, track.index, now_s)
            if packet is not None and packet.payload_type == track.payload_type:
                track.last_frame = data
                packets.append(packet)
        if packets:
            self._sink.on_packets(packets)

    def _take_rtcp(self, track: _Track, data: bytes, now_s: float) -> None:
        info = parse_rtcp(data)
        if info.report:
            track.report = info.report
            track.reported_at_s = now_s
            self._sink.on_report(track.index, info.report)
        self.has_goodbye = self.has_goodbye or (info.is_goodbye and track.index == VIDEO)

    def receiver_reports(self, now_s: float) -> list[bytes]:
        """Return a framed receiver report for each track that has sent a packet."""
        reports = []
        for track in self._by_rtp.values():
            if len(track.last_frame) >= 12:
                of_ssrc = int.from_bytes(track.last_frame[8:12], "big")
                sequence = int.from_bytes(track.last_frame[2:4], "big")
                middle = track.report.ntp_middle if track.report else 0
                packet = receiver_report(_OUR_SSRC, of_ssrc, sequence, middle, now_s - track.reported_at_s)
                reports.append(framed(track.rtcp_channel, packet))
        return reports
