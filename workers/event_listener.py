"""Listen to the events of devices: one thread a device, since each waits in a pull for up to 20 s.

One thread for all devices would have to ask each every few seconds: that is six times the requests, and a device that
hangs would delay the others. The threads of the devices only wait.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol

from core.backoff import Backoff
from core.clock import Clock
from core.errors import AppError, CameraBusy, CameraUnsupported, NotFound, Unavailable
from core.records import CameraStatus
from event_manager import EventManager
from events.subscription import CameraSubscription
from onvif_manager import OnvifManager
from workers.repeated_work import RepeatedWork

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 40.0  # up to a quarter more by chance: listening goes on within a minute
_USED_UP_PAUSE_S = 300.0  # another system holds the subscriptions
_UNSUPPORTED_PAUSE_S = 3600.0
_HEALTHY_AFTER_S = 120.0
_CLOSING_S = 1.0  # for Unsubscribe before the connection to a camera ends
_CLOSED_S = 1.5  # until the connection ends even if the database, or the device, does not answer
_STOPPING_S = 2.0  # for all of them at the stop of the app
_ENDS_AT_ONCE = 16


class EventDemand(Protocol):
    """Tells the cameras whose events are needed."""

    def event_cameras(self) -> Collection[int]:
        """Return the ids of these cameras."""
        ...


class EventListener:
    """The thread of one device. `is_wanted` False: it only ends the subscription of an earlier run."""

    def __init__(
        self, camera_id: int, events: EventManager, cameras: OnvifManager, clock: Clock, *, is_wanted: bool
    ) -> None:
        self._camera_id = camera_id
        self._events = events
        self._cameras = cameras
        self._clock = clock
        self.is_wanted = is_wanted
        self._subscription: CameraSubscription = events.subscription(camera_id)
        self._backoff = Backoff(first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, healthy_after_s=_HEALTHY_AFTER_S)
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"events-{camera_id}", daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the subscription, which also ends a pull under way at most devices. The thread ends after its pull."""
        self._is_stopping.set()
        try:
            self._subscription.end(timeout_s)
        except AppError as error:  # the row stays, and the next start or owner tries to end the subscription again
            log.warning("camera %d: the end of its subscription is not stored (%s)", self._camera_id, error.code)
        self._events.end_camera(self._camera_id)

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        pause_s = 0.0
        while not self._is_stopping.wait(pause_s):
            try:
                if not self.is_wanted and not self._subscription.is_stored:
                    return
                pause_s = self._attempt()
            except NotFound:
                return
            except Exception:  # the top of a thread
                log.exception("camera %d: listening to its events failed", self._camera_id)
                self._note_problem(AppError.code)
                pause_s = _LONGEST_PAUSE_S

    def _attempt(self) -> float:
        """Listen until an error or the stop. Return the seconds until the next attempt. Raise NotFound."""
        if self._cameras.get_camera(self._camera_id).status is not CameraStatus.ONLINE:
            return _LOOK_EVERY_S
        began_s = self._clock.monotonic_s()
        try:
            if not self.is_wanted:
                return 0.0 if self._subscription.end() else self._backoff.failed_after(0.0)
            self._listen()
            return 0.0
        except NotFound:
            raise
        except AppError as error:
            log.info("camera %d: no more events (%s)", self._camera_id, error.code)
            self._note_problem(error.code, error.detail)
            return self._pause_s(error, self._clock.monotonic_s() - began_s)

    def _listen(self) -> None:
        try:
            self._subscription.begin(self._is_stopping)
            while not self._is_stopping.is_set():
                if self._events.ask_states(self._camera_id):
                    self._subscription.synchronize()
                pulled = self._subscription.pull()
                if self._is_stopping.is_set():
                    return
                self._events.note_success(self._camera_id)
                self._events.take(self._camera_id, pulled.events)
                self._is_stopping.wait(pulled.rest_s)
        finally:
            if not self._is_stopping.is_set():
                self._subscription.end()

    def _note_problem(self, code: str, detail: str = "") -> None:
        if self.is_wanted and not self._is_stopping.is_set():
            self._events.note_problem(self._camera_id, code, detail)

    def _pause_s(self, error: AppError, healthy_s: float) -> float:
        pause_s = self._backoff.failed_after(healthy_s)
        if isinstance(error, CameraUnsupported):
            return _UNSUPPORTED_PAUSE_S
        if isinstance(error, CameraBusy):
            return max(pause_s, _USED_UP_PAUSE_S)
        if isinstance(error, Unavailable):
            return max(pause_s, float(error.retry_after_s))
        return pause_s


class EventListeners(RepeatedWork):
    """Starts and ends the listeners as `demands` say, in a thread of its own, and lets events end in time."""

    def __init__(self, events: EventManager, cameras: OnvifManager, clock: Clock, *demands: EventDemand) -> None:
        super().__init__("event_listeners", _LOOK_EVERY_S, stop_s=_STOPPING_S)
        self._events = events
        self._cameras = cameras
        self._clock = clock
        self._demands = demands
        self._lock = threading.Lock()
        self._listeners: dict[int, EventListener] = {}
        self._closing: set[int] = set()

    def stop(self) -> None:
        """End all subscriptions, at most within three seconds."""
        super().stop()
        with self._lock:
            listeners, self._listeners = list(self._listeners.values()), {}
        if not listeners:
            return
        pool = ThreadPoolExecutor(_ENDS_AT_ONCE, "events-end")
        wait([pool.submit(listener.stop, _STOPPING_S) for listener in listeners], _STOPPING_S)
        pool.shutdown(wait=False, cancel_futures=True)
        for listener in listeners:
            listener.join(0.05)  # a pull that still waits ends with the connection to the camera

    def close_camera(self, camera_id: int) -> None:
        """End the subscription before the connection to a camera ends; wait at most a second and a half.

        A thread of its own writes to the database, which may be away.
        """
        with self._lock:
            self._closing.add(camera_id)
            listener = self._listeners.pop(camera_id, None)
        if listener is not None:
            end = threading.Thread(
                target=listener.stop, args=(_CLOSING_S,), name=f"events-end-{camera_id}", daemon=True
            )
            end.start()
            end.join(_CLOSED_S)

    def open_camera(self, camera_id: int) -> None:
        """Listen again after close_camera(), if the camera still exists: its change is over, or has failed."""
        with self._lock:
            self._closing.discard(camera_id)

    def look(self) -> None:
        """Start missing listeners, end those that are not wanted any longer, and let events end."""
        existing = {camera.id for camera in self._cameras.owned_cameras()}
        wanted = {camera_id for demand in self._demands for camera_id in demand.event_cameras()} & existing
        cleaned = set(self._events.left_open()) & existing
        with self._lock:
            ended = [
                self._listeners.pop(camera_id)
                for camera_id, listener in list(self._listeners.items())
                if not listener.is_alive or (camera_id not in wanted and listener.is_wanted)
            ]
            for camera_id in sorted((wanted | cleaned) - set(self._listeners) - self._closing):
                if self._is_stopping.is_set():
                    break
                listener = EventListener(
                    camera_id, self._events, self._cameras, self._clock, is_wanted=camera_id in wanted
                )
                self._listeners[camera_id] = listener
                listener.start()
        for listener in ended:
            listener.stop(_CLOSING_S)
        self._events.tick()
