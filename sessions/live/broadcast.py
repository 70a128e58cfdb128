"""Sends a live session's fragments to all viewers on sockets, from the last key frame on.

It lives as long as the session, so that viewers stay through a reconnect. The fragments since the last key frame are
held, so that a new viewer gets a frame immediately. Listeners must return immediately and must not call back.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.clock import Clock
from media.fmp4.live import FragmentSink, LiveFragment, LiveInit
from media.rtsp.live.session_pool import GatewayFeed
from sessions.view import StreamView

__all__ = ["FragmentBroadcaster", "LiveFragment", "LiveInit", "LiveListener"]

_MAX_HELD_BYTES = 12 * 1024 * 1024


class LiveListener(Protocol):
    """One viewer. Called from any thread; must return immediately. Implemented by web.live.live_watch.LiveWatch."""

    __slots__ = ()

    def on_live_init(self, init: LiveInit) -> None:
        """Before the first fragment, and again when the parameter sets change."""
        ...

    def on_live_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        """In order. A listener's first fragments begin with a key frame, and so do the first after an init section."""
        ...

    def on_live_state(self, view: StreamView) -> None:
        """The session's state has changed; the last one is stopped."""
        ...


@dataclass(frozen=True, slots=True)
class _Viewer:
    viewer_id: str
    wants_audio: bool


class FragmentBroadcaster(FragmentSink):
    """The sink of the feed's fragments. Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: dict[LiveListener, _Viewer] = {}
        self._awaits_key: set[LiveListener] = set()
        self._init: LiveInit | None = None
        self._held: deque[LiveFragment] = deque()
        self._held_bytes = 0
        self._feed: GatewayFeed | None = None
        self._origin_s: float | None = None
        self._fragment_s: float | None = None

    # ---- viewers ---------------------------------------------------------------------------------

    def join(
        self, listener: LiveListener, viewer_id: str, *, wants_audio: bool, at_next_key_frame: bool = False
    ) -> bool:
        """Send fragments to this listener: those since the last key frame, if they are held, and all new ones.

        Otherwise, and with `at_next_key_frame`, it gets its first fragment with the next key frame. Return True if the
        stream runs and the listener waits for that.
        """
        with self._lock:
            self._listeners[listener] = _Viewer(viewer_id, wants_audio)
            if wants_audio and self._feed is not None:
                self._feed.enable_audio()
            if self._init is None:
                return False
            listener.on_live_init(self._init)
            if self._held and not at_next_key_frame:
                listener.on_live_fragments(tuple(self._held))
                return False
            self._awaits_key.add(listener)
            return True

    def leave(self, listener: LiveListener) -> None:
        """Send nothing more to this listener. Unknown ones are ignored."""
        with self._lock:
            self._remove(listener)

    def count(self) -> int:
        return len(self._listeners)

    def remove_viewer(self, viewer_id: str) -> None:
        """Send nothing more to this viewer's listeners."""
        with self._lock:
            for listener in [one for one, viewer in self._listeners.items() if viewer.viewer_id == viewer_id]:
                self._remove(listener)

    def send_state(self, view: StreamView) -> None:
        with self._lock:
            for listener in self._listeners:
                listener.on_live_state(view)

    # ---- the session's thread --------------------------------------------------------------------

    @property
    def fragment_s(self) -> float | None:
        """When the last fragment was complete, by our monotonic clock."""
        return self._fragment_s

    def attach(self, feed: GatewayFeed) -> None:
        """Take fragments from this feed, on the time line of the feed before, unless it is attached already."""
        with self._lock:
            if self._feed is feed:
                return
            self._feed = feed
            self._fragment_s = None
            wants_audio = any(viewer.wants_audio for viewer in self._listeners.values())
        feed.open_fragments(self, origin_s=self._origin_s)
        if wants_audio:
            feed.enable_audio()

    def detach(self) -> None:
        """The feed is being closed: forget the held fragments, which are too old for new viewers. From any thread."""
        with self._lock:
            if self._feed is not None:
                self._origin_s = self._feed.fragments_origin_s() or self._origin_s
            self._feed = None
            self._forget()

    # ---- fmp4.live.FragmentSink, in the gateway's thread -----------------------------------------

    def on_init(self, init: LiveInit) -> None:
        with self._lock:
            self._init = init
            self._held.clear()
            self._held_bytes = 0
            for listener in self._listeners:
                listener.on_live_init(init)

    def on_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        with self._lock:
            self._fragment_s = self._clock.monotonic_s()
            for piece in fragments:
                self._hold(piece)
            from_key = fragments_from_first_key(fragments) if self._awaits_key else ()
            for listener in self._listeners:
                if listener not in self._awaits_key:
                    listener.on_live_fragments(fragments)
                elif from_key:
                    listener.on_live_fragments(from_key)
            if from_key:
                self._awaits_key.clear()

    def on_end(self) -> None:
        with self._lock:
            self._forget()

    # ---- inside, with the lock held --------------------------------------------------------------

    def _hold(self, piece: LiveFragment) -> None:
        if piece.is_key:
            self._held.clear()
            self._held_bytes = 0
        elif not self._held:
            return  # too much since the last key frame was held: a new viewer waits for the next one
        self._held.append(piece)
        self._held_bytes += piece.size
        if self._held_bytes > _MAX_HELD_BYTES:
            self._held.clear()

    def _remove(self, listener: LiveListener) -> None:
        self._listeners.pop(listener, None)
        self._awaits_key.discard(listener)

    def _forget(self) -> None:
        self._init = None
        self._held.clear()
        self._held_bytes = 0


def fragments_from_first_key(fragments: Sequence[LiveFragment]) -> Sequence[LiveFragment]:
    """Return the fragments from the first key frame on, or () without one."""
    first = next((index for index, piece in enumerate(fragments) if piece.is_key), None)
    return () if first is None else fragments[first:]
