"""Reading of the FLV that ffmpeg writes, in any pieces, and of bytes that are none."""

from __future__ import annotations

import contextlib
import subprocess
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs.h264_sps import parse_sps
from media.ffmpeg import find_ffmpeg
from media.flv import BadFlv, FlvReader
from tests.patience import LIMIT_S

FRAMES = 20


@lru_cache(maxsize=1)
def film() -> bytes:
    source = ("-f", "lavfi", "-i", f"testsrc2=size=160x96:rate=10:duration={FRAMES / 10}")
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "5", "-pix_fmt", "yuv420p")
    command = [str(find_ffmpeg()), "-v", "error", *source, *x264, "-f", "flv", "-flvflags", "no_duration_filesize", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S).stdout


def test_frames_have_times_and_parameter_sets() -> None:
    frames = FlvReader().feed(film())
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(FRAMES)])
    assert [number for number, frame in enumerate(frames) if frame.is_key] == [0, 5, 10, 15]
    sps, _pps = frames[0].parameter_sets
    description = parse_sps(sps)
    assert description is not None
    assert all(unit[0] & 0x1F in (1, 5, 6) for frame in frames for unit in frame.nal_units)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=20))
def test_the_pieces_of_the_bytes_make_no_difference(sizes: list[int]) -> None:
    reader = FlvReader()
    content, frames = film(), []
    for size in sizes:
        frames += reader.feed(content[:size])
        content = content[size:]
    frames += reader.feed(content)
    assert frames == FlvReader().feed(film())


def test_a_frame_is_read_with_its_last_byte() -> None:
    reader = FlvReader()
    counts = [len(reader.feed(film()[at : at + 1])) for at in range(len(film()))]
    assert max(counts) == 1
    assert sum(counts) == FRAMES


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=60))
def test_damaged_bytes_raise_no_other_error(at: int, damage: bytes) -> None:
    content = bytearray(film())
    at %= len(content)
    content[at : at + len(damage)] = damage
    with contextlib.suppress(BadFlv):
        FlvReader().feed(bytes(content))
