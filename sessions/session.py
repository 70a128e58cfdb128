"""The thread around the runs of one session: it retries outside, `Run` works inside.

It lives from the session's start to its end: stopped, nobody watching any more, or the app going
down. A failed session lives on and heals by itself, as long as somebody asks for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import AppError, NotFound
from core.records import Problem, StreamKind, StreamState
from media.commands import PLAYLIST_NAME
from media.playlists import LiveTimeline
from sessions.backoff import LOOK_AGAIN_S, Backoff
from sessions.board import Board
from sessions.folders import served_file
from sessions.holdings import Holdings, SessionOver
from sessions.ids import stream_id_of
from sessions.run import RestartWanted, Run, Stalled
from sessions.tools import Tools
from sessions.view import StreamView
from sessions.viewers import Viewers
from sessions.watchable import Watchable

log = logging.getLogger(__name__)

_SOON_S = 3.0
_FLAPPING_S = 5.0


class Session:
    """One source being converted for any number of viewers. Safe between threads.

    `after` is released before this one touches the folder: a successor under the same id.
    """

    def __init__(
        self,
        tools: Tools,
        camera_id: int,
        profile_token: str,
        *,
        is_hevc_variant: bool,
        known_codec: str | None,
        on_end: Callable[[Session], None],
        after: Watchable | None = None,
    ) -> None:
        settings = tools.settings
        self.stream_id = stream_id_of(camera_id, profile_token, is_hevc=is_hevc_variant)
        self.camera_id = camera_id
        self.profile_token = profile_token
        self.holdings = Holdings(settings.streams_dir / self.stream_id)
        self._tools = tools
        self._is_hevc_variant = is_hevc_variant
        self._known_codec = known_codec
        self._on_end = on_end
        self._after = after
        self._started_at = tools.clock.now_utc()
        self._started_s = tools.clock.monotonic_s()
        self._board = Board(tools.clock, LiveTimeline(kept=settings.playlist_segments, segment_s=settings.segment_s))
        self._backoff = Backoff()
        self._lock = threading.Lock()
        self._viewers = Viewers(
            now_s=self._started_s, idle_end_s=settings.idle_end_s, unwatched_end_s=settings.unwatched_end_s
        )
        self._waiting = 0
        self._was_full = False
        self._is_over = False
        self._again = threading.Event()
        self._wake = threading.Event()
        self._tried_s = self._started_s
        self._thread = threading.Thread(target=self._serve, name=f"session-{self.stream_id}"[:60], daemon=True)

    def start(self) -> None:
        self._thread.start()

    # ---- for viewers -----------------------------------------------------------------------------

    def add_viewer(self) -> str | None:
        """A viewer's id; None when this session is ending and another one must be made.

        A session that failed tries again for a new viewer, unless it is about a password.
        """
        with self._lock:
            if self._is_over:
                return None
            viewer_id = self._viewers.add(self._now_s())
        error = self._board.shown().error
        is_password = error is not None and error.code == "camera_auth_failed"
        if self._board.state is StreamState.FAILED and not is_password and self._now_s() - self._tried_s > _SOON_S:
            self.retry()
        return viewer_id

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        """As Board.playlist; counts as watching, while it waits too. NotFound for another name."""
        if name != PLAYLIST_NAME:
            raise NotFound("There is no such playlist.")
        with self._lock:
            self._viewers.watch(viewer_id, self._now_s())
            self._waiting += 1
        try:
            return self._board.playlist(wait_s)
        finally:
            with self._lock:
                self._waiting -= 1
                self._viewers.watch(viewer_id, self._now_s())

    def file(self, name: str, viewer_id: str | None) -> Path:
        """NotFound unless it is a segment or init section of this session; counts as watching."""
        if self._is_over:
            raise NotFound("This stream has ended.")
        path = served_file(self.holdings.folder, name)
        with self._lock:
            self._viewers.touch(viewer_id, self._now_s())
        return path

    def leave(self, viewer_id: str) -> bool:
        """True when that was the last viewer."""
        with self._lock:
            return self._viewers.leave(viewer_id, self._now_s())

    def view(self) -> StreamView:
        shown = self._board.shown()
        with self._lock:
            viewers = self._viewers.count(self._now_s())
        plan = shown.plan
        return StreamView(
            stream_id=self.stream_id,
            camera_id=self.camera_id,
            profile_token=self.profile_token,
            kind=StreamKind.LIVE,
            status=shown.state,
            error=shown.error,
            started_at=self._started_at,
            uptime_s=self._now_s() - self._started_s,
            viewers=viewers,
            restarts=shown.restarts,
            video=shown.video,
            audio=plan.out_audio if plan is not None else None,
            transcoding=plan is not None and plan.is_transcoding,
            bitrate_kbps=shown.bitrate_kbps,
            last_segment_age_s=shown.last_segment_age_s,
            playlist_url=f"/static/streams/{self.stream_id}/{PLAYLIST_NAME}",
            segment_wait=shown.segment_wait,
            source_codec=self._known_codec,
        )

    # ---- for whoever governs it ------------------------------------------------------------------

    def retry(self) -> None:
        """Ends the run under way, if any, and tries again at once, whatever went wrong before."""
        self._backoff.forget()
        self._again.set()
        self._wake.set()

    def stop(self) -> None:
        """ffmpeg is gone and the folder removed when it answers. May be called twice."""
        self._end()
        self.holdings.release()
        self._tools.slots.give_back(self.stream_id, self.holdings)

    def join(self, timeout_s: float) -> None:
        """Waits for the thread, which may still be waiting for a device."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    @property
    def source_codec(self) -> str | None:
        """What the device was last seen, or is said, to send."""
        return self._known_codec

    @property
    def is_over(self) -> bool:
        return self._is_over

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
        self._wake.set()
        self._board.end()

    # ---- its thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            if self._after is not None:
                self._after.stop()
                self._after = None
            while True:
                self._attempt()
        except SessionOver:
            pass
        except Exception:
            log.exception("%s ended by a fault of ours", self.stream_id)
        finally:
            self.stop()
            self._on_end(self)

    def _attempt(self) -> None:
        """One run and the wait after it. SessionOver when there is to be no other."""
        self._again.clear()
        self._tried_s = self._now_s()
        self._board.begin_attempt()
        run = Run(
            self._tools,
            stream_id=self.stream_id,
            camera_id=self.camera_id,
            profile_token=self.profile_token,
            is_hevc_variant=self._is_hevc_variant,
            board=self._board,
            holdings=self.holdings,
            pause=self._pause_run,
            known_codec=self._known_codec,
            learn_codec=self._learn_codec,
            was_full=self._was_full,
        )
        wait_s = 0.0
        try:
            self._check_over()
            run.run_once()
        except RestartWanted:
            self.holdings.end_run()
            if not self._again.is_set() and run.healthy_s < _FLAPPING_S:
                wait_s = self._backoff.failed_after(run.healthy_s)
        except AppError as error:
            self.holdings.end_run(empty=error.code == "storage_full")
            wait_s = self._trouble(error, run.healthy_s)
        except OSError as error:  # the folder was taken away, or cannot be written
            self.holdings.end_run()
            log.warning("%s: %s", self.stream_id, error)
            wait_s = self._trouble(AppError("The folder for segments cannot be used.", code="storage_full"), 0.0)
        self._wait_for_next(wait_s)

    def _learn_codec(self, codec: str) -> None:
        self._known_codec = codec

    def _trouble(self, error: AppError, healthy_s: float) -> float:
        """Shows what is wrong; how long to wait before the next try."""
        problem = Problem(error.code, error.detail)
        self._tools.note_stream(self.camera_id, self.profile_token, problem)
        self._was_full = error.code == "storage_full"
        if error.code == "storage_full":
            self._board.forget_segments()
        if error.code == "camera_auth_failed":
            wait_s: float = self._tools.settings.login_retry_s + 1.0
        elif error.code in LOOK_AGAIN_S:
            wait_s = LOOK_AGAIN_S[error.code]
        else:
            wait_s = self._backoff.failed_after(healthy_s)
            state = StreamState.STALLED if isinstance(error, Stalled) else StreamState.RECONNECTING
            self._show(StreamState.FAILED if self._backoff.is_broken else state, problem, wait_s)
            return wait_s
        self._show(StreamState.FAILED, problem, wait_s)
        return wait_s

    def _show(self, state: StreamState, problem: Problem, wait_s: float) -> None:
        if not self._is_over:
            level = logging.DEBUG if self._board.shown().error == problem else logging.INFO
            log.log(
                level,
                "%s is %s (%s); next try in %.1f s",
                self.stream_id,
                state,
                problem.code,
                wait_s,
            )
            self._board.set_trouble(state, problem)

    def _pause_run(self, wait_s: float) -> None:
        """Between two looks of a run."""
        self._wake.wait(wait_s)
        self._wake.clear()
        self._check_over()
        if self._again.is_set():
            raise RestartWanted

    def _wait_for_next(self, wait_s: float) -> None:
        until_s = self._now_s() + wait_s
        while (left_s := until_s - self._now_s()) > 0 and not self._again.is_set():
            self._wake.wait(min(left_s, 0.5))
            self._wake.clear()
            self._check_over()

    def _check_over(self) -> None:
        with self._lock:
            if not self._waiting and self._viewers.is_over(self._now_s()):
                self._is_over = True
        if self._is_over:
            raise SessionOver

    def _now_s(self) -> float:
        return self._tools.clock.monotonic_s()
