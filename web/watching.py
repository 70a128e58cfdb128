"""Which streams are watched with which login, so that they end when the login does."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from core.errors import AppError

log = logging.getLogger(__name__)

_MOST = 5000
_SIDE_BY_SIDE = 64
_FRESH_S = 30.0  # who has fetched nothing for so long does not watch any more: as for sessions


class Watching:
    """Viewers and fetches by the key of who watches (`Principal.key`). Safe between threads.

    `stop(stream_id, viewer_id)` leaves a stream as that viewer, or ends it for all where the viewer is None.
    """

    def __init__(
        self, stop: Callable[[str, str | None], object], *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._stop = stop
        self._now_s = now_s
        self._lock = threading.Lock()
        self._viewers: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._looked_s: OrderedDict[tuple[str, str], float] = OrderedDict()

    def note(self, key: str, stream_id: str, viewer_id: str) -> None:
        """A stream was started. The oldest is forgotten when there are too many."""
        with self._lock:
            self._look(key, stream_id)
            self._viewers[(stream_id, viewer_id)] = key
            while len(self._viewers) > _MOST:
                self._viewers.popitem(last=False)

    def look(self, key: str, stream_id: str) -> bool:
        """Something was fetched; whether it is the first time, from a stream that they have not started."""
        with self._lock:
            return self._look(key, stream_id)

    def has_started(self, key: str, stream_id: str) -> bool:
        """Whether a stream was started with this login."""
        with self._lock:
            return any(found == key and name == stream_id for (name, _), found in self._viewers.items())

    def forget(self, stream_id: str, viewer_id: str) -> None:
        """That viewer has left."""
        with self._lock:
            self._viewers.pop((stream_id, viewer_id), None)

    def end(self, keys: frozenset[str]) -> None:
        """Ends what is watched with these and by nobody else, in the background: stopping may take a second."""
        with self._lock:
            fresh_s = self._now_s() - _FRESH_S
            mine = {stream_id for key, stream_id in self._looked_s if key in keys}
            shared = {
                stream_id
                for (key, stream_id), at_s in self._looked_s.items()
                if key not in keys and stream_id in mine and at_s > fresh_s
            }
            leaving: list[tuple[str, str | None]] = [(stream_id, None) for stream_id in sorted(mine - shared)]
            viewers = [viewer for viewer, key in self._viewers.items() if key in keys]
            leaving += [viewer for viewer in viewers if viewer[0] not in mine or viewer[0] in shared]
            for viewer in viewers:
                del self._viewers[viewer]
            for looked in [looked for looked in self._looked_s if looked[0] in keys]:
                del self._looked_s[looked]
        if leaving:
            threading.Thread(target=self._end, args=(leaving,), name="end-watching", daemon=True).start()

    def _look(self, key: str, stream_id: str) -> bool:
        is_first = (key, stream_id) not in self._looked_s
        self._looked_s[(key, stream_id)] = self._now_s()
        self._looked_s.move_to_end((key, stream_id))
        while len(self._looked_s) > _MOST:
            self._looked_s.popitem(last=False)
        return is_first

    def _end(self, leaving: list[tuple[str, str | None]]) -> None:
        for item in leaving[:_SIDE_BY_SIDE]:
            threading.Thread(target=self._end_one, args=item, name="end-watching", daemon=True).start()
        for item in leaving[_SIDE_BY_SIDE:]:
            self._end_one(*item)

    def _end_one(self, stream_id: str, viewer_id: str | None) -> None:
        try:
            self._stop(stream_id, viewer_id)
        except AppError as error:
            log.debug("%s had ended already: %s", stream_id, error.code)
