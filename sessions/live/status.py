"""What a session shows to the outside: state, reason, segments. Written by its thread, read by all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from core.clock import Clock
from core.errors import NotFound, Unavailable
from core.records import AudioFormat, Problem, StreamState, VideoFormat
from media.hls.live_playlist import LiveTimeline, WrittenPlaylist
from media.rtsp.live.feed import FeedState, FeedStatus
from sessions.backoff import RETRY_AFTER_S
from sessions.live.plan import Plan
from sessions.view import SegmentWait

_SILENT = Problem("stream_stalled", "The device has stopped sending video.")


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """One moment of the status."""

    state: StreamState
    error: Problem | None
    is_transcoding: bool
    makes_segments: bool
    video: VideoFormat | None
    audio: AudioFormat | None
    bitrate_kbps: int | None
    last_segment_age_s: float | None
    restarts: int
    segment_wait: SegmentWait | None


class SessionStatus:
    """Safe between threads."""

    def __init__(self, clock: Clock, timeline: LiveTimeline, source_codec: str | None) -> None:
        self._clock = clock
        self._source_codec = source_codec
        self._changed = threading.Condition()
        self._timeline = timeline
        self._text = ""
        self._state = StreamState.STARTING
        self._error: Problem | None = None
        self._plan: Plan | None = None
        self._feed: FeedStatus | None = None
        self._makes_segments = False
        self._segments_problem: Problem | None = None
        self._last_segment_s: float | None = None
        self._last_fragment_s: float | None = None
        self._written_kbps: int | None = None
        self._runs = 0

    # ---- written by the session's thread ---------------------------------------------------------

    def begin_attempt(self) -> None:
        """A new try: what the last feed said is over; state and error stay until there is news."""
        with self._changed:
            self._feed = None

    def set_plan(self, plan: Plan) -> None:
        """The source of a new run is described."""
        with self._changed:
            self._plan = plan
            self._runs += 1

    def set_source_codec(self, codec: str) -> None:
        """The device sends this codec, whatever it was known to send before."""
        self._source_codec = codec

    def begin_segments(self) -> int:
        """ffmpeg is about to start. Return the number that its first segment must have."""
        with self._changed:
            self._makes_segments = True
            self._segments_problem = None
            self._timeline.begin_run()
            return self._timeline.next_number

    def end_segments(self, problem: Problem | None = None) -> None:
        """ffmpeg was ended and its files deleted: nobody wants segments any more, or `problem` is in the way."""
        with self._changed:
            self._makes_segments = False
            self._segments_problem = problem
            self._changed.notify_all()
            self._last_segment_s = self._written_kbps = None
            self._forget_segments()

    @property
    def run_number(self) -> int:
        return self._timeline.run_number

    @property
    def longest_segment_s(self) -> float:
        return self._timeline.longest_s

    def set_feed(self, status: FeedStatus) -> None:
        """How the source does; a silent one makes a running session stalled."""
        with self._changed:
            self._feed = status
            if status.state is FeedState.SILENT and self._state is StreamState.RUNNING:
                self._state, self._error = StreamState.STALLED, status.problem or _SILENT

    def set_trouble(self, state: StreamState, error: Problem | None) -> None:
        with self._changed:
            self._state, self._error = state, error
            self._changed.notify_all()

    def add_segments(
        self, written: WrittenPlaylist, wall_time_of: Callable[[float], datetime | None]
    ) -> tuple[int, tuple[str, ...]]:
        """How many were new, and the names of files that nobody needs any more."""
        with self._changed:
            added = self._timeline.add(written, wall_time_of)
            gone = self._timeline.forget_old()
            self._text = self._timeline.render()
            if added:
                self._last_segment_s = self._clock.monotonic_s()
                self._state, self._error = StreamState.RUNNING, None
                self._changed.notify_all()
            return added, gone

    def note_fragment(self, fragment_s: float) -> None:
        """Note when the last fragment was complete, in monotonic seconds."""
        with self._changed:
            if fragment_s != self._last_fragment_s:
                self._last_fragment_s = fragment_s
                self._state, self._error = StreamState.RUNNING, None

    def forget_segments(self) -> None:
        """Their files were deleted."""
        with self._changed:
            self._forget_segments()

    def set_written_kbps(self, rate_kbps: int) -> None:
        with self._changed:
            self._written_kbps = rate_kbps

    def end(self) -> None:
        """Stopped: whoever waits for a playlist is told."""
        with self._changed:
            self._state, self._error = StreamState.STOPPED, None
            self._changed.notify_all()

    # ---- read by anyone --------------------------------------------------------------------------

    @property
    def state(self) -> StreamState:
        return self._state

    @property
    def plan(self) -> Plan | None:
        """What HLS is made of the source; None until a device has described its media."""
        return self._plan

    @property
    def source_codec(self) -> str | None:
        """What the device was last seen, or is known, to send."""
        return self._source_codec

    def playlist(self, wait_s: float) -> str:
        """The playlist, waiting for the first segment. NotFound once stopped; Unavailable when
        there is none in time, or at once when the session has failed."""
        with self._changed:
            self._changed.wait_for(self._is_decided, wait_s)
            if self._state is StreamState.STOPPED:
                raise NotFound("This stream has ended.")
            problem = self._error if self._state is StreamState.FAILED else self._segments_problem
            if problem is not None:
                raise Unavailable(problem.detail, code=problem.code, retry_after_s=RETRY_AFTER_S.get(problem.code, 5))
            if self._timeline.is_empty():
                raise Unavailable("The stream is starting; there is no segment yet.")
            return self._text

    def shown(self) -> StatusSnapshot:
        with self._changed:
            last_s = max(self._last_segment_s or 0.0, self._last_fragment_s or 0.0)
            age_s = self._clock.monotonic_s() - last_s if last_s else None
            return StatusSnapshot(
                state=self._state,
                error=self._error,
                is_transcoding=self._is_transcoding(),
                makes_segments=self._makes_segments,
                video=self._video(),
                audio=self._audio(),
                bitrate_kbps=self._bitrate_kbps(),
                last_segment_age_s=age_s,
                restarts=max(0, self._runs - 1),
                segment_wait=self._segment_wait(),
            )

    def _forget_segments(self) -> None:
        self._timeline.forget_all()
        self._text = self._timeline.render()

    def _is_decided(self) -> bool:
        is_over = self._state in (StreamState.STOPPED, StreamState.FAILED) or self._segments_problem is not None
        return is_over or not self._timeline.is_empty()

    def _video(self) -> VideoFormat | None:
        """What the player gets, as precisely as the picture itself has told it by now."""
        if self._plan is None:
            return None
        planned = self._plan.out_video if self._makes_segments else self._plan.source_video
        video, seen = planned, self._feed.video if self._feed is not None else None
        fps = self._feed.fps if self._feed is not None else None
        if seen is not None:
            video = replace(video, width=seen.width or video.width, height=seen.height or video.height)
        return replace(video, fps=fps or video.fps)

    def _is_transcoding(self) -> bool:
        return self._makes_segments and self._plan is not None and self._plan.is_transcoding

    def _audio(self) -> AudioFormat | None:
        if self._plan is None:
            return None
        return self._plan.out_audio if self._makes_segments else self._plan.source_audio

    def _bitrate_kbps(self) -> int | None:
        if self._is_transcoding():
            return self._written_kbps
        if self._feed is not None and self._feed.bitrate_kbps is not None:
            return self._feed.bitrate_kbps
        return self._written_kbps

    def _segment_wait(self) -> SegmentWait | None:
        if self._state in (StreamState.RUNNING, StreamState.FAILED, StreamState.STOPPED):
            return None
        if self._feed is None or self._feed.state in (FeedState.CONNECTING, FeedState.FAILED):
            return "connecting"
        return "key_frame" if self._feed.state is FeedState.WAITING_KEY_FRAME else "buffering"
