"""The viewers of each login and API token, so that they leave their streams when the login or token ends."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import TypeVar

from core.errors import AppError
from sessions.viewers import UNNAMED
from stream_manager import StreamManager

log = logging.getLogger(__name__)

_Key = TypeVar("_Key")

_MAX_ENTRIES = 5000  # in each of the three tables; the oldest entries are dropped
_MAX_THREADS = 64


class LoginViewers:
    """Viewers and fetches by the key of their login or token (`Principal.key`). Safe between threads.

    A viewer that started or joined a stream belongs to its login until remove_viewer(), whether it uses a socket or
    HLS. HLS players may also fetch by the address alone, with any viewer id or none: such a fetch counts for
    `fresh_s` seconds.
    """

    def __init__(self, streams: StreamManager, *, fresh_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._streams = streams
        self._fresh_s = fresh_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._viewers: OrderedDict[tuple[str, str], str] = OrderedDict()  # (stream_id, viewer_id): key
        self._fetched_s: OrderedDict[tuple[str, str, str], float] = OrderedDict()  # (key, stream_id, viewer_id)
        self._streams_fetched_s: OrderedDict[tuple[str, str], float] = OrderedDict()  # (key, stream_id)

    def note_viewer(self, key: str, stream_id: str, viewer_id: str) -> None:
        """Note that a login started or joined a stream."""
        with self._lock:
            self._viewers[(stream_id, viewer_id)] = key
            while len(self._viewers) > _MAX_ENTRIES:
                self._viewers.popitem(last=False)

    def note_fetch(self, key: str, stream_id: str, viewer_id: str | None = None) -> bool:
        """Note that a login fetched a file of a stream.

        True if this is a new viewer: the login has not started the stream and has not fetched from it recently.
        """
        with self._lock:
            _drop_old(self._fetched_s, self._now_s() - self._fresh_s)
            _drop_old(self._streams_fetched_s, self._now_s() - self._fresh_s)
            is_first = (key, stream_id) not in self._streams_fetched_s and not self._is_viewer_of(key, stream_id)
            _put_last(self._streams_fetched_s, (key, stream_id), self._now_s())
            _put_last(self._fetched_s, (key, stream_id, viewer_id or UNNAMED), self._now_s())
            return is_first

    def is_viewer_of(self, key: str, stream_id: str) -> bool:
        """True if this login started or joined the stream and has not left it."""
        with self._lock:
            return self._is_viewer_of(key, stream_id)

    def remove_viewer(self, stream_id: str, viewer_id: str) -> None:
        """Forget a viewer. If it was its login's last viewer of the stream, forget that login's fetches too."""
        with self._lock:
            key = self._viewers.pop((stream_id, viewer_id), None)
            if key is not None and not self._is_viewer_of(key, stream_id):
                for fetched in [one for one in self._fetched_s if one[:2] == (key, stream_id)]:
                    del self._fetched_s[fetched]

    def end_logins(self, keys: frozenset[str]) -> None:
        """Make the viewers of these logins leave, in background threads: to end a stream takes about a second.

        A viewer id that another login uses too stays. A stream that another login fetches does not end.
        """
        with self._lock:
            _drop_old(self._fetched_s, self._now_s() - self._fresh_s)
            fetched = {one for one in self._fetched_s if one[0] in keys}
            others = [one for one in self._fetched_s if one[0] not in keys]
            others_streams = {stream_id for _, stream_id, _ in others}
            others_viewers = {(stream_id, viewer_id) for _, stream_id, viewer_id in others}
            others_viewers |= {viewer for viewer, key in self._viewers.items() if key not in keys}
            started = {viewer for viewer, key in self._viewers.items() if key in keys}
            leaving: defaultdict[str, set[str]] = defaultdict(set)
            for stream_id, viewer_id in (started | {one[1:] for one in fetched}) - others_viewers:
                leaving[stream_id].add(viewer_id)
            for viewer in started:
                del self._viewers[viewer]
            for one in fetched:
                del self._fetched_s[one]
            for stream in [stream for stream in self._streams_fetched_s if stream[0] in keys]:
                del self._streams_fetched_s[stream]
        jobs = [(stream_id, viewers, stream_id not in others_streams) for stream_id, viewers in leaving.items()]
        if jobs:
            threading.Thread(target=self._leave_all, args=(jobs,), name="end-viewers", daemon=True).start()

    def _is_viewer_of(self, key: str, stream_id: str) -> bool:
        return any(found == key and name == stream_id for (name, _), found in self._viewers.items())

    def _leave_all(self, jobs: list[tuple[str, set[str], bool]]) -> None:
        for job in jobs[:_MAX_THREADS]:
            threading.Thread(target=self._leave, args=job, name="end-viewers", daemon=True).start()
        for job in jobs[_MAX_THREADS:]:
            self._leave(*job)

    def _leave(self, stream_id: str, viewer_ids: set[str], may_end: bool) -> None:
        try:
            self._streams.leave_session(stream_id, viewer_ids, may_end=may_end)
        except AppError as error:
            log.debug("%s had ended already: %s", stream_id, error.code)


def _put_last(times_s: OrderedDict[_Key, float], key: _Key, now_s: float) -> None:
    """Set the newest time, which stands at the end, and drop the oldest entries over the limit."""
    times_s[key] = now_s
    times_s.move_to_end(key)
    while len(times_s) > _MAX_ENTRIES:
        times_s.popitem(last=False)


def _drop_old(times_s: OrderedDict[_Key, float], before_s: float) -> None:
    while times_s and next(iter(times_s.values())) <= before_s:
        times_s.popitem(last=False)
