"""H.265 segments as H.264, each when a player asks for it.

One ffmpeg per segment rather than one that reads along: a seek throws most of what was fetched
ahead away, and what nobody asks for is never encoded; no process lives between two segments, and
none has to be fed. It costs a start (0.03 to 0.1 s) per segment of two seconds.
"""

from __future__ import annotations

import contextlib
import logging
import re
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import Unavailable
from media.commands import recode_segment_command
from media.ffmpeg import FfmpegMissing
from media.process import ProgramMissing, Spawner, SupervisedProcess
from sessions.folders import write_file

log = logging.getLogger(__name__)

_ENCODE_S = 15.0
_NAME = re.compile(r"(run[0-9]{1,9}_(?:init)?[0-9]{1,9})\.(mp4|m4s)")


def source_name(name: str) -> str:
    """Where the segment or init section of this name lies as the recorder sent it; such files are never served."""
    stem, _, kind = name.rpartition(".")
    return f"{stem}.hevc.{kind}"


class SegmentEncoder:
    """Safe between threads; one segment at a time, so that a session costs no more than one core."""

    def __init__(self, spawner: Spawner, find_ffmpeg: Callable[[], Path], folder: Path) -> None:
        self._spawner = spawner
        self._find_ffmpeg = find_ffmpeg
        self._folder = folder
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._init_of: dict[str, str] = {}
        self._process: SupervisedProcess | None = None
        self._is_closed = False

    def note(self, name: str, init_name: str) -> None:
        """This segment is there to be made; it needs that init section."""
        with self._lock:
            self._init_of[name] = init_name

    def forget(self, names: tuple[str, ...]) -> None:
        """These files are gone."""
        with self._lock:
            for name in names:
                self._init_of.pop(name, None)

    def make(self, name: str) -> None:
        """Puts the file there, unless it is or cannot be known. Blocks for about a second.

        Raises FfmpegMissing, or Unavailable when the picture could not be encoded in time.
        """
        if _NAME.fullmatch(name) is None:
            return
        with self._my_turn():
            pair = self._pair(name)
            if pair is None or (self._folder / name).is_file():
                return
            self._make(*pair)

    def close(self) -> None:
        """Ends what is under way; nothing is made any more. ffmpeg is gone when it answers."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.kill()
        with self._turn:
            pass  # what it had begun has noticed

    def _pair(self, name: str) -> tuple[str, str] | None:
        """Segment and init section; an init section is made together with the first segment that needs it."""
        with self._lock:
            if name in self._init_of:
                return name, self._init_of[name]
            return next(((item, init) for item, init in self._init_of.items() if init == name), None)

    @contextlib.contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_ENCODE_S):
            raise Unavailable("Too many segments are being encoded.", code="busy", retry_after_s=1)
        try:
            yield
        finally:
            self._turn.release()

    def _make(self, name: str, init_name: str) -> None:
        argv = recode_segment_command(self._find_ffmpeg(), source_name(init_name), source_name(name))
        with self._lock:
            if self._is_closed:
                return
            try:
                process = self._spawner.spawn(argv, name=f"ffmpeg {name}", cwd=self._folder, stdout="pipe")
            except ProgramMissing as error:
                raise FfmpegMissing("ffmpeg cannot be started.", retry_after_s=10) from error
            self._process = process
        made = process.stdout_bytes(_ENCODE_S)
        process.stop()
        parts = split_init(made or b"")
        with self._lock:
            self._process = None
            if self._is_closed:
                return
            if parts is None:
                log.warning("%s/%s was not encoded: %r", self._folder.name, name, process.stderr_tail()[-300:])
                raise Unavailable("This part could not be encoded.", code="ffmpeg_failed")
            init, segment = parts
            for target, data in ((init_name, init), (name, segment)):
                write_file(self._folder / target, data)


def split_init(data: bytes) -> tuple[bytes, bytes] | None:
    """The init section (ftyp, moov; ISO 14496-12, 8) and what follows it; None where there is no fragment."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"moof":
            return data[:place], data[place:]
        if size < 8:
            return None
        place += size
    return None
