"""H.265 segments as H.264, each encoded when a player asks for it.

One ffmpeg per segment, instead of one that encodes along: most segments fetched ahead become useless with a seek, and a
segment that no player asks for is never encoded. No process lives between two segments, and none needs to be fed. A
start costs 0.03 to 0.1 s per segment of two seconds.
"""

from __future__ import annotations

import contextlib
import logging
import re
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from core.errors import Unavailable
from media.commands import recode_segment_command
from media.ffmpeg import find_ffmpeg, starting_ffmpeg
from media.process import Spawner, SupervisedProcess
from sessions.folders import write_file

log = logging.getLogger(__name__)

_ENCODE_S = 15.0
_NAME = re.compile(r"(run[0-9]{1,9}_(?:init)?[0-9]{1,9})\.(mp4|m4s)")


def unencoded_name(name: str) -> str:
    """Return the name of the file that holds a segment or init section as the recorder sent it; it is never served."""
    stem, _, kind = name.rpartition(".")
    return f"{stem}.hevc.{kind}"


class SegmentEncoder:
    """Safe between threads; one segment at a time, so that a session uses at most one core."""

    def __init__(self, spawner: Spawner, ffmpeg_setting: str, folder: Path) -> None:
        self._spawner = spawner
        self._ffmpeg_setting = ffmpeg_setting
        self._folder = folder
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._init_of: dict[str, str] = {}
        self._process: SupervisedProcess | None = None
        self._is_closed = False

    def note(self, name: str, init_name: str) -> None:
        """A segment that may be encoded, and the init section that it needs."""
        with self._lock:
            self._init_of[name] = init_name

    def forget(self, names: tuple[str, ...]) -> None:
        """These files were deleted."""
        with self._lock:
            for name in names:
                self._init_of.pop(name, None)

    def make(self, name: str) -> None:
        """Make this file, unless it exists or the name is unknown. Blocks for about a second.

        Raises FfmpegMissing, or Unavailable if the segment could not be encoded in time.
        """
        if _NAME.fullmatch(name) is None:
            return
        with self._my_turn():
            pair = self._pair(name)
            if pair is None or (self._folder / name).is_file():
                return
            self._make(*pair)

    def close(self) -> None:
        """Encode nothing more. ffmpeg has ended on return."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.kill()
        with self._turn:
            pass  # make() has returned in all threads

    def _pair(self, name: str) -> tuple[str, str] | None:
        """Return segment and init section; an init section is made together with the first segment that needs it."""
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
        ffmpeg = find_ffmpeg(self._ffmpeg_setting)
        argv = recode_segment_command(ffmpeg, unencoded_name(init_name), unencoded_name(name))
        with self._lock:
            if self._is_closed:
                return
            with starting_ffmpeg():
                process = self._spawner.spawn(argv, name=f"ffmpeg {name}", cwd=self._folder, stdout="pipe")
            self._process = process
        encoded = process.stdout_bytes(_ENCODE_S)
        process.stop()
        parts = split_init(encoded or b"")
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
    """Return the init section (ftyp, moov; ISO/IEC 14496-12, 8) and the rest; None if there is no fragment."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"moof":
            return data[:place], data[place:]
        if size < 8:
            return None
        place += size
    return None
