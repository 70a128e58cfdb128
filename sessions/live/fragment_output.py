"""Fragments for viewers on sockets, as an output of a live session. Needs neither ffmpeg nor disk."""

from __future__ import annotations

from core.records import Problem
from media.rtsp.live.feed import FeedStatus
from media.rtsp.live.session_pool import GatewayFeed
from sessions.context import SessionContext
from sessions.live.broadcast import FragmentBroadcaster
from sessions.live.output import patience_s
from sessions.live.plan import is_for_hls_only
from sessions.live.socket_output import FIRST_FRAGMENT_PATIENCE, SocketOutput
from sessions.live.status import SessionStatus


class FragmentOutput(SocketOutput):
    """The fragments of the stream itself. The gateway's thread hands them to the broadcaster."""

    starts_early = True  # the first frame reaches viewers earlier that way

    def __init__(self, context: SessionContext, status: SessionStatus, broadcaster: FragmentBroadcaster) -> None:
        super().__init__(context, status, broadcaster)
        self._is_running = False
        self._first_look_s: float | None = None

    @property
    def is_running(self) -> bool:
        return self._is_running

    def prepare(self) -> None:
        """Fragments need neither ffmpeg nor disk."""

    def start(self, feed: GatewayFeed) -> None:
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
        limit_s = FIRST_FRAGMENT_PATIENCE * stall_after_s
        if fragment_s is not None:
            self._note_fragment(fragment_s)
            limit_s = patience_s(stall_after_s, status.key_frame_interval_s or 0.0)
        self._check_stall(now_s - max(fragment_s or 0.0, self._first_look_s), limit_s, status)

    def stop(self, problem: Problem | None = None) -> None:  # noqa: ARG002 - viewers get it as the session's error
        """The broadcaster stays on the feed, so that the next viewer gets the last key frame immediately."""
        self._is_running = False
        self._first_look_s = self.first_media_s = self.last_media_s = None

    def end_attempt(self) -> None:
        self.stop()
        self._broadcaster.detach()
