"""Everything outside of this process's memory that a replay session holds: a connection, a folder, an encoder.

After release(), the methods that open or write something raise SessionOver.
"""

from __future__ import annotations

import threading
from pathlib import Path

from core.recordings import ReplaySource
from media.fmp4.segments import Segment
from media.hls.replay_playlist import ReplaySegment
from media.rtsp.replay.interface import ReplayConnection
from sessions.context import SessionContext
from sessions.errors import SessionOver
from sessions.folders import make_folder, remove_files, remove_folder, served_file
from sessions.replay.encoder import SegmentEncoder, unencoded_name
from sessions.replay.run import ReplayRun
from sessions.replay.small_frames import SmallFrames

RELEASE_WAIT_S = 1.5


class ReplayResources:
    """Safe between threads; only the session's thread opens a connection and writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._releasing = threading.Lock()
        self._is_released = False
        self._connection: ReplayConnection | None = None
        self._encoder: SegmentEncoder | None = None
        self._small: SmallFrames | None = None

    @property
    def connection(self) -> ReplayConnection | None:
        """The open connection to the recorder, or to the archive."""
        return self._connection

    def open_connection(self, context: SessionContext, source: ReplaySource) -> ReplayConnection:
        """Open a connection for this recording."""
        with self._lock:
            self._check_open()
            self._connection = context.recordings.open_replay(context.gateway, source)
            return self._connection

    def close_connection(self, wait_s: float = 0.0) -> None:
        """Close the connection; wait up to wait_s until the recorder has its session back."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(wait_s)

    # ---- files -----------------------------------------------------------------------------------

    @property
    def is_encoding(self) -> bool:
        return self._encoder is not None

    def encode_with(self, encoder: SegmentEncoder) -> None:
        """From now on, encode segments when a player asks for them."""
        with self._lock:
            self._check_open()
            old, self._encoder = self._encoder, encoder
        if old is not None:
            old.close()

    def make_small_with(self, small: SmallFrames) -> None:
        """From now on, release() ends this small video."""
        with self._lock:
            self._check_open()
            self._small = small

    def write(self, run: ReplayRun, made: Segment, *, is_encoded_later: bool) -> ReplaySegment:
        """Write a segment into the folder, which is made at the first one. Raises OSError, StorageFull.

        `is_encoded_later`: when a player asks for it; encode_with() came before.
        """
        with self._lock:
            self._check_open()
            make_folder(self.folder)
            segment = run.write(self.folder, made, is_encoded_later=is_encoded_later)
            if self._encoder is not None and is_encoded_later:
                self._encoder.note(segment.name, segment.init_name)
            return segment

    def remove(self, names: tuple[str, ...]) -> None:
        """Delete files of the folder, in both codecs."""
        with self._lock:
            if self._encoder is not None:
                self._encoder.forget(names)
            if not self._is_released:
                remove_files(self.folder, (*names, *map(unencoded_name, names)))

    def served(self, name: str) -> Path:
        """Return the path of a file for players; blocks for a second if it must be encoded. Raises NotFound."""
        encoder = self._encoder
        if encoder is not None:
            encoder.make(name)
        return served_file(self.folder, name)

    def release(self) -> None:
        """Release everything. The encoder has ended and the folder is removed on return."""
        with self._releasing:
            with self._lock:
                self._is_released = True
            self.close_connection(wait_s=RELEASE_WAIT_S)
            if self._encoder is not None:
                self._encoder.close()
            if self._small is not None:
                self._small.close()
            with self._lock:
                remove_folder(self.folder)

    def _check_open(self) -> None:
        if self._is_released:
            raise SessionOver
