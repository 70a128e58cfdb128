"""The subscription of one camera, from its stored address to its end: never more than one at the device."""

from __future__ import annotations

import logging
import threading

from core.clock import Clock
from core.errors import AppError, CameraUnreachable, NotFound, Unavailable
from core.events import EventDevice, Pulled
from events.store import StoredSubscription, SubscriptionStore
from onvif_manager import OnvifManager
from onvif_services.device_events import MAYBE_OPEN_TEXT, NOT_ENDED_TEXT
from onvif_services.events import FIRST_LIFE_S
from onvif_services.faults import NoAnswer

log = logging.getLogger(__name__)

_STOPPED_TEXT = "The app does not listen to this device any longer."
_LOST_S = FIRST_LIFE_S + 5.0


class CameraSubscription:
    """`begin`, `pull` and `synchronize` are for one thread; `end` may be called from any.

    The address is stored before the subscription is made longer than a minute. A crash in between costs a place at the
    device for that minute only, and so does an answer that is lost.
    """

    def __init__(
        self,
        camera_id: int,
        cameras: OnvifManager,
        store: SubscriptionStore,
        clock: Clock,
        stored: StoredSubscription | None,
    ) -> None:
        self._camera_id = camera_id
        self._cameras = cameras
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._stored = stored
        self._not_before_s = 0.0

    @property
    def is_stored(self) -> bool:
        """True while a subscription may be open at the device."""
        return self._stored is not None

    def adopt(self, stored: StoredSubscription) -> None:
        """Know of a subscription that another process has left open, unless there is a newer one."""
        with self._lock:
            self._stored = self._stored or stored

    def begin(self, is_stopping: threading.Event) -> None:
        """End the subscription of an earlier run or connection, and make a new one. Raise a DeviceError.

        Raise Unavailable if `is_stopping` is set, and while a subscription whose answer was lost may still be open.
        """
        with self._lock:
            if is_stopping.is_set():
                raise Unavailable(_STOPPED_TEXT)
            if not self._end(None):
                raise CameraUnreachable(NOT_ENDED_TEXT)
            left_s = self._not_before_s - self._clock.monotonic_s()
            if left_s > 0:
                raise Unavailable(MAYBE_OPEN_TEXT, retry_after_s=round(left_s) + 1)
            try:
                address = self._cameras.ask_events(self._camera_id, lambda device: device.subscribe())
            except NoAnswer:  # the device may have made it
                self._not_before_s = self._clock.monotonic_s() + _LOST_S
                raise
            self._stored = StoredSubscription(address, self._clock.now_utc())
            self._store.save(self._camera_id, address, self._stored.opened_at)
            if is_stopping.is_set():  # `end` may have given up its wait for the lock
                self._end(None)
                raise Unavailable(_STOPPED_TEXT)
        self._cameras.ask_events(self._camera_id, lambda device: device.keep())

    def pull(self) -> Pulled:
        """Wait for events. Raise a DeviceError, or Conflict if the subscription was ended."""
        return self._cameras.ask_events(self._camera_id, lambda device: device.pull())

    def synchronize(self) -> bool:
        """Request the present states of all events again; a later pull returns them. Return False if this is refused.

        Raise a DeviceError, or Conflict if the subscription was ended.
        """
        return self._cameras.ask_events(self._camera_id, lambda device: device.synchronize())

    def end(self, timeout_s: float | None = None) -> bool:
        """End the subscription. Return False if the device did not answer; the next call then tries again.

        `timeout_s` is the limit of the request, and of the wait for a `begin` under way.
        """
        if not self._lock.acquire(timeout=-1 if timeout_s is None else timeout_s):
            return False
        try:
            return self._end(timeout_s)
        finally:
            self._lock.release()

    def _end(self, timeout_s: float | None) -> bool:
        stored = self._stored
        if stored is None:
            return True

        def end_at(device: EventDevice) -> bool:
            if device.is_subscribed:
                return device.unsubscribe(timeout_s)
            return device.unsubscribe_stored(stored.address, timeout_s)

        try:
            is_ended = self._cameras.ask_events(self._camera_id, end_at)
        except NotFound:
            is_ended = True
        except AppError as error:
            log.info("camera %d: ending the event subscription failed (%s)", self._camera_id, error.code)
            is_ended = False
        if is_ended:
            self._stored = None
            self._store.forget(self._camera_id)
        return is_ended
