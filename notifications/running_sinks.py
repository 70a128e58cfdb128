"""The sinks that are on, each with its queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import Conflict, NotFound
from notifications.courier import Courier, Waiting
from notifications.home_assistant import ShownDevice
from notifications.mail import EmailSink
from notifications.mqtt import MqttSink
from notifications.outgoing import Outgoing
from notifications.queues import SinkQueue
from notifications.records import DeliveryState, Outcome, SinkState, StoredSink
from notifications.sink_settings import EmailSettings, MqttSettings, WebhookSettings
from notifications.sinks import Notice, Sink, SinkError, SinkKind
from notifications.states import StateChange, StateKey
from notifications.store import SinkStore
from notifications.webhook import WebhookSink

log = logging.getLogger(__name__)

_STOP_S = 1.8


@dataclass(slots=True)
class _Entry:
    sink: StoredSink
    queue: SinkQueue | None


class NoPush(Sink):
    """The push sink of an app without web push."""

    def send(self, notice: Notice) -> None:
        del notice
        raise SinkError("push_unavailable", "Web push is not available.", is_final=True)

    def close(self) -> None:
        pass


class RunningSinks:
    """Thread-safe. A sink that is off has no queue and no connection."""

    def __init__(self, outgoing: Outgoing, store: SinkStore, courier: Courier) -> None:
        self._outgoing = outgoing
        self._store = store
        self._courier = courier
        self._lock = threading.RLock()
        self._entries: dict[int, _Entry] = {}
        self.push: Sink = NoPush()

    def start(self, sinks: Iterable[StoredSink]) -> None:
        with self._lock:
            for sink in sinks:
                self._entries[sink.id] = _Entry(sink, self._queue_of(sink))

    def stop(self) -> None:
        """End all queues and connections within 2 s. Waiting deliveries go out after the next start."""
        with self._lock:
            entries, self._entries = list(self._entries.values()), {}
        ending = [threading.Thread(target=one.queue.stop, daemon=True) for one in entries if one.queue is not None]
        for thread in ending:
            thread.start()
        until_s = self._courier.clock.monotonic_s() + _STOP_S
        for thread in ending:
            thread.join(max(0.0, until_s - self._courier.clock.monotonic_s()))

    def sinks(self) -> list[StoredSink]:
        """Return all sinks, sorted by id."""
        with self._lock:
            return [self._entries[sink_id].sink for sink_id in sorted(self._entries)]

    def get(self, sink_id: int) -> StoredSink:
        """Raise NotFound."""
        with self._lock:
            entry = self._entries.get(sink_id)
        if entry is None:
            raise NotFound("There is no such sink.")
        return entry.sink

    def find(self, sink_id: int) -> StoredSink | None:
        with self._lock:
            entry = self._entries.get(sink_id)
            return None if entry is None else entry.sink

    def state(self, sink_id: int) -> SinkState:
        with self._lock:
            entry = self._entries.get(sink_id)
            return SinkState() if entry is None or entry.queue is None else entry.queue.state()

    def set(self, sink: StoredSink) -> None:
        """Add a sink, or replace it by one with other settings. Deliveries that wait go to the new one.

        An MQTT sink with other topics takes back what it has announced, if it is connected.
        """
        with self._lock:
            old = self._entries.get(sink.id)
            if old is not None and _place(old.sink) != _place(sink):
                _take_back(old)
            self._replace(sink)

    def remove(self, sink_id: int) -> None:
        """End a sink. An MQTT sink takes back what it has announced, if it is connected."""
        with self._lock:
            if (entry := self._entries.get(sink_id)) is not None:
                _take_back(entry)
            self._drop(sink_id)

    def follow(self, stored: Iterable[StoredSink]) -> None:
        """Start, replace and end sinks so that they are the stored ones, which another node may have changed.

        Announcements of MQTT sinks are left to that node.
        """
        wanted = {sink.id: sink for sink in stored}
        known = {sink.id: sink for sink in self.sinks()}
        for sink_id in known.keys() - wanted.keys():
            self._drop(sink_id)
        for sink_id, sink in wanted.items():
            if known.get(sink_id) != sink:
                self._replace(sink)

    def put(self, waiting: Waiting) -> None:
        """Queue a delivery. The oldest one is dropped if the queue is full."""
        with self._lock:
            entry = self._entries.get(waiting.delivery.sink_id)
            queue = None if entry is None else entry.queue
            oldest = queue.put(waiting) if queue is not None else None
        if queue is None:
            self._courier.finish(waiting, _off())
        if oldest is not None:
            detail = "The queue of the sink was full."
            self._courier.finish(oldest, Outcome(DeliveryState.DROPPED, 0, "queue_full", detail))

    def test(self, sink: StoredSink, notice: Notice) -> None:
        """Send a test now, also by a sink that is off. Raise SinkError."""
        if sink.kind is SinkKind.PUSH:
            self.push.send(notice)
            return
        with self._lock:
            entry = self._entries.get(sink.id)
        if entry is not None and entry.queue is not None and isinstance(entry.queue.sink, MqttSink):
            entry.queue.sink.send(notice)
            return
        one = self._make(sink)
        try:
            if isinstance(one, MqttSink):
                one.start()
                one.wait_connected()
            one.send(notice)
        finally:
            one.close()

    # ---- MQTT ------------------------------------------------------------------------------------

    def show(self, changes: Iterable[StateChange]) -> None:
        """Show states that have changed."""
        found = list(changes)
        for sink in self._mqtt_sinks() if found else ():
            sink.show(found)

    def show_devices(self, devices: Iterable[ShownDevice], on: Iterable[StateKey]) -> None:
        """Show the devices, if they are others than before."""
        known, states = list(devices), set(on)
        for sink in self._mqtt_sinks():
            sink.show_devices(known, states)

    def has_mqtt(self) -> bool:
        return bool(self._mqtt_sinks())

    def _mqtt_sinks(self) -> list[MqttSink]:
        with self._lock:
            queues = [entry.queue for entry in self._entries.values() if entry.queue is not None]
        return [queue.sink for queue in queues if isinstance(queue.sink, MqttSink)]

    # ---- inside ----------------------------------------------------------------------------------

    def _replace(self, sink: StoredSink) -> None:
        with self._lock:
            waiting = self._end(self._entries.pop(sink.id, None))
            queue = self._queue_of(sink)
            self._entries[sink.id] = _Entry(sink, queue)
        for one in waiting:
            if queue is None:
                self._courier.finish(one, _off())
            else:
                queue.put(one)

    def _drop(self, sink_id: int) -> None:
        with self._lock:
            waiting = self._end(self._entries.pop(sink_id, None))
        for one in waiting:
            self._courier.finish(one, _off())

    def _end(self, entry: _Entry | None) -> list[Waiting]:
        if entry is None or entry.queue is None:
            return []
        entry.queue.stop()
        return entry.queue.take_all()

    def _queue_of(self, sink: StoredSink) -> SinkQueue | None:
        if not sink.is_on:
            return None
        try:
            made = self._make(sink)
        except (SinkError, Conflict) as error:
            log.warning("notification sink %d cannot be used: %s", sink.id, error.detail)
            return None
        if isinstance(made, MqttSink):
            made.start()
        queue = SinkQueue(made, self._courier)
        queue.start()
        return queue

    def _make(self, sink: StoredSink) -> Sink:
        """Return the sink object. Raise Conflict if its secret does not open, and SinkError."""
        if not sink.is_readable:
            raise Conflict("The stored secret cannot be read: enter it again.", code="secret_unreadable")
        clock = self._courier.clock
        match sink.settings:
            case WebhookSettings() as webhook:
                return WebhookSink(webhook, sink.secret, self._outgoing, clock)
            case EmailSettings() as email:
                return EmailSink(email, sink.secret, self._outgoing, clock)
            case MqttSettings() as mqtt:
                return MqttSink(sink.id, mqtt, sink.secret, self._outgoing, self._store)
        return _Held(self.push)


class _Held(Sink):
    """The push sink, which sends tests of users, too. The end of its queue ends what it sends now."""

    def __init__(self, push: Sink) -> None:
        self._push = push

    def send(self, notice: Notice) -> None:
        self._push.send(notice)

    def close(self) -> None:
        self._push.close()


def _place(sink: StoredSink) -> tuple[str, int, str, bool] | None:
    """Return what tells apart the topics of an MQTT sink; None for other sinks."""
    if not isinstance(sink.settings, MqttSettings):
        return None
    mqtt = sink.settings
    return mqtt.host, mqtt.port, mqtt.base_topic, mqtt.with_home_assistant


def _take_back(entry: _Entry) -> None:
    if entry.queue is not None and isinstance(entry.queue.sink, MqttSink):
        entry.queue.sink.take_back()


def _off() -> Outcome:
    return Outcome(DeliveryState.DROPPED, 0, "sink_off", "The sink was switched off or removed.")
