"""The sps of H.264 without reordering: read exactly, rewritten, and decoded by ffmpeg to the same frames."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs import h264
from media.codecs.h264_sps import Restriction, Sps, covering_level, parse_sps, without_reordering
from media.ffmpeg import find_ffmpeg
from tests.media.codecs.sps_writer import any_sps, without_restriction
from tests.media.recording import decoded_sums
from tests.media.rtsp.camera_peer import nal_units
from tests.patience import LIMIT_S

HRD = "nal-hrd=cbr:vbv-maxrate=500:vbv-bufsize=500:bitrate=500"
ENCODERS = {
    "baseline": ("-c:v", "libx264", "-profile:v", "baseline"),
    "main": ("-c:v", "libx264", "-profile:v", "main"),
    "high": ("-c:v", "libx264", "-profile:v", "high", "-color_range", "pc", "-colorspace", "bt709", "-aspect", "5:3"),
    "high10": ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "high422": ("-c:v", "libx264", "-pix_fmt", "yuv422p"),
    "high444": ("-c:v", "libx264", "-pix_fmt", "yuv444p", "-x264-params", "cqm=jvt"),
    "hrd": ("-c:v", "libx264", "-x264-params", HRD),
    "scaling lists": ("-c:v", "libx264", "-x264-params", "cqm=jvt"),
    "interlaced": ("-c:v", "libx264", "-x264-params", "interlaced=1", "-flags", "+ildct+ilme"),
    "openh264": ("-c:v", "libopenh264", "-pix_fmt", "yuv420p"),
    "openh264 high": ("-c:v", "libopenh264", "-pix_fmt", "yuv420p", "-profile:v", "high"),
}


def encoded(tmp_path: Path, options: tuple[str, ...], size: str = "320x180", seconds: float = 1) -> Path:
    """Encode without B-frames: ten frames a second, a key frame twice a second."""
    out = tmp_path / "stream.h264"
    source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration={seconds}")
    command = [str(find_ffmpeg()), "-v", "error", "-y", *source, "-bf", "0", "-g", "5", *options]
    subprocess.run([*command, "-f", "h264", str(out)], check=True, timeout=LIMIT_S)
    return out


def sps_of(stream: Path) -> bytes:
    return next(nal for nal in nal_units(stream.read_bytes()) if h264.parameter_set_type(nal) == "sps")


def with_sps(stream: Path, name: str, sps: bytes) -> Path:
    """Return a copy of a stream with another sps."""
    units = [sps if h264.parameter_set_type(nal) == "sps" else nal for nal in nal_units(stream.read_bytes())]
    other = stream.with_name(name)
    other.write_bytes(b"".join(b"\0\0\0\1" + nal for nal in units))
    return other


def traced(stream: Path) -> dict[str, int]:
    """Return the fields of a stream's first sps, as ffmpeg reads them."""
    command = [str(find_ffmpeg()), "-hide_banner", "-i", str(stream), "-c", "copy", "-bsf:v", "trace_headers"]
    run = subprocess.run([*command, "-f", "null", "-"], capture_output=True, check=True, timeout=LIMIT_S)
    _, _, text = run.stderr.decode().partition("Sequence Parameter Set")
    text, _, _ = text.partition("Picture Parameter Set")
    return {name: int(value) for name, value in re.findall(r"\] \d+ +([\w\[\]]+) +[01]+ = (-?\d+)", text)}


@pytest.mark.programs
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoders_sps_is_read_as_by_ffmpeg_and_rewritten(tmp_path: Path, name: str) -> None:
    stream = encoded(tmp_path, ENCODERS[name])
    sps = sps_of(stream)
    parsed = parse_sps(sps)
    assert parsed is not None
    seen = traced(stream)
    assert parsed.level == seen["level_idc"]
    assert parsed.max_num_ref_frames == seen["max_num_ref_frames"]
    assert parsed.order_count_type == seen["pic_order_cnt_type"]
    assert parsed.width_in_macroblocks == seen["pic_width_in_mbs_minus1"] + 1
    rows = (seen["pic_height_in_map_units_minus1"] + 1) * (2 - seen["frame_mbs_only_flag"])
    assert parsed.height_in_macroblocks == rows
    if seen.get("timing_info_present_flag"):
        assert parsed.frame_rate == pytest.approx(10)
    if seen.get("bitstream_restriction_flag"):
        assert parsed.restriction is not None
        assert parsed.restriction.max_num_reorder_frames == seen["max_num_reorder_frames"]
        assert parsed.restriction.max_dec_frame_buffering == seen["max_dec_frame_buffering"]
    before = decoded_sums(stream)
    assert len(before) == 10
    for keeps_vui in (True, False):
        bare = without_restriction(sps, keeps_vui=keeps_vui)
        rewritten = without_reordering(bare)
        for field, value in traced(with_sps(stream, "rewritten.h264", rewritten)).items():
            if field in seen and keeps_vui and not field.startswith(("max_", "log2_max_mv", "motion_", "bitstream_")):
                assert value == seen[field], field
        told = traced(stream.with_name("rewritten.h264"))
        assert told["max_num_reorder_frames"] == 0
        assert told["max_dec_frame_buffering"] == seen["max_num_ref_frames"]
        assert decoded_sums(with_sps(stream, "bare.h264", bare)) == before
        assert decoded_sums(stream.with_name("rewritten.h264")) == before


@pytest.mark.programs
@pytest.mark.parametrize(
    ("level", "size"),
    [("3.1", "1280x720"), ("4.0", "1920x1080"), ("4.1", "1920x1080"), ("5.0", "2560x1440"), ("5.1", "3840x2160")],
)
def test_the_frames_are_the_same_at_every_level(tmp_path: Path, level: str, size: str) -> None:
    stream = encoded(tmp_path, ("-c:v", "libx264", "-preset", "ultrafast", "-level", level), size, 0.5)
    bare = without_restriction(sps_of(stream), keeps_vui=False)
    rewritten = with_sps(stream, "rewritten.h264", without_reordering(bare))
    assert decoded_sums(rewritten) == decoded_sums(stream)
    parsed = parse_sps(sps_of(rewritten))
    assert parsed is not None
    assert parsed.level == round(10 * float(level))
    assert parsed.restriction is not None
    assert parsed.restriction.max_num_reorder_frames == 0


@settings(deadline=None)
@given(any_sps())
def test_any_sps_keeps_everything_but_its_restriction(drawn: tuple[bytes, int, Restriction | None]) -> None:
    sps, refs, restriction = drawn
    parsed = parse_sps(sps)
    assert parsed is not None
    assert (parsed.max_num_ref_frames, parsed.restriction) == (refs, restriction)
    rewritten = without_reordering(sps)
    if restriction is not None and restriction.max_num_reorder_frames == 0:
        assert rewritten is sps
        return
    limits = (restriction or Restriction(0, 0)).limits
    assert parse_sps(rewritten) == replace(parsed, restriction=Restriction(0, refs, limits))
    assert h264.frame_size(rewritten) == h264.frame_size(sps)
    assert not any(code in rewritten for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert without_reordering(rewritten) == rewritten


@given(any_sps(), st.integers(1, 40), st.binary(min_size=1, max_size=9))
def test_an_sps_that_is_not_whole_stays_as_it_is(
    drawn: tuple[bytes, int, Restriction | None], cut: int, more: bytes
) -> None:
    sps = drawn[0]
    for damaged in (sps[: max(1, len(sps) - cut)], sps + more, sps + b"\0", sps + b"\x80"):
        found = parse_sps(damaged)
        if found is None:
            assert without_reordering(damaged) is damaged
        else:
            assert parse_sps(without_reordering(damaged)) is not None
    for extended in (sps + b"\0", sps + b"\x80", sps + bytes(2000)):
        assert without_reordering(extended) is extended


@given(st.binary(max_size=300))
def test_random_bytes_stay_as_they_are_or_are_an_sps(data: bytes) -> None:
    for sps in (data, b"\x67" + data, b"\x67\x64\x00\x1f" + data):
        rewritten = without_reordering(sps)
        assert rewritten is sps or parse_sps(rewritten) is not None


@pytest.mark.parametrize("sps", [b"", b"\x67", b"\x67\x64\x00", b"\x68\xee\x3c\x80", b"\x67" + bytes(70_000)])
def test_what_is_no_sps_stays_as_it_is(sps: bytes) -> None:
    assert without_reordering(sps) is sps


@pytest.mark.parametrize(
    ("stated", "size", "frame_rate", "announced"),
    [
        (31, (80, 45), 30, 31),
        (31, (80, 45), 60, 32),
        (30, (120, 68), 25, 40),
        (40, (120, 68), 30.2, 40),
        (40, (120, 68), 60, 42),
        (41, (120, 68), 25, 41),
        (51, (40, 23), 25, 51),
        (42, (240, 135), 25, 51),
        (51, (240, 135), 60, 52),
        (9, (11, 9), 15, 9),
        (10, (22, 18), 15, 12),
        (10, (2000, 2000), 30, 10),
    ],
)
def test_the_level_covers_size_and_rate(stated: int, size: tuple[int, int], frame_rate: float, announced: int) -> None:
    width, height = size
    sps = Sps((0, 1), (0, 8), None, stated, 0, 1, width, height, None)
    assert covering_level(sps, frame_rate) == announced
