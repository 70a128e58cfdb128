"""What a live session and a replay have in common: viewers, a thread that retries, and an end.

The stream manager knows sessions by this class alone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from core.errors import AppError
from sessions.backoff import LOOK_AGAIN_S, Backoff
from sessions.context import SessionContext
from sessions.errors import SessionOver
from sessions.view import StreamView
from sessions.viewers import Viewers

log = logging.getLogger(__name__)


class BaseSession(ABC):
    """Safe between threads. `on_end` is called once it has ended, by its thread.

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
        self.stream_id = stream_id
        self.camera_id = camera_id
        self.profile_token = profile_token
        self._context = context
        self._on_end = on_end
        self._started_at = context.clock.now_utc()
        self._started_s = context.clock.monotonic_s()
        self._backoff = Backoff()
        self._lock = threading.Lock()
        self._viewers = Viewers(
            now_s=self._started_s, idle_end_s=settings.idle_end_s, unwatched_end_s=settings.unwatched_end_s
        )
        self._waiting = 0
        self._last_wanted_s = self._started_s
        self._is_over = False
        self._again = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"session-{stream_id}"[:60], daemon=True)

    def start(self) -> None:
        self._thread.start()

    # ---- for viewers -----------------------------------------------------------------------------

    def add_viewer(self) -> str | None:
        """A viewer's id; None when this session is ending."""
        with self._lock:
            return None if self._is_over else self._viewers.add(self._now_s())

    def leave(self, viewer_ids: Collection[str], *, may_end: bool = True) -> bool:
        """These are viewers no more. True when that leaves nobody: it is over then, and who comes now gets another one.

        not may_end: somebody is known to watch who may not be counted.
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
        """Counts as watching, while it waits too. NotFound once stopped, or for another name;
        Unavailable while there is no segment, or at once when the session has failed."""

    @abstractmethod
    def file(self, name: str, viewer_id: str | None) -> Path:
        """NotFound unless it is a segment or init section of this session; counts as watching."""

    @abstractmethod
    def view(self) -> StreamView: ...

    # ---- for whoever governs it ------------------------------------------------------------------

    @property
    @abstractmethod
    def source_codec(self) -> str | None:
        """What the media profile was last seen, or is said, to send."""

    @property
    def is_over(self) -> bool:
        return self._is_over

    def retry(self) -> None:
        """Ends what is under way, if anything, and connects again at once, whatever went wrong before."""
        self._backoff.forget()
        self._again.set()
        self._wake.set()

    def stop(self) -> None:
        """Its processes and device sessions are gone and the folder removed when it answers. May be called twice."""
        with self._lock:
            self._is_over = True
        self._wake.set()
        self._release()

    def join(self, timeout_s: float) -> None:
        """Waits for the thread, which may still be waiting for a device."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    # ---- its thread ------------------------------------------------------------------------------

    @abstractmethod
    def _attempt(self) -> None:
        """One try and the wait after it. SessionOver when there is to be no other."""

    @abstractmethod
    def _recover(self, error: AppError) -> None:
        """An attempt broke off anywhere: gives back what it held, shows why, and waits for the next. SessionOver."""

    @abstractmethod
    def _release(self) -> None:
        """Gives back everything; may be called twice."""

    def _serve(self) -> None:
        try:
            while True:
                self._attempt_whatever_happens()
        except SessionOver:
            pass
        finally:
            self.stop()
            self._on_end(self)

    def _attempt_whatever_happens(self) -> None:
        try:
            self._attempt()
        except SessionOver:
            raise
        except Exception:  # the top of the thread: a fault of ours must not look as if somebody had stopped it
            log.exception("%s broke off by a fault of ours", self.stream_id)
            self._recover(AppError("Something went wrong here. It is in the app's log."))

    def _fixed_wait_s(self, error: AppError) -> float | None:
        """How long until it looks again, where the reason says it; None where trying again may help."""
        if error.code == "camera_auth_failed":
            return self._context.settings.login_retry_s + 1.0
        return LOOK_AGAIN_S.get(error.code)

    def _sleep(self, wait_s: float) -> None:
        """So long, or until there is news. SessionOver where it is to end."""
        self._wake.wait(wait_s)
        self._wake.clear()
        self._check_over()

    def _wait_for_next(self, wait_s: float, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Until the next try is due, `retry()` was called, or the try is not wanted any more."""
        until_s = self._now_s() + wait_s
        while (left_s := until_s - self._now_s()) > 0 and not self._again.is_set() and is_wanted():
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
        """This viewer watches; None stands for a player without an id."""
        with self._lock:
            self._last_wanted_s = self._now_s()
            self._viewers.watch(viewer_id, self._last_wanted_s)

    def _note_fetch(self, viewer_id: str | None) -> None:
        """A file was fetched: keeps the session alive, and this viewer if it is known."""
        with self._lock:
            self._last_wanted_s = self._now_s()
            self._viewers.touch(viewer_id, self._last_wanted_s)

    @contextlib.contextmanager
    def _watches(self, viewer_id: str | None) -> Iterator[None]:
        """That viewer watches, for as long as it waits and from its answer on."""
        self._note_viewer(viewer_id)
        try:
            with self._waits():
                yield
        finally:
            self._note_viewer(viewer_id)

    @contextlib.contextmanager
    def _waits(self) -> Iterator[None]:
        """Whoever waits for a picture keeps the session alive."""
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _now_s(self) -> float:
        return self._context.clock.monotonic_s()
