"""NAL units: roles, parameter sets and frame sizes, with streams of real encoders; and the parsers of RTP and RTCP."""

from __future__ import annotations

import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import h264, h265
from media.codecs.bits import BitWriter
from media.codecs.nal import NalKind, has_recovery_point, split_at_start_codes, without_start_code
from media.ffmpeg import find_ffmpeg
from media.rtsp.client.rtp import ntp_of, parse_rtcp, parse_rtp, receiver_report, sender_report
from tests.media.rtsp.camera_peer import nal_units
from tests.patience import LIMIT_S

HEADER = struct.pack(">BBHII", 0x80, 0xE0, 7, 90000, 5)


def encoded(tmp_path: Path, size: str, *options: str) -> list[bytes]:
    out = tmp_path / "stream"
    source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=5:duration=1")
    subprocess.run([str(find_ffmpeg()), "-v", "error", *source, *options, str(out)], check=True, timeout=LIMIT_S)
    return nal_units(out.read_bytes())


@pytest.mark.programs
@pytest.mark.parametrize("size", ["640x360", "1920x1080", "854x480", "352x288"])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p"])
def test_the_size_of_an_h264_frame_is_read_from_its_sps(tmp_path: Path, size: str, pixels: str) -> None:
    units = encoded(tmp_path, size, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", pixels, "-f", "h264")
    sps = next(unit for unit in units if h264.parameter_set_type(unit) == "sps")
    assert "{}x{}".format(*(h264.frame_size(sps) or ())) == size


@pytest.mark.programs
def test_the_size_of_interlaced_h264_with_scaling_lists_is_read(tmp_path: Path) -> None:
    x264 = ("-c:v", "libx264", "-x264-params", "interlaced=1:cqm=jvt", "-flags", "+ildct", "-pix_fmt", "yuv420p")
    units = encoded(tmp_path, "720x576", *x264, "-f", "h264")
    assert h264.frame_size(next(unit for unit in units if h264.parameter_set_type(unit) == "sps")) == (720, 576)


@pytest.mark.programs
@pytest.mark.parametrize("size", ["640x360", "1920x1080", "852x480"])
def test_the_size_of_an_h265_frame_is_read_from_its_sps(tmp_path: Path, size: str) -> None:
    x265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p")
    units = encoded(tmp_path, size, *x265, "-f", "hevc")
    sps = next(unit for unit in units if h265.parameter_set_type(unit) == "sps")
    assert "{}x{}".format(*(h265.frame_size(sps) or ())) == size
    kinds = [h265.NAL_KINDS[h265.nal_type(unit)] for unit in units]
    assert kinds.count(NalKind.KEY_SLICE) == 1
    assert kinds.count(NalKind.SLICE) == 4
    assert [h265.is_intra(unit) for unit in units if h265.nal_type(unit) < 32] == [True, False, False, False, False]


def test_the_slices_of_an_intra_frame_are_recognized(tmp_path: Path) -> None:
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "slices=3:sliced-threads=0")
    slices = [unit for unit in encoded(tmp_path, "640x360", *x264, "-f", "h264") if h264.nal_type(unit) in {1, 5}]
    assert [h264.is_intra(unit) for unit in slices] == [True] * 3 + [False] * 12
    positions = [h264.slice_position(unit) for unit in slices[:3]]
    assert positions == sorted(set(positions))
    assert positions[0] == 0


def test_the_two_fields_of_an_interlaced_frame_belong_together() -> None:
    # sps: High, 4 bits of frame_num, frame_mbs_only_flag 0; slices: frame_num, field_pic_flag, bottom_field_flag
    sps = b"\x67" + bits("01000010 00000000 00011110", "1", "1", "011", "1", "0", "0000100", "0000100", "0")
    top, bottom = (b"\x41" + bits("1", "00110", "1", "0001", "1", parity) for parity in "01")
    next_top = b"\x41" + bits("1", "00110", "1", "0010", "1", "0")
    frame = b"\x41" + bits("1", "00110", "1", "0001", "0")
    assert h264.is_second_field(top, bottom, sps)
    assert not h264.is_second_field(top, next_top, sps)
    assert not h264.is_second_field(bottom, frame, sps)
    assert not h264.is_second_field(top, bottom, b"\x67\x42")


def bits(*fields: str) -> bytes:
    text = "".join(fields).replace(" ", "") + "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def test_units_are_split_at_start_codes() -> None:
    assert split_at_start_codes(b"\x67abc") == [b"\x67abc"]
    assert split_at_start_codes(b"\x67abc\0\0\0\1\x68d\0\0\1\x65e\0\0") == [b"\x67abc", b"\x68d", b"\x65e"]
    assert split_at_start_codes(b"\0\0\1\x67") == [b"\x67"]
    assert split_at_start_codes(b"\0\0\0") == []
    assert without_start_code(b"\0\0\0\1\x67") == without_start_code(b"\0\0\1\x67") == b"\x67"
    assert without_start_code(b"\0\1\x67") == b"\0\1\x67"


def test_a_recovery_point_is_found_among_other_messages() -> None:
    assert has_recovery_point(b"\x06\x05\x02ab\x06\x01\xc4\x80", 1)
    assert has_recovery_point(b"\x4e\x01\x06\x01\xc4\x80", 2)
    assert not has_recovery_point(b"\x06\x05\x02\x06\x01\x80", 1)
    assert not has_recovery_point(b"\x06\xff", 1)
    assert not has_recovery_point(b"\x06" + b"\x05\x02ab" * 1000 + b"\x06\x01\xc4\x80", 1), "behind much other data"


@given(st.binary(min_size=1, max_size=300))
def test_random_payloads_and_parameter_sets_cause_no_error(data: bytes) -> None:
    for codec in (h264, h265):
        codec.is_intra(data)
        codec.slice_position(data)
        codec.is_second_field(data, data, data)
        has_recovery_point(data, codec.HEADER_BYTES)
        codec.parameter_set_type(data)
        codec.frame_size(data)


@pytest.mark.parametrize("crop", [(0, 0, 0, 4), (0, 0, 0, 540), (960, 0, 0, 0), (0, 2000, 9, 9)])
def test_a_size_is_cut_only_by_what_it_has(crop: tuple[int, int, int, int]) -> None:
    """Some encoders cut more off than there is; decoders ignore that."""
    writer = BitWriter()
    for number, count in ((66, 8), (0, 8), (40, 8)):
        writer.u(number, count)
    for number in (0, 0, 2, 1):  # id, frame_num, picture order count, reference frames
        writer.ue(number)
    writer.u(0, 1)
    writer.ue(119)
    writer.ue(67)
    writer.u(0b111, 3)  # frames only, direct_8x8_inference, cropping
    for number in crop:
        writer.ue(number)
    writer.u(0, 1)
    width, height = 1920 - 2 * (crop[0] + crop[1]), 1088 - 2 * (crop[2] + crop[3])
    expected = (width, height) if width > 0 and height > 0 else (1920, 1088)
    assert h264.frame_size(b"\x67" + writer.rbsp()) == expected


@given(st.binary(max_size=100), st.integers(0, 255))
def test_random_bytes_cause_no_error_in_the_packet_parsers(data: bytes, first: int) -> None:
    packet = parse_rtp(bytes([first]) + data, 0, 1.0)
    assert packet is None or len(packet.payload) <= len(data)
    parse_rtcp(bytes([first]) + data)


def test_a_packet_is_read_with_extension_padding_and_contributors() -> None:
    extension = b"\xab\xac\0\1abcd"
    data = struct.pack(">BBHII", 0xB1, 0x60, 7, 90000, 5) + b"csrc" + extension + b"payload" + b"\0\0\3"
    packet = parse_rtp(data, 0, 1.5)
    assert packet
    assert (packet.payload, packet.extension, packet.marker) == (b"payload", extension, False)
    plain = parse_rtp(HEADER + b"x", 0, 1.5)
    assert plain
    assert (plain.payload, plain.marker, plain.payload_type, plain.sequence) == (b"x", True, 96, 7)


def test_a_padding_bit_without_padding_costs_no_payload() -> None:
    packet = parse_rtp(b"\xa0" + HEADER[1:] + b"payload\xff", 0, 0.0)
    assert packet
    assert packet.payload == b"payload\xff"


@pytest.mark.parametrize("data", [b"", HEADER[:-1], b"\x40" + HEADER[1:] + b"x", b"\xbf" + HEADER[1:] + b"\xff"])
def test_an_invalid_packet_is_none(data: bytes) -> None:
    assert parse_rtp(data, 0, 0.0) is None


def test_a_written_report_can_be_read_back() -> None:
    moment = datetime(2026, 11, 23, 10, 0, 0, 500_000, tzinfo=UTC)
    data = sender_report(9, ntp_of(moment), 4_000_000_000, 10, 1000, "x")
    news = parse_rtcp(data)
    assert news.report
    assert (news.report.ssrc, news.report.rtp_timestamp) == (9, 4_000_000_000)
    assert abs(news.report.ntp_s - 2_208_988_800 - moment.timestamp()) < 0.001
    assert len(data) % 4 == 0
    assert len(receiver_report(1, 2, 3, 4, 0.5)) % 4 == 0
    assert news.goodbyes is None
    assert parse_rtcp(data + struct.pack(">BBHI", 0x81, 203, 1, 9)).goodbyes == frozenset({9})
    assert parse_rtcp(struct.pack(">BBH", 0x80, 203, 0)).goodbyes == frozenset()
    assert parse_rtcp(struct.pack(">BBHI", 0x85, 203, 1, 9)).goodbyes == frozenset({9}), "fewer senders than announced"
