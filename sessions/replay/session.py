"""A replay session: a recording played from any time asked for, for any number of viewers.

Its thread holds one line to the recorder, and with it one of the few replay sessions that recorders
allow. A seek is a new PLAY on that line and a new run; opening a line takes recorders seconds, so it
is kept while somebody watches. Where the channel goes on in another recording, so does the session,
on a line of its own to that. Viewers of one session see the same time: whoever wants another one
starts another session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from core.errors import AppError, DeviceError, NotFound
from core.recordings import RecordedPlace
from core.records import StreamKind, StreamState
from media.rtsp.replay.interface import ReplayConnection
from sessions.base import BaseSession
from sessions.context import SessionContext
from sessions.errors import NothingRecorded, RestartWanted, Stalled
from sessions.ids import new_replay_id
from sessions.replay.broadcast import FIRST_S, ReplayBroadcaster, ReplayEnd, ReplayListener
from sessions.replay.play import End, ReplayPlay, may_grow, place_after
from sessions.replay.resources import GIVE_BACK_S, ReplayResources
from sessions.replay.run import ReplayRun
from sessions.replay.status import ReplayStatus
from sessions.view import StreamView

log = logging.getLogger(__name__)

SEEK_WAIT_S = 6.0


class ReplaySession(BaseSession):
    """Safe between threads. `start_utc`, `end_utc` are true time, as the API has it."""

    def __init__(
        self,
        context: SessionContext,
        camera_id: int,
        recording_token: str,
        start_utc: datetime,
        *,
        end_utc: datetime | None,
        accepts_hevc: bool,
        on_end: Callable[[BaseSession], None],
    ) -> None:
        super().__init__(context, new_replay_id(camera_id), camera_id, "", on_end=on_end)
        self._recording_token = recording_token
        self._accepts_hevc = accepts_hevc
        self._status = ReplayStatus(context.clock, ReplayRun(1, start_utc, end_utc))
        self._resources = ReplayResources(context.settings.streams_dir / self.stream_id)
        self._broadcaster = ReplayBroadcaster()
        self._correction_s = 0.0
        self._line_token = ""
        self._is_resting = False

    # ---- for viewers -----------------------------------------------------------------------------

    def seek(self, time_utc: datetime, wait_s: float = SEEK_WAIT_S) -> StreamView:
        """Plays from there. Answers once the first picture's time is known, so that `start_time` is true.

        Raises NothingRecorded, a DeviceError or whatever else prevents it; Conflict (superseded) when
        another seek comes meanwhile; Unavailable after wait_s, while it is still tried.
        """
        run, gone = self._status.begin_run(time_utc)
        self._broadcaster.begin_run(run.number)
        self._note_fetch(None)
        self._resources.remove(gone)
        self._wake.set()
        with self._waits():
            self._status.wait_first_picture(run, wait_s)
        return replace(self.view(), playlist_url=self._url(run.playlist_name), start_time=run.start_utc)

    def add_listener(self, listener: ReplayListener, viewer_id: str) -> bool:
        """Has everything sent there from now on; whether that begins where the present run does. NotFound once over."""
        self._note_fetch(viewer_id)
        with self._lock:
            if self._is_over:
                raise NotFound("This stream has ended.")
            return self._broadcaster.join(listener, viewer_id)

    def want(self, viewer_id: str, run: int, until_s: float) -> None:
        """That viewer wants to be sent a run up to there, by its playing time, and shows what lies FIRST_S before."""
        self._note_fetch(viewer_id)
        self._broadcaster.want(run, until_s)
        self._status.note_watched(run, min(until_s - FIRST_S, self._broadcaster.reached_s))
        self._wake.set()

    def remove_listener(self, listener: ReplayListener, viewer_id: str) -> None:
        """Nothing more is sent there; the viewer stays one."""
        self._broadcaster.leave(viewer_id, listener)

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        """As ReplayStatus.playlist; counts as watching, while it waits too."""
        with self._watches(viewer_id):
            return self._status.playlist(name, wait_s)

    def file(self, name: str, viewer_id: str | None) -> Path:
        """NotFound unless it is a segment or init section of this session; counts as watching."""
        if self._is_over:
            raise NotFound("This stream has ended.")
        self._note_fetch(viewer_id)
        self._status.note_asked(name)
        self._wake.set()
        return self._resources.served(name)

    @property
    def recording_token(self) -> str:
        """What plays now, or will."""
        return self._status.run.recording_token or self._recording_token

    def view(self) -> StreamView:
        shown = self._status.shown()
        line = self._resources.line
        with self._lock:
            viewers = max(self._viewers.count(self._now_s()), len(self._broadcaster.viewers()))
        return StreamView(
            stream_id=self.stream_id,
            camera_id=self.camera_id,
            profile_token=self.profile_token,
            kind=StreamKind.REPLAY,
            status=shown.state,
            error=shown.error,
            started_at=self._started_at,
            uptime_s=self._now_s() - self._started_s,
            viewers=viewers,
            restarts=shown.restarts,
            video=shown.video,
            audio=shown.audio,
            transcoding=self._resources.is_encoding,
            bitrate_kbps=shown.bitrate_kbps,
            last_segment_age_s=shown.last_segment_age_s,
            playlist_url=self._url(shown.playlist_name),
            segment_wait=shown.segment_wait,
            source_codec=shown.source_codec,
            recording_token=self.recording_token,
            start_time=shown.start_utc,
            time_confirmed=shown.time_confirmed,
            beats_real_time=line.abilities().beats_real_time if line is not None else None,
        )

    # ---- for whoever governs it ------------------------------------------------------------------

    @property
    def source_codec(self) -> str | None:
        """What the recorder sends, once that is known."""
        return self._status.shown().source_codec

    @property
    def uses_device(self) -> bool:
        """Whether the recorder plays for it, or soon will; not once it has given its line back at rest."""
        return not self._is_over and not self._is_resting

    # ---- its thread ------------------------------------------------------------------------------

    def _release(self) -> None:
        self._status.end()
        self._resources.release()
        self._context.slots.give_back(self.stream_id, self._resources)

    def _attempt(self) -> None:
        """Plays the run that is wanted, or waits for another one. SessionOver when there is to be none."""
        self._again.clear()
        run = self._status.run
        if run.playlist.is_ended or isinstance(run.error, NothingRecorded):
            self._rest()
            return
        self._is_resting = False
        play: ReplayPlay | None = None
        wait_s = 0.0
        try:
            self._check_over()
            play = self._play_of(run)
            if play.run_once() is End.OVER:
                self._status.end_run(run)
                self._broadcaster.tell(ReplayEnd(run.number))
        except RestartWanted:
            if self._again.is_set():
                self._resources.close_line()
        except NothingRecorded as error:
            self._status.set_trouble(run, StreamState.FAILED, error)
        except AppError as error:
            wait_s = self._trouble(run, error, play.healthy_s if play is not None else 0.0)
        except OSError as error:  # the folder was taken away, or cannot be written
            log.warning("%s: %s", self.stream_id, error)
            wait_s = self._trouble(run, AppError("The folder for segments cannot be used.", code="storage_full"), 0.0)
        if not self._status.holds(run):
            self._resources.remove(run.file_names())
        self._wait_for_next(wait_s, lambda: self._status.run is run)

    def _recover(self, error: AppError) -> None:
        self._resources.close_line()
        run = self._status.run
        self._wait_for_next(self._trouble(run, error, 0.0), lambda: self._status.run is run)

    def _play_of(self, run: ReplayRun) -> ReplayPlay:
        token = run.recording_token = run.recording_token or self._choose(run)
        self._recording_token = token
        line = self._resources.line
        if line is None or token != self._line_token:
            self._resources.close_line(wait_s=GIVE_BACK_S)  # first: recorders allow few
            line = self._open_line(token)
        if not run.playlist.segments:
            run.correction_s = self._correction_s
        return ReplayPlay(
            self._context,
            line,
            run,
            stream_id=self.stream_id,
            accepts_hevc=self._accepts_hevc,
            status=self._status,
            resources=self._resources,
            broadcaster=self._broadcaster,
            pause=lambda wait_s: self._pause_play(run, wait_s),
            news=self._wake.set,
            at_end=lambda device_s: self._at_end(run, run.true_utc(device_s)),
        )

    def _choose(self, run: ReplayRun) -> str:
        """Which recording of the channel plays it."""
        place = next(iter(self._places(self._recording_token, run.asked_utc)), None)
        is_other = place is not None and place.recording_token != self._recording_token
        if place is not None and is_other and _is_before(place, run):
            run.move(place)
            return place.recording_token
        return self._recording_token

    def _at_end(self, run: ReplayRun, reached: datetime) -> End:
        """The recorder says that nothing follows in this recording."""
        token = run.recording_token or ""
        place = place_after(self._places(token, reached), token, reached)
        if place is not None and _is_before(place, run) and not run.is_lost:
            run.move(place)
            return End.ELSEWHERE
        return End.LATER if may_grow(reached, run.end_utc, self._context.clock.now_utc()) else End.OVER

    def _places(self, recording_token: str, moment: datetime) -> Sequence[RecordedPlace]:
        try:
            return self._context.recordings.recorded_from(self.camera_id, recording_token, moment)
        except AppError:  # without it, the recorder's own answers decide
            return ()

    def _open_line(self, recording_token: str) -> ReplayConnection:
        """NotFound for a recording that is not there; a DeviceError when its address cannot be asked."""
        self._status.begin_connection()
        source, self._correction_s = self._context.recordings.replay_source(self.camera_id, recording_token)
        self._line_token = recording_token
        return self._resources.take_line(lambda: self._context.gateway.open_replay(source))

    def _trouble(self, run: ReplayRun, error: AppError, healthy_s: float) -> float:
        """Shows what is wrong; how long to wait before the next try."""
        if isinstance(error, DeviceError | Stalled):
            self._resources.close_line()
        state = StreamState.FAILED
        wait_s = self._fixed_wait_s(error)
        if wait_s is None:
            wait_s = self._backoff.failed_after(healthy_s)
            if not self._backoff.is_broken:
                state = StreamState.STALLED if isinstance(error, Stalled) else StreamState.RECONNECTING
        log.info("%s is %s (%s); next try in %.1f s", self.stream_id, state, error.code, wait_s)
        self._status.set_trouble(run, state, error)
        return wait_s

    def _rest(self) -> None:
        """All there is was fetched. After a while without a viewer's word, the recorder has its session back."""
        self._sleep(0.5)
        if self._now_s() - self._last_wanted_s > self._context.settings.idle_end_s:
            self._is_resting = True
            self._resources.close_line()

    def _pause_play(self, run: ReplayRun, wait_s: float) -> None:
        """Between two looks of a play."""
        self._sleep(wait_s)
        if self._again.is_set() or self._status.run is not run:
            raise RestartWanted

    def _remove_viewer(self, viewer_id: str) -> None:
        self._viewers.leave(viewer_id, self._now_s())
        self._broadcaster.leave(viewer_id)

    def _has_viewers(self) -> bool:
        return self._viewers.count(self._now_s()) > 0 or bool(self._broadcaster.viewers())

    def _is_unwatched(self) -> bool:
        for viewer_id in self._broadcaster.viewers():  # a viewer on a socket need not fetch anything
            self._viewers.watch(viewer_id, self._now_s())
        return self._viewers.is_over(self._now_s(), is_complete=self._status.run.playlist.is_ended)

    def _url(self, playlist_name: str) -> str:
        return f"/static/streams/{self.stream_id}/{playlist_name}"


def _is_before(place: RecordedPlace, run: ReplayRun) -> bool:
    """Whether it begins before the run is to end."""
    return run.end_utc is None or place.start < run.end_utc
