"""Frames that ffmpeg decodes from fragments, and a tone to encode."""

from __future__ import annotations

import math
import re
import struct
import subprocess
from bisect import bisect
from pathlib import Path

from media.codecs import flac
from media.ffmpeg import find_ffmpeg

VALUES = struct.unpack(">256h", flac.pcm_of_g711("pcm_alaw", bytes(range(256))))
_BY_VALUE = sorted((value, code) for code, value in enumerate(VALUES))


def _code_of(value: float) -> int:
    """Return the A-law code with the nearest value."""
    place = bisect(_BY_VALUE, (value, 0))
    return min(_BY_VALUE[max(0, place - 1) : place + 1], key=lambda pair: abs(pair[0] - value))[1]


TONE = bytes(_code_of(8000 * math.sin(at / 4)) for at in range(8000))


def decoded(tmp_path: Path, content: bytes, stream: str = "v") -> list[tuple[float, float, str]]:
    """Decode with ffmpeg; return (time in s, duration in s, checksum) of each frame. Fail on any message of ffmpeg."""
    (tmp_path / "film.mp4").write_bytes(content)
    options = [
        *("-v", "warning", "-xerror", "-copyts", "-i", str(tmp_path / "film.mp4"), "-map", f"0:{stream}"),
        "-fps_mode",
    ]
    run = subprocess.run(
        [str(find_ffmpeg()), *options, "passthrough", "-f", "framemd5", "-"], capture_output=True, text=True, check=True
    )
    assert not run.stderr
    base = re.search(r"#tb 0: (\d+)/(\d+)", run.stdout)
    assert base
    rows = [line.split(",") for line in run.stdout.splitlines() if not line.startswith("#")]
    unit_s = int(base[1]) / int(base[2])
    return [(int(row[2]) * unit_s, int(row[3]) * unit_s, row[5].strip()) for row in rows]
