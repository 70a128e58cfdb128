"""The thread around the runs of one session: it retries outside, `Run` works inside.

It lives from the session's start to its end: stopped, nobody watching any more, or the app going
down. A failed session lives on and heals by itself, as long as somebody asks for it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from core.errors import AppError, NotFound
from core.records import Problem, StreamKind, StreamState
from media.commands import PLAYLIST_NAME
from media.hls.live_playlist import LiveTimeline
from sessions.base import BaseSession
from sessions.context import SessionContext
from sessions.errors import RestartWanted, Stalled
from sessions.folders import served_file
from sessions.ids import stream_id_of
from sessions.live.broadcast import FragmentBroadcaster, LiveListener
from sessions.live.resources import SessionResources
from sessions.live.run import Run, Wants
from sessions.live.status import SessionStatus
from sessions.view import StreamView

log = logging.getLogger(__name__)

_SOON_S = 3.0
_FLAPPING_S = 5.0
_TELL_EVERY_S = 2.0


class Session(BaseSession):
    """One source being converted for any number of viewers. Safe between threads.

    `after` is released before this one touches the folder: a successor under the same id.
    """

    def __init__(
        self,
        context: SessionContext,
        camera_id: int,
        profile_token: str,
        *,
        is_hevc_variant: bool,
        known_codec: str | None,
        on_end: Callable[[BaseSession], None],
        after: BaseSession | None = None,
    ) -> None:
        settings = context.settings
        stream_id = stream_id_of(camera_id, profile_token, is_hevc=is_hevc_variant)
        super().__init__(context, stream_id, camera_id, profile_token, on_end=on_end)
        self.resources = SessionResources(settings.streams_dir / stream_id)
        self._is_hevc_variant = is_hevc_variant
        self._known_codec = known_codec
        self._after = after
        self._status = SessionStatus(
            context.clock, LiveTimeline(kept=settings.playlist_segments, segment_s=settings.segment_s)
        )
        self._broadcaster = FragmentBroadcaster(context.clock)
        self._wants_segments = False  # somebody has asked for HLS, and fetches it
        self._told: tuple[object, ...] = ()
        self._told_s = 0.0
        self._was_full = False
        self._tried_s = self._started_s

    # ---- for viewers -----------------------------------------------------------------------------

    def add_viewer(self) -> str | None:
        """A viewer's id; None when this session is ending and another one must be made.

        A session that failed tries again for a new viewer, unless it is about a password.
        """
        with self._lock:
            if self._is_over:
                return None
            viewer_id = self._viewers.add(self._now_s())
            self._want_segments()
        self._try_again_for_a_new_viewer()
        return viewer_id

    def add_live(self, listener: LiveListener, *, wants_audio: bool, from_last_key_frame: bool) -> str | None:
        """A viewer who is sent fragments: its id, or None when this session is ending."""
        with self._lock:
            if self._is_over:
                return None
            viewer_id = secrets.token_urlsafe(12)
            self._broadcaster.join(
                listener, viewer_id, wants_audio=wants_audio, from_last_key_frame=from_last_key_frame
            )
        listener.on_live_state(self.view())
        self._try_again_for_a_new_viewer()
        self._wake.set()
        return viewer_id

    def _want_segments(self) -> None:
        if not self._wants_segments:
            self._wants_segments = True
            self._wake.set()

    def _try_again_for_a_new_viewer(self) -> None:
        error = self._status.shown().error
        is_password = error is not None and error.code == "camera_auth_failed"
        if self._status.state is StreamState.FAILED and not is_password and self._now_s() - self._tried_s > _SOON_S:
            self.retry()

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        """As SessionStatus.playlist; counts as watching, while it waits too. NotFound for another name."""
        if name != PLAYLIST_NAME:
            raise NotFound("There is no such playlist.")
        self._want_segments()
        with self._watches(viewer_id):
            return self._status.playlist(wait_s)

    def file(self, name: str, viewer_id: str | None) -> Path:
        """NotFound unless it is a segment or init section of this session; counts as watching."""
        if self._is_over:
            raise NotFound("This stream has ended.")
        path = served_file(self.resources.folder, name)
        self._touch(viewer_id)
        return path

    def view(self) -> StreamView:
        shown = self._status.shown()
        with self._lock:
            viewers = self._viewers.count(self._now_s()) + self._broadcaster.count()
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
            audio=shown.audio,
            transcoding=shown.is_transcoding,
            bitrate_kbps=shown.bitrate_kbps,
            last_segment_age_s=shown.last_segment_age_s,
            playlist_url=f"/static/streams/{self.stream_id}/{PLAYLIST_NAME}",
            segment_wait=shown.segment_wait,
            source_codec=self._known_codec,
        )

    # ---- for whoever governs it ------------------------------------------------------------------

    @property
    def source_codec(self) -> str | None:
        """What the device was last seen, or is said, to send."""
        return self._known_codec

    # ---- its thread ------------------------------------------------------------------------------

    def _drop(self, viewer_id: str) -> None:
        super()._drop(viewer_id)
        self._broadcaster.drop(viewer_id)
        if not super()._has_viewers():
            self._wants_segments = False

    def _has_viewers(self) -> bool:
        """Of HLS or of fragments."""
        return super()._has_viewers() or self._broadcaster.count() > 0

    def _is_unwatched(self, *, is_complete: bool) -> bool:
        if not self._wants_segments or super()._is_unwatched(is_complete=is_complete):
            self._wants_segments = False
            return self._broadcaster.count() == 0
        return False

    def _wants(self) -> Wants:
        return Wants(segments=self._wants_segments, fragments=self._broadcaster.count() > 0)

    def _tell_listeners(self) -> None:
        """Those who are sent fragments are told how it goes: at once where that has changed, else now and then."""
        if self._broadcaster.count() == 0:
            return
        view = self.view()
        told = (view.status, view.error, view.segment_wait, view.source_codec)
        if told != self._told or self._now_s() - self._told_s > _TELL_EVERY_S:
            self._told, self._told_s = told, self._now_s()
            self._broadcaster.tell(view)

    def _release(self) -> None:
        self._status.end()
        self._broadcaster.detach()
        self._tell_listeners()
        self.resources.release()
        self._context.slots.give_back(self.stream_id, self.resources)

    def _attempt(self) -> None:
        """One run and the wait after it. SessionOver when there is to be no other."""
        if self._after is not None:
            self._after.stop()
            self._after = None
        self._again.clear()
        self._tried_s = self._now_s()
        self._status.begin_attempt()
        run = Run(
            self._context,
            stream_id=self.stream_id,
            camera_id=self.camera_id,
            profile_token=self.profile_token,
            is_hevc_variant=self._is_hevc_variant,
            status=self._status,
            broadcaster=self._broadcaster,
            resources=self.resources,
            wants=self._wants,
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
            self._end_run()
            if not self._again.is_set() and run.healthy_s < _FLAPPING_S:
                wait_s = self._backoff.failed_after(run.healthy_s)
        except AppError as error:
            self._end_run(empty=error.code == "storage_full")
            wait_s = self._trouble(error, run.healthy_s)
        except OSError as error:  # the folder was taken away, or cannot be written
            self._end_run()
            log.warning("%s: %s", self.stream_id, error)
            wait_s = self._trouble(AppError("The folder for segments cannot be used.", code="storage_full"), 0.0)
        self._wait_for_next(wait_s)

    def _recover(self, error: AppError) -> None:
        self._end_run()
        self._wait_for_next(self._trouble(error, 0.0))

    def _end_run(self, *, empty: bool = False) -> None:
        self._broadcaster.detach()
        self.resources.end_run(empty=empty)

    def _learn_codec(self, codec: str) -> None:
        self._known_codec = codec

    def _trouble(self, error: AppError, healthy_s: float) -> float:
        """Shows what is wrong; how long to wait before the next try."""
        problem = Problem(error.code, error.detail)
        self._context.cameras.note_stream(self.camera_id, self.profile_token, problem)
        self._was_full = error.code == "storage_full"
        if error.code == "storage_full":
            self._status.forget_segments()
        wait_s = self._fixed_wait_s(error)
        if wait_s is not None:
            self._show(StreamState.FAILED, problem, wait_s)
            return wait_s
        wait_s = self._backoff.failed_after(healthy_s)
        state = StreamState.STALLED if isinstance(error, Stalled) else StreamState.RECONNECTING
        self._show(StreamState.FAILED if self._backoff.is_broken else state, problem, wait_s)
        return wait_s

    def _show(self, state: StreamState, problem: Problem, wait_s: float) -> None:
        if not self._is_over:
            level = logging.DEBUG if self._status.shown().error == problem else logging.INFO
            log.log(
                level,
                "%s is %s (%s); next try in %.1f s",
                self.stream_id,
                state,
                problem.code,
                wait_s,
            )
            self._status.set_trouble(state, problem)
            self._tell_listeners()

    def _pause_run(self, wait_s: float) -> None:
        """Between two looks of a run."""
        self._tell_listeners()
        self._sleep(wait_s)
        if self._again.is_set():
            raise RestartWanted
