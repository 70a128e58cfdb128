"""Motion that the app itself sees: the interface of the package `motion`.

workers/motion_watch.py opens the streams of the channels and hands their frames in. One process looks at the frames of
all channels (`python -m vision`); without its packages, the app knows only the motion of which devices tell.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from core.clock import Clock
from core.errors import AppError, NotFound
from core.records import ServiceCheck
from core.settings import Settings
from database import Database
from event_manager import EventManager
from media.process import Spawner
from motion.cell_blob import cells_of
from motion.cells import CellIndex
from motion.channel_watch import ChannelWatch, key_of
from motion.checks import checks_of
from motion.child import ChildListener, VisionChild, is_available
from motion.device_motion import DeviceMotion
from motion.events_out import ActivityListener, MotionEvents
from motion.records import (
    CellHits,
    ChildState,
    ChildView,
    Glimpse,
    MotionMode,
    MotionSettings,
    MotionState,
    MovementPictures,
    Place,
    Reason,
    ToldBy,
    WatchedChannel,
    WatchedPicture,
)
from motion.settings import MotionSettingsStore
from onvif_manager import OnvifManager
from vision.messages import MOST_CHANNELS, Began, Failed, FromChild, StillPicture, Watched

log = logging.getLogger(__name__)

__all__ = ["INSTALL_COMMAND", "MotionManager"]

INSTALL_COMMAND = "make motion"
MOST_CRASHES = 3  # of one channel, until it is left out
_LEFT_OUT_S = 600.0
_IDLE_END_S = 5.0
_FLUSH_AFTER_S = 5.0
_CLEAN_EVERY_S = 600.0


class MotionManager(ChildListener):
    """Thread-safe. Needs an open database between start() and stop()."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        spawner: Spawner,
        cameras: OnvifManager,
        events: EventManager,
        child: VisionChild | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._cameras = cameras
        self._store = MotionSettingsStore(database, clock)
        self._cells = CellIndex(database)
        self._device_motion = DeviceMotion(events, clock)
        self._events = MotionEvents(events, self._device_motion, clock)
        self._child = child or VisionChild(spawner, clock, self)
        self._lock = threading.Lock()
        self._watches: dict[Place, ChannelWatch] = {}
        self._reasons: dict[Place, str] = {}  # why a channel is not watched
        self._crashes: Counter[str] = Counter()
        self._left_out: dict[str, float] = {}  # until when, by the key of a channel
        self._idle_since_s: float | None = None
        self._cleaned_s = float("-inf")
        self._is_available = is_available()
        self._pictures: MovementPictures | None = None

    def start(self) -> None:
        """Load the settings. The process starts with the first channel that is watched."""
        self._store.load()

    def stop(self) -> None:
        """End all movements and the process. May be called twice."""
        for place in list(self._watches):
            self.close_watch(place, Reason.STARTING)
        self._child.stop()
        try:
            self._cells.flush()
        except AppError as error:
            log.warning("the last changed cells could not be written (%s)", error.code)

    @property
    def is_available(self) -> bool:
        """True if the packages of the watching process are installed."""
        return self._is_available

    def show_pictures_to(self, pictures: MovementPictures) -> None:
        """Show the pictures of movements to `pictures`, about one a second. Call it before start()."""
        self._pictures = pictures

    def on_activity(self, listener: ActivityListener) -> None:
        """Call `listener` when a movement that the app has seen begins or ends. It must not wait for a device."""
        self._events.on_activity(listener)

    # ---- settings and state ----------------------------------------------------------------------

    def settings(self, camera_id: int, channel: int) -> MotionSettings:
        """Return the settings of a channel. Raise NotFound."""
        self._require(camera_id, channel)
        return self._store.get((camera_id, channel))

    def set_settings(self, camera_id: int, channel: int, settings: MotionSettings) -> None:
        """Store the settings of a channel; they hold within two seconds. Raise InvalidRequest or NotFound."""
        self._require(camera_id, channel)
        self._store.set((camera_id, channel), settings)
        with self._lock:
            watch = self._watches.get((camera_id, channel))
            self._left_out.pop(key_of((camera_id, channel)), None)
        if not settings.mode.may_watch:
            self.close_watch((camera_id, channel), Reason.OFF)
        elif watch is not None:
            watch.set(settings)

    def state(self, camera_id: int, channel: int) -> MotionState:
        """Return the teller of motion in a channel, and the reason if the app does not watch it. Raise NotFound."""
        self._require(camera_id, channel)
        return self._state((camera_id, channel))

    def channels(self) -> list[WatchedChannel]:
        """Return the channels whose mode is not off, by camera and channel."""
        places = sorted(self._store.all())
        return [
            WatchedChannel(*place, self._state(place), self._events.hits_today(place))
            for place in places
            if self._store.get(place).mode is not MotionMode.OFF
        ]

    def checks(self, camera_id: int) -> tuple[ServiceCheck, ...]:
        """Return the lines of the health card about channels that are not watched, or restless."""
        return checks_of(one for one in self.channels() if one.camera_id == camera_id)

    def child_view(self) -> ChildView:
        """Return the state and the cost of the watching process."""
        return self._child.view()

    def glimpse(self, camera_id: int, channel: int, at: datetime | None = None) -> Glimpse | None:
        """Return the newest look at a channel, or that at the picture of a time; None if there is none.

        Raise NotFound.
        """
        self._require(camera_id, channel)
        with self._lock:
            watch = self._watches.get((camera_id, channel))
        return None if watch is None else watch.glimpse(at)

    def picture(self, camera_id: int, channel: int) -> WatchedPicture | None:
        """Return the newest picture that was looked at; None while there is none. Raise NotFound."""
        self._require(camera_id, channel)
        with self._lock:
            watch = self._watches.get((camera_id, channel))
        return None if watch is None else watch.picture(self._clock.now_utc())

    # ---- the index of changed cells --------------------------------------------------------------

    def cell_hits(
        self,
        camera_id: int,
        channel: int,
        polygon: Sequence[tuple[float, float]],
        start: datetime,
        end: datetime,
    ) -> CellHits:
        """Return the pictures in [start, end) with changes in a polygon, and the minutes that were watched.

        Points are parts of the picture. No minute counts as watched where an ignored zone has some of the polygon: the
        index does not know what moves there. Raise Unavailable.
        """
        found = self._cells.hits((camera_id, channel), polygon, start, end)
        ignored = (zone for zone in self._store.get((camera_id, channel)).zones if zone.kind == "ignore")
        is_part_ignored = any(cells_of(zone.points) & cells_of(polygon) for zone in ignored)
        return CellHits(found.hits, ()) if is_part_ignored else found

    def add_cells(self, camera_id: int, channel: int, found: Mapping[datetime, bytes]) -> None:
        """Note the changed cells of whole minutes that a search has looked at. Raise Unavailable."""
        for at, cells in found.items():
            self._cells.add((camera_id, channel), round(at.timestamp() * 1000), cells, is_whole=True)
        self._cells.flush()

    def forget_cells_before(self, camera_id: int, channel: int, moment: datetime) -> None:
        """Delete the cells of a channel before a moment: a limit by law has deleted its recordings."""
        while self._cells.delete_of_channel_before((camera_id, channel), moment):
            pass

    # ---- for the worker --------------------------------------------------------------------------

    def wanted(self) -> dict[Place, MotionSettings]:
        """Return the channels that the app has to watch now, by their settings and by what devices tell.

        Waits for the disk. Raise Unavailable.
        """
        places = [place for place, one in self._store.all().items() if one.mode is not MotionMode.OFF]
        self._device_motion.refresh(places)
        if not self._is_available:
            return {}
        found = [place for place in sorted(places) if self._is_wanted(place)]
        for place in found[MOST_CHANNELS:]:
            self.note_reason(place, Reason.TOO_MANY)
        return {place: self._store.get(place) for place in found[:MOST_CHANNELS]}

    def watch(self, place: Place) -> ChannelWatch:
        """Return the watch of a channel, which takes its frames; a new one the first time."""
        with self._lock:
            watch = self._watches.get(place)
            if watch is None:
                settings = self._store.get(place)
                watch = ChannelWatch(place, self._child, self._events, self._cells, settings, self._pictures)
                self._watches[place] = watch
                self._reasons.pop(place, None)
                self._idle_since_s = None
        self._child.start()
        return watch

    def close_watch(self, place: Place, reason: str) -> None:
        """End the watch of a channel, if there is one. `reason`: see motion.records.Reason, or an error's code."""
        with self._lock:
            watch = self._watches.pop(place, None)
            self._reasons[place] = reason
        if watch is not None:
            watch.close()

    def note_reason(self, place: Place, reason: str | None) -> None:
        """Note why a channel is not watched, or that a watched one gives nothing at the moment."""
        with self._lock:
            if reason is None:
                self._reasons.pop(place, None)
            else:
                self._reasons[place] = reason

    def watched(self) -> frozenset[Place]:
        """Return the channels with a watch."""
        with self._lock:
            return frozenset(self._watches)

    def tick(self) -> None:
        """End movements, write pictures and cells, delete old cells, end an idle process. About once a second."""
        now = self._clock.now_utc()
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            watch.tick(now)
        self._events.tick()
        self._cells.flush(round(now.timestamp() * 1000) - round(1000 * _FLUSH_AFTER_S))
        self._end_idle_child(is_idle=not watches)
        now_s = self._clock.monotonic_s()
        if now_s - self._cleaned_s >= _CLEAN_EVERY_S and not self._clean(now):
            self._cleaned_s = now_s

    def forget_camera(self, camera_id: int) -> None:
        """Follow the change or the removal of a camera: its channels are watched again if it still exists."""
        self._store.load()
        self._device_motion.forget_camera(camera_id)
        for place in [place for place in self.watched() if place[0] == camera_id]:
            self.close_watch(place, Reason.STARTING)

    def delete_camera(self, camera_id: int) -> None:
        """Forget a removed camera. Its cells are deleted soon."""
        self.forget_camera(camera_id)
        self._cells.forget_camera(camera_id)
        self._events.forget_camera(camera_id)
        with self._lock:
            for place in [place for place in self._reasons if place[0] == camera_id]:
                del self._reasons[place]
        self._cleaned_s = float("-inf")

    # ---- motion.child.ChildListener ----------------------------------------------------------------

    def on_message(self, message: FromChild) -> None:
        if isinstance(message, Watched | Began | StillPicture | Failed) and message.key is not None:
            with self._lock:
                watch = next((one for one in self._watches.values() if one.feeder.key == message.key), None)
                if isinstance(message, Watched):
                    self._crashes.pop(message.key, None)
            if watch is not None:
                watch.take(message)

    def on_start(self) -> None:
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            watch.feeder.reopen()

    def on_crash(self, key: str | None) -> None:
        with self._lock:
            watches = list(self._watches.values())
            if key is not None:
                self._crashes[key] += 1
                if self._crashes[key] >= MOST_CRASHES:
                    del self._crashes[key]
                    self._left_out[key] = self._clock.monotonic_s() + _LEFT_OUT_S
                    log.warning("channel %s: its video ends the watching process; it is left out for a while", key)
        for watch in watches:
            watch.interrupt()

    # ---- inside ------------------------------------------------------------------------------------

    def _require(self, camera_id: int, channel: int) -> None:
        """Raise NotFound for a channel that the camera does not have, unless it has settings from before."""
        numbers = {one.number for one in self._cameras.channels(camera_id)}
        if channel not in numbers and (camera_id, channel) not in self._store.all():
            raise NotFound("There is no such channel.")

    def _is_wanted(self, place: Place) -> bool:
        mode = self._store.get(place).mode
        if not mode.may_watch or not self._cameras.owns(place[0]):
            return False
        if mode is MotionMode.AUTO and self._device_motion.is_told(place) and not self._shows_pictures:
            return False
        with self._lock:
            return self._left_out.get(key_of(place), 0.0) <= self._clock.monotonic_s()

    @property
    def _shows_pictures(self) -> bool:
        """True if pictures of movements are of use to the detector of objects, also where devices tell motion."""
        return self._pictures is not None and self._pictures.wants_pictures

    def _state(self, place: Place) -> MotionState:
        mode, is_told = self._store.get(place).mode, self._device_motion.is_told(place)
        with self._lock:
            watch, noted = self._watches.get(place), self._reasons.get(place)
            is_left_out = self._left_out.get(key_of(place), 0.0) > self._clock.monotonic_s()
        device = ToldBy.DEVICE if is_told else ToldBy.NONE
        if mode is MotionMode.OFF:
            return MotionState(device, Reason.OFF)
        if mode is MotionMode.DEVICE:
            return MotionState(device, None if is_told else Reason.DEVICE_IS_SILENT)
        if mode is MotionMode.AUTO and is_told:
            return MotionState(device, Reason.DEVICE_TELLS)
        if not self._is_available:
            return MotionState(device, Reason.NOT_INSTALLED)
        if is_left_out:
            return MotionState(device, Reason.UNREADABLE_VIDEO)
        if watch is None:
            return MotionState(device, noted or Reason.STARTING)
        glimpse = watch.glimpse()
        if noted is None and self._child.view().state is ChildState.RESTARTING:
            noted = Reason.RESTARTING
        return MotionState(
            ToldBy.SERVER if glimpse is not None else device,
            noted or (Reason.STARTING if glimpse is None else None),
            watch.is_restless,
            None if glimpse is None else glimpse.at,
            watch.feeder.key_frame_interval_s,
        )

    def _end_idle_child(self, *, is_idle: bool) -> None:
        now_s = self._clock.monotonic_s()
        if not is_idle:
            self._idle_since_s = None
        elif self._idle_since_s is None:
            self._idle_since_s = now_s
        elif now_s - self._idle_since_s >= _IDLE_END_S and self._child.is_started:
            self._child.stop()

    def _clean(self, now: datetime) -> bool:
        """Delete a batch of old cells. Return True if there may be more."""
        days = self._settings.event_keep_motion_days
        camera_ids = [view.id for view in self._cameras.list_cameras()]
        return self._cells.delete_before(now - timedelta(days=days)) or self._cells.delete_all_but(camera_ids)
