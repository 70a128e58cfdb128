"""Everything outside of this process's memory that a live session holds: a feed, an ffmpeg, a folder.

The session's thread opens them; any thread may release them, even while the session's thread waits for a device.
After release(), the methods that open or start something raise SessionOver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from core.records import StreamSource
from media.process import Spawner, SupervisedProcess
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.session_pool import GatewayFeed
from sessions.errors import SessionOver
from sessions.folders import empty_folder, make_folder, remove_folder

_STOP_GRACE_S = 1.0


class SessionResources:
    """Safe between threads. No method blocks for much longer than a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._is_released = False
        self._is_fresh = True
        self._feed: GatewayFeed | None = None
        self._process: SupervisedProcess | None = None

    def open_feed(self, gateway: RtspGateway, source: StreamSource) -> GatewayFeed:
        """Open a feed of this source."""
        with self._lock:
            self.check_open()
            self._feed = gateway.open_feed(source)
            return self._feed

    def start_process(self, spawner: Spawner, argv: Sequence[str], name: str) -> SupervisedProcess:
        """Make the folder (and empty it at the session's first attempt), then start the process in its parent folder.

        Raises StorageFull, ProgramMissing.
        """
        with self._lock:
            self.check_open()
            make_folder(self.folder)
            if self._is_fresh:
                empty_folder(self.folder)
                self._is_fresh = False
            self._process = spawner.spawn(argv, name=name, cwd=self.folder.parent)
            return self._process

    def start_piped_process(
        self, spawner: Spawner, argv: Sequence[str], name: str, take: Callable[[bytes], None]
    ) -> SupervisedProcess:
        """Start a process whose output goes to `take` (Spawner.spawn), without a folder. Raises ProgramMissing."""
        with self._lock:
            self.check_open()
            self._process = spawner.spawn(argv, name=name, stdout=take)
            return self._process

    def end_process(self) -> None:
        """End the process and empty the folder; the feed continues."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.stop(_STOP_GRACE_S)
            if not self._is_released:
                empty_folder(self.folder)

    def end_attempt(self, *, empty: bool = False) -> None:
        """End the process and close the feed; with `empty`, delete the segments, too."""
        with self._lock:
            self._end_attempt(_STOP_GRACE_S)
            if empty and not self._is_released:
                empty_folder(self.folder)

    def release(self) -> None:
        """Release everything. ffmpeg has ended and the folder is removed on return."""
        with self._lock:
            if not self._is_released:
                self._is_released = True
                self._end_attempt(grace_s=0.0)  # its last segment has no readers
                remove_folder(self.folder)

    def _end_attempt(self, grace_s: float) -> None:
        process, self._process = self._process, None
        feed, self._feed = self._feed, None
        if process is not None:
            process.stop(grace_s)
        if feed is not None:
            feed.close()

    def check_open(self) -> None:
        """Raise SessionOver once everything was released."""
        if self._is_released:
            raise SessionOver
