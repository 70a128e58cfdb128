"""CPU cost of archive files: frames of 1080p at 4 Mbit/s become a file, which is searched, read and scanned again.

python -m bench.archive_files [seconds of film]
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.container_cpu import BITRATE, FPS, PPS, SPS
from core.records import AudioFormat, VideoFormat
from media.archive.file_builder import ArchiveFileBuilder
from media.archive.file_reader import ArchiveFile
from media.archive.groups import GroupCollector
from media.archive.repair import scan
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.units import UnitDescription

BEGAN_S = 1_795_000_000.0
GOP_S = 2
SEEKS = 100


def film(seconds: int) -> list[tuple[AccessUnit, float]]:
    """Return frames whose times vary by a millisecond, a key frame every two seconds, and G.711 audio."""
    rng = random.Random(5)  # the content of the frames does not matter
    share = BITRATE * GOP_S // 8 // (FPS * GOP_S - 1 + 8)
    found = []
    for index in range(seconds * FPS):
        is_key = index % (FPS * GOP_S) == 0
        at_s = BEGAN_S + index / FPS
        frame = rng.randbytes(share * (8 if is_key else 1))
        found.append((AccessUnit(VIDEO, (frame,), 0, 90_000, is_key=is_key), at_s + rng.uniform(0, 0.001)))
        found.append((AccessUnit(AUDIO, (rng.randbytes(320),), 0, 8000), at_s))
    return found


def spent_s(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def write(path: Path, units: list[tuple[AccessUnit, float]]) -> int:
    """Write a file, without its last group. Return the bytes of the units in it."""
    builder = ArchiveFileBuilder(UnitDescription(VideoFormat("h264"), (SPS, PPS), AudioFormat("pcm_alaw", 8000, 1)))
    collector = GroupCollector()
    payload = 0
    with path.open("wb", buffering=0) as file:
        file.write(builder.init_section())
        for unit, at_s in units:
            for group in collector.add((unit,), (at_s,)):
                file.write(builder.fragment(group.units, group.utc_s, group.end_utc_s).data)
                payload += group.size_bytes
        file.write(builder.index())
    return payload


def seek(path: Path, at_s: float) -> int:
    """Return the number of bytes that were read of the fragment."""
    with ArchiveFile.open(path) as file:
        fragment = file.fragments()[file.fragment_at(round(at_s * 1000))]
        return len(file.read_bytes(fragment.offset, 128 * 1024))


def read(path: Path) -> None:
    with ArchiveFile.open(path) as file:
        for fragment in file.fragments():
            file.read_units(fragment)


def run(seconds: int) -> None:
    units = film(seconds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        payload = 0

        def write_it() -> None:
            nonlocal payload
            payload = write(path, units)

        written_s = spent_s(write_it)
        size = path.stat().st_size
        print(f"{seconds} s, {size / 1e6:.1f} MB, {100 * (size / payload - 1):.3f} % more than its frames and audio")
        print(f"write: {100 * written_s / seconds:.3f} % of a core in real time")
        print(f"read all units: {100 * spent_s(lambda: read(path)) / seconds:.3f} % of a core in real time")
        seeks_s = spent_s(lambda: [seek(path, BEGAN_S + seconds * part / SEEKS) for part in range(SEEKS)])
        print(f"open, seek and read 128 KB: {1000 * seeks_s / SEEKS:.2f} ms")
        print(f"scan of the whole file: {1000 * spent_s(lambda: scan(path)):.0f} ms")
        flushed = scan(path).fragments[-5].end_offset
        print(f"scan behind the flushed bytes: {1000 * spent_s(lambda: scan(path, flushed)):.1f} ms")


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
