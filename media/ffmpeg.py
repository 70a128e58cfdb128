"""Finds the ffmpeg to run: the setting's, otherwise imageio-ffmpeg's, otherwise one on the PATH."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from core.errors import Unavailable
from media.process import ProgramMissing


class FfmpegMissing(Unavailable):
    """No ffmpeg was found, or it cannot be started."""

    code = "ffmpeg_missing"


def find_ffmpeg(setting: str = "") -> Path:
    """Return the absolute path of an existing file. Raises FfmpegMissing.

    It searches at each call, so that an ffmpeg that was put back is found without a restart.
    """
    if setting:
        found = shutil.which(str(Path(setting).expanduser()))
        if found is None:
            raise FfmpegMissing(
                "The ffmpeg of the setting FFMPEG does not exist or is not executable.", retry_after_s=10
            )
        return Path(found).absolute()
    bundled = _bundled_ffmpeg()
    if bundled is not None and bundled.is_file():
        return bundled
    found = shutil.which("ffmpeg")
    if found is None:
        raise FfmpegMissing("No ffmpeg was found: install the Python packages again, or set FFMPEG to the path of one.")
    return Path(found).absolute()


@contextmanager
def starting_ffmpeg() -> Iterator[None]:
    """Raise FfmpegMissing if the block starts a program that is gone."""
    try:
        yield
    except ProgramMissing as error:
        raise FfmpegMissing("ffmpeg cannot be started.", retry_after_s=10) from error


@lru_cache(maxsize=1)
def _bundled_ffmpeg() -> Path | None:
    """Return the binary in imageio-ffmpeg. That package's get_ffmpeg_exe() would start processes to find it."""
    spec = importlib.util.find_spec("imageio_ffmpeg")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "binaries"
    return next(iter(sorted(folder.glob("ffmpeg-*"))), None)
