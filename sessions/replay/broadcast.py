"""Where a replay's pictures go as they come: to whoever watches it over a socket, run after run.

What was sent before somebody joined is held for a moment, for a page joins right after it has started a session. One
that joins later has missed the beginning, and seeks. What it calls returns at once and must not come back to it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.records import AudioFormat, VideoFormat

FIRST_S = 40.0
_MAX_HELD_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReplayInit:
    """What a player is told before pictures of a kind. Their time line begins at `offset_s` of the run's.

    What was sent before for a later place comes again: the recorder's line broke in between. `codecs`: RFC 6381.
    """

    run: int
    codecs: str
    video: VideoFormat
    audio: AudioFormat | None
    offset_s: float
    data: bytes


@dataclass(frozen=True, slots=True)
class ReplayPart:
    """A fragment (media.fmp4.segments.Part) at `start_s` of the run's time line; `taken_utc`: its first picture."""

    run: int
    data: bytes
    start_s: float
    taken_utc: datetime
    is_key: bool


@dataclass(frozen=True, slots=True)
class ReplayEnd:
    """Nothing follows in this run."""

    run: int


@dataclass(frozen=True, slots=True)
class SegmentsOnly:
    """This run is encoded segment by segment: it is watched by its playlist, or not at all."""

    run: int


ReplayNews = ReplayInit | ReplayPart | ReplayEnd | SegmentsOnly


class ReplayListener(Protocol):
    """One viewer. Called from any thread; must return at once."""

    def on_replay_news(self, news: ReplayNews) -> None:
        """In order, and never of an earlier run than before. A part comes after the init it needs."""
        ...

    def is_full(self) -> bool:
        """Whether more waits on its way to the viewer than should: it is waited for, and the recorder with it."""
        ...


class ReplayBroadcaster:
    """Safe between threads. One listener a viewer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, ReplayListener] = {}
        self._run = 1
        self._held: list[ReplayNews] | None = []  # None: what came first is gone
        self._held_bytes = 0
        self._wanted_s = FIRST_S
        self._reached_s = 0.0

    # ---- viewers ---------------------------------------------------------------------------------

    def join(self, listener: ReplayListener, viewer_id: str) -> bool:
        """Whether it gets the present run from its beginning on; else it gets the next one."""
        with self._lock:
            held, self._held = self._held, None
            for news in held or ():
                listener.on_replay_news(news)
            self._listeners[viewer_id] = listener
            return held is not None

    def leave(self, viewer_id: str, listener: ReplayListener | None = None) -> None:
        """Nothing more is sent there. `listener`: only if that is still the viewer's."""
        with self._lock:
            if listener is None or self._listeners.get(viewer_id) is listener:
                self._listeners.pop(viewer_id, None)

    def want(self, run: int, until_s: float) -> None:
        """A viewer wants this run up to there, by its time line."""
        with self._lock:
            if run == self._run:
                self._wanted_s = max(self._wanted_s, until_s)

    def wanted_s(self, run: int) -> float:
        """How far into the run its viewers want it; FIRST_S before anybody has said so."""
        with self._lock:
            return self._wanted_s if run == self._run else FIRST_S

    def viewers(self) -> tuple[str, ...]:
        """Who is there: a viewer for as long as its socket is open."""
        with self._lock:
            return tuple(self._listeners)

    @property
    def reached_s(self) -> float:
        """How far into the present run it was sent."""
        return self._reached_s

    def is_full(self) -> bool:
        """Whether a viewer takes what it was sent more slowly than that comes."""
        with self._lock:
            return any(listener.is_full() for listener in self._listeners.values())

    # ---- the session -----------------------------------------------------------------------------

    def begin_run(self, run: int) -> None:
        """What is told of earlier ones is dropped from now on. The run's first news begins it as well."""
        with self._lock:
            self._begin(run)

    def tell(self, news: ReplayNews) -> None:
        with self._lock:
            self._begin(news.run)
            if news.run != self._run:
                return
            if isinstance(news, ReplayPart):
                self._reached_s = news.start_s
            for listener in self._listeners.values():
                listener.on_replay_news(news)
            if self._held is not None:
                self._held.append(news)
                self._held_bytes += len(news.data) if isinstance(news, ReplayInit | ReplayPart) else 0
                if self._held_bytes > _MAX_HELD_BYTES:
                    self._held = None

    def _begin(self, run: int) -> None:
        if run > self._run:
            self._run, self._wanted_s, self._reached_s = run, FIRST_S, 0.0
            self._held, self._held_bytes = (None if self._listeners else []), 0
