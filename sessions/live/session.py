"""A live session: one media profile of a camera as HLS and as fragments, or as small video, for any number of viewers.

The session's thread makes one LiveAttempt after another, each with one feed. A session ends when it is
stopped, when it has no viewers any more, or when the app stops. A failed session continues to try as long as it has
viewers.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import AppError, NotFound, StorageFull
from core.records import Problem, StreamState
from media.commands import PLAYLIST_NAME
from media.hls.live_playlist import LiveTimeline
from sessions.base import BaseSession
from sessions.context import SessionContext
from sessions.errors import RestartWanted, SessionOver, Stalled
from sessions.folders import served_file
from sessions.ids import LiveStreamKey
from sessions.live.attempt import LiveAttempt
from sessions.live.broadcast import FragmentBroadcaster, LiveListener
from sessions.live.fragment_output import FragmentOutput
from sessions.live.hls_output import HlsOutput
from sessions.live.key_frames import KeyFrameRequests
from sessions.live.output import SessionOutput
from sessions.live.resources import SessionResources
from sessions.live.small_output import SmallOutput
from sessions.live.status import SessionStatus
from sessions.view import StreamView

log = logging.getLogger(__name__)

_RETRY_FOR_VIEWER_S = 3.0
_FLAPPING_S = 5.0
_SEND_STATE_EVERY_S = 2.0


class LiveSession(BaseSession):
    """Safe between threads.

    `after` is the session that had this stream id before: it is stopped before this one uses the folder.
    """

    def __init__(
        self,
        context: SessionContext,
        key: LiveStreamKey,
        *,
        known_codec: str | None,
        on_end: Callable[[BaseSession], None],
        after: BaseSession | None = None,
    ) -> None:
        settings = context.settings
        super().__init__(context, key.stream_id, key.camera_id, key.profile_token, on_end=on_end)
        self._key = key
        self._after = after
        timeline = LiveTimeline(kept=settings.playlist_segments, segment_s=settings.segment_s)
        self._status = SessionStatus(context.clock, key, timeline, known_codec)
        self.resources = SessionResources(settings.streams_dir / key.stream_id)
        self._broadcaster = FragmentBroadcaster(context.clock)
        self._hls = HlsOutput(context, key, self._status, self.resources, self._viewers)
        self._outputs: tuple[SessionOutput, ...] = (
            (SmallOutput(context, key, self._status, self.resources, self._broadcaster),)
            if key.is_small
            else (self._hls, FragmentOutput(context, self._status, self._broadcaster))
        )
        self._key_frames = KeyFrameRequests(context, key)
        self._sending_state = threading.Lock()
        self._sent_state: tuple[object, ...] = ()
        self._sent_state_s = 0.0
        self._tried_s = self._now_s()

    # ---- for viewers -----------------------------------------------------------------------------

    def add_viewer(self, viewer_id: str | None = None) -> str | None:
        """Add a viewer of HLS. Return its id, or None if this session is ending and another one must be made.

        A failed session tries again for a new viewer, unless the device has refused the password.
        """
        with self._lock:
            if self._is_over:
                return None
            viewer_id = self._viewers.add(self._now_s(), viewer_id)
            self._hls.request()
        self._wake.set()
        self._retry_for_new_viewer()
        return viewer_id

    def add_listener(self, listener: LiveListener, *, wants_audio: bool, at_next_key_frame: bool) -> str | None:
        """Add a viewer of fragments. Return its id, or None if this session is ending."""
        wants_audio = wants_audio and not self._key.is_small
        with self._lock:
            if self._is_over:
                return None
            viewer_id = secrets.token_urlsafe(12)
            awaits_key_frame = self._broadcaster.join(
                listener, viewer_id, wants_audio=wants_audio, at_next_key_frame=at_next_key_frame
            )
        if awaits_key_frame:
            self._key_frames.want()
        with self._sending_state:
            listener.on_live_state(self.view())
        self._retry_for_new_viewer()
        self._wake.set()
        return viewer_id

    def _retry_for_new_viewer(self) -> None:
        error = self._status.error
        is_password = error is not None and error.code == "camera_auth_failed"
        is_due = self._now_s() - self._tried_s > _RETRY_FOR_VIEWER_S
        if self._status.state is StreamState.FAILED and not is_password and is_due:
            self.retry()

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        if name != PLAYLIST_NAME or self._key.is_small:
            raise NotFound("There is no such playlist.")
        with self._watches(viewer_id):
            if self._hls.request():
                self._wake.set()
            return self._status.playlist(wait_s)

    def file(self, name: str, viewer_id: str | None) -> Path:
        if self._is_over:
            raise NotFound("This stream has ended.")
        path = served_file(self.resources.folder, name)
        self._note_fetch(viewer_id)
        return path

    def view(self) -> StreamView:
        with self._lock:
            viewers = sum(output.viewer_count() for output in self._outputs)
        return self._status.view(viewers)

    # ---- for the stream manager ------------------------------------------------------------------

    @property
    def source_codec(self) -> str | None:
        return self._status.source_codec

    # ---- viewers, with the lock held -------------------------------------------------------------

    def _remove_viewer(self, viewer_id: str) -> None:
        for output in self._outputs:
            output.remove_viewer(viewer_id)

    def _has_viewers(self) -> bool:
        return any(output.viewer_count() for output in self._outputs)

    def _is_unwatched(self) -> bool:
        for output in self._outputs:
            output.check_idle()
        return not any(output.is_wanted for output in self._outputs)

    # ---- its thread ------------------------------------------------------------------------------

    def _attempt(self) -> None:
        """Try once, and wait until the next attempt is due. Raises SessionOver if there is to be no next one."""
        if self._after is not None:
            self._after.stop()
            self._after = None
        self._retry_requested.clear()
        self._tried_s = self._now_s()
        self._status.begin_attempt()
        attempt = LiveAttempt(
            self._context,
            self._key,
            status=self._status,
            resources=self.resources,
            outputs=self._outputs,
            key_frames=self._key_frames,
        )
        wait_s = 0.0
        try:
            self._check_over()
            attempt.connect()
            while True:
                self._pause_attempt(attempt.step())
        except RestartWanted:
            self._end_attempt()
            if not self._retry_requested.is_set() and attempt.healthy_s < _FLAPPING_S:
                wait_s = self._backoff.failed_after(attempt.healthy_s)
        except AppError as error:
            self._end_attempt(empty=error.code == StorageFull.code)
            wait_s = self._handle_failure(error, attempt.healthy_s)
        except OSError as error:  # the folder was taken away, or cannot be written
            self._end_attempt()
            log.warning("%s: %s", self.stream_id, error)
            wait_s = self._handle_failure(StorageFull("The folder for segments cannot be used."), 0.0)
        self._wait_for_next(wait_s)

    def _recover(self, error: AppError) -> None:
        self._end_attempt()
        self._wait_for_next(self._handle_failure(error, 0.0))

    def _release(self) -> None:
        self._status.end()
        self._broadcaster.detach()
        self._send_state()
        self.resources.release()
        self._context.slots.give_back(self.stream_id, self.resources)

    def _pause_attempt(self, wait_s: float) -> None:
        """Wait between two steps of an attempt. Raises RestartWanted after retry(), or SessionOver."""
        self._send_state()
        self._sleep(wait_s)
        if self._retry_requested.is_set():
            raise RestartWanted

    def _end_attempt(self, *, empty: bool = False) -> None:
        for output in self._outputs:
            output.end_attempt()
        self.resources.end_attempt(empty=empty)

    def _handle_failure(self, error: AppError, healthy_s: float) -> float:
        """Show the error. Return the seconds to wait before the next try. Raise SessionOver after a stop."""
        if self._is_over:
            raise SessionOver
        problem = Problem(error.code, error.detail)
        if not self._key.is_small:  # a channel without small video is no fault
            self._context.cameras.note_stream(self.camera_id, self.profile_token, problem)
        for output in self._outputs:
            output.note_failure(error)
        wait_s = self._fixed_wait_s(error)
        if wait_s is not None:
            self._show_problem(StreamState.FAILED, problem, wait_s)
            return wait_s
        wait_s = self._backoff.failed_after(healthy_s)
        state = StreamState.STALLED if isinstance(error, Stalled) else StreamState.RECONNECTING
        self._show_problem(StreamState.FAILED if self._backoff.is_broken else state, problem, wait_s)
        return wait_s

    def _show_problem(self, state: StreamState, problem: Problem, wait_s: float) -> None:
        if not self._is_over:
            level = logging.DEBUG if self._status.error == problem else logging.INFO
            log.log(level, "%s is %s (%s); next try in %.1f s", self.stream_id, state, problem.code, wait_s)
            self._status.set_problem(state, problem)
            self._send_state()

    def _send_state(self) -> None:
        """Send the session's state to viewers on sockets: immediately after a change, otherwise every 2 seconds.

        From the session's thread and the thread that stops it. With the lock, "stopped" comes last.
        """
        if self._broadcaster.count() == 0:
            return
        with self._sending_state:
            view = self.view()
            state = (view.status, view.error, view.waiting_for, view.source_codec)
            if state != self._sent_state or self._now_s() - self._sent_state_s > _SEND_STATE_EVERY_S:
                self._sent_state, self._sent_state_s = state, self._now_s()
                self._broadcaster.send_state(view)
