"""Parsing of RTP packets: key frames, parameter sets and frame sizes, with streams of real encoders."""

from __future__ import annotations

import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import h264, h265
from media.codecs.nal import PayloadKind
from media.ffmpeg import find_ffmpeg
from media.rtsp.client.rtp import ntp_of, parse_rtcp, parse_rtp, receiver_report, sender_report
from tests.media.rtsp.camera_peer import nal_units, payloads
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
    kinds = [h265.inspect_payload(unit).kind for unit in units]
    assert kinds.count(PayloadKind.KEY) == 1
    assert kinds.count(PayloadKind.SLICE) == 4


def test_key_frames_are_found_in_fragments_and_aggregates() -> None:
    idr = b"\x65\x88" + bytes(3000)
    assert [h264.inspect_payload(part).kind for part in payloads(idr)] == [
        PayloadKind.KEY,
        PayloadKind.CONTINUATION,
        PayloadKind.CONTINUATION,
    ]
    sps, pps = b"\x67\x42", b"\x68\xce"
    units = b"".join(len(unit).to_bytes(2, "big") + unit for unit in (sps, pps, b"\x65\x88x"))
    info = h264.inspect_payload(b"\x78" + units)
    assert (info.kind, info.parameter_sets) == (PayloadKind.KEY, (sps, pps))
    sets = b"".join(len(unit).to_bytes(2, "big") + unit for unit in (b"\x42\1s", b"\x44\1p"))
    assert h265.inspect_payload(b"\x60\1" + sets).kind is PayloadKind.LEADING
    assert h265.inspect_payload(b"\x62\1\x93\xafx").kind is PayloadKind.KEY  # a fragment that begins an IDR
    assert h265.inspect_payload(b"\x62\1\x13xx").kind is PayloadKind.CONTINUATION


def test_a_key_frame_does_not_begin_with_its_second_slice() -> None:
    second = b"\x65\x06x"
    fragment, aggregate = b"\x7c\x85\x06x", b"\x78" + len(second).to_bytes(2, "big") + second
    assert {h264.inspect_payload(payload).kind for payload in (second, fragment, aggregate)} == {
        PayloadKind.CONTINUATION
    }
    second = b"\x28\1\x2fx"
    fragment, aggregate = b"\x62\1\x94\x2fx", b"\x60\1" + len(second).to_bytes(2, "big") + second
    assert {h265.inspect_payload(payload).kind for payload in (second, fragment, aggregate)} == {
        PayloadKind.CONTINUATION
    }


@given(st.binary(min_size=1, max_size=300))
def test_random_payloads_and_parameter_sets_cause_no_error(data: bytes) -> None:
    for codec in (h264, h265):
        codec.inspect_payload(data)
        codec.parameter_set_type(data)
        codec.frame_size(data)


@given(st.binary(max_size=100), st.integers(0, 255))
def test_random_bytes_cause_no_error_in_the_packet_parsers(data: bytes, first: int) -> None:
    packet = parse_rtp(bytes([first]) + data, 0, 1.0)
    assert packet is None or packet.payload
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


@pytest.mark.parametrize("data", [b"", HEADER, b"\x40" + HEADER[1:] + b"x", b"\xa0" + HEADER[1:] + b"\xff"])
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
    assert parse_rtcp(data + struct.pack(">BBHI", 0x81, 203, 1, 9)).is_goodbye
