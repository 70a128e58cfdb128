"""Index recorders in the background: ask devices for their events, and store the answers.

Each device that is being indexed has a thread, which ends when nothing is left to ask. The newest time is asked first,
in pieces: a day at first, longer ones where a piece has few events. Stored time is not asked again, except its open
end, where the device still adds events. Times here are UTC by the device's clock.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.clock import Clock
from core.errors import AppError, CameraUnsupported, Unavailable
from core.recordings import DeviceRecording, EventSearch, Listed
from onvif_manager import OnvifManager
from onvif_services.faults import SoapFault
from recordings.intervals import Interval, clipped, united, without
from recordings.store import RecordingStore

log = logging.getLogger(__name__)

OPEN_END_S = 10.0
_LATE_S = 60.0  # devices store an event some time after it happened
_VERY_LATE_S = 1200.0  # some list a recording minutes after its beginning
_LOOK_BACK_EVERY_S = 300.0
_LISTED_FOR_S = 60.0
_CHECKED_EVERY_S = 86_400.0
_WAKE_S = 0.1
_AFTER_TROUBLE_S = 15.0
_AFTER_REFUSAL_S = 600.0  # until the next event search of a device that has refused every one so far
_SEARCH_S = 60.0
_FIRST_PIECE = timedelta(days=1)
_LARGEST_PIECE = timedelta(days=8)
_SMALLEST_PIECE = timedelta(minutes=15)
_FEW_EVENTS = 1500


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of an indexing: the device was asked for `done` of `total` hours."""

    done: int
    total: int


@dataclass(slots=True)
class _DeviceWork:
    """Pending work for one device, and its state. Guarded by the indexer's lock."""

    pending: list[Interval] = field(default_factory=list)
    is_paused: bool = False  # the user has stopped the indexing
    total_s: float = 0.0
    piece_length: timedelta = _FIRST_PIECE
    is_running: bool = False
    is_stopped: bool = False
    is_forgotten: bool = False
    list_read_s: float | None = None
    needs_list: bool = False
    no_event_search_until_s: float = -math.inf  # no event search before this time: the device has refused it
    current_piece: Interval | None = None  # the piece that is being asked, or was asked last
    newest_wanted: datetime | None = None  # the newest end of all requests
    looked_back_s: float = -math.inf  # when recordings that the device lists late were last searched for
    oldest_checked_s: float | None = None  # time of the last check that the oldest known data still exists
    is_never_complete: bool = False  # the device says Searching for ever
    problem: AppError | None = None
    problem_s: float = 0.0

    def pending_s(self) -> float:
        return sum((end - start).total_seconds() for start, end in self.pending)


class Indexer:
    """Thread-safe. Threads run only between start() and stop(), and only while there is something to ask."""

    def __init__(self, store: RecordingStore, clock: Clock, cameras: OnvifManager) -> None:
        self._store = store
        self._clock = clock
        self._cameras = cameras
        self._changed = threading.Condition()
        self._work_by_camera: dict[int, _DeviceWork] = {}
        self._threads: set[threading.Thread] = set()
        self._is_open = False

    def start(self) -> None:
        with self._changed:
            self._is_open = True

    def stop(self, timeout_s: float = 3.0) -> None:
        """End all threads. A call that the device does not answer within `timeout_s` is left to itself."""
        with self._changed:
            self._is_open = False
            for work in list(self._work_by_camera.values()):
                work.is_stopped = True
            threads = tuple(self._threads)
            self._changed.notify_all()
        until_s = self._clock.monotonic_s() + timeout_s
        for thread in threads:
            thread.join(max(0.0, until_s - self._clock.monotonic_s()))

    # ---- control ---------------------------------------------------------------------------------

    def request(self, camera_id: int, window: Interval, now: datetime, *, again: bool = False) -> None:
        """Ask the device for the parts of the window that were not asked yet, or for all of it `again`.

        `now` is the device's time. A camera that another node connects is not asked.
        """
        if not self._cameras.owns(camera_id):
            return
        with self._changed:  # while reading, too: otherwise a part that is answered meanwhile is asked again
            recordings = self._store.recordings(camera_id)
            asked = {} if again else self._store.asked_intervals(camera_id)
            missing = missing_intervals(recordings, asked, window, now)
            work = self._work_by_camera.setdefault(camera_id, _DeviceWork())
            if work.is_paused and work.list_read_s is not None:
                return
            work.needs_list = work.needs_list or not self._is_listed(work)
            if missing:
                work.newest_wanted = max(missing[-1][1], work.newest_wanted or missing[-1][1])
            if self._can_search_events(work) and not work.is_paused:
                work.pending = united([*work.pending, *missing])
                work.total_s = max(work.total_s, work.pending_s())
            self._start_thread(camera_id, work)

    def pause(self, camera_id: int) -> None:
        """Stop indexing this device until resume(). Only its list of recordings is read, if it never was."""
        with self._changed:
            work = self._work_by_camera.setdefault(camera_id, _DeviceWork())
            work.is_paused, work.pending = True, []
            work.is_stopped = work.is_running
            self._changed.notify_all()

    def resume(self, camera_id: int) -> None:
        """Allow indexing again after pause(), and without a wait after a problem."""
        self.retry(camera_id, resumes=True)

    def retry(self, camera_id: int, *, resumes: bool) -> None:
        """Allow indexing without a wait after a problem, and after pause() with `resumes`."""
        with self._changed:
            if (work := self._work_by_camera.get(camera_id)) is not None:
                work.is_paused = work.is_paused and not resumes
                work.problem = None

    def forget(self, camera_id: int) -> None:
        """Drop all work for a camera that was removed, moved or is another device now; discard late answers.

        This does not wait for the lock, which request() holds while it reads a database that may be away.
        """
        work = self._work_by_camera.pop(camera_id, None)
        if work is None:
            return
        work.is_stopped = work.is_forgotten = True
        work.pending = []
        if self._changed.acquire(timeout=_WAKE_S):
            try:
                self._changed.notify_all()
            finally:
                self._changed.release()

    def wait_until_indexed(self, camera_id: int, window: Interval, wait_s: float) -> bool:
        """Wait until nothing of the window is left to ask. Return False if that takes longer than `wait_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_busy(camera_id, window), wait_s)

    # ---- state -----------------------------------------------------------------------------------

    def progress(self, camera_id: int) -> Progress | None:
        """Return the progress of a running indexing, None if there is none."""
        with self._changed:
            work = self._work_by_camera.get(camera_id)
            if work is None or not work.is_running or work.is_paused:
                return None  # the last request to a paused device may still run; it is no progress
            total = max(1, round(work.total_s / 3600))
            return Progress(min(total, max(0, total - round(work.pending_s() / 3600))), total)

    def is_paused(self, camera_id: int) -> bool:
        """True if the user has stopped the indexing."""
        with self._changed:
            work = self._work_by_camera.get(camera_id)
            return work is not None and work.is_paused

    def problem(self, camera_id: int) -> AppError | None:
        """Return the error that ended the last indexing early, None if there was none."""
        with self._changed:
            work = self._work_by_camera.get(camera_id)
            return work.problem if work is not None else None

    def failed_outside(self, camera_id: int, window: Interval) -> bool:
        """True if an error ended the last indexing early, at a piece outside the window."""
        with self._changed:
            work = self._work_by_camera.get(camera_id)
            if work is None or work.problem is None or work.current_piece is None:
                return False
            return not clipped([work.current_piece], window)

    def has_event_search(self, camera_id: int) -> bool:
        """False if the device has no event search or refuses it: then only the dates of its recordings are known."""
        with self._changed:
            work = self._work_by_camera.get(camera_id)
            return work is None or self._can_search_events(work)

    def read_list(self, camera_id: int) -> Listed:
        """Read the list of recordings now, store it and return it. Wait for the device; raise its DeviceError."""
        listed = self._cameras.ask_recorder(camera_id, lambda device: device.recordings())
        with self._changed:
            work = self._work_by_camera.setdefault(camera_id, _DeviceWork())
        self._store_list(camera_id, work, listed[0])
        return listed

    # ---- the threads -----------------------------------------------------------------------------

    def _is_listed(self, work: _DeviceWork) -> bool:
        return work.list_read_s is not None and self._clock.monotonic_s() - work.list_read_s < _LISTED_FOR_S

    def _can_search_events(self, work: _DeviceWork) -> bool:
        return self._clock.monotonic_s() >= work.no_event_search_until_s

    def _is_busy(self, camera_id: int, window: Interval) -> bool:
        work = self._work_by_camera.get(camera_id)
        return work is not None and work.is_running and (work.needs_list or bool(clipped(work.pending, window)))

    def _start_thread(self, camera_id: int, work: _DeviceWork) -> None:
        is_resting = work.problem is not None and self._clock.monotonic_s() - work.problem_s < _AFTER_TROUBLE_S
        if work.is_running or not self._is_open or is_resting or not (work.pending or work.needs_list):
            if not work.is_running:
                work.pending = []
            return
        work.is_running, work.is_stopped, work.problem = True, False, None
        work.total_s = work.pending_s()
        thread = threading.Thread(target=self._run, args=(camera_id, work), name=f"index-{camera_id}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run(self, camera_id: int, work: _DeviceWork) -> None:
        try:
            while self._step(camera_id, work):
                pass
        except AppError as error:
            log.info("camera %d: the device ended the indexing (%s)", camera_id, error.code)
            self._fail(work, error)
        except Exception:
            log.exception("camera %d: an unexpected error ended the indexing", camera_id)
            self._fail(work, AppError("An unexpected error happened; the log has the details."))
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())

    def _fail(self, work: _DeviceWork, problem: AppError) -> None:
        with self._changed:
            work.is_running = work.needs_list = False
            work.pending = []
            work.problem, work.problem_s = problem, self._clock.monotonic_s()
            self._changed.notify_all()

    def _step(self, camera_id: int, work: _DeviceWork) -> bool:
        """Ask for one piece. Return False if nothing is left to ask."""
        with self._changed:
            if work.is_stopped or not (work.pending or work.needs_list):
                work.is_running = False  # still under the lock, so that the next request() starts a new thread
                self._changed.notify_all()
                return False
            needs_list = not self._is_listed(work)
            work.current_piece = None
        if needs_list:
            self._store_list(
                camera_id, work, self._cameras.ask_recorder(camera_id, lambda device: device.recordings())[0]
            )
            self._check_oldest(camera_id, work)
        with self._changed:
            work.needs_list = False
            piece = work.current_piece = _newest_piece(work.pending, work.piece_length)
            self._changed.notify_all()
        if piece is not None:
            self._ask_piece(camera_id, work, piece)
        return True

    def _check_oldest(self, camera_id: int, work: _DeviceWork) -> None:
        """Once a day, find out how much of the recordings without dates the device has overwritten.

        Ask again for the oldest known data, and for later time until some data is found. The dates of other recordings
        show the same without a search.
        """
        now_s = self._clock.monotonic_s()
        if not self._can_search_events(work) or (
            work.oldest_checked_s is not None and now_s - work.oldest_checked_s < _CHECKED_EVERY_S
        ):
            return
        work.oldest_checked_s = now_s
        tokens = [item.recording_token for item in self._store.recordings(camera_id) if item.earliest is None]
        start = self._store.first_recorded(camera_id, tokens)
        asked = united(part for parts in self._store.asked_intervals(camera_id).values() for part in parts)
        while start is not None and not work.is_stopped and self._can_search_events(work):
            piece = next(iter(clipped(asked, (start, start + _FIRST_PIECE))), None)
            if piece is None:
                return
            self._ask_piece(camera_id, work, piece)
            first = self._store.first_recorded(camera_id, tokens)
            start = piece[1] if first is None or first > piece[1] else None

    def _ask_piece(self, camera_id: int, work: _DeviceWork, piece: Interval) -> None:
        recordings = self._store.recordings(camera_id)
        if not recordings:
            with self._changed:
                work.pending = []
            return
        start, end = piece
        begins = start - timedelta(seconds=self._look_back_s(camera_id, work, piece))
        try:
            found = self._cameras.ask_recorder(
                camera_id,
                lambda device: device.recording_events(
                    begins, end, deadline_s=_SEARCH_S, should_stop=lambda: work.is_stopped
                ),
            )
        except (CameraUnsupported, SoapFault) as error:
            is_lasting = isinstance(error, CameraUnsupported)
            if not is_lasting and self._store.asked_intervals(camera_id):
                raise  # it has answered searches before: a passing problem, and the stored events stay valid
            log.info("camera %d: its event search is refused (%s)", camera_id, error.code)
            with self._changed:
                work.no_event_search_until_s = math.inf if is_lasting else self._clock.monotonic_s() + _AFTER_REFUSAL_S
                work.pending = []
            return
        if work.is_stopped:
            return
        if not self._is_whole(work, found, end - start):
            with self._changed:
                work.piece_length = max(_SMALLEST_PIECE, (end - start) / 4)
            return
        tokens = [recording.recording_token for recording in recordings]
        if not work.is_forgotten:
            self._store.save_events(camera_id, tokens, (begins, end), found.events)
        with self._changed:
            work.pending = [part for wanted in work.pending for part in without(wanted, [piece])]
            if len(found.events) < _FEW_EVENTS and end - start >= work.piece_length:
                work.piece_length = min(2 * work.piece_length, _LARGEST_PIECE)
            self._changed.notify_all()

    def _look_back_s(self, camera_id: int, work: _DeviceWork, piece: Interval) -> float:
        """Return the seconds before a piece that the search repeats, because devices list recordings late.

        Only the newest piece repeats a part, once in five minutes.
        """
        now_s = self._clock.monotonic_s()
        is_newest = work.newest_wanted is None or piece[1] >= work.newest_wanted
        if not is_newest or now_s - work.looked_back_s < _LOOK_BACK_EVERY_S:
            return _LATE_S
        work.looked_back_s = now_s
        asked = united(part for parts in self._store.asked_intervals(camera_id).values() for part in parts)
        return _VERY_LATE_S if any(begin < piece[0] <= until for begin, until in asked) else _LATE_S

    def _is_whole(self, work: _DeviceWork, found: EventSearch, length: timedelta) -> bool:
        """True if a search is complete; False if it must be repeated in shorter pieces. Raise Unavailable.

        A device that says "searching" for a quarter of an hour of recordings without end will always say so: from then
        on its results count as complete.
        """
        if found.complete or (found.is_quiet and work.is_never_complete):
            return True
        if length > _SMALLEST_PIECE:
            return False
        if not found.is_quiet:
            raise Unavailable("The device takes too long to list its recorded events.", code="search_timeout")
        with self._changed:
            work.is_never_complete, work.piece_length = True, _FIRST_PIECE
        return True

    def _store_list(self, camera_id: int, work: _DeviceWork, recordings: Sequence[DeviceRecording]) -> None:
        if not work.is_forgotten:
            self._store.save_recordings(camera_id, recordings)
        with self._changed:
            work.list_read_s = self._clock.monotonic_s()


def missing_intervals(
    recordings: Sequence[DeviceRecording], asked: dict[str, list[Interval]], window: Interval, now: datetime
) -> list[Interval]:
    """Return the parts of the window for which not every recording was asked yet.

    Parts that begin less than 10 s before `now` are left out.
    """
    end = min(window[1], now)
    if window[0] >= end:
        return []
    past = (window[0], end)
    holes = [past] if not recordings else []
    for recording in recordings:
        holes += without(past, asked.get(recording.recording_token, []))
    fresh_from = now - timedelta(seconds=OPEN_END_S)
    return [(begin, until) for begin, until in united(holes) if begin < fresh_from]


def _newest_piece(wanted: Sequence[Interval], length: timedelta) -> Interval | None:
    if not wanted:
        return None
    start, end = wanted[-1]
    return max(start, end - length), end
