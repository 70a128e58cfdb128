"""The base of live and replay sessions: viewers, a thread that retries, and an end.

The stream manager knows sessions by this class.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from core.errors import AppError
from sessions.backoff import FIXED_WAIT_S, session_backoff
from sessions.context import SessionContext
from sessions.errors import SessionOver
from sessions.view import StreamView
from sessions.viewers import Viewers

log = logging.getLogger(__name__)


class BaseSession(ABC):
    """Safe between threads. Its thread calls `on_end` once the session has ended.

    `profile_token`: the media profile of a live session; empty for a replay.
    """

    def __init__(
        self,
        context: SessionContext,
        stream_id: str,
        camera_id: int,
        profile_token: str,
        *,
        on_end: Callable[[BaseSession], None],
    ) -> None:
        settings = context.settings
        now_s = context.clock.monotonic_s()
        self.stream_id = stream_id
        self.camera_id = camera_id
        self.profile_token = profile_token
        self._context = context
        self._on_end = on_end
        self._backoff = session_backoff()
        self._lock = threading.Lock()
        self._viewers = Viewers(now_s=now_s, idle_end_s=settings.idle_end_s, unwatched_end_s=settings.unwatched_end_s)
        self._waiting = 0  # requests that wait for a playlist or a seek
        self._last_fetch_s = now_s
        self._is_over = False
        self._retry_requested = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"session-{stream_id}"[:60], daemon=True)

    def start(self) -> None:
        self._thread.start()

    # ---- for viewers -----------------------------------------------------------------------------

    def add_viewer(self, viewer_id: str | None = None) -> str | None:
        """Return a new viewer's id (`viewer_id` if it has one), or None if this session is ending.

        In a live session: a viewer of HLS.
        """
        with self._lock:
            return None if self._is_over else self._viewers.add(self._now_s(), viewer_id)

    def leave(self, viewer_ids: Collection[str], *, may_end: bool = True) -> bool:
        """Remove viewers. Return True if none is left: the session is over then, and the next viewer gets another one.

        With `may_end` False it continues in any case: the caller knows of a viewer that is not counted here.
        """
        with self._lock:
            for viewer_id in viewer_ids:
                self._remove_viewer(viewer_id)
            if may_end and not self._has_viewers():
                self._is_over = True
            is_over = self._is_over
        self._wake.set()
        return is_over

    @abstractmethod
    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        """Return a playlist, waiting up to wait_s for its first segment. Counts as watching.

        Raises NotFound once stopped, or for a name that is not a playlist's; Unavailable if there is no segment in
        time, or immediately if the session has failed.
        """

    @abstractmethod
    def file(self, name: str, viewer_id: str | None) -> Path:
        """Return the path of a segment or init section. Counts as watching. Raises NotFound for other names."""

    @abstractmethod
    def view(self) -> StreamView: ...

    # ---- for the stream manager ------------------------------------------------------------------

    @property
    @abstractmethod
    def source_codec(self) -> str | None:
        """The codec that the device was last seen to send, or is known to send."""

    @property
    def is_over(self) -> bool:
        return self._is_over

    def retry(self) -> None:
        """End the current attempt and connect again immediately, whatever failed before."""
        self._backoff.forget()
        self._retry_requested.set()
        self._wake.set()

    def stop(self) -> None:
        """End the session: on return its processes and device sessions have ended and its folder is removed.

        May be called twice.
        """
        with self._lock:
            self._is_over = True
        self._wake.set()
        self._release()

    def join(self, timeout_s: float) -> None:
        """Wait for the session's thread, which may still be waiting for a device."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    # ---- its thread ------------------------------------------------------------------------------

    @abstractmethod
    def _attempt(self) -> None:
        """Try once, and wait until the next try is due. Raises SessionOver if there is to be no next one."""

    @abstractmethod
    def _recover(self, error: AppError) -> None:
        """Release what a broken attempt holds, show the error, and wait for the next try. Raises SessionOver."""

    @abstractmethod
    def _release(self) -> None:
        """Release everything, from any thread; may be called twice."""

    def _serve(self) -> None:
        try:
            while True:
                self._attempt_and_recover()
        except SessionOver:
            pass
        finally:
            self.stop()
            self._on_end(self)

    def _attempt_and_recover(self) -> None:
        try:
            self._attempt()
        except SessionOver:
            raise
        except Exception:  # the top of the thread: a bug of ours must not look like a stop by a user
            log.exception("%s failed by a fault of ours", self.stream_id)
            self._recover(AppError("Something went wrong here. It is in the app's log."))

    def _fixed_wait_s(self, error: AppError) -> float | None:
        """Return the seconds until the next try for errors that have a fixed wait; None for all others."""
        if error.code == "camera_auth_failed":
            return self._context.settings.login_retry_s + 1.0
        return FIXED_WAIT_S.get(error.code)

    def _sleep(self, wait_s: float) -> None:
        """Wait so long, or until there is news. Raises SessionOver if the session is to end."""
        self._wake.wait(wait_s)
        self._wake.clear()
        self._check_over()

    def _wait_for_next(self, wait_s: float, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Wait until the next try is due, retry() was called, or the try is not wanted any more."""
        until_s = self._now_s() + wait_s
        while (left_s := until_s - self._now_s()) > 0 and not self._retry_requested.is_set() and is_wanted():
            self._sleep(min(left_s, 0.5))

    def _check_over(self) -> None:
        """Raise SessionOver if the session was stopped or is not watched any more."""
        with self._lock:
            if not self._waiting and self._is_unwatched():
                self._is_over = True
        if self._is_over:
            raise SessionOver

    # ---- viewers, with the lock held -------------------------------------------------------------

    @abstractmethod
    def _remove_viewer(self, viewer_id: str) -> None: ...

    @abstractmethod
    def _has_viewers(self) -> bool: ...

    @abstractmethod
    def _is_unwatched(self) -> bool:
        """True if the session has had no viewer for so long that it may end."""

    # ---- viewers, without the lock ---------------------------------------------------------------

    def _note_viewer(self, viewer_id: str | None) -> None:
        """Note that a viewer watches; None stands for a player without an id."""
        with self._lock:
            self._last_fetch_s = self._now_s()
            self._viewers.watch(viewer_id, self._last_fetch_s)

    def _note_fetch(self, viewer_id: str | None) -> None:
        """Note that a file was fetched: keeps the session alive, and this viewer if it is known."""
        with self._lock:
            self._last_fetch_s = self._now_s()
            self._viewers.touch(viewer_id, self._last_fetch_s)

    @contextlib.contextmanager
    def _watches(self, viewer_id: str | None) -> Iterator[None]:
        """Count a viewer while its request waits, and from the answer on."""
        self._note_viewer(viewer_id)
        try:
            with self._waits():
                yield
        finally:
            self._note_viewer(viewer_id)

    @contextlib.contextmanager
    def _waits(self) -> Iterator[None]:
        """Keep the session alive while a request waits for a frame."""
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _now_s(self) -> float:
        return self._context.clock.monotonic_s()
