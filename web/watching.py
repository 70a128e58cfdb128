"""Which streams are watched with which login, so that they end when the login does."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

from core.errors import AppError

log = logging.getLogger(__name__)

_MOST = 5000


class Watching:
    """Viewers by the key of who watches (`Principal.key`). Safe between threads."""

    def __init__(self, stop: Callable[[str, str], object]) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._viewers: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._looked: OrderedDict[tuple[str, str], None] = OrderedDict()

    def note(self, key: str, stream_id: str, viewer_id: str) -> None:
        """The oldest is forgotten when there are too many; its session then ends when nobody fetches from it."""
        with self._lock:
            self._look(key, stream_id)
            if not key:
                return
            self._viewers[(stream_id, viewer_id)] = key
            while len(self._viewers) > _MOST:
                self._viewers.popitem(last=False)

    def is_first_look(self, key: str, stream_id: str) -> bool:
        """Whether somebody fetches from a stream that they have not started: once for each."""
        with self._lock:
            return self._look(key, stream_id)

    def _look(self, key: str, stream_id: str) -> bool:
        is_first = (key, stream_id) not in self._looked
        self._looked[(key, stream_id)] = None
        self._looked.move_to_end((key, stream_id))
        while len(self._looked) > _MOST:
            self._looked.popitem(last=False)
        return is_first

    def forget(self, stream_id: str, viewer_id: str) -> None:
        with self._lock:
            self._viewers.pop((stream_id, viewer_id), None)

    def end(self, keys: frozenset[str]) -> None:
        """Ends what is watched with these, in the background: a session may take a second to stop."""
        with self._lock:
            ended = [viewer for viewer, key in self._viewers.items() if key in keys]
            for viewer in ended:
                del self._viewers[viewer]
        if ended:
            threading.Thread(target=self._end, args=(ended,), name="end-watching", daemon=True).start()

    def _end(self, viewers: list[tuple[str, str]]) -> None:
        threads = [threading.Thread(target=self._end_one, args=viewer, daemon=True) for viewer in viewers[:64]]
        for thread in threads:
            thread.start()
        for viewer in viewers[64:]:
            self._end_one(*viewer)

    def _end_one(self, stream_id: str, viewer_id: str) -> None:
        try:
            self._stop(stream_id, viewer_id)
        except AppError as error:
            log.debug("%s had ended already: %s", stream_id, error.code)
