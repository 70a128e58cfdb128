"""A stretch of video on the disk, the MP4 file made of it, and what decoders find in that file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.records import VideoFormat
from media.codecs.access_unit import AccessUnit
from media.ffmpeg import find_ffmpeg
from media.fmp4.tracks import video_track
from media.mp4.audio import AudioSamples
from media.mp4.video import VideoSamples
from media.mp4.writer import Mp4Writer, WrittenFile
from tests.media.encoded import FPS, Encoded
from tests.media.fmp4.film import START_S

_HARMLESS = "Guessed Channel Layout"  # plain audio never tells it
CREATED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def ffmpegs() -> list[Path]:
    """The bundled ffmpeg, and the system's if there is one."""
    system = shutil.which("ffmpeg")
    return [find_ffmpeg(), *([Path(system)] if system else [])]


def video_on_disk(units: Sequence[AccessUnit], path: Path) -> VideoSamples:
    samples = VideoSamples()
    with path.open("wb") as file:
        for unit in units:
            data = b"".join(len(part).to_bytes(4, "big") + part for part in unit.parts)
            samples.add(unit.device_s or 0.0, len(data), is_key=unit.is_key)
            file.write(data)
    return samples


def write_file(
    folder: Path,
    film: Encoded,
    units: Sequence[AccessUnit],
    *,
    audio: tuple[AudioSamples, Path] | None = None,
    from_s: float = START_S,
    until_s: float = START_S + 3600.0,
    name: str = "film.mp4",
) -> tuple[Path, Mp4Writer, WrittenFile]:
    samples = video_on_disk(units, folder / "video")
    track = video_track(VideoFormat(film.codec), film.sets)
    writer = Mp4Writer(
        track,
        samples,
        audio[0] if audio else None,
        shown_from_s=from_s,
        shown_until_s=until_s,
        created_utc=CREATED,
    )
    target = folder / name
    with target.open("wb") as file:
        written = writer.write(file, [[folder / "video"], *([[audio[1]]] if audio else [])], lambda: None)
    return target, writer, written


def shown_s(path: Path, ffmpeg: Path | None = None, stream: str = "v") -> list[float]:
    """Decode with ffmpeg; return the times of the frames in a player. Fail on any message of ffmpeg."""
    options = ["-v", "warning", "-xerror", "-i", str(path), "-map", f"0:{stream}", "-fps_mode", "passthrough"]
    run = subprocess.run(
        [str(ffmpeg or find_ffmpeg()), *options, "-f", "framecrc", "-"], capture_output=True, text=True, check=True
    )
    assert not [line for line in run.stderr.splitlines() if _HARMLESS not in line]
    base = next(line for line in run.stdout.splitlines() if line.startswith("#tb 0:"))
    over, under = base.removeprefix("#tb 0:").strip().split("/")
    rows = [line.split(",") for line in run.stdout.splitlines() if not line.startswith("#")]
    return [int(row[2]) * int(over) / int(under) for row in rows]


def elementary_stream(path: Path, codec: str) -> bytes:
    """Return the video as Annex B, as ffmpeg copies it out of the file."""
    options = ["-v", "error", "-ignore_editlist", "1", "-i", str(path), "-map", "0:v", "-c", "copy", "-f", codec, "-"]
    return subprocess.run([str(find_ffmpeg()), *options], capture_output=True, check=True).stdout


def frame_s(index: int) -> float:
    return START_S + index / FPS
