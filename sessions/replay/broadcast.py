"""Sends a replay's parts to viewers on sockets as they arrive, run after run.

The beginning of a run is held until its first viewer joins, because a page joins right after it has started the
session. A viewer that joins later has missed the beginning: it receives nothing before the next run, and seeks.
Listeners must return immediately and must not call back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.records import AudioFormat, VideoFormat

REQUESTED_AHEAD_S = 40.0
"""How much of a run is sent before a viewer has requested more, in seconds of playing time.

The page always requests as much more than it has shown: the constant of the same name in
static/js/components/run-engine.js must be equal. ReplaySession.request_until() concludes from a request how far the
page has shown the run.
"""
_MAX_HELD_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReplayInit:
    """The init section of the parts that follow. Their time line begins at `offset_s` of the run's.

    Parts at a later place that were sent already come again: the connection to the recorder was lost in between.
    `codecs` as in RFC 6381.
    """

    run: int
    codecs: str
    video: VideoFormat
    audio: AudioFormat | None
    offset_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class ReplayPart:
    """A fragment (media.fmp4 Part) at `start_s` of the run's time line.

    `recorded_utc`: the recording time of its first frame, in true UTC.
    """

    run: int
    data: bytes
    start_s: float
    recorded_utc: datetime
    is_key: bool


@dataclass(frozen=True, slots=True)
class ReplayEnd:
    """Nothing follows in this run."""

    run: int


@dataclass(frozen=True, slots=True)
class SegmentsOnly:
    """This run is encoded segment by segment: it can only be watched by its playlist."""

    run: int


ReplayNews = ReplayInit | ReplayPart | ReplayEnd | SegmentsOnly


class ReplayListener(Protocol):
    """One viewer. Called from any thread; must return immediately. Implemented by web.live.replay.ReplayWatch."""

    __slots__ = ()

    def on_replay_news(self, news: ReplayNews) -> None:
        """In order, and never of an earlier run than before. A part comes after the init section that it needs."""
        ...

    def is_full(self) -> bool:
        """True if too much waits on its way to the viewer: the session then waits, and makes the recorder wait."""
        ...


class ReplayBroadcaster:
    """Safe between threads. One listener per viewer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, ReplayListener] = {}
        self._late: set[str] = set()  # viewers that have missed the beginning of the run
        self._run = 1
        self._held: list[ReplayNews] | None = []  # None: the beginning of the run is not held any more
        self._held_bytes = 0
        self._requested_s = REQUESTED_AHEAD_S
        self._sent_s = 0.0

    # ---- viewers ---------------------------------------------------------------------------------

    def join(self, listener: ReplayListener, viewer_id: str) -> bool:
        """Return True if the listener gets the current run from its beginning.

        False if the beginning is not held any more: the listener gets nothing before the next run, because it would
        need the init section of this one.
        """
        with self._lock:
            held, self._held = self._held, None
            for news in held or ():
                listener.on_replay_news(news)
            self._listeners[viewer_id] = listener
            if held is None:
                self._late.add(viewer_id)
            return held is not None

    def leave(self, viewer_id: str, listener: ReplayListener | None = None) -> None:
        """Send nothing more to this viewer; with `listener`, only if that is still the viewer's."""
        with self._lock:
            if listener is None or self._listeners.get(viewer_id) is listener:
                self._listeners.pop(viewer_id, None)
                self._late.discard(viewer_id)

    def request(self, run: int, until_s: float) -> None:
        """A viewer requests a run up to this playing time."""
        with self._lock:
            if run == self._run:
                self._requested_s = max(self._requested_s, until_s)

    def requested_s(self, run: int) -> float:
        """Return up to which playing time viewers have requested a run."""
        with self._lock:
            return self._requested_s if run == self._run else REQUESTED_AHEAD_S

    def viewers(self) -> tuple[str, ...]:
        """Return the ids of all viewers. A viewer stays as long as its socket is open."""
        with self._lock:
            return tuple(self._listeners)

    @property
    def sent_s(self) -> float:
        """Up to which playing time the current run was sent."""
        return self._sent_s

    def is_full(self) -> bool:
        """True if a viewer receives more slowly than the run is sent."""
        with self._lock:
            return any(listener.is_full() for listener in self._listeners.values())

    # ---- the session -----------------------------------------------------------------------------

    def begin_run(self, run: int) -> None:
        """From now on, ignore news of earlier runs."""
        with self._lock:
            self._begin(run)

    def send(self, news: ReplayNews) -> None:
        with self._lock:
            self._begin(news.run)
            if news.run != self._run:
                return
            if isinstance(news, ReplayPart):
                self._sent_s = news.start_s
            for viewer_id, listener in self._listeners.items():
                if viewer_id not in self._late:
                    listener.on_replay_news(news)
            if self._held is not None:
                self._held.append(news)
                self._held_bytes += len(news.data) if isinstance(news, ReplayInit | ReplayPart) else 0
                if self._held_bytes > _MAX_HELD_BYTES:
                    self._held = None

    def _begin(self, run: int) -> None:
        if run > self._run:
            self._run, self._requested_s, self._sent_s = run, REQUESTED_AHEAD_S, 0.0
            self._held, self._held_bytes = (None if self._listeners else []), 0
            self._late.clear()
