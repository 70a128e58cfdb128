"""The MQTT sink: states and events on a broker, and Home Assistant's discovery.

One connection lasts as long as the sink is on. Its last will tells the broker's other clients that the app is offline.
States are retained, events are not. The network thread is paho's own.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.errors import AppError
from core.events import EventKind
from core.secrets import Secret
from notifications.home_assistant import STATUS_TOPIC, ShownDevice, Topics, components_of, config_of
from notifications.outgoing import CODE_UNREACHABLE, Outgoing, Server, as_sink_error, stopping
from notifications.payload import payload_of
from notifications.sink_settings import MqttSettings
from notifications.sinks import Notice, Sink, SinkError
from notifications.states import WHOLE_DEVICE, StateChange, StateKey
from notifications.store import Announced, SinkStore

log = logging.getLogger(__name__)

SEND_LIMIT_S = 5.0
_CONNECT_LIMIT_S = 5.0
_KEEP_ALIVE_S = 15
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1, 60  # before another connection
_MOST_QUEUED = 20_000  # states of all channels after a connection
_LAST_WORDS_S = 0.5
_STOP_S = 1.0
_ON, _OFF = b"ON", b"OFF"
_AWAY = frozenset({EventKind.OFFLINE, EventKind.LOGIN_REFUSED})


class _Client(Client):
    """paho's client over connections to allowed addresses only."""

    def __init__(self, outgoing: Outgoing, settings: MqttSettings) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=f"ovw-{secrets.token_hex(8)}")
        self.outgoing = outgoing
        self.server = Server(settings.host, settings.port)
        self.problem: SinkError | None = None
        self.twin: socket.socket | None = None
        self.max_queued_messages_set(_MOST_QUEUED)
        self.reconnect_delay_set(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        self.connect_timeout = _CONNECT_LIMIT_S

    def _create_socket_connection(self) -> socket.socket:
        self.end_connection()
        try:
            line = self.outgoing.connect(self.server, _CONNECT_LIMIT_S)
        except SinkError as error:
            self.problem = error
            raise OSError(error.code) from error  # paho tries again after an OSError
        self.twin = line.dup()
        return line

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        tcp_sock.settimeout(_CONNECT_LIMIT_S)
        try:
            return self.outgoing.tls_context().wrap_socket(tcp_sock, server_hostname=self.server.host.strip("[]"))
        except OSError as error:
            self.problem = as_sink_error(error)
            tcp_sock.close()
            raise

    def wait_after_refusal(self) -> None:
        """Try a refused password again only after LOGIN_RETRY_S."""
        wait_s = max(1, round(self.outgoing.login_retry_s))
        self.reconnect_delay_set(wait_s, wait_s)

    def end_connection(self) -> None:
        """End the TCP connection, whatever the broker does."""
        twin, self.twin = self.twin, None
        if twin is not None:
            with suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)
            twin.close()


class MqttSink(Sink):
    """Call start() first. Thread-safe. `sink_id`: its row, which stores the announced devices."""

    def __init__(
        self, sink_id: int, settings: MqttSettings, secret: Secret | None, outgoing: Outgoing, store: SinkStore
    ) -> None:
        self._sink_id = sink_id
        self._settings = settings
        self._store = store
        self._topics = Topics(settings.base_topic, settings.with_pictures)
        self._lock = threading.Lock()
        self._announcing = threading.Lock()  # never taken while `_lock` is held
        self._on: set[StateKey] = set()
        self._devices: dict[int, ShownDevice] | None = None  # until they are known, nothing is taken back
        self._published: set[str] = set()
        self._gone: set[int] = set()  # cameras whose topics the broker may still have
        self._first_answer = threading.Event()
        self._is_closed = False
        self._client = client = _Client(outgoing, settings)
        if settings.username:
            client.username_pw_set(settings.username, secret.reveal() if secret else None)
        if settings.is_tls:
            client.tls_set_context(outgoing.tls_context())
        client.will_set(self._topics.status, "offline", qos=1, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._not_connected
        client.on_message = self._message
        client.on_disconnect = self._disconnected

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    def start(self) -> None:
        """Connect in the background, again and again."""
        self._client.connect_async(self._settings.host, self._settings.port, _KEEP_ALIVE_S)
        self._client.loop_start()

    def wait_connected(self) -> None:
        """Wait for the broker. Raise SinkError."""
        self._first_answer.wait(_CONNECT_LIMIT_S)
        if not self.is_connected:
            raise self._client.problem or SinkError(CODE_UNREACHABLE, "The broker does not answer.")

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        client = self._client
        if client.is_connected():
            with suppress(ValueError, RuntimeError):
                client.publish(self._topics.status, "offline", qos=1, retain=True).wait_for_publish(_LAST_WORDS_S)
        client.disconnect()
        # paho waits for its thread without a limit, which a broker that does not answer can hold for seconds.
        ending = threading.Thread(target=client.loop_stop, name="mqtt-end", daemon=True)
        ending.start()
        ending.join(_STOP_S)
        client.end_connection()

    def send(self, notice: Notice) -> None:
        self._publish_and_wait(self._topics.events, payload_of(notice))
        event = notice.event
        if self._settings.with_pictures and notice.picture is not None and event.camera_id is not None:
            topic = self._topics.picture(event.camera_id, event.channel or WHOLE_DEVICE)
            self._publish_and_wait(topic, notice.picture)

    # ---- states and discovery --------------------------------------------------------------------

    def show(self, changes: Iterable[StateChange]) -> None:
        """Publish states that have changed. Does not wait for the broker."""
        with self._lock:
            for change in changes:
                if not self._has_camera(change.key):
                    continue
                if change.is_on:
                    self._on.add(change.key)
                else:
                    self._on.discard(change.key)
                self._publish_state(change.key)

    def show_devices(self, devices: Iterable[ShownDevice], on: Iterable[StateKey]) -> None:
        """Publish the devices and all states, if they are others than before. Does not wait for the broker."""
        wanted = {device.camera_id: device for device in devices}
        with self._lock:
            if wanted == self._devices:
                return
            self._gone |= (self._devices or {}).keys() - wanted.keys()
            self._devices = wanted
            self._on = set(filter(self._has_camera, on))
        self._publish_all()

    def take_back(self) -> None:
        """Remove all devices from Home Assistant and all states from the broker: the sink is removed."""
        with self._lock:
            self._gone |= set(self._devices or ())
            self._devices, self._on = {}, set()
        self._publish_all()

    # ---- inside: called by paho's thread, too ----------------------------------------------------

    def _connected(
        self,
        client: Client,
        data: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, data, flags, properties
        self._first_answer.set()
        if reason.is_failure:
            detail = "The broker refuses the connection: check the user name, the password and its rights."
            self._client.problem = SinkError("mqtt_refused", detail)
            self._client.wait_after_refusal()
            return
        self._client.problem = None
        self._client.reconnect_delay_set(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        self._client.publish(self._topics.status, "online", qos=1, retain=True)
        if self._settings.with_home_assistant:
            self._client.subscribe(STATUS_TOPIC, qos=1)
        self._publish_all()

    def _not_connected(self, client: Client, data: Any) -> None:
        del client, data
        self._first_answer.set()

    def _disconnected(
        self,
        client: Client,
        data: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, data, flags, properties
        if reason.is_failure and self._client.problem is None:
            self._client.problem = SinkError(CODE_UNREACHABLE, "The broker ended the connection.")

    def _message(self, client: Client, data: Any, message: MQTTMessage) -> None:
        del client, data
        if message.topic == STATUS_TOPIC and message.payload == b"online":
            self._publish_all()

    def _publish_all(self) -> None:
        """Publish discovery and states, and take back those of removed cameras, once the broker is connected."""
        with self._lock:
            is_known = self._devices is not None
        if not is_known or not self._client.is_connected():
            return
        try:
            with self._announcing:
                before = self._store.announced(self._sink_id)
                now = self._announce(before)
                if now != before:
                    self._store.set_announced(self._sink_id, now)
        except AppError as error:
            log.warning(
                "notification sink %d: the announced devices could not be stored (%s)", self._sink_id, error.code
            )
        with self._lock:
            gone, self._gone = self._gone - (self._devices or {}).keys(), set()
            for topic in [topic for topic in self._published if _is_of(topic, self._topics.base, gone)]:
                self._published.discard(topic)
                self._client.publish(topic, b"", qos=1, retain=True)
            for device in (self._devices or {}).values():
                self._publish_connection(device.camera_id)
                for key in device.state_keys():
                    self._publish_state(key)
            for key in self._on:
                self._publish_state(key)

    def _announce(self, before: Announced) -> Announced:
        """Publish the devices to Home Assistant, and take back those that are gone. Return the announced ones.

        A removed component is sent once with its platform only; a removed device is an empty message.
        """
        with self._lock:
            devices = list((self._devices or {}).values()) if self._settings.with_home_assistant else []
        now: Announced = {}
        for device in devices:
            device_id = self._topics.device_id(device.camera_id)
            now[device_id] = {name: part["p"] for name, part in components_of(device, self._topics).items()}
            removed = {
                name: platform for name, platform in before.get(device_id, {}).items() if name not in now[device_id]
            }
            config = json.dumps(config_of(device, self._topics, removed), ensure_ascii=False).encode("utf-8", "replace")
            self._client.publish(self._topics.config(device_id), config, qos=1, retain=True)
        for device_id in before.keys() - now.keys():
            self._client.publish(self._topics.config(device_id), b"", qos=1, retain=True)
        return now

    def _has_camera(self, key: StateKey) -> bool:
        """True unless the camera of a state was removed: its topics are taken back, and must not come again."""
        return self._devices is None or not key.camera_id or key.camera_id in self._devices

    def _publish_state(self, key: StateKey) -> None:
        self._publish_retained(self._topics.state(key), _ON if key in self._on else _OFF)
        if key.kind in _AWAY and key.camera_id and key.channel == WHOLE_DEVICE:
            self._publish_connection(key.camera_id)

    def _publish_connection(self, camera_id: int) -> None:
        is_away = any(StateKey(camera_id, WHOLE_DEVICE, kind) in self._on for kind in _AWAY)
        self._publish_retained(self._topics.connectivity(camera_id), _OFF if is_away else _ON)

    def _publish_retained(self, topic: str, payload: bytes) -> None:
        if self._client.is_connected():
            self._published.add(topic)
            self._client.publish(topic, payload, qos=1, retain=True)

    def _publish_and_wait(self, topic: str, payload: bytes) -> None:
        client = self._client
        if self._is_closed:
            raise stopping()
        if not client.is_connected():
            raise client.problem or SinkError(CODE_UNREACHABLE, "The broker does not answer.")
        try:
            sent = client.publish(topic, payload, qos=1)
            sent.wait_for_publish(SEND_LIMIT_S)
            is_sent = sent.is_published()
        except (ValueError, RuntimeError):
            is_sent = False
        if not is_sent:
            raise SinkError(CODE_UNREACHABLE, "The broker does not confirm what it gets.")


def _is_of(topic: str, base: str, camera_ids: Iterable[int]) -> bool:
    return any(topic.startswith(f"{base}/{camera_id}/") for camera_id in camera_ids)
