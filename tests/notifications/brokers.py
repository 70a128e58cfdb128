"""Debian's mosquitto as the broker of tests, and a client that keeps all that it hears."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.notifications.receivers import Authority
from tests.patience import LIMIT_S, until

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True)
class Broker:
    """A running broker."""

    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@contextmanager
def broker(folder: Path, *more: str, port: int | None = None) -> Iterator[Broker]:
    """Run mosquitto on loopback; `more` are lines of its configuration."""
    if MOSQUITTO is None:
        pytest.fail("mosquitto is missing: tools/system-packages.sh installs it")
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    lines = [f"listener {port} 127.0.0.1", "persistence false", "log_dest none", *(more or ("allow_anonymous true",))]
    config = folder / f"mosquitto-{port}.conf"
    config.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([MOSQUITTO, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _is_open(port), what="mosquitto's port")
        yield Broker(port, process)
    finally:
        process.terminate()
        process.wait(10)


def with_tls(authority: Authority, folder: Path) -> tuple[str, ...]:
    """Return the lines of a configuration with TLS and one user."""
    users = folder / "users"
    users.write_text("")
    users.chmod(0o600)
    tool = shutil.which("mosquitto_passwd")
    assert tool is not None
    subprocess.run([tool, "-b", str(users), "cameras", "broker-secret"], check=True, capture_output=True)
    for path in (authority.certificate, authority.key, users):
        path.chmod(0o644)
    return (
        f"certfile {authority.certificate}",
        f"keyfile {authority.key}",
        f"password_file {users}",
        "allow_anonymous false",
        "user root",
    )


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@dataclass
class Listener:
    """Everything that a client has heard: the newest retained state of each topic, and all messages in order."""

    client: Client
    newest: dict[str, bytes] = field(default_factory=dict)
    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def of(self, topic: str) -> bytes | None:
        return self.newest.get(topic)

    def all_of(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in list(self.messages) if name == topic]

    def say(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)


@contextmanager
def listening(port: int, *topics: str) -> Iterator[Listener]:
    """Yield a client that has subscribed to the topics, to all of them without any."""
    client = Client(CallbackAPIVersion.VERSION2)
    heard = Listener(client)
    is_subscribed = threading.Event()

    def connected(*_: Any) -> None:
        client.subscribe([(topic, 1) for topic in topics or ("#",)])

    def message(_client: Client, _data: Any, one: Any) -> None:
        heard.newest[one.topic] = one.payload
        heard.messages.append((one.topic, one.payload, one.retain))

    client.on_connect = connected
    client.on_message = message
    client.on_subscribe = lambda *_: is_subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert is_subscribed.wait(LIMIT_S)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()
