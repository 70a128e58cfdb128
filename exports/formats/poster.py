"""The small picture of a range, for the list of exports: its first frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from exports.formats.ffmpeg_run import FinishingContext, run_ffmpeg
from exports.records import ExportFile
from media.commands import poster_command
from media.ffmpeg import FfmpegMissing, find_ffmpeg

_LONGEST_S = 30.0
_PART = "poster.part"


def make_poster(
    context: FinishingContext, file: ExportFile, folder: Path, target: Path, check: Callable[[], None]
) -> None:
    """Write the first frame of a file in `folder` as JPEG. Leave it out if ffmpeg fails. Raise OSError, Interrupted."""
    part = folder / _PART
    try:
        command = poster_command(find_ffmpeg(context.settings.ffmpeg), file.name, file.lead_in_s, _PART)
        if run_ffmpeg(context, command, folder, check, silent_s=_LONGEST_S) and part.is_file():
            part.replace(target)
    except FfmpegMissing:
        return
    finally:
        part.unlink(missing_ok=True)
