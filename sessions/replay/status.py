"""What a replay session shows: its runs, state and reason. Written by its thread, read by all."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from core.clock import Clock
from core.errors import AppError, Conflict, NotFound, Unavailable
from core.records import AudioFormat, Problem, StreamState, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.hls.replay_playlist import ReplaySegment
from sessions.backoff import RETRY_AFTER_S
from sessions.replay.run import ReplayRun
from sessions.view import SegmentWait

_RUNS_KEPT = 2  # a player may still be fetching the end of what was seen before a seek


@dataclass(frozen=True, slots=True)
class ReplayStatusSnapshot:
    """One moment of the status."""

    state: StreamState
    error: Problem | None
    video: VideoFormat | None
    audio: AudioFormat | None
    source_codec: str | None
    bitrate_kbps: int | None
    last_segment_age_s: float | None
    restarts: int
    segment_wait: SegmentWait | None
    playlist_name: str
    start_utc: datetime
    time_confirmed: bool | None


class ReplayStatus:
    """Safe between threads. There is always at least one run; the last is the one that is played."""

    def __init__(self, clock: Clock, first: ReplayRun) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._runs = [first]
        self._state = StreamState.STARTING
        self._error: Problem | None = None
        self._video: VideoFormat | None = None
        self._audio: AudioFormat | None = None
        self._source_codec: str | None = None
        self._bitrate_kbps: int | None = None
        self._last_segment_s: float | None = None
        self._lines_opened = 0
        self._is_connected = False
        self._is_caught_up = False

    # ---- runs ------------------------------------------------------------------------------------

    @property
    def run(self) -> ReplayRun:
        """The one that is wanted now."""
        return self._runs[-1]

    def holds(self, run: ReplayRun) -> bool:
        """Whether its files are still wanted."""
        return run in self._runs

    def begin_run(self, asked_utc: datetime) -> tuple[ReplayRun, tuple[str, ...]]:
        """A seek: the new run, and the files of runs that are too old now. NotFound once stopped."""
        with self._changed:
            if self._state is StreamState.STOPPED:
                raise NotFound("This stream has ended.")
            before = self._runs[-1]
            before.playlist.end()
            end_utc = before.end_utc if before.end_utc is not None and asked_utc < before.end_utc else None
            run = ReplayRun(before.number + 1, asked_utc, end_utc)
            self._runs.append(run)
            gone = [name for old in self._runs[:-_RUNS_KEPT] for name in old.file_names()]
            del self._runs[:-_RUNS_KEPT]
            self._is_caught_up = False
            if self._state is not StreamState.RUNNING:  # what went wrong there need not go wrong here
                self._state, self._error = StreamState.STARTING, None
            self._changed.notify_all()
        return run, tuple(gone)

    def wait_first_picture(self, run: ReplayRun, wait_s: float) -> None:
        """Until it is known when the run's first picture was filmed.

        Raises what stands in its way; Conflict (superseded) when a later seek takes its place, and
        Unavailable when the recorder has not answered by then, and may yet.
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

    def begin_connection(self) -> None:
        """A line to the recorder is being opened."""
        with self._changed:
            self._lines_opened += 1
            self._is_connected = False

    def describe(self, video: VideoFormat, audio: AudioFormat | None, source_codec: str) -> None:
        """What the player gets, and what the device sends."""
        with self._changed:
            self._video, self._audio, self._source_codec = video, audio, source_codec
            self._is_connected = True

    def note_unit(self, run: ReplayRun, unit: AccessUnit) -> None:
        with self._changed:
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

    def set_caught_up(self, run: ReplayRun, *, is_so: bool) -> None:
        """All that is recorded so far was sent, and more may come."""
        with self._changed:
            if run is self._runs[-1]:
                self._is_caught_up = is_so

    def end_run(self, run: ReplayRun) -> None:
        """The recording is over: what there is of it is complete."""
        with self._changed:
            run.playlist.end()
            self._changed.notify_all()

    def break_off(self, run: ReplayRun) -> None:
        with self._changed:
            run.break_off()

    def drop_beyond(self, limit_bytes: int) -> tuple[str, ...]:
        """The oldest segments that do not fit any more: the names of their files.

        What no player has asked for yet stays: the recorder is made to wait for that instead.
        """
        gone: list[str] = []
        with self._changed:
            for run in self._runs:
                while self._size_bytes() > limit_bytes and (run is not self._runs[-1] or run.has_seen_first()):
                    if not run.playlist.segments:
                        break
                    gone += run.playlist.drop_oldest()
        return tuple(gone)

    def set_trouble(self, run: ReplayRun, state: StreamState, error: AppError) -> None:
        with self._changed:
            run.error = error
            if run is self._runs[-1] and self._state is not StreamState.STOPPED:
                self._state, self._error = state, Problem(error.code, error.detail)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._state, self._error = StreamState.STOPPED, None
            self._changed.notify_all()

    # ---- read by anyone --------------------------------------------------------------------------

    @property
    def state(self) -> StreamState:
        return self._state

    def playlist(self, name: str, wait_s: float) -> str:
        """Waits for the run's first segment. NotFound once stopped, and for a run of long ago;
        Unavailable when there is none in time, or at once when the session has failed."""
        with self._changed:
            run = next((run for run in self._runs if run.playlist_name == name), None)
            if run is None:
                raise NotFound("There is no such run of this stream, or no longer.")
            run.asked_end_s = run.asked_end_s or 0.0
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

    def note_asked(self, name: str) -> None:
        """A player fetches this file."""
        with self._changed:
            for run in self._runs:
                run.note_asked(name)

    def note_watched(self, number: int, until_s: float) -> None:
        """A player that is sent everything has this run up to there."""
        with self._changed:
            for run in self._runs:
                if run.number == number:
                    run.note_watched(until_s)

    def asked(self, run: ReplayRun) -> tuple[float | None, int]:
        """How far into the run segments were asked for, in seconds (None before its playlist was), and how many bytes
        lie ready that nobody has."""
        with self._changed:
            return run.asked_end_s, run.unasked_bytes()

    def shown(self) -> ReplayStatusSnapshot:
        with self._changed:
            age_s = None if self._last_segment_s is None else self._clock.monotonic_s() - self._last_segment_s
            run = self._runs[-1]
            return ReplayStatusSnapshot(
                state=self._state,
                error=self._error,
                video=self._video,
                audio=self._audio,
                source_codec=self._source_codec,
                bitrate_kbps=self._bitrate_kbps,
                last_segment_age_s=age_s,
                restarts=max(0, self._lines_opened - 1),
                segment_wait=self._segment_wait(run),
                playlist_name=run.playlist_name,
                start_utc=run.start_utc,
                time_confirmed=run.time_confirmed,
            )

    def _is_decided(self, run: ReplayRun) -> bool:
        is_failed = self._state in (StreamState.STOPPED, StreamState.FAILED)
        return bool(run.playlist.segments) or is_failed or run is not self._runs[-1]

    def _segment_wait(self, run: ReplayRun) -> SegmentWait | None:
        if self._is_caught_up and self._state is not StreamState.STOPPED:
            return "recording"
        if run.playlist.segments or self._state in (StreamState.FAILED, StreamState.STOPPED):
            return None
        if not self._is_connected:
            return "connecting"
        return "key_frame" if run.key_frame_device_s is None else "buffering"

    def _size_bytes(self) -> int:
        return sum(run.playlist.size_bytes for run in self._runs)
