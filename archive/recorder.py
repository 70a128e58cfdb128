"""Records the channels that have a rule, all in one thread. It never waits for a device or a disk of the archive.

A recording is no viewer: it has its own feeds of the gateway, which share the device's session with the viewers.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from archive.channel_recorder import ChannelRecorder, RecordingState
from archive.gaps import GapStore, RecordingGap
from archive.outages import ALERT_AFTER_S, SHORTEST_S
from archive.pauses import PauseStore
from archive.pre_roll import NEWS_TAKES_S
from archive.rules import RuleStore, schedule_of
from archive.signs import SignsOfLife
from archive.stream_recorder import RecorderParts
from core.archive import GapReason, RecordingMode, RecordingRule, gap_reason_of
from core.errors import AppError, NotFound
from core.records import CameraStatus, Channel
from core.stop_signal import StopSignal

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_STOP_S = 2.0
_FINISH_S = 0.5
_SIGN_EVERY_S = 5.0
_CLOCK_ERROR = timedelta(seconds=1)  # devices tell the time of their clock in whole seconds

_Place = tuple[int, int]  # camera id and number of the channel


class ChannelRecorders:
    """Safe between threads. start() and stop() may be called twice; the database must be open in between.

    `signs`: those of all nodes; None if this process is the only one.
    """

    def __init__(
        self,
        parts: RecorderParts,
        rules: RuleStore,
        pauses: PauseStore,
        gaps: GapStore,
        signs: SignsOfLife | None = None,
    ) -> None:
        self._clock = parts.clock
        self._cameras = parts.cameras
        self._rules = rules
        self._pauses = pauses
        self._gaps = gaps
        self._signs = signs
        self._signed_s = float("-inf")
        self._left: dict[_Place, datetime] = {}  # the ends of recordings; not stored yet
        self._wake = parts.wake
        self._parts = parts
        self._lock = threading.Lock()  # of the dictionaries; never held while a channel waits for the database
        self._place_locks: dict[_Place, threading.RLock] = {}  # of each channel
        self._channels: dict[_Place, ChannelRecorder] = {}
        self._online: dict[int, bool] = {}
        self._watched: frozenset[_Place] = frozenset()
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    def start(self, last_alive: datetime | None = None) -> None:
        """Load rules and pauses, close the gaps of the last run, and begin to record.

        `last_alive`: the last time at which the app ran before; None if that is not known. It does not count for one
        node of several, because other nodes may have recorded since.
        """
        if self._thread is not None:
            return
        self._rules.load()
        self._pauses.load()
        if self._signs is None:
            self._close_old_gaps(last_alive)
        self._is_stopping.begin()
        self._thread = threading.Thread(target=self._is_stopping.bound(self._serve), name="recorder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all recordings. Takes two seconds at most, and half a second more for each channel whose gap is being
        stored: the end of the gateway ends its recording."""
        with self._lock:
            self._is_stopping.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)
        for place in self._places():
            self._finish(place)

    def apply(self, camera_id: int, channel: int) -> None:
        """Follow a changed rule or pause immediately. A pause holds when this returns."""
        self._look_at((camera_id, channel))

    def forget_camera(self, camera_id: int) -> None:
        """Follow the change or the removal of a camera: close its feeds. Rules and pauses are read again."""
        self._rules.load()
        self._pauses.load()
        for place in self._places():
            if place[0] == camera_id:
                with self._lock_of(place):
                    if (recorder := self._recorder(place)) is not None:
                        recorder.reconnect()
                    self._look_at(place)

    def release_camera(self, camera_id: int) -> None:
        """End the recordings of a camera that another node connects, without a wait for the database."""
        for place in self._places():
            if place[0] == camera_id:
                self._finish(place)

    def trigger(
        self, camera_id: int, channel: int, *, active: bool, kind: str = "", at: datetime | None = None
    ) -> None:
        """An event of a channel begins or ends. Events of several kinds may overlap.

        `at`: its time by the device, at most a few seconds ago; now if None.
        """
        rule = self._rules.rule(camera_id, channel)
        if rule.mode is not RecordingMode.EVENTS:
            return
        with self._lock_of((camera_id, channel)):
            recorder = self._recorder((camera_id, channel))
            if recorder is not None:
                now = self._clock.now_utc()
                told = now if at is None else min(at, now) - _CLOCK_ERROR
                recorder.event_at = max(now - timedelta(seconds=NEWS_TAKES_S), told)
                recorder.events.note(kind, self._clock.monotonic_s(), rule.post_s, active=active)
        self.apply(camera_id, channel)

    def note_watched(self, places: frozenset[_Place]) -> None:
        """Note the channels in which the app itself looks for motion: these need no events of their device."""
        self._watched = places

    def is_watched(self, camera_id: int, channel: int) -> bool:
        return (camera_id, channel) in self._watched

    def keep_memory(self, camera_id: int, channel: int, end: datetime) -> None:
        """Write the pre-roll of a channel to the disk, because a user keeps a time that ends at `end`."""
        with self._lock_of((camera_id, channel)):
            recorder = self._recorder((camera_id, channel))
            if recorder is not None:
                recorder.keep_memory(end)
        self.apply(camera_id, channel)

    def states(self) -> list[RecordingState]:
        """Return the states of all channels with a rule, by camera and channel."""
        with self._lock:
            return [self._channels[place].state for place in sorted(self._channels)]

    def look(self) -> None:
        """Bring all recordings into agreement with their rules. Each channel has its own lock: a pause of one
        does not wait while the gap of another is stored."""
        self._note_cameras_that_came_back()
        for place in sorted(self._rules.rules().keys() | set(self._places())):
            try:
                self._look_at(place)
            except Exception:  # the other channels must be recorded despite a fault in one
                log.exception("camera %d, channel %d: looking after its recording failed", *place)
        self._give_signs()

    # -- inside ------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping.is_set():
            self._wake.clear()
            try:
                self.look()
            except Exception:  # the top of a thread
                log.exception("looking after the recordings failed")
            self._wake.wait(_LOOK_EVERY_S)
        self._give_signs()

    def _places(self) -> list[_Place]:
        with self._lock:
            return sorted(self._channels)

    def _lock_of(self, place: _Place) -> threading.RLock:
        with self._lock:
            return self._place_locks.setdefault(place, threading.RLock())

    def _recorder(self, place: _Place) -> ChannelRecorder | None:
        with self._lock:
            return self._channels.get(place)

    def _add(self, place: _Place) -> ChannelRecorder | None:
        """Return a new recorder; None while the recorders stop."""
        recorder = ChannelRecorder(self._parts, self._gaps, *place)
        if self._signs is not None:
            self._follow_owner(self._signs, place)
        self._adopt_gap(recorder)
        with self._lock:
            if self._is_stopping.is_set():
                return None
            self._channels[place] = recorder
            return recorder

    def _remove(self, place: _Place) -> ChannelRecorder | None:
        with self._lock:
            return self._channels.pop(place, None)

    def _finish(self, place: _Place) -> None:
        lock = self._lock_of(place)
        if not lock.acquire(timeout=_FINISH_S):
            log.warning("camera %d, channel %d: its recording is still waiting for the database", *place)
            return
        try:
            self._leave(place)
        finally:
            lock.release()

    def _leave(self, place: _Place) -> None:
        """End the recording of a channel that this process records no more. Call it with the channel's lock."""
        if (recorder := self._remove(place)) is not None:
            recorder.finish(GapReason.SERVER_OFF)
            if self._signs is not None:
                with self._lock:
                    self._left[place] = self._clock.now_utc()
                self._wake.set()

    def _look_at(self, place: _Place) -> None:
        with self._lock_of(place):
            if self._is_stopping.is_set():
                return
            rule = self._rules.stored_rule(*place)
            if rule is None:
                if (gone := self._remove(place)) is not None:
                    gone.finish(GapReason.SWITCHED_OFF)
                return
            if not self._cameras.owns(place[0]):
                self._leave(place)
                return
            try:
                recorder = self._recorder(place) or self._add(place)
                if recorder is not None:
                    recorder.is_watched = place in self._watched
                    recorder.look(rule, self._pauses.pause_of(*place), *self._channel(place))
            except AppError as error:
                log.warning("camera %d, channel %d: recording it met a problem (%s)", *place, error)

    def _channel(self, place: _Place) -> tuple[Channel | None, GapReason]:
        """Return the channel as the camera has it, and the reason why it may be missing."""
        camera_id, number = place
        try:
            error = self._cameras.get_camera(camera_id).error
            channels = self._cameras.channels(camera_id)
        except NotFound:
            return None, GapReason.NO_SIGNAL
        channel = next((one for one in channels if one.number == number), None)
        if error is not None:
            return channel, gap_reason_of(error.code)
        return channel, GapReason.NO_SIGNAL if channels else GapReason.DEVICE_AWAY

    def _note_cameras_that_came_back(self) -> None:
        before = self._online
        self._online = {one.id: one.status is CameraStatus.ONLINE for one in self._cameras.owned_cameras()}
        for place in self._places():
            if self._online.get(place[0]) and not before.get(place[0], True):
                with self._lock_of(place):
                    if (recorder := self._recorder(place)) is not None:
                        recorder.retry_soon()

    # -- signs of life for other nodes -------------------------------------------------------------

    def _give_signs(self) -> None:
        """Tell the next owners how long this process has recorded each channel."""
        if self._signs is None:
            return
        try:
            self._store_left(self._signs)
            now_s = self._clock.monotonic_s()
            if now_s - self._signed_s >= _SIGN_EVERY_S:
                owned = [place for place in self._places() if self._cameras.owns(place[0])]
                self._signs.give(dict.fromkeys(owned, self._clock.now_utc()))
                self._signed_s = now_s
        except AppError as error:
            log.info("the signs of life of recordings wait for the database (%s)", error.code)

    def _store_left(self, signs: SignsOfLife) -> None:
        with self._lock:
            left = dict(self._left)
        signs.give(left)
        with self._lock:
            for place, moment in left.items():
                if self._left.get(place) == moment:
                    del self._left[place]

    # -- gaps of the run before --------------------------------------------------------------------

    def _adopt_gap(self, recorder: ChannelRecorder) -> None:
        """Go on with a gap that is still open: the pause that holds since before a restart."""
        for gap in self._gaps.open_gaps():
            if (gap.camera_id, gap.channel) == (recorder.camera_id, recorder.number):
                recorder.outage.adopt(gap)

    def _close_old_gaps(self, last_alive: datetime | None) -> None:
        """Close the gaps that were open when the app ended, and add those of the time while it was off.

        Gaps of pauses that still hold go on.
        """
        now = self._clock.now_utc()
        alive = min(last_alive or now, now)
        for gap in self._gaps.open_gaps():
            if self._cameras.owns(gap.camera_id):  # the next owner of another one goes on with it
                self._close_old_gap(gap, alive, now)
        for place, rule in self._rules.rules().items():
            if self._cameras.owns(place[0]):
                self._add_time_off(place, rule, alive, now)

    def _follow_owner(self, signs: SignsOfLife, place: _Place) -> None:
        """Add a gap for the time since the last owner of a channel died, and close the gap that it left open.

        A gap goes on if the owner has moved the channel here. Raise Unavailable if the database does not answer.
        """
        self._store_left(signs)
        self._signed_s = float("-inf")  # soon after this, the channel has a sign of this process
        now, alive = self._clock.now_utc(), signs.last(*place)
        if alive is None or (now - alive) / timedelta(seconds=1) < SHORTEST_S:
            return
        self._rules.load()
        self._pauses.load()
        for gap in self._gaps.open_gaps():
            if (gap.camera_id, gap.channel) == place:
                self._close_old_gap(gap, alive, now)
        self._add_time_off(place, self._rules.rule(*place), alive, now)

    def _close_old_gap(self, gap: RecordingGap, alive: datetime, now: datetime) -> None:
        if gap.reason is not GapReason.PAUSED:
            self._gaps.end(gap.id, alive)
        elif self._pauses.pause_of(gap.camera_id, gap.channel) is None:
            self._gaps.end(gap.id, self._paused_until(gap.camera_id, gap.channel, alive, now))

    def _add_time_off(self, place: _Place, rule: RecordingRule, alive: datetime, now: datetime) -> None:
        """Add the gaps of the time without a recorder, unless the channel is paused."""
        if self._pauses.pause_of(*place) is None:
            for start, end in _wanted(rule, self._paused_until(*place, alive, now), now):
                self._add_server_off(*place, start, end)

    def _paused_until(self, camera_id: int, channel: int, alive: datetime, now: datetime) -> datetime:
        """Return the end of a pause that has ended while the app was off; without one, `alive`."""
        pause = self._pauses.last_pause(camera_id, channel)
        return min(max(alive, pause.until), now) if pause and pause.until else alive

    def _add_server_off(self, camera_id: int, channel: int, start: datetime, end: datetime) -> None:
        lasted_s = (end - start) / timedelta(seconds=1)
        if lasted_s < SHORTEST_S:
            return
        gap = self._gaps.begin(camera_id, channel, start, GapReason.SERVER_OFF, end=end)
        if gap is not None and lasted_s >= ALERT_AFTER_S:
            self._gaps.alert(gap.id)
            log.warning("camera %d, channel %d: not recorded for %.0f s, the app was off", camera_id, channel, lasted_s)


def _wanted(rule: RecordingRule, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the parts of [start, end) that the rule asks for."""
    if start >= end or rule.mode is RecordingMode.OFF:
        return []
    if rule.mode is RecordingMode.SCHEDULE:
        return schedule_of(rule).active_ranges(start, end)
    return [(start, end)]
