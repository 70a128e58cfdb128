"""Known frames over UDP, packed in any way that devices use, with losses, repetitions and another order."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.marker_habit import MarkerHabit
from media.rtsp.client.reordering import ReorderBuffer
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket, parse_rtp
from media.rtsp.client.sdp import VideoTrack
from tests.media.encoded import CLOCK_RATE, encoded
from tests.media.rtsp.client.test_any_cut import faults, order_of
from tests.media.rtsp.client.test_any_packing import CODECS, FRAMES, Device, Habits, habits

FIRST = 12  # frames without faults: habits and the first key frame are known then
DELAY_S = 0.1


def arrived(packets: Sequence[RtpPacket], order: Sequence[int]) -> list[RtpPacket]:
    """Return the packets as they leave the buffer of a UDP track, with the numbers of lost ones."""
    buffer, wire = ReorderBuffer(DELAY_S), []
    for number, at in enumerate(order):
        packet = packets[at]
        head = struct.pack(">BBHII", 0x80, 96 | packet.marker << 7, packet.sequence, packet.timestamp, 77)
        now_s = number * 0.004
        wire += [*buffer.flush(now_s), *buffer.push(head + packet.payload, now_s)]
    wire += buffer.flush(1e9)
    found = [taken for data in wire if (taken := parse_rtp(data, VIDEO, 100.0))]
    for before, after in pairwise(found):
        after.lost_before = (after.sequence - before.sequence - 1) & 0xFFFF
    return found


def check(chosen: Habits, codec: str, slices: int, chosen_faults: list[tuple[str, int, int]]) -> None:
    film, device = encoded(codec, 3, slices=slices), Device(codec, chosen)
    frames = [
        device.frame(index, film.sets if index in film.keys else (), film.pictures[index]) for index in range(FRAMES)
    ]
    packets = [replace(packet, sequence=number) for number, packet in enumerate(chain.from_iterable(frames))]
    frame_of = [index for index, frame in enumerate(frames) for _ in frame]
    begin = frame_of.index(FIRST)
    order = [*range(begin), *(begin + at for at in order_of(len(packets) - begin, chosen_faults))]
    came = arrived(packets, order)
    track = VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", film.named_sets())
    depacketizer = VideoDepacketizer(track, delivery=Delivery.DATAGRAMS, markers=MarkerHabit(is_patient=True))
    units = depacketizer.push(came)
    found = [film.pictures.index(unit.parts) for unit in units]
    assert found == sorted(set(found)), "exact, once and in order"

    numbers = {packet.sequence for packet in came}
    lost = {at for at, packet in enumerate(packets) if packet.sequence not in numbers}
    doubtful = {frame_of[near] for at in lost for near in (at - 1, at, at + 1) if near < len(packets)}
    assert set(found) >= set(range(FRAMES - 1)) - doubtful
    missing = set(range(found[-1])) - set(found)
    seen = {at for at in missing if any(frame_of[place] == at for place in range(len(packets)) if place not in lost)}
    assert depacketizer.frames_dropped >= bool(seen), "a frame of which something came is named"
    assert depacketizer.frames_dropped == 0 or lost
    assert bool(depacketizer.damage) is bool(depacketizer.frames_dropped)


over_udp = habits.map(
    lambda chosen: replace(chosen, stamps="normal", limit_bytes=max(chosen.limit_bytes, 100), empty_packets=False)
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(over_udp, st.sampled_from(["h264", "hevc"]), st.sampled_from([1, 3]), faults)
def test_frames_over_udp_come_out_exact_or_are_named_as_lost(
    chosen: Habits, codec: str, slices: int, chosen_faults: list[tuple[str, int, int]]
) -> None:
    check(chosen, codec, slices, chosen_faults)


@pytest.mark.stress
@settings(max_examples=5000, deadline=None)
@given(over_udp, st.sampled_from(["h264", "hevc"]), st.sampled_from([1, 3]), faults)
def test_thousands_of_frames_over_udp_come_out_exact_or_are_named_as_lost(
    chosen: Habits, codec: str, slices: int, chosen_faults: list[tuple[str, int, int]]
) -> None:
    check(chosen, codec, slices, chosen_faults)
