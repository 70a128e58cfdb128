"""What a replay session holds outside of this process's memory: a line to the recorder, a folder, encoders.

After release() nothing can be taken any more; what is under way ends in SessionOver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from media.fmp4.segments import Segment
from media.hls.replay_playlist import ReplaySegment
from media.rtsp.replay.interface import ReplayConnection
from sessions.errors import SessionOver
from sessions.folders import make_folder, remove_files, remove_folder, served_file
from sessions.replay.encoder import SegmentEncoder, source_name
from sessions.replay.run import ReplayRun

GIVE_BACK_S = 1.5


class ReplayResources:
    """Safe between threads; only its session's thread takes a line and writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._releasing = threading.Lock()
        self._is_released = False
        self._line: ReplayConnection | None = None
        self._encoder: SegmentEncoder | None = None

    @property
    def line(self) -> ReplayConnection | None:
        """The one that is open."""
        return self._line

    def take_line(self, open_connection: Callable[[], ReplayConnection]) -> ReplayConnection:
        with self._lock:
            self._check()
            self._line = open_connection()
            return self._line

    def close_line(self, wait_s: float = 0.0) -> None:
        """Where another is to be opened: the recorder has this one's place back when it answers, or after so long."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close(wait_s)

    # ---- files -----------------------------------------------------------------------------------

    @property
    def is_encoding(self) -> bool:
        return self._encoder is not None

    def encode_with(self, encoder: SegmentEncoder | None) -> None:
        """From now on segments are made by it when a player asks for them; None: they are served as they are."""
        with self._lock:
            self._check()
            old, self._encoder = self._encoder, encoder
        if old is not None:
            old.close()

    def write(self, run: ReplayRun, made: Segment) -> ReplaySegment:
        """Puts a segment into the folder, which is made at the first. OSError, StorageFull."""
        with self._lock:
            self._check()
            make_folder(self.folder)
            if self._encoder is None:
                return run.write(self.folder, made, str)
            segment = run.write(self.folder, made, source_name)
            self._encoder.note(segment.name, segment.init_name)
            return segment

    def remove(self, names: tuple[str, ...]) -> None:
        """Deletes files of the folder, encoded and not."""
        with self._lock:
            if self._encoder is not None:
                self._encoder.forget(names)
            if not self._is_released:
                remove_files(self.folder, (*names, *map(source_name, names)))

    def served(self, name: str) -> Path:
        """A file that a player may have; one that is still to be encoded may take a second. NotFound."""
        encoder = self._encoder
        if encoder is not None:
            encoder.make(name)
        return served_file(self.folder, name)

    def release(self) -> None:
        """Gives back everything. Encoders are gone and the folder removed when it answers."""
        with self._releasing:
            with self._lock:
                self._is_released = True
            self.close_line(wait_s=GIVE_BACK_S)
            if self._encoder is not None:
                self._encoder.close()
            with self._lock:
                remove_folder(self.folder)

    def _check(self) -> None:
        if self._is_released:
            raise SessionOver
