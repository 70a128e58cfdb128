"""A replay session: a recording played from any time asked for, for any number of viewers.

Its thread holds one line to the recorder, and with it one of the few replay sessions that recorders
allow. A seek is a new PLAY on that line and a new run; opening a line takes recorders seconds, so it
is kept while somebody watches. Viewers of one session see the same time: whoever wants another one
starts another session.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from core.errors import AppError, CameraUnreachable, DeviceError, NotFound
from core.records import StreamKind, StreamState
from media.rtsp.replay_line import ReplayLine
from sessions.backoff import LOOK_AGAIN_S, Backoff
from sessions.holdings import SessionOver
from sessions.ids import new_replay_id
from sessions.replay_board import ReplayBoard
from sessions.replay_holdings import ReplayHoldings
from sessions.replay_play import NothingRecorded, ReplayPlay
from sessions.replay_run import ReplayRun
from sessions.run import Stalled
from sessions.tools import Tools
from sessions.view import StreamView
from sessions.viewers import Viewers

log = logging.getLogger(__name__)

SEEK_WAIT_S = 6.0


class _Again(Exception):
    """Begin anew: another time is wanted, or the line is to be opened again."""


class ReplaySession:
    """Safe between threads. `start_utc`, `end_utc` are true time, as the API has it."""

    def __init__(
        self,
        tools: Tools,
        camera_id: int,
        recording_token: str,
        start_utc: datetime,
        *,
        end_utc: datetime | None,
        accepts_hevc: bool,
        on_end: Callable[[ReplaySession], None],
    ) -> None:
        settings = tools.settings
        self.stream_id = new_replay_id(camera_id)
        self.camera_id = camera_id
        self.profile_token = ""
        self.source_codec: str | None = None
        self.recording_token = recording_token
        self._tools = tools
        self._accepts_hevc = accepts_hevc
        self._on_end = on_end
        self._started_at = tools.clock.now_utc()
        self._started_s = tools.clock.monotonic_s()
        self._board = ReplayBoard(tools.clock, ReplayRun(1, start_utc, end_utc))
        self._holdings = ReplayHoldings(settings.streams_dir / self.stream_id)
        self._backoff = Backoff()
        self._lock = threading.Lock()
        self._viewers = Viewers(
            now_s=self._started_s, idle_end_s=settings.idle_end_s, unwatched_end_s=settings.unwatched_end_s
        )
        self._waiting = 0
        self._last_wanted_s = self._started_s
        self._correction_s = 0.0
        self._is_over = False
        self._is_resting = False
        self._again = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=self.stream_id, daemon=True)

    def start(self) -> None:
        self._thread.start()

    # ---- for viewers -----------------------------------------------------------------------------

    def add_viewer(self) -> str | None:
        """A viewer's id; None when this session is ending."""
        with self._lock:
            return None if self._is_over else self._viewers.add(self._now_s())

    def seek(self, time_utc: datetime, wait_s: float = SEEK_WAIT_S) -> StreamView:
        """Plays from there. Answers once the first picture's time is known, so that `start_time` is true.

        Raises NothingRecorded, a DeviceError or whatever else prevents it; Conflict (superseded) when
        another seek comes meanwhile; Unavailable after wait_s, while it is still tried.
        """
        run, gone = self._board.begin_run(time_utc)
        with self._lock:
            self._viewers.touch(None, self._now_s())
            self._last_wanted_s = self._now_s()
        self._holdings.remove(gone)
        self._wake.set()
        with self._waits():
            self._board.wait_first_picture(run, wait_s)
        return replace(self.view(), playlist_url=self._url(run.playlist_name), start_time=run.start_utc)

    def playlist(self, name: str, wait_s: float, viewer_id: str | None) -> str:
        """As ReplayBoard.playlist; counts as watching, while it waits too."""
        self._see(viewer_id)
        with self._waits():
            text = self._board.playlist(name, wait_s)
        self._see(viewer_id)
        return text

    def file(self, name: str, viewer_id: str | None) -> Path:
        """NotFound unless it is a segment or init section of this session; counts as watching."""
        if self._is_over:
            raise NotFound("This stream has ended.")
        with self._lock:
            self._viewers.touch(viewer_id, self._now_s())
            self._last_wanted_s = self._now_s()
        self._board.note_asked(name)
        self._wake.set()
        return self._holdings.served(name)

    def leave(self, viewer_id: str) -> bool:
        """True when that was the last viewer."""
        with self._lock:
            return self._viewers.leave(viewer_id, self._now_s())

    def view(self) -> StreamView:
        shown = self._board.shown()
        with self._lock:
            viewers = self._viewers.count(self._now_s())
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
            transcoding=self._holdings.is_encoding,
            bitrate_kbps=shown.bitrate_kbps,
            last_segment_age_s=shown.last_segment_age_s,
            playlist_url=self._url(shown.playlist_name),
            segment_wait=shown.segment_wait,
            source_codec=shown.source_codec,
            recording_token=self.recording_token,
            start_time=shown.start_utc,
        )

    # ---- for whoever governs it ------------------------------------------------------------------

    def retry(self) -> None:
        """Opens the line again, at once, whatever went wrong before."""
        self._backoff.forget()
        self._again.set()
        self._wake.set()

    def stop(self) -> None:
        """The line is closed and the folder removed when it answers. May be called twice."""
        with self._lock:
            self._is_over = True
        self._wake.set()
        self._board.stop()
        self._holdings.release()
        self._tools.slots.give_back(self.stream_id, self._holdings)

    def join(self, timeout_s: float) -> None:
        """Waits for the thread, which may still be waiting for a device."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    @property
    def is_over(self) -> bool:
        return self._is_over

    @property
    def uses_device(self) -> bool:
        """Whether the recorder plays for it, or soon will; not once it has given its line back at rest."""
        return not self._is_over and not self._is_resting

    # ---- its thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while True:
                self._attempt()
        except SessionOver:
            pass
        except Exception:
            log.exception("%s ended by a fault of ours", self.stream_id)
        finally:
            self.stop()
            self._on_end(self)

    def _attempt(self) -> None:
        """Plays the run that is wanted, or waits for another one. SessionOver when there is to be none."""
        self._again.clear()
        run = self._board.run
        if run.playlist.is_ended or isinstance(run.error, NothingRecorded):
            self._rest()
            return
        self._is_resting = False
        play: ReplayPlay | None = None
        was_held = self._holdings.line is not None
        wait_s = 0.0
        try:
            self._check_over()
            play = self._play_of(run)
            play.run_once()
        except _Again:
            if self._again.is_set():
                self._holdings.close_line()
        except NothingRecorded as error:
            self._board.set_trouble(run, StreamState.FAILED, error)
        except AppError as error:
            if was_held and isinstance(error, CameraUnreachable) and run.key_frame_device_s is None:
                self._holdings.close_line()  # it had gone dead while it was held: a new one may do
                return
            wait_s = self._trouble(run, error, play.healthy_s if play is not None else 0.0)
        except OSError as error:  # the folder was taken away, or cannot be written
            log.warning("%s: %s", self.stream_id, error)
            wait_s = self._trouble(run, AppError("The folder for segments cannot be used.", code="storage_full"), 0.0)
        if not self._board.holds(run):
            self._holdings.remove(run.file_names())
        self._wait_for_next(run, wait_s)

    def _play_of(self, run: ReplayRun) -> ReplayPlay:
        line = self._holdings.line or self._open_line()
        if not run.playlist.segments:
            run.correction_s = self._correction_s
        return ReplayPlay(
            self._tools,
            line,
            run,
            stream_id=self.stream_id,
            accepts_hevc=self._accepts_hevc,
            board=self._board,
            holdings=self._holdings,
            pause=lambda wait_s: self._pause_play(run, wait_s),
            news=self._wake.set,
        )

    def _open_line(self) -> ReplayLine:
        """NotFound for a recording that is not there; a DeviceError when its address cannot be asked."""
        self._board.begin_line()
        source, self._correction_s = self._tools.find_replay(self.camera_id, self.recording_token)
        return self._holdings.take_line(lambda: self._tools.open_replay(source))

    def _trouble(self, run: ReplayRun, error: AppError, healthy_s: float) -> float:
        """Shows what is wrong; how long to wait before the next try."""
        if isinstance(error, DeviceError | Stalled):
            self._holdings.close_line()
        state = StreamState.FAILED
        if error.code == "camera_auth_failed":
            wait_s: float = self._tools.settings.login_retry_s + 1.0
        elif error.code in LOOK_AGAIN_S:
            wait_s = LOOK_AGAIN_S[error.code]
        else:
            wait_s = self._backoff.failed_after(healthy_s)
            if not self._backoff.is_broken:
                state = StreamState.STALLED if isinstance(error, Stalled) else StreamState.RECONNECTING
        log.info("%s is %s (%s); next try in %.1f s", self.stream_id, state, error.code, wait_s)
        self._board.set_trouble(run, state, error)
        return wait_s

    def _rest(self) -> None:
        """All there is was fetched. After a while without a viewer's word, the recorder has its session back."""
        self._wake.wait(0.5)
        self._wake.clear()
        self._check_over()
        if self._now_s() - self._last_wanted_s > self._tools.settings.idle_end_s:
            self._is_resting = True
            self._holdings.close_line()

    def _pause_play(self, run: ReplayRun, wait_s: float) -> None:
        """Between two looks of a play."""
        self._wake.wait(wait_s)
        self._wake.clear()
        self._check_over()
        if self._again.is_set() or self._board.run is not run:
            raise _Again

    def _wait_for_next(self, run: ReplayRun, wait_s: float) -> None:
        until_s = self._now_s() + wait_s
        while (left_s := until_s - self._now_s()) > 0 and not self._again.is_set() and self._board.run is run:
            self._wake.wait(min(left_s, 0.5))
            self._wake.clear()
            self._check_over()

    def _check_over(self) -> None:
        is_complete = self._board.run.playlist.is_ended
        with self._lock:
            if not self._waiting and self._viewers.is_over(self._now_s(), is_complete=is_complete):
                self._is_over = True
        if self._is_over:
            raise SessionOver

    # ---- who watches -----------------------------------------------------------------------------

    def _see(self, viewer_id: str | None) -> None:
        with self._lock:
            self._last_wanted_s = self._now_s()
            self._viewers.watch(viewer_id, self._last_wanted_s)

    @contextlib.contextmanager
    def _waits(self) -> Iterator[None]:
        """Whoever waits for a picture keeps the session alive."""
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _url(self, playlist_name: str) -> str:
        return f"/static/streams/{self.stream_id}/{playlist_name}"

    def _now_s(self) -> float:
        return self._tools.clock.monotonic_s()
