"""Fragments for viewers on sockets, as an output of a live session. Needs neither ffmpeg nor disk."""

from __future__ import annotations

from core.errors import AppError
from core.records import Problem
from media.rtsp.live.feed import Feed, FeedState, FeedStatus
from sessions.context import SessionContext
from sessions.errors import NoKeyFrame, Stalled
from sessions.live.broadcast import FragmentBroadcaster
from sessions.live.output import SessionOutput, patience_s
from sessions.live.plan import is_for_hls_only
from sessions.live.status import SessionStatus

_FIRST_FRAGMENT_PATIENCE = 4.0


class FragmentOutput(SessionOutput):
    """Wanted while a page watches the channel over a socket.

    The gateway's thread hands the fragments to the broadcaster.
    """

    is_independent = False
    starts_early = True  # the first frame reaches viewers earlier that way

    def __init__(self, context: SessionContext, status: SessionStatus, broadcaster: FragmentBroadcaster) -> None:
        self._context = context
        self._status = status
        self._broadcaster = broadcaster
        self._is_running = False
        self._first_look_s: float | None = None

    @property
    def is_wanted(self) -> bool:
        return self._broadcaster.count() > 0

    def viewer_count(self) -> int:
        return self._broadcaster.count()

    def remove_viewer(self, viewer_id: str) -> None:
        self._broadcaster.remove_viewer(viewer_id)

    def check_idle(self) -> None:
        """Do nothing: a viewer stays until its page leaves the channel or its socket closes."""

    @property
    def is_running(self) -> bool:
        return self._is_running

    def prepare(self) -> None:
        """Fragments need neither ffmpeg nor disk."""

    def start(self, feed: Feed) -> None:
        self._broadcaster.attach(feed)
        self._is_running = True

    def look(self, status: FeedStatus) -> None:
        if is_for_hls_only(self._status.source_codec):
            return  # viewers read that in the state, and change to HLS
        now_s = self._context.clock.monotonic_s()
        if self._first_look_s is None:
            self._first_look_s = now_s
        stall_after_s = self._context.settings.stall_after_s
        fragment_s = self._broadcaster.fragment_s
        limit_s = _FIRST_FRAGMENT_PATIENCE * stall_after_s
        if fragment_s is not None:
            if self.first_media_s is None:
                self.first_media_s = fragment_s
            self.last_media_s = fragment_s
            self._status.note_fragment(fragment_s)
            limit_s = patience_s(stall_after_s, status.key_frame_interval_s or 0.0)
        age_s = now_s - max(fragment_s or 0.0, self._first_look_s)
        if age_s >= limit_s:
            if status.state is FeedState.WAITING_KEY_FRAME:
                raise NoKeyFrame(age_s)
            raise Stalled(f"No picture for {age_s:.0f} s.")

    def stop(self, problem: Problem | None = None) -> None:  # noqa: ARG002 - viewers get it as the session's error
        """The broadcaster stays on the feed, so that the next viewer gets the last key frame immediately."""
        self._is_running = False
        self._first_look_s = self.first_media_s = self.last_media_s = None

    def end_attempt(self) -> None:
        self.stop()
        self._broadcaster.detach()

    def note_failure(self, error: AppError) -> None:
        """Nothing here depends on why an attempt ended."""
