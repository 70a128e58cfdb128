"""Packets of other senders and types on a track's channel."""

from __future__ import annotations

from media.rtsp.client.rtp import VIDEO, RtpPacket
from media.rtsp.client.track_filter import SwappedPackets, TrackFilter

OURS, STALE, NEXT = 0x1111, 0x9999, 0x2222


def packet(ssrc: int, at_s: float, payload_type: int = 96, sequence: int = 0) -> RtpPacket:
    return RtpPacket(VIDEO, payload_type, False, sequence, 0, b"x", b"", at_s, 0, ssrc)


def senders(track: TrackFilter, packets: list[RtpPacket]) -> list[int]:
    return [taken.ssrc for one in packets for taken in track.take(one)]


def test_packets_of_a_stale_session_are_left_out() -> None:
    mixed = [packet(ssrc, number / 25) for number in range(100) for ssrc in (OURS, STALE)]
    assert set(senders(TrackFilter(96), mixed)) == {OURS}
    assert set(senders(TrackFilter(96, OURS), mixed[1:])[1:]) == {OURS}, "the announced one, although second"


def test_a_new_sender_takes_over_without_a_lost_packet() -> None:
    packets = [packet(OURS, number / 25) for number in range(50)] + [packet(NEXT, 2 + n / 25) for n in range(50)]
    assert senders(TrackFilter(96, OURS), packets) == [OURS] * 50 + [NEXT] * 50


def test_an_announced_sender_that_never_comes_does_not_matter() -> None:
    assert senders(TrackFilter(96, NEXT), [packet(OURS, number / 25) for number in range(9)]) == [OURS] * 9


def test_a_sender_without_a_fixed_id_is_heard() -> None:
    packets = [packet(1000 + number, number / 25) for number in range(200)]
    assert len(senders(TrackFilter(96), packets)) > 150


def test_another_payload_type_counts_if_it_is_the_only_one() -> None:
    only = [packet(OURS, number / 25, 97) for number in range(40)]
    assert len(senders(TrackFilter(96), only)) == 40
    both = [packet(OURS, number / 25, kind) for number in range(40) for kind in (96, 97)]
    track = TrackFilter(96)
    assert [one.payload_type for each in both for one in track.take(each)] == [96] * 40
    late = TrackFilter(96)
    taken = [one.payload_type for each in [*only, *both] for one in late.take(each)]
    assert taken == [97] * 40 + [96] * 40
    assert not senders(TrackFilter(96), [packet(OURS, number / 25, 72) for number in range(40)]), "RTCP"


def test_audio_on_the_videos_channel_never_counts_after_video() -> None:
    video = [packet(OURS, 4.0 * number) for number in range(5)]
    audio = [packet(NEXT, 4.0 * number + 0.05 * n, 8) for number in range(5) for n in range(1, 80)]
    track = TrackFilter(96)
    sent = sorted([*video, *audio], key=lambda one: one.arrived_s)
    assert [one for each in sent for one in track.take(each)] == video


def test_two_swapped_packets_are_put_in_order() -> None:
    order = SwappedPackets()
    numbers = [*range(65500, 65536), 1, 0, *range(2, 40), 41, 42, 40, 43, 44]
    taken = [one.sequence for number in numbers for one in order.take(packet(OURS, 0.0, 96, number))]
    assert taken == [*range(65500, 65536), 0, 1, *range(2, 40), 41, 42, 40, 43, 44]
    for skipped in ([0] * 50, [number // 3 for number in range(99)], [*range(40), 41, *range(43, 50)]):
        order = SwappedPackets()
        taken = [one.sequence for number in skipped for one in order.take(packet(OURS, 0.0, 96, number))]
        assert taken == skipped
    order = SwappedPackets()
    taken = [one.sequence for number in [*range(40), 41] for one in order.take(packet(OURS, 0.0, 96, number))]
    assert taken == [*range(40)]
    assert order.flush(0.1) == ()
    assert [one.sequence for one in order.flush(0.3)] == [41]
