"""One run of ffmpeg for an export, which ends when the job is interrupted."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.clock import Clock
from core.settings import Settings
from media.child_shim import ChildLimits
from media.ffmpeg import starting_ffmpeg
from media.process import Spawner

log = logging.getLogger(__name__)

_WAIT_S = 0.25
_OUT_TIME = re.compile(rb"out_time_us=(\d+)")
_LIMITS = ChildLimits(nice=10, address_space_bytes=4 * 1024**3)  # 4K needs 2 GiB


@dataclass(frozen=True, slots=True)
class FinishingContext:
    """The parts of the app that make files. `encoding` is held while a working copy is encoded: one at a time."""

    settings: Settings
    clock: Clock
    spawner: Spawner
    encoding: threading.Lock = field(default_factory=threading.Lock)


class EncodingProgress:
    """How far ffmpeg is, from the output of its option `-progress`. take() is for the spawner's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rest = b""
        self._encoded_s = 0.0

    def take(self, data: bytes) -> None:
        with self._lock:
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()[-200:]
            for line in lines:
                if found := _OUT_TIME.fullmatch(line.strip()):
                    self._encoded_s = int(found[1]) / 1_000_000

    @property
    def encoded_s(self) -> float:
        with self._lock:
            return self._encoded_s


def run_ffmpeg(
    context: FinishingContext,
    command: Sequence[str],
    folder: Path,
    check: Callable[[], None],
    *,
    silent_s: float,
    progress: EncodingProgress | None = None,
) -> bool:
    """Run ffmpeg at a low priority, with `folder` as its working directory. True if it succeeds.

    It is ended if it makes no progress for `silent_s`. `check` is called four times a second, and raises Interrupted
    to end it. Raise FfmpegMissing.
    """
    clock = context.clock
    with starting_ffmpeg():
        process = context.spawner.spawn(
            command,
            name="ffmpeg export",
            cwd=folder,
            stdout=progress.take if progress is not None else None,
            limits=_LIMITS,
        )
    heard_s, encoded_s = clock.monotonic_s(), 0.0
    try:
        while (code := process.wait(_WAIT_S)) is None:
            check()
            now_s = clock.monotonic_s()
            if progress is not None and progress.encoded_s > encoded_s:
                heard_s, encoded_s = now_s, progress.encoded_s
            if now_s - heard_s > silent_s:
                log.warning("ffmpeg makes no progress for %.0f s, so it is ended", silent_s)
                break
    finally:
        process.kill()
    if code != 0:
        log.warning("ffmpeg failed (%s): %s", code, process.stderr_tail()[-500:])
    return code == 0
