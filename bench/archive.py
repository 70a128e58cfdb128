"""Sixteen channels recorded by the server and watched by nobody, beside one `ffmpeg -f segment` for each.

CPU, memory, and the bytes that reach the disk. The latter need root and loop devices: the recordings then lie on a
volume of their own, whose traffic the kernel counts.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.figures import Figure
from bench.load import stream_urls
from bench.meter import Cost, family, measure
from bench.setting import App, app, recorder
from media.ffmpeg import find_ffmpeg

_VOLUME_BYTES = 16_000_000_000  # sparse
_SECTOR_BYTES = 512
_SECTORS_WRITTEN = 6  # field of /sys/block/*/stat
_SETTLE_S = 5.0
_MOST_CPU, _MOST_MB = 1.2, 4.0  # of each main stream
_MOST_DISK_PERCENT = {"main": 2.0, "sub": 10.0}


@dataclass(frozen=True, slots=True)
class _Disk:
    """`counter`: the kernel's statistics of the volume; None without a volume of its own."""

    folder: Path
    counter: Path | None

    def written_bytes(self) -> int:
        """Return the bytes that have reached the volume, with all that was written so far."""
        if self.counter is None:
            return 0
        os.sync()
        return int(self.counter.read_text().split()[_SECTORS_WRITTEN]) * _SECTOR_BYTES


@dataclass(slots=True)
class _Measured:
    cost: Cost
    disk_percent: float | None


def figures(runs: int, window_s: float) -> Iterator[Figure]:
    """Record all main streams, and then all sub streams."""
    with (
        own_disk() as disk,
        recorder("--channels", "16", "--dead", "none") as device,
        app(ARCHIVE_DIRS=str(disk.folder / "archive"), ARCHIVE_MIN_FREE_BYTES="1") as running,
    ):
        camera_id = running.add_recorder(device)
        for quality in ("main", "sub"):
            device.prepare(quality)
            profiles = running.profiles(camera_id, quality)
            urls = stream_urls(device, [token for _, token, _ in profiles])
            channels = [channel for channel, _, _ in profiles]
            plain, ours = [], []
            for _ in range(runs):
                plain.append(_plain(disk, urls, window_s))
                ours.append(_ours(disk, running, camera_id, channels, quality, window_s))
            yield from _rows(quality, len(channels), ours, plain)


def _rows(quality: str, count: int, ours: list[_Measured], plain: list[_Measured]) -> Iterator[Figure]:
    what = f"{count} {quality} streams recorded"
    is_main = quality == "main"
    yield Figure(
        f"{what}: CPU of one core, each",
        "%",
        [each.cost.cpu_percent / count for each in ours],
        [each.cost.cpu_percent / count for each in plain],
        goal=_MOST_CPU if is_main else None,
    )
    yield Figure(
        "the same: proportional memory, each (of the app, what it needs more than before)",
        "MB",
        [each.cost.pss_mb / count for each in ours],
        [each.cost.pss_mb / count for each in plain],
        goal=_MOST_MB if is_main else None,
    )
    more = [[each.disk_percent for each in side if each.disk_percent is not None] for side in (ours, plain)]
    if more[0]:
        what = "the same: bytes that reach the disk, beyond the files' size"
        yield Figure(what, "%", more[0], more[1], goal=_MOST_DISK_PERCENT[quality])


def _ours(disk: _Disk, running: App, camera_id: int, channels: list[int], quality: str, window_s: float) -> _Measured:
    whole = psutil.Process(running.pid)
    before_mb = sum(process.memory_full_info().pss for process in family(whole)) / 1e6

    def record() -> Cost:
        for channel in channels:
            running.call("PUT", rule_path(camera_id, channel), {"mode": "continuous", "quality": quality})
        wait_for_state(running, camera_id, "recording")
        time.sleep(_SETTLE_S)
        cost = measure(lambda: family(whole), window_s)
        for channel in channels:
            running.call("PUT", rule_path(camera_id, channel), {"mode": "off"})
        wait_for_state(running, camera_id, "off")
        time.sleep(2 * _SETTLE_S)  # the last flush
        return Cost(cost.cpu_percent, cost.pss_mb - before_mb, cost.processes)

    return _on_disk(disk, disk.folder / "archive", record)


def rule_path(camera_id: int, channel: int) -> str:
    """Return the address of the rule of a channel."""
    return f"/api/cameras/{camera_id}/channels/{channel}/recording-rule"


def wait_for_state(running: App, camera_id: int, state: str, within_s: float = 60.0) -> None:
    """Wait until all channels of a camera are in this state of recording. Raise RuntimeError if that takes longer."""
    deadline_s = time.monotonic() + within_s
    while True:
        states: list[dict[str, Any]] = running.call("GET", f"/api/cameras/{camera_id}/recording-states")["channels"]
        others = [each for each in states if each["state"] != state]
        if not others:
            return
        if time.monotonic() > deadline_s:
            found = ", ".join(f"{each['channel']} {each['state']} ({each['reason']})" for each in others)
            raise RuntimeError(f"not all channels of camera {camera_id} are in the state {state}: {found}")
        time.sleep(0.5)


def _plain(disk: _Disk, urls: list[str], window_s: float) -> _Measured:
    def record() -> Cost:
        with _segmenters(urls, disk.folder / "plain") as processes:
            time.sleep(_SETTLE_S)
            return measure(lambda: processes, window_s)

    return _on_disk(disk, disk.folder / "plain", record)


@contextlib.contextmanager
def _segmenters(urls: list[str], folder: Path) -> Iterator[list[psutil.Process]]:
    """Run one ffmpeg for each address, which records files of a minute."""
    started = []
    for number, url in enumerate(urls):
        own = folder / str(number)
        own.mkdir(parents=True, exist_ok=True)
        source = (str(find_ffmpeg()), "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-c:v", "copy")
        target = ("-an", "-f", "segment", "-segment_time", "60", "-strftime", "1", str(own / "%Y%m%d-%H%M%S.mp4"))
        started.append(subprocess.Popen([*source, *target], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        yield [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _on_disk(disk: _Disk, folder: Path, record: Callable[[], Cost]) -> _Measured:
    """Return the cost, and the bytes that reach the disk beyond the growth of the files in `folder`."""
    size_before, written_before = size_of(folder), disk.written_bytes()
    cost = record()
    written, size = disk.written_bytes() - written_before, size_of(folder) - size_before
    return _Measured(cost, 100 * (written / size - 1) if disk.counter and size else None)


def size_of(folder: Path) -> int:
    """Return the bytes of all recordings in a folder, also of those that are being written."""
    return sum(path.stat().st_size for path in folder.rglob("*.mp4"))


@contextlib.contextmanager
def own_disk() -> Iterator[_Disk]:
    """Yield a volume of its own, and a folder of the machine's disk if that is impossible."""
    with tempfile.TemporaryDirectory(prefix="bench-archive-") as name:
        image, folder = Path(name) / "image", Path(name) / "disk"
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(_VOLUME_BYTES)
        try:
            loop = _mounted(image, folder)
        except (OSError, subprocess.CalledProcessError):
            yield _Disk(folder, None)
            return
        try:
            yield _Disk(folder, Path("/sys/block") / Path(loop).name / "stat")
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
            subprocess.run(["losetup", "-d", loop], check=True)


def _mounted(image: Path, folder: Path) -> str:
    """Mount a new file system; return its loop device."""
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(image)], check=True, capture_output=True)
    made = subprocess.run(["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True)
    loop = made.stdout.strip()
    try:
        subprocess.run(["mount", loop, str(folder)], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        subprocess.run(["losetup", "-d", loop], check=True)
        raise
    return loop
