"""Packets that the receiver joins (RtpPacket.more): the same frames come out as of single packets."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.client.receiver import MediaReceiver, SessionSink
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket, SenderReport
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from media.rtsp.live.statistics import FlowStatistics
from tests.media.encoded import RtpSender, encoded
from tests.media.recording import HandClock

CODECS = {"h264": H264, "hevc": HEVC}
HEADS = {"h264": (b"\x41", b"\x65"), "hevc": (b"\x02\x01", b"\x26\x01")}
SENDER, OTHER = 0x1111, 0x2222


class Frames(SessionSink):
    """Makes frames of the packets."""

    def __init__(self, codec: str, *, takes_joined_packets: bool) -> None:
        self.takes_joined_packets = takes_joined_packets
        sets = encoded(codec).named_sets()
        self.depacketizer = VideoDepacketizer(
            VideoTrack(CODECS[codec], 96, 90_000, "", sets), markers=MarkerHabit(is_patient=True)
        )
        self.statistics = FlowStatistics(0.0)
        self.units: list[AccessUnit] = []
        self.packets = 0

    def on_description(
        self, video: VideoTrack, audio: AudioTrack | None, delivery: Delivery = Delivery.STREAM
    ) -> None: ...
    def on_audio_left_out(self, reason: str) -> None: ...
    def on_opened(self, patience_s: float) -> None: ...
    def on_report(self, track: int, report: SenderReport) -> None: ...
    def on_tick(self) -> None: ...

    def on_packets(self, packets: list[RtpPacket]) -> None:
        self.packets += len(packets)
        self.statistics.count(packets)
        self.units += self.depacketizer.push(packets)


def taken(codec: str, batches: Sequence[Sequence[bytes]], *, joined: bool) -> tuple[Frames, list[bytes]]:
    """Return the sink after these batches of packets, and the receiver reports."""
    clock, sink = HandClock(), Frames(codec, takes_joined_packets=joined)
    receiver = MediaReceiver(sink, clock)
    receiver.add_track(VIDEO, 96, (0, 1))
    for batch in batches:
        clock.seconds += 0.01
        receiver.take_frames([(0, packet) for packet in batch])
    clock.seconds += 1.0
    receiver.flush()
    sink.units += sink.depacketizer.flush()
    return sink, receiver.receiver_reports(clock.seconds)


def on_wire(packet: RtpPacket) -> bytes:
    kind = packet.payload_type | (0x80 if packet.marker else 0)
    return struct.pack(">BBHII", 0x80, kind, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def film_of(codec: str, pictures: Sequence[tuple[bool, list[int]]], limit_bytes: int) -> list[RtpPacket]:
    sender, packets = RtpSender(codec, limit_bytes), list[RtpPacket]()
    for index, (is_key, sizes) in enumerate(pictures):
        nals = [
            HEADS[codec][is_key] + (b"\x08" if place else b"\x88") + bytes([index % 255 + 1, place + 1]) * size
            for place, size in enumerate(sizes)
        ]
        packets += [replace(packet, ssrc=SENDER) for packet in sender.picture(index, tuple(nals))]
    return packets


def faulty(packet: RtpPacket, fault: str) -> list[RtpPacket]:
    """Return what a device sends instead of a packet."""
    return {
        "lost": [],
        "twice": [packet, packet],
        "renumbered": [replace(packet, sequence=(packet.sequence + 7) & 0xFFFF)],
        "marked": [replace(packet, marker=not packet.marker)],
        "stamped": [replace(packet, timestamp=(packet.timestamp + 1) & 0xFFFF_FFFF)],
        "empty": [replace(packet, payload=b"")],
        "short": [replace(packet, payload=packet.payload[:1])],
        "other sender": [replace(packet, ssrc=OTHER), packet],
        "other type": [replace(packet, payload_type=97), packet],
    }[fault]


FAULTS = ["lost", "twice", "renumbered", "marked", "stamped", "empty", "short", "other sender", "other type"]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    codec=st.sampled_from(["h264", "hevc"]),
    pictures=st.lists(st.tuples(st.booleans(), st.lists(st.integers(4, 3000), min_size=1, max_size=4)), min_size=1),
    limit_bytes=st.integers(20, 3000),
    faults=st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 10_000)), max_size=6),
    batch_packets=st.integers(1, 60),
)
def test_joined_packets_become_the_same_frames_as_single_ones(
    codec: str,
    pictures: list[tuple[bool, list[int]]],
    limit_bytes: int,
    faults: list[tuple[str, int]],
    batch_packets: int,
) -> None:
    sent = film_of(codec, pictures, limit_bytes)
    chosen = {place % len(sent): fault for fault, place in faults}
    wire = [
        on_wire(packet)
        for place, plain in enumerate(sent)
        for packet in (faulty(plain, chosen[place]) if place in chosen else [plain])
    ]
    batches = [wire[at : at + batch_packets] for at in range(0, len(wire), batch_packets)]
    single, single_reports = taken(codec, batches, joined=False)
    joined, joined_reports = taken(codec, batches, joined=True)
    assert joined.units == single.units
    assert joined_reports == single_reports
    assert joined.depacketizer.frames_dropped == single.depacketizer.frames_dropped
    assert joined.depacketizer.damage == single.depacketizer.damage
    assert joined.statistics.packets == single.statistics.packets == single.packets


def test_all_packets_of_a_frame_but_the_marked_one_are_joined() -> None:
    first, *later = film_of("h264", [(False, [4]), (True, [20_000]), (False, [20_000])], 1400)
    sink, _ = taken("h264", [[on_wire(first)], [on_wire(packet) for packet in later]], joined=True)
    assert len(later) > 40
    assert sink.packets == 1 + 2 + 2
    assert sink.statistics.packets == 1 + len(later)
