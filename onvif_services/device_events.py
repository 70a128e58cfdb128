"""The one subscription of a device: made, pulled, extended in time, ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from core.errors import CameraUnreachable, CameraUnsupported, Conflict, DeviceError, Unavailable
from core.events import Change, DeviceEvent, EventDevice, EventKind, ListedTopic, Pulled, SubscriptionAddress
from onvif_services.connection import DeviceConnection
from onvif_services.event_kinds import kind_of_topic, read_event
from onvif_services.events import (
    FIRST_LIFE_S,
    LEAST_GRANTED_S,
    LONG_LIFE_S,
    MAX_PULL_S,
    EventMessage,
    PullPoint,
    list_topics,
)
from onvif_services.faults import NoAnswer
from onvif_services.subscription_place import SubscriptionPlace

CHECK = "events"
"""The line of the health card."""
MAYBE_OPEN_TEXT = "An event subscription may still be open at the device."
NOT_ENDED_TEXT = "The device did not answer the request to end its earlier event subscription."
_RENEW_AT = 0.8  # of the granted life
_LIMIT = 100  # messages of one pull
_SHORT_PULL_S = 1.0  # for a web server that answers one request at a time
_SHORT_REST_S = 2.0
_QUICK_S = 0.5  # a device that answers sooner, without a message, ignores the time to wait
_QUICK_REST_S = 2.0
_REST_S = 0.2
_HELD_AGAIN_S = 60.0  # the other connection may give its subscription back sooner than it would end
_MOVED_S = 1.0  # times are whole seconds
_LONG_WAIT_S = 3.0
_MOST_CUTS = 3  # pulls in a row that soon end in a closed connection. After a wait that is normal for some firmware


class DeviceEvents(EventDevice):
    """The subscription to the events of one device; EventDevice documents the methods."""

    def __init__(self, conn: DeviceConnection, place: SubscriptionPlace) -> None:
        self._conn = conn
        self._place = place
        self._lock = threading.Lock()
        self._point: PullPoint | None = None
        self._address = SubscriptionAddress("")
        self._signals: dict[str, bool] = {}
        self._has_pulled = False
        self._renew_at_s = 0.0
        self._cuts = 0
        self._repeats_states = True

    @property
    def is_subscribed(self) -> bool:
        return self._point is not None

    def subscribe(self) -> SubscriptionAddress:
        if "events" not in self._conn.services:
            self._conn.note(CHECK, CameraUnsupported.code, "The device has no event service.")
            raise CameraUnsupported("The device does not offer the events service.", service="events")
        with self._place.making:
            if self._point is None and self._place.is_held:
                self._end_held()
            self._end_left()
            with self._lock:
                if self._point is not None:
                    raise Conflict("The app has a subscription to the events of this device already.")
                self._point = point = PullPoint(self._conn)
            try:
                with self._conn.checking(CHECK):
                    address = self._open(point)
            except BaseException:
                with self._lock:
                    self._point = None
                raise
            if self._point is not point:
                if not point.close():
                    self._place.left = address
                raise Conflict("The subscription was ended before the device had made it.")
            self._address = address
            self._plan_renewal(point, FIRST_LIFE_S)
            self._place.is_used = True
        self._signals, self._has_pulled, self._cuts = {}, False, 0
        self._repeats_states = True
        return address

    def keep(self) -> None:
        self._extend(self._subscribed())
        self.synchronize()

    def synchronize(self) -> bool:
        point = self._subscribed()
        if self._repeats_states:
            try:
                point.synchronize()
            except DeviceError as error:  # optional; most devices tell the states by themselves
                self._conn.note("states of events", error.code, error.detail)
                self._repeats_states = isinstance(error, NoAnswer)
        return self._repeats_states

    def pull(self) -> Pulled:
        point = self._subscribed()
        if time.monotonic() >= self._renew_at_s:
            self._extend(point)
        is_serial = self._conn.gets_one_at_a_time
        began_s = time.monotonic()
        ended_s = point.ends_s
        try:
            messages = point.pull(timeout_s=_SHORT_PULL_S if is_serial else MAX_PULL_S, limit=_LIMIT)
        except NoAnswer as error:
            has_waited = time.monotonic() - began_s >= _LONG_WAIT_S
            self._cuts = 0 if has_waited else self._cuts + 1
            if error.is_cut and self._cuts <= _MOST_CUTS:
                return Pulled((), _QUICK_REST_S)
            raise
        self._cuts = 0
        if point.ends_s > ended_s + _MOVED_S:  # the pull has extended it
            self._plan_renewal(point, FIRST_LIFE_S)
        events = tuple(read_event(message) for message in messages)
        for event in events:
            self._note_signal(event)
        self._has_pulled = True
        took_s = time.monotonic() - began_s
        if is_serial:
            return Pulled(events, _SHORT_REST_S)
        return Pulled(events, _REST_S if events else _QUICK_REST_S if took_s < _QUICK_S else 0.0)

    def unsubscribe(self, timeout_s: float | None = None) -> bool:
        with self._lock:
            point, self._point = self._point, None
        if point is None:
            return True
        return self._given_back(self._address, point.close(timeout_s))

    def unsubscribe_stored(self, stored: SubscriptionAddress, timeout_s: float | None = None) -> bool:
        return self._given_back(stored, self._reopened(stored).close(timeout_s))

    def topics(self) -> tuple[ListedTopic, ...]:
        if "events" not in self._conn.services:
            raise CameraUnsupported("The device does not offer the events service.", service="events")
        return tuple(ListedTopic(topic, kind_of_topic(topic)) for topic in list_topics(self._conn))

    def signals(self) -> Mapping[str, bool] | None:
        return dict(self._signals) if self._has_pulled else None

    def pull_states(self, timeout_s: float) -> tuple[EventMessage, ...] | None:
        """Return the present states from a subscription that lives only for this call.

        None if an earlier connection or this one may still have a subscription.
        """
        with self._place.making:
            if self._point is not None or self._place.is_held:
                return None
            self._end_left()
            point = PullPoint(self._conn)
            address = self._open(point)
            try:
                return point.pull(timeout_s=timeout_s)
            finally:
                if not point.close():
                    self._place.left = address

    def _open(self, point: PullPoint) -> SubscriptionAddress:
        try:
            return point.open()
        except NoAnswer:  # the device may have made it
            self._place.lose(FIRST_LIFE_S)
            raise

    def _end_held(self) -> None:
        """End the long subscription of a connection that listens no longer.

        Raise Unavailable if its connection listens, and CameraUnreachable if the device does not answer.
        """
        held = self._place.held
        if self._place.is_used or held is None:
            again_s = min(self._place.held_for_s, _HELD_AGAIN_S)
            raise Unavailable(MAYBE_OPEN_TEXT, retry_after_s=round(again_s) + 1)
        if not self._given_back(held, self._reopened(held).close()):
            raise CameraUnreachable(NOT_ENDED_TEXT)

    def _end_left(self) -> None:
        """End a short subscription whose end got lost. Raise CameraUnreachable or Unavailable if one may be open."""
        left = self._place.left
        if left is not None:
            if not self._reopened(left).close():
                raise CameraUnreachable(NOT_ENDED_TEXT)
            self._place.left = None
        if (lost_for_s := self._place.lost_for_s) > 0:
            raise Unavailable(MAYBE_OPEN_TEXT, retry_after_s=round(lost_for_s) + 1)

    def _reopened(self, stored: SubscriptionAddress) -> PullPoint:
        point = PullPoint(self._conn)
        point.reopen(stored)
        return point

    def _given_back(self, address: SubscriptionAddress, is_ended: bool) -> bool:
        if is_ended:
            self._place.give_back(address)
        elif address == self._place.held:
            self._place.is_used = False  # the next connection may end it
        return is_ended

    def _subscribed(self) -> PullPoint:
        point = self._point
        if point is None:
            raise Conflict("The app has no subscription to the events of this device.")
        return point

    def _extend(self, point: PullPoint) -> None:
        """Renew the subscription. A device that refuses may extend it with each pull, or tells its end by a fault."""
        try:
            point.renew(LONG_LIFE_S)
        except NoAnswer:
            raise
        except DeviceError as error:
            self._conn.note("renewal of events", error.code, error.detail)
        self._plan_renewal(point, LONG_LIFE_S)

    def _plan_renewal(self, point: PullPoint, wanted_s: float) -> None:
        life_s = max(LEAST_GRANTED_S, wanted_s if point.granted_s is None else point.granted_s)
        self._renew_at_s = time.monotonic() + _RENEW_AT * life_s
        self._place.hold(life_s, self._address)

    def _note_signal(self, event: DeviceEvent) -> None:
        if event.kind is EventKind.VIDEO_LOSS and event.sources and event.active is not None:
            self._signals[event.sources[0]] = not event.active or event.change is Change.ENDED
