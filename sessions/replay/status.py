"""The state of a replay session: its runs, its phase, why it shows nothing.

The session's thread writes most of it. Requests of viewers begin runs and note what players fetch and show.
"""

from __future__ import annotations

import threading
from datetime import datetime
from enum import Enum, auto

from core.clock import Clock
from core.errors import AppError, Conflict, NotFound, Unavailable
from core.recordings import ReplayQuality
from core.records import AudioFormat, Problem, StreamKind, StreamState, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.hls.replay_playlist import ReplaySegment
from sessions.backoff import RETRY_AFTER_S
from sessions.replay.run import ReplayRun
from sessions.view import SegmentWait, StreamView, playlist_url

_RUNS_KEPT = 2  # after a seek, a player may still be fetching the end of the run before


class ReplayPhase(Enum):
    """The session's phase with the recorder. The StreamState tells viewers if it works."""

    CONNECTING = auto()  # no connection, or the recorder has not described the recording yet
    PLAYING = auto()
    CAUGHT_UP = auto()  # everything recorded so far was sent; the recording may still grow
    COMPLETE = auto()  # the run has everything; the connection is kept for a seek
    RESTING = auto()  # no viewer has fetched anything for a while: the recorder has its session back


class ReplayStatus:
    """Safe between threads. There is always at least one run; the last one plays.

    Its lock also guards the runs, except for the fields that ReplayRun names.
    """

    def __init__(self, clock: Clock, stream_id: str, camera_id: int, recording_token: str, first: ReplayRun) -> None:
        self._clock = clock
        self._stream_id = stream_id
        self._camera_id = camera_id
        self._recording_token = recording_token
        self._started_at = clock.now_utc()
        self._started_s = clock.monotonic_s()
        self._changed = threading.Condition()
        self._runs = [first]
        self._phase = ReplayPhase.CONNECTING
        self._state = StreamState.STARTING
        self._error: Problem | None = None
        self._video: VideoFormat | None = None
        self._audio: AudioFormat | None = None
        self._audio_left_out: str | None = None
        self._source_codec: str | None = None
        self._bitrate_kbps: int | None = None
        self._last_segment_s: float | None = None
        self._connections = 0
        self._frames_dropped = 0

    # ---- runs ------------------------------------------------------------------------------------

    @property
    def run(self) -> ReplayRun:
        """The run that is to play now."""
        return self._runs[-1]

    def keeps(self, run: ReplayRun) -> bool:
        """True if players may still fetch the files of this run."""
        return run in self._runs

    def begin_run(
        self,
        requested_utc: datetime,
        *,
        key_frames_only: bool = False,
        quality: ReplayQuality = ReplayQuality.FULL,
    ) -> tuple[ReplayRun, tuple[str, ...]]:
        """Begin the run of a seek. Return it, and the files of runs that are too old now. NotFound once stopped."""
        with self._changed:
            if self._state is StreamState.STOPPED:
                raise NotFound("This stream has ended.")
            before = self._runs[-1]
            before.playlist.end()
            end_utc = before.end_utc if before.end_utc is not None and requested_utc < before.end_utc else None
            run = ReplayRun(before.number + 1, requested_utc, end_utc, key_frames_only, quality)
            self._runs.append(run)
            gone = [name for old in self._runs[:-_RUNS_KEPT] for name in old.file_names()]
            del self._runs[:-_RUNS_KEPT]
            if self._phase in (ReplayPhase.CAUGHT_UP, ReplayPhase.COMPLETE):
                self._phase = ReplayPhase.PLAYING
            if self._state is not StreamState.RUNNING:  # an error at the old place may not occur at the new one
                self._state, self._error = StreamState.STARTING, None
            self._changed.notify_all()
        return run, tuple(gone)

    def wait_first_frame(self, run: ReplayRun, wait_s: float) -> None:
        """Wait until the time of the run's first frame is known.

        Raises the run's error; Conflict (superseded) if a later seek takes its place; NotFound once stopped;
        Unavailable if the recorder has not answered in time: it may still do so.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_settled(run), wait_s)
            if self._state is StreamState.STOPPED:
                raise NotFound("This stream has ended.")
            if run.key_frame_device_s is not None:
                return
            if run is not self._runs[-1]:
                raise Conflict("A later seek took the place of this one.", code="superseded")
            if run.error is not None:
                raise run.error
            raise Unavailable("The recorder has not sent a picture of that time yet.")

    def _is_settled(self, run: ReplayRun) -> bool:
        is_decided = run.key_frame_device_s is not None or run.error is not None
        return is_decided or run is not self._runs[-1] or self._state is StreamState.STOPPED

    # ---- written by the session's thread ---------------------------------------------------------

    def begin_attempt(self) -> None:
        """A run is to play: a resting session needs its connection again."""
        with self._changed:
            if self._phase is ReplayPhase.RESTING:
                self._phase = ReplayPhase.CONNECTING

    def begin_connection(self, recording_token: str) -> None:
        """A connection for this recording is being opened."""
        with self._changed:
            self._connections += 1
            self._recording_token = recording_token
            self._phase = ReplayPhase.CONNECTING

    def describe(
        self, video: VideoFormat, audio: AudioFormat | None, source_codec: str, audio_left_out: str = ""
    ) -> None:
        """Note the formats that players get, the codec that the device sends, and why there is no audio."""
        with self._changed:
            self._video, self._audio, self._source_codec = video, audio, source_codec
            self._audio_left_out = audio_left_out or None
            self._phase = ReplayPhase.PLAYING

    def note_unit(self, run: ReplayRun, unit: AccessUnit) -> None:
        with self._changed:
            self._frames_dropped += unit.frames_dropped_before
            if run is self._runs[-1]:
                self._phase = ReplayPhase.PLAYING
            if run.note_unit(unit):
                run.error = None
                self._changed.notify_all()

    def add(self, run: ReplayRun, segment: ReplaySegment) -> None:
        with self._changed:
            run.playlist.add(segment)
            run.error = None
            self._last_segment_s = self._clock.monotonic_s()
            self._bitrate_kbps = round(segment.size_bytes * 8 / 1000 / max(segment.duration_s, 0.1))
            if run is self._runs[-1] and self._state is not StreamState.STOPPED:
                self._state, self._error = StreamState.RUNNING, None
            self._changed.notify_all()

    def set_caught_up(self, run: ReplayRun) -> None:
        """Everything recorded so far was sent, and more may come."""
        with self._changed:
            if run is self._runs[-1]:
                self._phase = ReplayPhase.CAUGHT_UP

    def end_run(self, run: ReplayRun) -> None:
        """The recording has ended: the run has everything."""
        with self._changed:
            run.playlist.end()
            if run is self._runs[-1]:
                self._phase = ReplayPhase.COMPLETE
            self._changed.notify_all()

    def break_off(self, run: ReplayRun) -> None:
        """The recorder stops sending before the end of the run."""
        with self._changed:
            run.break_off()

    def set_resting(self) -> None:
        """The recorder has its session back."""
        with self._changed:
            self._phase = ReplayPhase.RESTING

    def drop_beyond(self, limit_bytes: int) -> tuple[str, ...]:
        """Drop the oldest segments while there is more than limit_bytes. Return the names of their files.

        Segments of earlier runs go first. The oldest segment of the present run stays until a player has fetched it
        or a page on a socket has shown it: the session makes the recorder wait instead.
        """
        gone: list[str] = []
        with self._changed:
            for run in self._runs:
                while self._size_bytes() > limit_bytes and (run is not self._runs[-1] or run.is_past_first_segment()):
                    if not run.playlist.segments:
                        break
                    gone += run.playlist.drop_oldest()
        return tuple(gone)

    def set_problem(self, run: ReplayRun, state: StreamState, error: AppError) -> None:
        with self._changed:
            run.error = error
            if run is self._runs[-1] and self._state is not StreamState.STOPPED:
                self._state, self._error = state, Problem(error.code, error.detail)
            self._changed.notify_all()

    def end(self) -> None:
        """The session has stopped: answer the requests that wait. From any thread."""
        with self._changed:
            self._state, self._error = StreamState.STOPPED, None
            self._changed.notify_all()

    # ---- written by viewers ----------------------------------------------------------------------

    def note_fetch(self, name: str) -> None:
        """A player fetches this file."""
        with self._changed:
            for run in self._runs:
                run.note_fetch(name)

    def note_watched(self, number: int, until_s: float) -> None:
        """A page on a socket has shown this run up to until_s."""
        with self._changed:
            for run in self._runs:
                if run.number == number:
                    run.note_watched(until_s)

    # ---- read by all -----------------------------------------------------------------------------

    @property
    def state(self) -> StreamState:
        return self._state

    @property
    def phase(self) -> ReplayPhase:
        return self._phase

    @property
    def source_codec(self) -> str | None:
        """The codec that the recorder sends; None until it has described the recording."""
        return self._source_codec

    @property
    def recording_token(self) -> str:
        """The recording that plays now, or is to play."""
        return self._runs[-1].recording_token or self._recording_token

    def playlist(self, name: str, wait_s: float) -> str:
        """Return the playlist of a run; wait for its first segment.

        Raises NotFound once stopped, and for a run that is too old; Unavailable if there is no segment in time, or
        immediately if the session has failed.
        """
        with self._changed:
            run = next((run for run in self._runs if run.playlist_name == name), None)
            if run is None:
                raise NotFound("There is no such run of this stream, or no longer.")
            run.has_hls_viewer = True  # from now on, the fetches limit how far the recorder may send
            self._changed.wait_for(lambda: self._is_decided(run), wait_s)
            if self._state is StreamState.STOPPED:
                raise NotFound("This stream has ended.")
            if run.playlist.segments:
                return run.playlist.render()
            if run is not self._runs[-1]:
                raise NotFound("A later seek took the place of this run.")
            if self._error is not None:
                code = self._error.code
                raise Unavailable(self._error.detail, code=code, retry_after_s=RETRY_AFTER_S.get(code, 5))
            raise Unavailable("The recorder has not sent a picture of that time yet.")

    def has_hls_viewer(self, run: ReplayRun) -> bool:
        """True once a player has fetched the run's playlist or a segment of it."""
        with self._changed:
            return run.has_hls_viewer

    def fetched(self, run: ReplayRun) -> tuple[float, int]:
        """Return up to which playing time players have fetched segments, and the bytes of the unwatched segments."""
        with self._changed:
            return run.fetched_end_s, run.unwatched_bytes()

    def view(self, viewers: int, *, is_encoding: bool, beats_real_time: bool | None) -> StreamView:
        """Return the session at this moment."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            run = self._runs[-1]
            return StreamView(
                stream_id=self._stream_id,
                camera_id=self._camera_id,
                profile_token="",
                kind=StreamKind.REPLAY,
                status=self._state,
                error=self._error,
                started_at=self._started_at,
                uptime_s=now_s - self._started_s,
                viewers=viewers,
                restarts=max(0, self._connections - 1),
                video=self._video,
                audio=self._audio,
                audio_left_out=self._audio_left_out,
                transcoding=is_encoding or run.shown_quality is ReplayQuality.SMALL,
                bitrate_kbps=self._bitrate_kbps,
                last_segment_age_s=None if self._last_segment_s is None else now_s - self._last_segment_s,
                frames_dropped=self._frames_dropped,
                playlist_url=playlist_url(self._stream_id, run.playlist_name),
                waiting_for=self._waiting_for(run),
                source_codec=self._source_codec,
                recording_token=self.recording_token,
                start_time=run.start_utc,
                time_confirmed=run.time_confirmed,
                beats_real_time=beats_real_time,
                replay_quality=run.shown_quality,
                has_sub_recording=run.has_sub,
            )

    def _is_decided(self, run: ReplayRun) -> bool:
        is_failed = self._state in (StreamState.STOPPED, StreamState.FAILED)
        return bool(run.playlist.segments) or is_failed or run is not self._runs[-1]

    def _waiting_for(self, run: ReplayRun) -> SegmentWait | None:
        if self._state is StreamState.STOPPED:
            return None
        if self._phase is ReplayPhase.CAUGHT_UP:
            return "recording"
        if run.playlist.segments or self._state is StreamState.FAILED:
            return None
        if self._phase in (ReplayPhase.CONNECTING, ReplayPhase.RESTING):
            return "connecting"
        if run.key_frame_device_s is None:
            return "key_frame" if run.has_video else "video"
        return "buffering"

    def _size_bytes(self) -> int:
        return sum(run.playlist.size_bytes for run in self._runs)
