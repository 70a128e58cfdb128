"""The archive after a power cut, and after many kills.

A power cut: the writer is killed, and the backing file of its mounted ext4 is copied before the kernel writes more. The
copy has what has reached the disk, and nothing of the page cache. Needs root, and loop devices.
"""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from archive.index import ArchiveIndex
from archive.records import from_ms
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.clock import SystemClock
from media.archive.repair import scan
from tests.archive.recording import frames_in
from tests.archive.test_recovery import check_after_kill
from tests.archive.writing_child import STREAMS, settings_of
from tests.missing import skip_outside_ci
from tests.patience import PATIENCE, Slowness, until
from tests.project_files import ROOT

pytestmark = pytest.mark.stress

KILLS, CUTS = 20, 5
FLUSH_S = 10.0  # as by default
MOST_LOST_S = FLUSH_S + 2.0  # and a group of half a second, and the pace of the writer
IMAGE_BYTES = 256 * 1024 * 1024
FOREVER = from_ms(0), from_ms(2**42)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return the backing file of an ext4 file system that can be mounted here."""
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    try:
        subprocess.run(["mkfs.ext4", "-q", str(path)], check=True, capture_output=True)
        with mounted(path, tmp_path / "trial"):
            return path
    except (OSError, subprocess.CalledProcessError) as error:
        skip_outside_ci(error)


def record_and_kill(data: Path, folder: Path, for_s: float, flush_s: float = 1.0) -> float:
    """Let a program record for some time after its first flush, and kill it. Return the time of the kill."""
    command = [sys.executable, "-m", "tests.archive.writing_child", str(data), str(folder), str(flush_s)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        time.sleep(for_s)
        child.send_signal(signal.SIGKILL)
        return time.time()


def test_twenty_kills_leave_true_rows_and_lose_a_group_each(tmp_path: Path) -> None:
    for _ in range(KILLS):
        with Slowness() as machine:
            killed_s = record_and_kill(tmp_path / "data", tmp_path / "volume", random.uniform(0.0, 3.0))
        not_before_s = killed_s - PATIENCE * machine.allowed_s(2.0)
        check_after_kill(tmp_path / "data", tmp_path / "volume", not_before_s)


def test_a_power_cut_costs_seconds_and_no_row_promises_too_much(tmp_path: Path, image: Path) -> None:
    copy = tmp_path / "copy"
    torn = 0
    for _ in range(CUTS):
        with mounted(image, tmp_path / "disk") as disk:
            cut_s = record_and_kill(disk / "data", disk / "volume", random.uniform(5.0, 15.0), FLUSH_S)
            subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        with mounted(copy, tmp_path / "after") as disk:
            torn += check_after_power_cut(disk / "data", disk / "volume", cut_s)
        copy.replace(image)
    print(f"{torn} files were torn in {CUTS} power cuts")


def check_after_power_cut(data: Path, folder: Path, cut_s: float) -> int:
    """Check what the disk has, before and after the recovery. Return the number of files that were torn."""
    settings = settings_of(data, folder)
    index = ArchiveIndex(settings.archive_index_file)
    index.open()
    for stream in STREAMS:
        for file in index.files_of(stream, *FOREVER):
            assert whole_bytes(folder / file.key.path) >= file.size_bytes
            check_frames(folder / file.key.path, file.size_bytes)
    torn = sum(whole_bytes(path) < path.stat().st_size for path in stored_in(folder))
    writer = ArchiveWriter(settings, SystemClock(), Volumes(settings), index)
    writer.start()
    until(lambda: not index.open_files(1) and rows_of(index) == len(stored_in(folder)))
    writer.stop()
    for stream in STREAMS:
        files = index.files_of(stream, *FOREVER)
        assert files
        assert cut_s - files[-1].end_ms / 1000 < MOST_LOST_S
        for file in files:
            assert (folder / file.key.path).stat().st_size == file.size_bytes
            check_frames(folder / file.key.path, file.size_bytes)
            assert scan(folder / file.key.path).has_index
    index.close()
    return torn


def whole_bytes(path: Path) -> int:
    """Return the bytes of a file that are as they were written, with its index if it has one."""
    found = scan(path)
    return path.stat().st_size if found.has_index else found.good_bytes


def check_frames(path: Path, good_bytes: int) -> None:
    """Check that a file has the frames that were recorded, one after the other."""
    frames = frames_in(path, good_bytes)
    assert frames
    numbers = [int.from_bytes(data[1:5], "big") for data, _ in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {data[:1] + data[5:] for data, _ in frames} == {b"\x41" + b"\x80" * 2000}
    assert all(after > before for (_, before), (_, after) in itertools.pairwise(frames))


def stored_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.mp4"))


def rows_of(index: ArchiveIndex) -> int:
    return sum(len(index.files_of(stream, *FOREVER)) for stream in STREAMS)
