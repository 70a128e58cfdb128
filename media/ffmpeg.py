"""Which ffmpeg to run: the one of the setting, else imageio-ffmpeg's, else one on the PATH."""

from __future__ import annotations

import importlib.util
import re
import shutil
from functools import lru_cache
from pathlib import Path

from core.errors import Unavailable
from media.process import Spawner

_VERSION = re.compile(r"^ffmpeg version (\S{1,64})")


class FfmpegMissing(Unavailable):
    """There is no ffmpeg, or it cannot be started."""

    code = "ffmpeg_missing"


def find_ffmpeg(setting: str = "") -> Path:
    """An absolute path of an existing file; FfmpegMissing says what was looked for.

    Looks every time: an ffmpeg that is put back is found again without a restart.
    """
    if setting:
        found = shutil.which(str(Path(setting).expanduser()))
        if found is None:
            raise FfmpegMissing(
                "The ffmpeg named by the setting FFMPEG is not there or not executable.", retry_after_s=10
            )
        return Path(found).absolute()
    bundled = _bundled_ffmpeg()
    if bundled is not None and bundled.is_file():
        return bundled
    found = shutil.which("ffmpeg")
    if found is None:
        raise FfmpegMissing("No ffmpeg was found: install the Python packages again, or one named by FFMPEG.")
    return Path(found).absolute()


def ffmpeg_version(spawner: Spawner, program: Path) -> str | None:
    """What it calls itself ("5.1.9-0+deb12u1"); None when it does not say within 5 s."""
    child = spawner.spawn([str(program), "-hide_banner", "-version"], name="ffmpeg -version", stdout="pipe")
    line = child.stdout_line(5.0) or ""
    child.stop()
    match = _VERSION.match(line)
    return match[1] if match else None


@lru_cache(maxsize=1)
def _bundled_ffmpeg() -> Path | None:
    """The binary inside imageio-ffmpeg. Its own get_ffmpeg_exe() would start processes to find it."""
    spec = importlib.util.find_spec("imageio_ffmpeg")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "binaries"
    return next(iter(sorted(folder.glob("ffmpeg-*"))), None)
