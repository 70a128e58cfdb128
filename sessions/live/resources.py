"""What a session holds outside of this process's memory: a feed, an ffmpeg, a folder.

The session's thread takes them, and whoever stops the session gives them back, while that thread
may still be waiting for a device. After release() nothing can be taken any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from media.process import SupervisedProcess
from media.rtsp.live.feed import Feed
from sessions.errors import SessionOver
from sessions.folders import empty_folder, make_folder, remove_folder

_STOP_GRACE_S = 1.0


class SessionResources:
    """Safe between threads. Every way out of it has a bound of about a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._is_released = False
        self._is_fresh = True
        self._feed: Feed | None = None
        self._process: SupervisedProcess | None = None

    def take_feed(self, open_feed: Callable[[], Feed]) -> Feed:
        with self._lock:
            self.check_open()
            self._feed = open_feed()
            return self._feed

    def take_process(self, spawn: Callable[[], SupervisedProcess]) -> SupervisedProcess:
        """Makes the folder (empty at a session's first run), then the process."""
        with self._lock:
            self.check_open()
            make_folder(self.folder)
            if self._is_fresh:
                empty_folder(self.folder)
                self._is_fresh = False
            self._process = spawn()
            return self._process

    def end_process(self) -> None:
        """Gives back the process and empties the folder; the feed goes on."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.stop(_STOP_GRACE_S)
            if not self._is_released:
                empty_folder(self.folder)

    def end_run(self, *, empty: bool = False) -> None:
        """Gives back feed and process; `empty`: the segments as well."""
        with self._lock:
            self._end_run(_STOP_GRACE_S)
            if empty and not self._is_released:
                empty_folder(self.folder)

    def release(self) -> None:
        """Gives back everything. ffmpeg is gone and the folder removed when it answers."""
        with self._lock:
            if not self._is_released:
                self._is_released = True
                self._end_run(grace_s=0.0)  # nobody will read what it would still write
                remove_folder(self.folder)

    def _end_run(self, grace_s: float) -> None:
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
