"""RTP packets become access units: streams encoded by ffmpeg, and invalid packets."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import AudioFormat
from media.codecs.access_unit import AccessUnit
from media.codecs.video import H264, HEVC
from media.rtsp.client.audio_depacketizing import AudioDepacketizer
from media.rtsp.client.depacketizing import VideoDepacketizer
from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import VIDEO, Delivery, RtpPacket
from media.rtsp.client.sdp import AudioTrack, VideoTrack
from tests.media.encoded import CLOCK_RATE, FPS, RtpSender, encoded, replay_extension, sound_packet

CODECS = {"h264": H264, "hevc": HEVC}
AAC = AudioTrack(
    AudioFormat("aac", 16000, 1), 97, 16000, "", "mpeg4-generic/16000", "sizelength=13;indexlength=3;indexdeltalength=3"
)

AAC_BEGIN = bytes(3)  # one channel, no gain, one long window without bands


def sent(codec: str, limit_bytes: int = 1400, in_band: bool = True) -> tuple[VideoDepacketizer, list[AccessUnit]]:
    film, sender = encoded(codec, slices=3), RtpSender(codec, limit_bytes)
    depacketizer = VideoDepacketizer(
        VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {} if in_band else film.named_sets())
    )
    units = []
    for index, nals in enumerate(film.pictures):
        with_sets = (*film.sets, *nals) if in_band and index in film.keys else nals
        units += depacketizer.push(sender.picture(index, with_sets))
    return depacketizer, units


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("limit_bytes", [60, 1400, 60_000])
@pytest.mark.parametrize("in_band", [True, False])
def test_sent_frames_come_out_complete(codec: str, limit_bytes: int, in_band: bool) -> None:
    film = encoded(codec, slices=3)
    depacketizer, units = sent(codec, limit_bytes, in_band)
    assert [unit.parts for unit in units] == list(film.pictures)
    assert {index for index, unit in enumerate(units) if unit.is_key} == film.keys
    assert set(depacketizer.parameter_sets) == set(film.sets)
    assert depacketizer.is_described
    assert not any(unit.frames_dropped_before for unit in units)
    steps = {after.ticks - before.ticks for before, after in pairwise(units)}
    assert steps == {CLOCK_RATE // FPS}, "through the wrap of the 32-bit time stamp"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_an_aggregate_packet_is_split_into_units(codec: str) -> None:
    film, sender = encoded(codec), RtpSender(codec)
    depacketizer = VideoDepacketizer(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {}))
    [unit] = depacketizer.push([sender.aggregate(0, (*film.sets, *film.pictures[0]))])
    assert unit.parts == film.pictures[0]
    assert unit.is_key
    assert depacketizer.is_described


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_frame_with_a_lost_packet_is_left_out(codec: str) -> None:
    film, sender = encoded(codec), RtpSender(codec, 100)
    depacketizer = VideoDepacketizer(
        VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", film.named_sets()), delivery=Delivery.DATAGRAMS
    )
    units = []
    for index in range(4):
        packets = sender.picture(index, film.pictures[index])
        if index == 1:
            lost = len(packets) // 2
            del packets[lost]
            packets[min(lost, len(packets) - 1)].lost_before = 1
        units += depacketizer.push(packets)
    assert [unit.parts for unit in units] == [film.pictures[index] for index in (0, 2, 3)]
    assert [unit.frames_dropped_before for unit in units] == [0, 1, 0]


def test_a_frame_without_marker_ends_at_the_next_timestamp() -> None:
    film, sender = encoded("h264"), RtpSender("h264")
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()))
    first = sender.picture(0, film.pictures[0])
    first[-1].marker = False
    assert depacketizer.push(first) == []
    units = depacketizer.push(sender.picture(1, film.pictures[1]))
    assert [unit.parts for unit in units] == list(film.pictures[:2])


def test_a_changed_sps_replaces_the_one_before_and_all_pps_are_kept() -> None:
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", {}))
    sps, first, second = b"\x67\x42\x00\x0a", b"\x68\xce\x3c", b"\x68\x4e\x3c"
    sender = RtpSender("h264")
    depacketizer.push(sender.picture(0, (sps, first, second)))
    assert depacketizer.parameter_sets == (sps, first, second)
    depacketizer.push(sender.picture(1, (sps, first, second)))
    assert depacketizer.parameter_sets == (sps, first, second)
    depacketizer.push(sender.picture(2, (b"\x67\x42\x00\x0b",)))
    assert depacketizer.parameter_sets == (b"\x67\x42\x00\x0b", first, second)


def test_device_times_are_read_and_extrapolated() -> None:
    film, sender = encoded("h264"), RtpSender("h264", 200)
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()))
    units = depacketizer.push(sender.picture(0, film.pictures[0], replay_extension(1_800_000_000.25, bits=0xA0)))
    units += depacketizer.push(sender.picture(1, film.pictures[1]))
    units += depacketizer.push(sender.picture(2, film.pictures[2], replay_extension(1_800_000_100.5, bits=0x40)))
    assert [unit.device_s for unit in units] == pytest.approx([1_800_000_000.25, 1_800_000_000.35, 1_800_000_100.5])
    assert [unit.is_discontinuous for unit in units] == [True, False, False]
    assert [unit.ends_section for unit in units] == [False, False, True]


def test_a_replay_extension_is_read_and_others_are_ignored() -> None:
    stamp = read_stamp(replay_extension(1_600_000_000.5, bits=0x90, cseq=7))
    assert stamp is not None
    assert stamp.device_s == pytest.approx(1_600_000_000.5)
    assert (stamp.is_clean, stamp.ends_section, stamp.is_discontinuous, stamp.is_terminal) == (True, False, False, True)
    assert stamp.play_cseq == 7
    after_2036 = read_stamp(replay_extension(2_200_000_000.0))
    assert after_2036 is not None
    assert after_2036.device_s == 2_200_000_000.0
    for other in (b"", b"\xab\xac", b"\xbe\xde\x00\x03" + bytes(12), b"\xab\xac\x00\x01" + bytes(12)):
        assert read_stamp(other) is None


def test_aac_frames_are_split_and_joined() -> None:
    depacketizer = AudioDepacketizer(AAC)
    frames = [AAC_BEGIN + bytes([number]) * (100 + number) for number in range(3)]
    heads = b"".join((len(frame) << 3).to_bytes(2, "big") for frame in frames)
    units = depacketizer.push([sound_packet((48).to_bytes(2, "big") + heads + b"".join(frames), 5000)])
    assert [unit.parts[0] for unit in units] == frames
    assert [unit.ticks for unit in units] == [5000, 6024, 7048]
    long = AAC_BEGIN + bytes(range(250)) * 4
    head = b"\x00\x10" + (len(long) << 3).to_bytes(2, "big")
    parts = [sound_packet(head + long[:600], 9000, marker=False), sound_packet(head + long[600:], 9000)]
    assert [unit.parts[0] for unit in depacketizer.push(parts)] == [long]


def test_g711_is_passed_on_unchanged() -> None:
    track = AudioTrack(AudioFormat("pcm_alaw", 8000, 1), 8, 8000, "", "PCMA/8000")
    units = AudioDepacketizer(track).push([sound_packet(b"\xd5" * 160, at * 160) for at in range(3)])
    assert [(unit.ticks, len(unit.parts[0])) for unit in units] == [(0, 160), (160, 160), (320, 160)]


@settings(max_examples=200, deadline=None)
@given(payloads=st.lists(st.binary(min_size=1, max_size=80), max_size=12), codec=st.sampled_from(["h264", "hevc"]))
def test_hostile_payloads_cause_no_error_and_bounded_output(payloads: list[bytes], codec: str) -> None:
    depacketizer = VideoDepacketizer(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {}))
    for number, payload in enumerate(payloads):
        packet = RtpPacket(VIDEO, 96, number % 3 == 0, number, number // 2, payload, payload[:20], 0.0)
        for unit in depacketizer.push([packet]):
            assert sum(map(len, unit.parts)) <= sum(map(len, payloads)) * 2
    AudioDepacketizer(AAC).push([sound_packet(payload, 0) for payload in payloads])


def test_an_endless_frame_is_dropped() -> None:
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", {}))
    start = RtpPacket(VIDEO, 96, False, 0, 1, b"\x7c\x85" + bytes(60_000), b"", 0.0)
    more = [RtpPacket(VIDEO, 96, False, at, 1, b"\x7c\x05" + bytes(60_000), b"", 0.0) for at in range(400)]
    assert depacketizer.push([start, *more]) == []
    assert depacketizer._reader._bytes < 17 * 1024 * 1024


def test_shuffled_packets_do_not_make_a_frame() -> None:
    film, sender = encoded("h264"), RtpSender("h264", 100)
    packets = sender.picture(0, film.pictures[0])
    random.Random(3).shuffle(packets)
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()))
    assert all(unit.parts != film.pictures[0] for unit in depacketizer.push(packets))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_marker_before_the_first_slice_ends_no_frame(codec: str) -> None:
    film, sender = encoded(codec), RtpSender(codec)
    message = b"\x06\x05\x01\x80" if codec == "h264" else b"\x4e\x01\x05\x01\x80"
    depacketizer = VideoDepacketizer(VideoTrack(CODECS[codec], 96, CLOCK_RATE, "", {}))
    packets = sender.picture(0, (*film.sets, message, *film.pictures[0]))
    for packet in packets:
        packet.marker = packet.marker or len(packet.payload) < 100
    assert [unit.parts for unit in depacketizer.push(packets)] == [(message, *film.pictures[0])]
    assert depacketizer.push(sender.picture(1, (message,))) == []
    assert [unit.parts for unit in depacketizer.push(sender.picture(2, film.pictures[2]))] == [film.pictures[2]]


def test_two_frames_with_a_loss_between_them_are_left_out() -> None:
    film, sender = encoded("h264", slices=3), RtpSender("h264", 60_000)
    depacketizer = VideoDepacketizer(
        VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()), delivery=Delivery.DATAGRAMS
    )
    cut = sender.picture(0, film.pictures[0])[:-1]
    following = sender.picture(1, film.pictures[1])
    following[0].lost_before = 1
    units = depacketizer.push([*cut, *following])
    units += depacketizer.push(sender.picture(2, film.pictures[2]))
    assert [(unit.parts, unit.frames_dropped_before) for unit in units] == [(film.pictures[2], 2)]


def test_the_discontinuity_of_a_lost_frame_moves_to_the_next() -> None:
    film, sender = encoded("h264"), RtpSender("h264", 100)
    depacketizer = VideoDepacketizer(
        VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()), delivery=Delivery.DATAGRAMS
    )
    units = depacketizer.push(sender.picture(0, film.pictures[0]))
    lost = sender.picture(1, film.pictures[1], replay_extension(1_800_000_000.0, bits=0x20))
    lost[1].lost_before = 1
    units += depacketizer.push(lost)
    for index in (2, 3):
        units += depacketizer.push(sender.picture(index, film.pictures[index]))
    assert [unit.is_discontinuous for unit in units] == [False, True, False]


def test_a_pps_replaces_the_one_with_the_same_id() -> None:
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", {}))
    sps, cavlc, cabac = b"\x67\x42\x00\x0a", b"\x68\xce\x3c", b"\x68\xee\x3c"  # both PPS have the id 0
    sender = RtpSender("h264")
    for index, pps in enumerate((cavlc, cabac, cavlc)):
        depacketizer.push(sender.picture(index, (sps, pps)))
        assert depacketizer.parameter_sets == (sps, pps)


def test_a_part_of_an_aac_frame_is_not_joined_to_another_frame() -> None:
    depacketizer = AudioDepacketizer(AAC)
    long = AAC_BEGIN + bytes(range(250)) * 4
    head = b"\x00\x10" + (len(long) << 3).to_bytes(2, "big")
    assert depacketizer.push([sound_packet(head + long[:600], 9000, marker=False)]) == []
    parts = [sound_packet(head + long[:600], 10_024, marker=False), sound_packet(head + long[600:], 10_024)]
    assert [unit.parts[0] for unit in depacketizer.push(parts)] == [long]


def test_a_frame_without_an_end_takes_a_bounded_part_of_the_memory() -> None:
    film = encoded("h264")
    depacketizer = VideoDepacketizer(VideoTrack(H264, 96, CLOCK_RATE, "", film.named_sets()))
    kinds = (
        film.pictures[0][-1],
        bytes([6]) + b"\x11" * 60_000,
    )  # a slice, then SEI that would belong to the next frame
    tracemalloc.start()
    try:
        for number in range(1000):
            payload = kinds[number > 0]
            depacketizer.push([RtpPacket(VIDEO, 96, False, number & 0xFFFF, 0, bytes(bytearray(payload)), b"", 0.0)])
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 25_000_000
    depacketizer.push([RtpPacket(VIDEO, 96, True, 2000, 3600, film.pictures[0][-1], b"", 0.0)])
    assert depacketizer.damage == "a frame that is too large"
