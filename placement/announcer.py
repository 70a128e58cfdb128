"""Tells the parts of the app which cameras this node has gained and lost."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from core.placement import CameraCallback

log = logging.getLogger(__name__)

_LOSING = 16  # callbacks wait for devices; a fenced node has to let go of all cameras within a second
_GAINING = 8  # apart from those that lose cameras, because gained ones wait for the database


class Announcer:
    """Calls the callbacks of each camera one after another and in order, those of several cameras side by side.

    A loss overtakes a gain that no thread tells yet; that gain is left out. `told` is notified when all news of a
    camera have been told.
    """

    def __init__(self) -> None:
        self.gained: list[CameraCallback] = []
        self.lost: list[CameraCallback] = []
        self.told = threading.Condition()
        self._news: dict[int, deque[bool]] = {}
        self._busy: set[int] = set()  # cameras whose news a thread tells now
        self._threads: dict[bool, ThreadPoolExecutor] = {}  # for gained and for lost cameras

    def start(self) -> None:
        if not self._threads:
            self._threads = {
                True: ThreadPoolExecutor(_GAINING, thread_name_prefix="gained"),
                False: ThreadPoolExecutor(_LOSING, thread_name_prefix="lost"),
            }

    def stop(self) -> None:
        """Take no more news. The threads tell those that wait, and end then."""
        with self.told:
            threads, self._threads = self._threads, {}
        for pool in threads.values():
            pool.shutdown(wait=False)

    def announce(self, camera_id: int, *, is_gained: bool) -> None:
        """Call the callbacks of a camera soon, after those of earlier news about it."""
        with self.told:
            if not self._threads:
                return
            if camera_id in self._busy:
                self._news[camera_id].append(is_gained)
                return
            waiting = self._news.setdefault(camera_id, deque())
            if not is_gained:
                waiting.clear()
            waiting.append(is_gained)
            self._threads[is_gained].submit(self._tell, camera_id)

    def wait_told(self, camera_ids: Collection[int] | None, timeout_s: float) -> set[int]:
        """Wait until the callbacks of these cameras, or of all, have returned. Return those whose callbacks still run.

        It may not be called from a callback.
        """
        with self.told:
            self.told.wait_for(lambda: not self._untold(camera_ids), timeout_s)
            return self._untold(camera_ids)

    def _untold(self, camera_ids: Collection[int] | None) -> set[int]:
        return set(self._news) if camera_ids is None else {it for it in camera_ids if it in self._news}

    def _tell(self, camera_id: int) -> None:
        with self.told:
            if camera_id in self._busy or camera_id not in self._news:
                return  # another thread tells its news, or has told them
            self._busy.add(camera_id)
        while True:
            with self.told:
                if not self._news[camera_id]:
                    del self._news[camera_id]
                    self._busy.discard(camera_id)
                    self.told.notify_all()
                    return
                is_gained = self._news[camera_id].popleft()
            for callback in self.gained if is_gained else self.lost:
                try:
                    callback(camera_id)
                except Exception:
                    log.exception(
                        "camera %d: the news that it is %s failed", camera_id, "ours" if is_gained else "lost"
                    )
