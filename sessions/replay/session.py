"""A replay session: a recording that plays from any requested time, for any number of viewers.

Its thread holds one connection to the recorder, and with it one of the few replay sessions that recorders allow. A seek
is a new PLAY on that connection and a new run. Recorders need seconds to open a connection, so it is kept while there
are viewers. If the channel continues in another recording, the session continues there on a new connection. All viewers
of a session see the same time; a viewer that wants another time starts another session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from core.archive import Origin, origin_of
from core.errors import AppError, ArchiveUnreadable, DeviceError, NotFound, StorageFull
from core.recordings import ReplayAbilities, ReplayQuality, ReplaySource, ZoneOfTimes
from core.records import StreamState
from media.rtsp.replay.interface import ReplayConnection
from sessions.base import BaseSession
from sessions.context import SessionContext
from sessions.errors import NothingRecorded, RestartWanted, Stalled
from sessions.ids import new_replay_id
from sessions.replay.broadcast import REQUESTED_AHEAD_S, ReplayBroadcaster, ReplayEnd, ReplayListener
from sessions.replay.channel_recordings import ChannelRecordings, Continuation
from sessions.replay.play import PlayContext, ReplayPlay
from sessions.replay.resources import RELEASE_WAIT_S, ReplayResources
from sessions.replay.run import ReplayRun
from sessions.replay.status import ReplayPhase, ReplayStatus
from sessions.view import StreamView, playlist_url

log = logging.getLogger(__name__)

SEEK_WAIT_S = 6.0


class ReplaySession(BaseSession):
    """Safe between threads. `run` is the first one; its times are true time, as in the API.

    `recording_token` names the channel: ChannelRecordings.choose() finds the recording of that channel for the time.
    `only_sure`: see ChannelRecordings.
    """

    def __init__(
        self,
        context: SessionContext,
        camera_id: int,
        recording_token: str,
        run: ReplayRun,
        *,
        accepts_hevc: bool,
        only_sure: bool = False,
        on_end: Callable[[BaseSession], None],
    ) -> None:
        super().__init__(context, new_replay_id(camera_id), camera_id, "", on_end=on_end)
        self._full_token = recording_token  # of the newest recording that is not of the sub stream
        self._status = ReplayStatus(context.clock, self.stream_id, camera_id, recording_token, run)
        self._resources = ReplayResources(context.settings.streams_dir / self.stream_id)
        self._broadcaster = ReplayBroadcaster()
        self._recordings = ChannelRecordings(context, camera_id, only_sure=only_sure)
        self._play_context = PlayContext(
            context,
            self.stream_id,
            accepts_hevc,
            self._status,
            self._resources,
            self._broadcaster,
            self._recordings,
            self._wake,
        )
        self._source: ReplaySource | None = None  # of the newest connection
        self._noted_abilities = ReplayAbilities()
        self._correction_s, self._zone = 0.0, ZoneOfTimes()

    # ---- for viewers -----------------------------------------------------------------------------

    def seek(
        self,
        time_utc: datetime,
        wait_s: float = SEEK_WAIT_S,
        *,
        key_frames_only: bool = False,
        quality: ReplayQuality = ReplayQuality.FULL,
    ) -> StreamView:
        """Play from another time. Return when the time of the first frame is known: `start_time` is true then.

        Raises NothingRecorded, a DeviceError or another error that prevents it; Conflict (superseded) if another seek
        takes its place; Unavailable after wait_s, while the session continues to try.
        """
        run, gone = self._status.begin_run(time_utc, key_frames_only=key_frames_only, quality=quality)
        self._broadcaster.begin_run(run.number)
        self._note_fetch(None)
        self._resources.remove(gone)
        self._wake.set()
        with self._waits():
            self._status.wait_first_frame(run, wait_s)
        url = playlist_url(self.stream_id, run.playlist_name)
        return replace(self.view(), playlist_url=url, start_time=run.start_utc)

    def add_listener(self, listener: ReplayListener, viewer_id: str) -> bool:
        """Send runs to this listener from now on. Return True if it gets the current run, from its beginning.

        False: it gets nothing before the next run. Raises NotFound once the session has ended.
        """
        self._note_fetch(viewer_id)
        with self._lock:
            if self._is_over:
                raise NotFound("This stream has ended.")
            return self._broadcaster.join(listener, viewer_id)

    def request_until(self, viewer_id: str, run: int, until_s: float) -> None:
        """A viewer on a socket requests a run up to this playing time.

        The page requests REQUESTED_AHEAD_S more than it has shown (see there), so it has shown the run up to that much
        before `until_s`.
        """
        self._note_fetch(viewer_id)
        self._broadcaster.request(run, until_s)
        self._status.note_watched(run, min(until_s - REQUESTED_AHEAD_S, self._broadcaster.sent_s))
        self._wake.set()

    def remove_listener(self, listener: ReplayListener, viewer_id: str) -> None:
        """Send nothing more to this listener; the viewer stays."""
        self._broadcaster.leave(viewer_id, listener)

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        with self._watches(viewer_id):
            return self._status.playlist(name, wait_s)

    def file(self, name: str, viewer_id: str | None) -> Path:
        if self._is_over:
            raise NotFound("This stream has ended.")
        self._note_fetch(viewer_id)
        self._status.note_fetch(name)
        self._wake.set()
        return self._resources.served(name)

    def view(self) -> StreamView:
        connection = self._resources.connection
        with self._lock:
            viewers = max(self._viewers.count(self._now_s()), len(self._broadcaster.viewers()))
        return self._status.view(
            viewers,
            is_encoding=self._resources.is_encoding,
            beats_real_time=connection.abilities().beats_real_time if connection is not None else None,
        )

    # ---- for the stream manager ------------------------------------------------------------------

    @property
    def source_codec(self) -> str | None:
        return self._status.source_codec

    @property
    def uses_device(self) -> bool:
        """True if the recorder plays for this session, or soon will. False while the archive plays."""
        is_archived = origin_of(self._status.recording_token) is Origin.SERVER
        return not (self._is_over or is_archived or self._status.phase is ReplayPhase.RESTING)

    # ---- viewers, with the lock held -------------------------------------------------------------

    def _remove_viewer(self, viewer_id: str) -> None:
        self._viewers.leave(viewer_id, self._now_s())
        self._broadcaster.leave(viewer_id)

    def _has_viewers(self) -> bool:
        return self._viewers.count(self._now_s()) > 0 or bool(self._broadcaster.viewers())

    def _is_unwatched(self) -> bool:
        for viewer_id in self._broadcaster.viewers():  # a viewer on a socket need not fetch anything
            self._viewers.watch(viewer_id, self._now_s())
        return self._viewers.is_over(self._now_s(), is_complete=self._status.run.playlist.is_ended)

    # ---- its thread ------------------------------------------------------------------------------

    def _attempt(self) -> None:
        """Play the current run, or wait for another one. Raises SessionOver if there is to be none."""
        self._retry_requested.clear()
        run = self._status.run
        if run.playlist.is_ended or isinstance(run.error, NothingRecorded):
            self._rest()
            return
        self._status.begin_attempt()
        play: ReplayPlay | None = None
        wait_s = 0.0
        try:
            self._check_over()
            play = self._play_of(run)
            self._play_to_end(play, run)
        except RestartWanted:
            if self._retry_requested.is_set():
                self._resources.close_connection()
        except NothingRecorded as error:
            self._status.set_problem(run, StreamState.FAILED, error)
        except AppError as error:
            if isinstance(error, ArchiveUnreadable) and self._recordings.leave_archive(run):
                log.info("%s goes on with the device's recording, because a disk fails", self.stream_id)
            elif isinstance(error, DeviceError) and self._recordings.skip_to_archive(run):
                log.info("%s skips what the device cannot play (%s)", self.stream_id, error.code)
            else:
                wait_s = self._handle_failure(run, error, play.healthy_s if play is not None else 0.0)
        except OSError as error:  # the folder was taken away, or cannot be written
            log.warning("%s: %s", self.stream_id, error)
            wait_s = self._handle_failure(run, StorageFull("The folder for segments cannot be used."), 0.0)
        if not self._status.keeps(run):
            self._resources.remove(run.file_names())
        self._wait_for_next(wait_s, lambda: self._status.run is run)

    def _play_of(self, run: ReplayRun) -> ReplayPlay:
        """Connect to the recording that the run is to play, unless that is connected already."""
        token = run.recording_token = run.recording_token or self._recordings.choose(run, self._full_token)
        if not run.plays_sub:
            self._full_token = token
        connection = self._resources.connection
        if connection is None or self._source is None or token != self._source.recording_token:
            self._resources.close_connection(wait_s=RELEASE_WAIT_S)  # first: recorders allow few sessions
            connection = self._connect(token)
        correction_s = self._correction_s + self._zone.shift_at(run.resume_utc.timestamp())
        if not run.playlist.segments:
            run.correction_s = correction_s
        run.zone = self._zone
        return ReplayPlay(self._play_context, connection, run, ahead_s=correction_s - run.correction_s)

    def _connect(self, recording_token: str) -> ReplayConnection:
        """Raises NotFound for an unknown recording, or a DeviceError if its address cannot be read."""
        self._status.begin_connection(recording_token)
        source, self._correction_s = self._context.recordings.replay_source(self.camera_id, recording_token)
        self._source, self._noted_abilities, self._zone = source, source.abilities, source.zone
        return self._resources.open_connection(self._context, source)

    def _note_abilities(self) -> None:
        """Store replay abilities that the recorder has shown since the last call."""
        connection = self._resources.connection
        if connection is None or self._source is None:
            return
        abilities = connection.abilities()
        if abilities != self._noted_abilities:
            self._noted_abilities = abilities
            self._context.cameras.note_replay_abilities(self._source, abilities)

    def _play_to_end(self, play: ReplayPlay, run: ReplayRun) -> None:
        """Raises RestartWanted after retry() or if another run is to play; SessionOver; an AppError of the play."""
        try:
            play.start()
            while (wait_s := play.step()) is not None:
                self._note_abilities()
                self._sleep(wait_s)
                if self._retry_requested.is_set() or self._status.run is not run:
                    raise RestartWanted
        finally:
            play.close()
            self._note_abilities()
        if play.continuation is Continuation.NOTHING:
            self._status.end_run(run)
            self._broadcaster.send(ReplayEnd(run.number))

    def _recover(self, error: AppError) -> None:
        self._resources.close_connection()
        run = self._status.run
        self._wait_for_next(self._handle_failure(run, error, 0.0), lambda: self._status.run is run)

    def _release(self) -> None:
        self._status.end()
        self._resources.release()
        self._context.slots.give_back(self.stream_id, self._resources)

    def _handle_failure(self, run: ReplayRun, error: AppError, healthy_s: float) -> float:
        """Show the error. Return the seconds to wait before the next try."""
        if isinstance(error, DeviceError | Stalled):
            self._resources.close_connection()
        state = StreamState.FAILED
        wait_s = self._fixed_wait_s(error)
        if wait_s is None:
            wait_s = self._backoff.failed_after(healthy_s)
            if not self._backoff.is_broken:
                state = StreamState.STALLED if isinstance(error, Stalled) else StreamState.RECONNECTING
        log.info("%s is %s (%s); next try in %.1f s", self.stream_id, state, error.code, wait_s)
        self._status.set_problem(run, state, error)
        return wait_s

    def _rest(self) -> None:
        """Everything was sent. If no viewer fetches anything for a while, give the recorder its session back."""
        self._sleep(0.5)
        if self._now_s() - self._last_fetch_s > self._context.settings.idle_end_s:
            self._status.set_resting()
            self._resources.close_connection()
