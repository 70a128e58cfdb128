"""Snapshots of a package: the first shown frame of each video."""

from __future__ import annotations

import logging
from pathlib import Path

from core.errors import AppError
from core.settings import Settings
from media.child_shim import ChildLimits
from media.commands import first_frame_command
from media.ffmpeg import find_ffmpeg, starting_ffmpeg
from media.process import Spawner

log = logging.getLogger(__name__)

_DECODE_S = 20.0
_LIMITS = ChildLimits(nice=10, address_space_bytes=512 * 1024 * 1024)
_JPEG = b"\xff\xd8"


class SnapshotMaker:
    """Safe between threads."""

    def __init__(self, spawner: Spawner, settings: Settings) -> None:
        self._spawner = spawner
        self._settings = settings

    def first_frame(self, video: Path, skipped_s: float) -> bytes:
        """Return a JPEG of the first frame after `skipped_s`.

        It is empty if ffmpeg cannot make one: a package is complete without it.
        """
        try:
            command = first_frame_command(find_ffmpeg(self._settings.ffmpeg), video.name, skipped_s)
            with starting_ffmpeg():
                process = self._spawner.spawn(
                    command, name="ffmpeg snapshot", cwd=video.parent, stdout="pipe", limits=_LIMITS
                )
        except (AppError, ValueError) as error:
            log.warning("no snapshot of %s: %s", video.name, error)
            return b""
        try:
            jpeg = process.stdout_bytes(_DECODE_S) or b""
        finally:
            process.stop()
        if not jpeg.startswith(_JPEG):
            log.warning("no snapshot of %s: %r", video.name, process.stderr_tail()[-300:])
            return b""
        return jpeg
