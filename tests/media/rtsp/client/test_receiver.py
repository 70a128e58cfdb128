"""Interleaved frames into packets: senders, RTCP, and the end of a stream."""

from __future__ import annotations

import struct

import pytest

from core.errors import CameraBadAnswer
from media.rtsp.client.receiver import MediaReceiver
from media.rtsp.client.rtp import AUDIO, VIDEO, Delivery, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from tests.media.recording import HandClock

OURS, STALE = 0x1111, 0x9999


class Sink:
    """Keeps packets and reports."""

    takes_joined_packets = False

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.reports: list[SenderReport] = []

    def on_description(
        self, video: VideoTrack, audio: AudioTrack | None, delivery: Delivery = Delivery.STREAM
    ) -> None: ...
    def on_audio_left_out(self, reason: str) -> None: ...
    def on_opened(self, patience_s: float) -> None: ...
    def on_tick(self) -> None: ...

    def on_packets(self, packets: list[RtpPacket]) -> None:
        self.packets += packets

    def on_report(self, track: int, report: SenderReport) -> None:
        assert track == VIDEO
        self.reports.append(report)


class Wire:
    """A receiver with one video track, and the packets that reach it."""

    def __init__(self) -> None:
        self.clock, self.sink = HandClock(), Sink()
        self.receiver = MediaReceiver(self.sink, self.clock)
        self.receiver.add_track(VIDEO, 96, (0, 1), OURS)
        self._sequence = 0

    def video(self, ssrc: int = OURS, payload: bytes = b"\x41\x9a", channel: int = 0) -> None:
        self._sequence += 1
        self.receiver.take_frames([(channel, struct.pack(">BBHII", 0x80, 96, self._sequence, 0, ssrc) + payload)])

    def goodbye(self, *ssrcs: int) -> None:
        body = struct.pack(f">{len(ssrcs)}I", *ssrcs)
        self.receiver.take_frames([(1, struct.pack(">BBH", 0x80 | len(ssrcs), 203, len(ssrcs)) + body)])


def test_a_goodbye_counts_for_its_sender_and_only_if_no_packet_follows() -> None:
    wire = Wire()
    wire.video()
    wire.goodbye(STALE)
    wire.clock.seconds += 5
    assert not wire.receiver.has_goodbye
    wire.goodbye(OURS)
    assert not wire.receiver.has_goodbye, "a packet may follow"
    wire.clock.seconds += 0.1
    wire.video()
    wire.clock.seconds += 5
    assert not wire.receiver.has_goodbye
    wire.goodbye(OURS)
    wire.clock.seconds += 1
    assert wire.receiver.has_goodbye
    wire.receiver.forget_goodbye()
    assert not wire.receiver.has_goodbye


@pytest.mark.parametrize("channel", [0, 1])
def test_reports_of_the_tracks_sender_count_on_either_channel(channel: int) -> None:
    wire = Wire()
    wire.video()
    for ssrc in (STALE, OURS):
        report = struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, 7, 0, 90, 1, 1)
        wire.receiver.take_frames([(channel, report)])
    assert [report.ssrc for report in wire.sink.reports] == [OURS]
    assert len(wire.sink.packets) == 1


def test_a_packet_that_waits_for_its_neighbour_is_flushed() -> None:
    wire = Wire()
    for _ in range(50):
        wire.video()
    wire._sequence += 1
    wire.video()
    assert len(wire.sink.packets) == 50
    wire.clock.seconds += 0.5
    wire.receiver.flush()
    assert len(wire.sink.packets) == 51


def test_video_on_another_channel_than_agreed_counts_after_a_second() -> None:
    wire = Wire()
    wire.video(channel=4)
    assert not wire.sink.packets
    wire.clock.seconds += 1.5
    wire.video(channel=4)
    wire.video(channel=4)
    assert len(wire.sink.packets) == 1, "the first one shows the channel"
    assert len(wire.receiver.receiver_reports(wire.clock.seconds)) == 1


def test_swapped_channels_of_media_and_reports_are_found() -> None:
    wire = Wire()
    for _ in range(3):
        wire.video(channel=1)
        report = struct.pack(">BBHIIIIII", 0x80, 200, 6, OURS, 7, 0, 90, 1, 1)
        wire.receiver.take_frames([(0, report)])
        wire.clock.seconds += 0.7
    wire.video(channel=1)
    assert len(wire.sink.packets) == 1
    assert len(wire.sink.reports) == 3
    assert len(wire.receiver.receiver_reports(wire.clock.seconds)) == 1


def test_packets_on_other_channels_do_not_count_if_the_right_one_is_used() -> None:
    wire = Wire()
    wire.video(channel=4)
    wire.video()
    wire.clock.seconds += 1.5
    wire.video(STALE, channel=4)
    wire.video(STALE, channel=4)
    assert [packet.ssrc for packet in wire.sink.packets] == [OURS]


def test_equal_packets_of_a_device_that_does_not_count_are_kept() -> None:
    """Fragments of a grey picture may be equal in every byte."""
    wire = Wire()
    payloads = [b"\x7c\x85\x88", b"\x7c\5\x55", b"\x7c\5\x55", b"\x7c\5\x55", b"\x7c\x45\x80"]
    for payload in payloads:
        wire._sequence = 6
        wire.video(payload=payload)
    assert [packet.payload for packet in wire.sink.packets] == payloads


def test_two_tracks_on_one_channel_are_told_apart_by_their_payload_types() -> None:
    """The device answers both SETUPs with interleaved=0-1."""
    wire = Wire()
    wire.receiver.add_track(AUDIO, 8, (0, 1))
    for number in range(40):
        wire.video()
        wire.receiver.take_frames([(0, struct.pack(">BBHII", 0x80, 8, number, 0, 0x2222) + b"\xd5")])
    assert [packet.track for packet in wire.sink.packets] == [VIDEO, AUDIO] * 40
    assert len(wire.receiver.receiver_reports(0.0)) == 2


def test_two_tracks_with_one_channel_and_one_payload_type_are_refused() -> None:
    with pytest.raises(CameraBadAnswer):
        Wire().receiver.add_track(AUDIO, 96, (0, 1))


def test_a_packet_that_comes_twice_over_tcp_is_taken_once() -> None:
    wire = Wire()
    packets = [struct.pack(">BBHII", 0x80, 96, number, 0, OURS) + bytes([0x7C, 5, number]) for number in range(50)]
    wire.receiver.take_frames([(0, packet) for packet in packets for _ in range(2)])
    assert [packet.sequence for packet in wire.sink.packets] == list(range(50))


def test_a_new_sender_follows_a_goodbye_without_a_pause() -> None:
    """An encoder that begins anew says goodbye, and goes on as another sender."""
    wire = Wire()
    wire.video()
    wire.goodbye(OURS)
    for _ in range(10):
        wire.clock.seconds += 0.04
        wire.video(0x3333)
    assert len(wire.sink.packets) == 11
    assert not wire.receiver.has_goodbye
    wire.video(STALE)
    assert len(wire.sink.packets) == 11
