"""The state of a live session: why it shows nothing, its segments, its formats.

Only the session's thread writes it, except for end(). All threads read it.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from core.clock import Clock
from core.errors import NotFound, Unavailable
from core.records import AudioFormat, Problem, StreamKind, StreamState, VideoFormat
from media.commands import PLAYLIST_NAME
from media.fmp4.tracks import has_fragments_of
from media.hls.live_playlist import LiveTimeline, WrittenPlaylist
from media.rtsp.live.feed import FeedState, FeedStatus
from media.rtsp.live.session_pool import GatewayFeed
from sessions.backoff import RETRY_AFTER_S
from sessions.ids import LiveStreamKey
from sessions.live.plan import Plan, is_for_hls_only
from sessions.view import SegmentWait, StreamView, playlist_url

_SILENT = Problem("stream_stalled", "The device has stopped sending video.")
_WAITS: dict[FeedState, SegmentWait] = {
    FeedState.WAITING_VIDEO: "video",
    FeedState.SILENT: "video",
    FeedState.WAITING_KEY_FRAME: "key_frame",
}


class SessionStatus:
    """Safe between threads."""

    def __init__(self, clock: Clock, key: LiveStreamKey, timeline: LiveTimeline, source_codec: str | None) -> None:
        self._clock = clock
        self._key = key
        self._started_at = clock.now_utc()
        self._started_s = clock.monotonic_s()
        self._changed = threading.Condition()
        self._timeline = timeline
        self._playlist = ""
        self._state = StreamState.STARTING
        self._error: Problem | None = None
        self._source_codec = source_codec
        self._plan: Plan | None = None
        self._small: VideoFormat | None = None
        self._feed: FeedStatus | None = None
        self._makes_segments = False
        self._segments_problem: Problem | None = None
        self._segments_without_audio = ""  # why ffmpeg writes none
        self._last_segment_s: float | None = None
        self._last_fragment_s: float | None = None
        self._written_kbps: int | None = None
        self._peak_kbps: int | None = None
        self._codec_string: str | None = None
        self._attempts = 0  # those in which the device has described its media
        self._frames_dropped = 0  # in earlier feeds

    # ---- written by the session's thread ---------------------------------------------------------

    def begin_attempt(self) -> None:
        """Forget the status of the last feed; state and error stay until there is news."""
        with self._changed:
            self._frames_dropped += self._feed.frames_dropped if self._feed is not None else 0
            self._feed = None

    def set_source_codec(self, codec: str) -> None:
        """The device sends this codec, whatever it was known to send before."""
        self._source_codec = codec

    def set_plan(self, plan: Plan) -> None:
        """The device has described its media in a new attempt."""
        with self._changed:
            self._plan = plan
            self._attempts += 1

    def set_small(self, video: VideoFormat) -> None:
        """Note the format of the small video that ffmpeg makes."""
        with self._changed:
            self._small = video

    def begin_segments(self, without_audio: str = "") -> int:
        """ffmpeg is about to start. Return the number that its first segment must have.

        `without_audio`: why ffmpeg leaves the audio out, for users; empty if it does not.
        """
        with self._changed:
            self._segments_without_audio = without_audio
            self._makes_segments = True
            self._segments_problem = None
            self._timeline.begin_ffmpeg()
            return self._timeline.next_number

    def end_segments(self, problem: Problem | None = None) -> None:
        """ffmpeg was ended and its files deleted, because HLS has no viewers or because of `problem`."""
        with self._changed:
            self._makes_segments = False
            self._segments_problem = problem
            self._changed.notify_all()
            self._last_segment_s = self._written_kbps = None
            self._forget_segments()

    @property
    def ffmpeg_number(self) -> int:
        """The number of the present ffmpeg among those of the session, from 0; it is part of file names."""
        return self._timeline.ffmpeg_number

    @property
    def next_segment_number(self) -> int:
        return self._timeline.next_number

    @property
    def longest_segment_s(self) -> float:
        return self._timeline.longest_s

    def set_feed(self, status: FeedStatus) -> None:
        """Note how the feed does; a silent device makes a running session stalled."""
        with self._changed:
            self._feed = status
            self._codec_string = status.codec_string or self._codec_string
            if status.state is FeedState.SILENT and self._state is StreamState.RUNNING:
                self._state, self._error = StreamState.STALLED, status.problem or _SILENT

    def set_problem(self, state: StreamState, problem: Problem) -> None:
        with self._changed:
            self._set_state(state, problem)
            self._changed.notify_all()

    def add_segments(self, written: WrittenPlaylist, feed: GatewayFeed) -> tuple[int, tuple[str, ...]]:
        """Return how many segments were new, and the names of files that are not in the playlist any more."""
        with self._changed:
            added = self._timeline.add(written, feed.wall_time_of)
            gone = self._timeline.forget_old()
            self._playlist = self._timeline.render()
            if added:
                self._last_segment_s = self._clock.monotonic_s()
                self._set_state(StreamState.RUNNING, None)
                self._changed.notify_all()
            return added, gone

    def note_fragment(self, fragment_s: float) -> None:
        """Note when the last fragment was complete, in monotonic seconds."""
        with self._changed:
            if fragment_s != self._last_fragment_s:
                self._last_fragment_s = fragment_s
                self._set_state(StreamState.RUNNING, None)

    def forget_segments(self) -> None:
        """The files of all segments were deleted."""
        with self._changed:
            self._forget_segments()

    def set_written_kbps(self, rate_kbps: int) -> None:
        with self._changed:
            self._written_kbps = rate_kbps
            self._peak_kbps = max(rate_kbps, self._peak_kbps or 0)

    def end(self) -> None:
        """The session has stopped: answer the requests that wait for a playlist. From any thread.

        The state stays: the session's thread may still be reading a playlist, or about to report a problem.
        """
        with self._changed:
            self._state, self._error = StreamState.STOPPED, None
            self._changed.notify_all()

    # ---- read by all -----------------------------------------------------------------------------

    @property
    def state(self) -> StreamState:
        return self._state

    @property
    def error(self) -> Problem | None:
        return self._error

    @property
    def plan(self) -> Plan | None:
        """How HLS is made of the source; None until the device has described its media."""
        return self._plan

    @property
    def source_audio(self) -> AudioFormat | None:
        """The audio that HLS is made of; None without audio, and before the device has described its media."""
        return self._plan.source_audio if self._plan is not None else None

    @property
    def source_codec(self) -> str | None:
        """The codec that the device was last seen to send, or is known to send."""
        return self._source_codec

    def playlist(self, wait_s: float) -> str:
        """Return the playlist; wait for its first segment.

        Raises NotFound once stopped; Unavailable if there is no segment in time, or immediately if the session failed.
        """
        with self._changed:
            self._changed.wait_for(self._is_decided, wait_s)
            if self._state is StreamState.STOPPED:
                raise NotFound("This stream has ended.")
            problem = self._error if self._state is StreamState.FAILED else self._segments_problem
            if problem is not None:
                raise Unavailable(problem.detail, code=problem.code, retry_after_s=RETRY_AFTER_S.get(problem.code, 5))
            if self._timeline.is_empty():
                raise Unavailable("The stream is starting; there is no segment yet.")
            return self._playlist

    def view(self, viewers: int) -> StreamView:
        """Return the session at this moment."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            last_s = max(self._last_segment_s or 0.0, self._last_fragment_s or 0.0)
            return StreamView(
                stream_id=self._key.stream_id,
                camera_id=self._key.camera_id,
                profile_token=self._key.profile_token,
                kind=StreamKind.LIVE,
                status=self._state,
                error=self._error,
                started_at=self._started_at,
                uptime_s=now_s - self._started_s,
                viewers=viewers,
                restarts=max(0, self._attempts - 1),
                video=self._video(),
                audio=self._audio(),
                audio_left_out=self._audio_left_out(),
                transcoding=self._is_transcoding(),
                bitrate_kbps=self._bitrate_kbps(),
                last_segment_age_s=now_s - last_s if last_s else None,
                frames_dropped=self._frames_dropped + (self._feed.frames_dropped if self._feed is not None else 0),
                playlist_url=playlist_url(self._key.stream_id, PLAYLIST_NAME),
                waiting_for=self._waiting_for(),
                source_codec=self._source_codec,
                source_codec_string=self._codec_string,
                peak_kbps=self._peak_kbps,
                damage=(self._feed.damage or None) if self._feed is not None else None,
            )

    # ---- inside, with the lock held --------------------------------------------------------------

    def _set_state(self, state: StreamState, problem: Problem | None) -> None:
        if self._state is not StreamState.STOPPED:
            self._state, self._error = state, problem

    def _forget_segments(self) -> None:
        self._timeline.forget_all()
        self._playlist = self._timeline.render()

    def _is_decided(self) -> bool:
        is_over = self._state in (StreamState.STOPPED, StreamState.FAILED) or self._segments_problem is not None
        return is_over or not self._timeline.is_empty()

    def _video(self) -> VideoFormat | None:
        """Return the format that players get. The stream's own size and rate replace those of the plan."""
        if self._key.is_small or self._plan is None:
            return self._small
        video = self._plan.out_video if self._makes_segments else self._plan.source_video
        seen = self._feed.video if self._feed is not None else None
        fps = self._feed.fps if self._feed is not None else None
        if seen is not None:
            video = replace(video, width=seen.width or video.width, height=seen.height or video.height)
        return replace(video, fps=fps or video.fps)

    def _is_transcoding(self) -> bool:
        return self._key.is_small or (self._makes_segments and self._plan is not None and self._plan.is_transcoding)

    def _audio(self) -> AudioFormat | None:
        if self._plan is None or self._audio_left_out() is not None:
            return None
        return self._plan.out_audio if self._makes_segments else self._plan.source_audio

    def _audio_left_out(self) -> str | None:
        if self._feed is not None and self._feed.audio_left_out:
            return self._feed.audio_left_out
        if self._makes_segments:
            return self._segments_without_audio or None
        audio = self._plan.source_audio if self._plan is not None else None
        if audio is not None and self._key.is_small:
            return "small video has none"
        return None if audio is None or has_fragments_of(audio) else "the app plays it over HLS only"

    def _bitrate_kbps(self) -> int | None:
        if self._is_transcoding():
            return self._written_kbps
        if self._feed is not None and self._feed.bitrate_kbps is not None:
            return self._feed.bitrate_kbps
        return self._written_kbps

    def _waiting_for(self) -> SegmentWait | None:
        if self._state in (StreamState.RUNNING, StreamState.FAILED, StreamState.STOPPED):
            return None
        if self._feed is None or self._feed.state in (FeedState.CONNECTING, FeedState.FAILED):
            return "connecting"
        if not self._makes_segments and not self._key.is_small and is_for_hls_only(self._source_codec):
            return "hls"
        return _WAITS.get(self._feed.state, "buffering")
