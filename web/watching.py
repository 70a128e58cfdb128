"""Who watches which streams with which login, so that it ends when the login does, for them alone."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection
from typing import Protocol, TypeVar

from core.errors import AppError
from sessions.viewers import UNNAMED

log = logging.getLogger(__name__)

_Key = TypeVar("_Key")

_MOST = 5000
_SIDE_BY_SIDE = 64


class Leave(Protocol):
    """As StreamManager.leave_session: the session knows who else is there, now; an AppError where it is no more."""

    def __call__(self, stream_id: str, viewer_ids: Collection[str], *, may_end: bool) -> object: ...


class Watching:
    """Viewers and fetches by the key of who watches (`Principal.key`). Safe between threads.

    A viewer of a login is one until it is forgotten, whether it is on a socket or fetches. Players may also fetch
    without having started anything, with any name or none: those count for `fresh_s` after their last fetch.
    """

    def __init__(self, leave: Leave, *, fresh_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._leave = leave
        self._fresh_s = fresh_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._viewers: OrderedDict[tuple[str, str], str] = OrderedDict()  # (stream_id, viewer_id): key
        self._fetched_s: OrderedDict[tuple[str, str, str], float] = OrderedDict()  # (key, stream_id, viewer_id)
        self._looked_s: OrderedDict[tuple[str, str], float] = OrderedDict()  # (key, stream_id)

    def note(self, key: str, stream_id: str, viewer_id: str) -> None:
        """A stream was started or joined. The oldest is forgotten when there are too many."""
        with self._lock:
            self._viewers[(stream_id, viewer_id)] = key
            while len(self._viewers) > _MOST:
                self._viewers.popitem(last=False)

    def look(self, key: str, stream_id: str, viewer_id: str | None = None) -> bool:
        """Something was fetched; whether that is somebody new, from a stream that they have not started."""
        with self._lock:
            _drop_old(self._fetched_s, self._now_s() - self._fresh_s)
            _drop_old(self._looked_s, self._now_s() - self._fresh_s)
            is_first = (key, stream_id) not in self._looked_s and not self._has_started(key, stream_id)
            _put_last(self._looked_s, (key, stream_id), self._now_s())
            _put_last(self._fetched_s, (key, stream_id, viewer_id or UNNAMED), self._now_s())
            return is_first

    def has_started(self, key: str, stream_id: str) -> bool:
        """Whether a stream was started with this login."""
        with self._lock:
            return self._has_started(key, stream_id)

    def forget(self, stream_id: str, viewer_id: str) -> None:
        """That viewer has left; what was its login's last one there has taken its fetches along."""
        with self._lock:
            key = self._viewers.pop((stream_id, viewer_id), None)
            if key is not None and not self._has_started(key, stream_id):
                for fetched in [one for one in self._fetched_s if one[:2] == (key, stream_id)]:
                    del self._fetched_s[fetched]

    def end(self, keys: frozenset[str]) -> None:
        """Takes the viewers of these away, in the background: what nobody else watches ends, which takes a second."""
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
            for looked in [looked for looked in self._looked_s if looked[0] in keys]:
                del self._looked_s[looked]
        jobs = [(stream_id, viewers, stream_id not in others_streams) for stream_id, viewers in leaving.items()]
        if jobs:
            threading.Thread(target=self._end, args=(jobs,), name="end-watching", daemon=True).start()

    def _has_started(self, key: str, stream_id: str) -> bool:
        return any(found == key and name == stream_id for (name, _), found in self._viewers.items())

    def _end(self, jobs: list[tuple[str, set[str], bool]]) -> None:
        for job in jobs[:_SIDE_BY_SIDE]:
            threading.Thread(target=self._end_one, args=job, name="end-watching", daemon=True).start()
        for job in jobs[_SIDE_BY_SIDE:]:
            self._end_one(*job)

    def _end_one(self, stream_id: str, viewer_ids: set[str], may_end: bool) -> None:
        try:
            self._leave(stream_id, viewer_ids, may_end=may_end)
        except AppError as error:
            log.debug("%s had ended already: %s", stream_id, error.code)


def _put_last(times_s: OrderedDict[_Key, float], key: _Key, now_s: float) -> None:
    """With the newest at the end, and not too many."""
    times_s[key] = now_s
    times_s.move_to_end(key)
    while len(times_s) > _MOST:
        times_s.popitem(last=False)


def _drop_old(times_s: OrderedDict[_Key, float], before_s: float) -> None:
    while times_s and next(iter(times_s.values())) <= before_s:
        times_s.popitem(last=False)
