"""Working copies: finished files, encoded again as H.264, with burnt-in time, blurred parts, or fewer pixels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.clock import rfc3339
from core.errors import Unavailable
from exports.formats.burnt_time import write_time_pictures
from exports.formats.ffmpeg_run import EncodingProgress, FinishingContext, run_ffmpeg
from exports.formats.plan import PlannedCopy
from exports.records import ExportFile, FileKind, Rectangle, WorkingCopy
from exports.subtitles import TimeText
from media.commands import CopyPicture, CopySource, PixelBox, TimeOverlay, copy_command
from media.ffmpeg import find_ffmpeg

_SILENT_S = 900.0  # at the end ffmpeg rewrites the file, and tells no progress
_TURN_WAIT_S = 0.25
_TIME_PICTURES = "time.bits"
_PART = "copy.part"
_BLOCK_BYTES = 1024 * 1024
_COPIED_AUDIO = frozenset({"aac", "opus"})


class CopyFailed(Unavailable):
    """A working copy cannot be made. The files that it would be made of are whole."""

    code = "copy_failed"


class CopyMaker:
    """Makes copies of the files in `folder`. `check` is called all the time, and raises Interrupted."""

    def __init__(self, context: FinishingContext, folder: Path, check: Callable[[], None]) -> None:
        self._context = context
        self._folder = folder
        self._check = check

    def make(self, planned: PlannedCopy, place: tuple[str, str], on_progress: Callable[[float], None]) -> ExportFile:
        """Wait until no other copy is encoded, and return the new file. `on_progress` gets the seconds so far.

        `place`: names of camera and channel. Raise CopyFailed, FfmpegMissing, OSError or Interrupted.
        """
        while not self._context.encoding.acquire(timeout=_TURN_WAIT_S):
            self._check()
        try:
            return self._make(planned, place, on_progress)
        finally:
            self._context.encoding.release()

    def _make(self, planned: PlannedCopy, place: tuple[str, str], on_progress: Callable[[float], None]) -> ExportFile:
        progress = EncodingProgress()

        def check() -> None:
            self._check()
            on_progress(progress.encoded_s)

        try:
            command = self._command(planned, place)
            if not run_ffmpeg(self._context, command, self._folder, check, silent_s=_SILENT_S, progress=progress):
                raise CopyFailed(f"The working copy {planned.name} could not be made.")
            return self._finished(planned)
        finally:
            for name in (_PART, _TIME_PICTURES):
                (self._folder / name).unlink(missing_ok=True)

    def _command(self, planned: PlannedCopy, place: tuple[str, str]) -> list[str]:
        source, copy = planned.source, planned.copy
        width, height = size_of_copy(source, copy)
        overlay: TimeOverlay | None = None
        if copy.has_burnt_time:
            text = TimeText(place, source.start, source.end, is_confirmed=source.is_time_confirmed)
            overlay = write_time_pictures(text, width, height, self._folder / _TIME_PICTURES)
        picture = CopyPicture(
            width, height, tuple(_pixels(one, width, height) for one in copy.blurred), _TIME_PICTURES, overlay
        )
        return copy_command(
            find_ffmpeg(self._context.settings.ffmpeg),
            CopySource(
                source.name,
                skipped_s=source.lead_in_s,
                length_s=source.length_s,
                copies_audio=source.audio_codec in _COPIED_AUDIO,
                created=rfc3339(source.start),
            ),
            picture,
            _PART,
        )

    def _finished(self, planned: PlannedCopy) -> ExportFile:
        digest = hashlib.sha256()
        part = self._folder / _PART
        size = 0
        with part.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                self._check()
                digest.update(block)
                size += len(block)
            os.fsync(file.fileno())
        part.replace(self._folder / planned.name)
        source = planned.source
        width, height = size_of_copy(source, planned.copy)
        return replace(
            source,
            name=planned.name,
            size_bytes=size,
            sha256=digest.hexdigest(),
            kind=FileKind.WORKING_COPY,
            codec="h264",
            audio_codec=source.audio_codec if source.audio_codec in _COPIED_AUDIO | {None} else "aac",
            lead_in_s=0.0,
            lead_out_s=0.0,
            width=width,
            height=height,
        )


def size_of_copy(source: ExportFile, copy: WorkingCopy) -> tuple[int, int]:
    """Return even numbers, with the shape of the source. Raise CopyFailed if its size is not known."""
    if not source.width or not source.height:
        raise CopyFailed(f"The size of the picture of {source.name} is not known.")
    height = min(source.height, copy.height or source.height)
    return max(2, round(source.width * height / source.height / 2) * 2), max(2, height // 2 * 2)


def _pixels(part: Rectangle, width: int, height: int) -> PixelBox:
    """Return the rectangle in pixels, enlarged to even numbers, which chroma needs."""
    left, top = int(part.x * width) // 2 * 2, int(part.y * height) // 2 * 2
    right = min(width, -(-int((part.x + part.width) * width + 0.999) // 2) * 2)
    bottom = min(height, -(-int((part.y + part.height) * height + 0.999) // 2) * 2)
    left, top = min(left, width - 2), min(top, height - 2)
    return PixelBox(left, top, max(2, right - left), max(2, bottom - top))
