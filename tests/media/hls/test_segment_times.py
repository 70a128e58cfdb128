"""The times inside of segments, as ffmpeg writes and reads them."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from media.hls.segment_times import TS_RATE, move_segment, read_timescales

pytestmark = pytest.mark.programs

NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
WRAP_S = 2**33 / TS_RATE


def film(folder: Path, *options: str) -> None:
    """Write HLS of two seconds with B-frames and audio."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=64x64:r=10:d=2"]
    command += ["-f", "lavfi", "-i", "sine=d=2", "-c:v", "libx264", "-bf", "2", "-g", "10", "-c:a", "aac"]
    command += ["-f", "hls", "-hls_time", "1", *options, "list.m3u8"]
    subprocess.run(command, cwd=folder, check=True)


def times(folder: Path, name: str, stream: str) -> list[tuple[float, float]]:
    """Return PTS and DTS of each packet, in seconds."""
    command = ["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time,dts_time"]
    output = subprocess.run([*command, "-of", "csv=p=0", name], cwd=folder, check=True, capture_output=True, text=True)
    return [(float(pts), float(dts)) for pts, dts in re.findall(r"([\d.]+),([\d.-]+)", output.stdout)]


@pytest.mark.parametrize("stream", ["v:0", "a:0"])
def test_all_times_of_a_transport_stream_move(tmp_path: Path, stream: str) -> None:
    film(tmp_path, "-hls_segment_filename", "s%d.ts")
    before = times(tmp_path, "s1.ts", stream)
    move_segment(tmp_path / "s1.ts", NOON, {})
    after = times(tmp_path, "s1.ts", stream)
    moved_s = NOON.timestamp() % WRAP_S
    assert len(after) == len(before) > 5
    for (pts, dts), (moved_pts, moved_dts) in zip(before, after, strict=True):
        assert (moved_pts - pts) % WRAP_S == pytest.approx(moved_s, abs=0.001)
        assert (moved_dts - dts) % WRAP_S == pytest.approx(moved_s, abs=0.001)


def test_the_clock_of_a_transport_stream_moves(tmp_path: Path) -> None:
    film(tmp_path, "-hls_segment_filename", "s%d.ts")
    data = (tmp_path / "s1.ts").read_bytes()
    move_segment(tmp_path / "s1.ts", NOON, {})
    moved = (tmp_path / "s1.ts").read_bytes()
    clocks = [at for at in range(0, len(data), 188) if data[at + 3] & 0x20 and data[at + 4] and data[at + 5] & 0x10]
    assert clocks

    def base(packets: bytes, at: int) -> int:
        return int.from_bytes(packets[at + 6 : at + 11], "big") >> 7

    for at in clocks:
        assert (base(moved, at) - base(data, at)) % 2**33 == round(NOON.timestamp() * TS_RATE) % 2**33


@pytest.mark.parametrize("stream", ["v:0", "a:0"])
def test_all_times_of_fragmented_mp4_move(tmp_path: Path, stream: str) -> None:
    film(tmp_path, "-hls_segment_type", "fmp4", "-hls_segment_filename", "s%d.m4s")
    init = (tmp_path / "init.mp4").read_bytes()

    def read() -> list[tuple[float, float]]:
        (tmp_path / "whole.mp4").write_bytes(init + (tmp_path / "s1.m4s").read_bytes())
        return times(tmp_path, "whole.mp4", stream)

    before = read()
    move_segment(tmp_path / "s1.m4s", NOON, read_timescales(init))
    after = read()
    assert len(after) == len(before) > 5
    for (pts, dts), (moved_pts, moved_dts) in zip(before, after, strict=True):
        assert moved_pts - pts == pytest.approx(NOON.timestamp(), abs=0.001)
        assert moved_dts - dts == pytest.approx(NOON.timestamp(), abs=0.001)


def test_a_damaged_segment_is_left_as_it_is(tmp_path: Path) -> None:
    for name, content in (("a.ts", b"G" * 100), ("b.ts", b"\0" * 400), ("c.m4s", b"\0\0\0\7moof"), ("d.m4s", b"")):
        (tmp_path / name).write_bytes(content)
        move_segment(tmp_path / name, NOON, {1: 90_000})
        assert (tmp_path / name).read_bytes() == content
