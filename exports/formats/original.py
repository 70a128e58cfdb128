"""The format `original`: an MKV with video and audio bit by bit as the recorder sent them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from exports.formats.stretch import Stretch
from exports.subtitles import moment_text, names_text
from media.mkv.audio import AudioUnits, describe_audio
from media.mkv.writer import MkvNames, MkvWriter


@dataclass(frozen=True, slots=True)
class WrittenOriginal:
    """`lead_in_s` and `lead_out_s`: seconds that a player shows before and after the range."""

    size_bytes: int
    sha256: str
    audio_codec: str | None
    lead_in_s: float
    lead_out_s: float


def write_original(
    stretch: Stretch, place: tuple[str, str], target: BinaryIO, audio_path: Path, check: Callable[[], None]
) -> WrittenOriginal:
    """Write a stretch. `place`: names of camera and channel; `audio_path`: of a temporary file.

    The file has no edit list: it begins with the key frame before the range, and a chapter begins with the range.
    """
    formats = stretch.formats
    audio = _copied_audio(stretch, audio_path, check)
    writer = MkvWriter(
        stretch.video_track(),
        stretch.video,
        audio,
        MkvNames(names_text(place), moment_text(stretch.true_utc(stretch.first_s))),
        marked_s=stretch.first_s,
        created_utc=stretch.true_utc(stretch.begins_s),
    )
    sources = [stretch.video_paths, *([[audio_path]] if audio else [])]
    written = writer.write(target, sources, check)
    return WrittenOriginal(
        written.size_bytes,
        written.sha256,
        formats.audio.codec if audio and formats.audio else None,
        stretch.first_s - stretch.begins_s,
        max(0.0, stretch.ends_s - stretch.until_s),
    )


def _copied_audio(stretch: Stretch, path: Path, check: Callable[[], None]) -> AudioUnits | None:
    """Copy the audio that lies beside the video. None without any."""
    formats = stretch.formats
    description = describe_audio(formats.audio, formats.audio_config) if formats.audio else None
    if description is None:
        return None
    units = AudioUnits(description)
    with path.open("wb") as file:
        for time_s, data in stretch.audio_units():
            if not len(units.sizes) % 1000:
                check()
            if stretch.begins_s <= time_s < stretch.ends_s:
                file.write(data)
                units.times_s.append(time_s)
                units.sizes.append(len(data))
    return units if units.sizes else None
