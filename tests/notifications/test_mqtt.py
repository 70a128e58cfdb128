"""The MQTT sink against Debian's mosquitto: states, events, last will, Home Assistant's discovery."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.access import LOCAL
from core.events import EventKind, EventSource
from core.records import DeviceInfo
from core.secrets import Secret
from notifications.records import DeliveryState, SinkChange, SinkDraft
from notifications.sink_settings import MqttSettings
from tests.notifications.brokers import Broker, broker, listening, with_tls
from tests.notifications.discovery import faults_of
from tests.notifications.receivers import Authority
from tests.notifications.telling import Telling, running
from tests.patience import promised, until
from tests.project_files import ROOT


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as made:
        yield made


@pytest.fixture
def base(shared: Broker, request: pytest.FixtureRequest) -> Iterator[str]:
    """A base topic of this test; what it has retained is removed afterwards."""
    name = f"t{abs(hash(request.node.name)) % 10**8}"
    yield name
    with listening(shared.port, f"{name}/#", "homeassistant/#") as heard:
        for topic, payload in list(heard.newest.items()):
            if payload:
                heard.client.publish(topic, b"", qos=1, retain=True).wait_for_publish(10)


def add_sink(telling: Telling, port: int, *, password: str | None = None, **more: Any) -> int:
    settings = MqttSettings("127.0.0.1", port, **more)
    secret = None if password is None else Secret(password)
    sink_id = telling.manager.add_sink(SinkDraft("Broker", settings, secret)).id
    until(lambda: telling.manager.sink_state(sink_id).is_connected, what="the connection to the broker")
    return sink_id


def test_states_follow_events_and_are_retained(telling: Telling, shared: Broker, base: str) -> None:
    add_sink(telling, shared.port, base_topic=base)
    with listening(shared.port, f"{base}/#") as heard:
        until(lambda: heard.of(f"{base}/1/1/motion") == b"OFF")
        assert heard.of(f"{base}/status") == b"online"
        assert heard.of(f"{base}/2/0/connectivity") == b"ON"
        telling.begin(telling.event(EventKind.MOTION), "one")
        until(lambda: heard.of(f"{base}/1/1/motion") == b"ON")
        telling.begin(telling.event(EventKind.MOTION, rule="other"), "two")
        telling.end("one")
        telling.begin(telling.event(EventKind.PERSON, channel=2), "person")
        until(lambda: heard.of(f"{base}/1/2/person") == b"ON")
        assert heard.of(f"{base}/1/1/motion") == b"ON"
        telling.end("two")
        until(lambda: heard.of(f"{base}/1/1/motion") == b"OFF")
    with listening(shared.port, f"{base}/#") as late:
        until(lambda: late.of(f"{base}/1/2/person") == b"ON")
        until(lambda: late.of(f"{base}/1/1/motion") == b"OFF")
        assert late.messages[0][2] is True  # retained


@pytest.mark.slow
def test_a_moment_is_on_for_two_seconds(telling: Telling, shared: Broker, base: str) -> None:
    add_sink(telling, shared.port, base_topic=base)
    with listening(shared.port, f"{base}/#") as heard:
        now = telling.clock.now_utc()
        telling.begin(telling.event(EventKind.DOORBELL, start_at=now, end_at=now))
        telling.end()
        until(lambda: heard.all_of(f"{base}/1/1/doorbell")[-2:] == [b"ON", b"OFF"])


def test_a_device_that_is_away_has_no_connectivity(telling: Telling, shared: Broker, base: str) -> None:
    add_sink(telling, shared.port, base_topic=base)
    with listening(shared.port, f"{base}/1/0/#") as heard:
        until(lambda: heard.of(f"{base}/1/0/connectivity") == b"ON")
        telling.begin(telling.event(EventKind.OFFLINE, channel=None, source=EventSource.SERVER))
        until(lambda: heard.of(f"{base}/1/0/connectivity") == b"OFF")
        telling.end()
        until(lambda: heard.of(f"{base}/1/0/connectivity") == b"ON")


def test_events_of_a_rule_are_json_and_bring_the_picture(telling: Telling, shared: Broker, base: str) -> None:
    sink = add_sink(telling, shared.port, base_topic=base, with_pictures=True)
    telling.rule(sinks=(sink,), kinds=(EventKind.PERSON,))
    with listening(shared.port, f"{base}/#") as heard:
        telling.events.pictures.put(1, 1, b"\xff\xd8 picture")
        telling.begin(telling.event())
        until(lambda: heard.of(f"{base}/1/1/picture") == b"\xff\xd8 picture")
        told = json.loads(heard.all_of(f"{base}/events")[0])
        assert (told["event_id"], told["kind"], told["channel_name"]) == (1, "person", "Gate")
        telling.begin(telling.event(EventKind.MOTION), "motion")
        until(lambda: heard.of(f"{base}/1/1/motion") == b"ON")
        assert len(heard.all_of(f"{base}/events")) == 1
    assert telling.settled(1)[0].state is DeliveryState.SENT
    with listening(shared.port, f"{base}/#") as late:
        until(lambda: late.of(f"{base}/status"))
        assert late.of(f"{base}/events") is None
        assert late.of(f"{base}/1/1/picture") is None


def test_home_assistant_gets_one_message_for_each_device(telling: Telling, shared: Broker, base: str) -> None:
    telling.cameras.rename(1, 'Yard\r\n<b>"1"\u202e', DeviceInfo("Acme", "Dome \x00 5", "1.2"))
    add_sink(telling, shared.port, base_topic=base, with_home_assistant=True, with_pictures=True)
    with listening(shared.port, "#") as heard:
        config = f"homeassistant/device/{base}_1/config"
        until(lambda: heard.of(config) and heard.of(f"homeassistant/device/{base}_2/config"))
        assert faults_of(heard.newest) == []
        message = json.loads(heard.newest[config])
        assert message["dev"]["name"] == 'Yard <b>"1"'
        assert message["avty_t"] == f"{base}/status"
        assert message["cmps"]["1_motion"] == {
            "p": "binary_sensor",
            "uniq_id": f"{base}_1_1_motion",
            "name": "Gate motion",
            "stat_t": f"{base}/1/1/motion",
            "dev_cla": "motion",
        }
        assert "1_person" not in message["cmps"]
        telling.begin(telling.event())  # the first person of this channel
        until(lambda: b"1_person" in (heard.of(config) or b""), within_s=30)
        assert faults_of(heard.newest) == []


def test_discovery_comes_again_when_home_assistant_starts(telling: Telling, shared: Broker, base: str) -> None:
    add_sink(telling, shared.port, base_topic=base, with_home_assistant=True)
    config = f"homeassistant/device/{base}_1/config"
    with listening(shared.port, f"{base}/#", "homeassistant/device/#") as heard:
        until(lambda: heard.of(config))
        before = len(heard.all_of(config))
        heard.say("homeassistant/status", b"online")
        until(lambda: len(heard.all_of(config)) > before)


def components(configs: list[bytes], name: str) -> list[Any]:
    """Return a component in each of the discovery messages; None where it is missing."""
    return [json.loads(config)["cmps"].get(name) for config in configs if config]


def test_a_removed_channel_and_camera_are_taken_back(telling: Telling, shared: Broker, base: str) -> None:
    sink = add_sink(telling, shared.port, base_topic=base, with_home_assistant=True)
    first, second = (f"homeassistant/device/{base}_{number}/config" for number in (1, 2))
    with listening(shared.port, f"{base}/#", "homeassistant/device/#") as heard:
        until(lambda: heard.of(first) and heard.of(second))
        telling.stop()
        del telling.cameras.channel_names[2]
        del telling.cameras.views[2]
        telling.start()  # its row has the announced devices
        until(lambda: heard.of(second) == b"")
        until(lambda: {"p": "binary_sensor"} in components(heard.all_of(first), "2_motion"))
        assert faults_of(heard.newest) == []
        heard.say("homeassistant/status", b"online")
        until(lambda: components(heard.all_of(first)[-1:], "2_motion") == [None])
        telling.manager.remove_sink(sink)
        until(lambda: heard.of(first) == b"")
        until(lambda: heard.of(f"{base}/1/1/motion") == b"")
        assert heard.of(f"{base}/status") == b"offline"


def test_other_topics_leave_nothing_at_the_old_ones(telling: Telling, shared: Broker, base: str) -> None:
    sink = add_sink(telling, shared.port, base_topic=base, with_home_assistant=True)
    with listening(shared.port, f"{base}/#", "homeassistant/device/#") as heard:
        until(lambda: heard.of(f"{base}/1/1/motion") == b"OFF")
        until(lambda: heard.of(f"homeassistant/device/{base}_1/config"))
        settings = MqttSettings("127.0.0.1", shared.port, base_topic=f"{base}/other", with_home_assistant=False)
        telling.manager.change_sink(sink, SinkChange(settings=settings))
        until(lambda: heard.of(f"{base}/other/1/1/motion") == b"OFF")
        until(lambda: heard.of(f"{base}/1/1/motion") == b"")
        until(lambda: heard.of(f"homeassistant/device/{base}_1/config") == b"")


def test_a_camera_that_is_removed_while_the_app_runs_is_taken_back(telling: Telling, shared: Broker, base: str) -> None:
    add_sink(telling, shared.port, base_topic=base, with_home_assistant=True)
    with listening(shared.port, f"{base}/#", "homeassistant/device/#") as heard:
        until(lambda: heard.of(f"homeassistant/device/{base}_2/config"))
        until(lambda: heard.of(f"{base}/2/0/connectivity") == b"ON")
        telling.begin(telling.event(EventKind.MOTION, camera_id=2))
        until(lambda: heard.of(f"{base}/2/1/motion") == b"ON")
        telling.cameras.remove(2)
        until(lambda: heard.of(f"homeassistant/device/{base}_2/config") == b"")
        gone = [f"{base}/2/0/connectivity", f"{base}/2/1/motion"]
        until(lambda: [heard.of(topic) for topic in gone] == [b"", b""])
        assert heard.of(f"homeassistant/device/{base}_1/config")


@pytest.mark.slow
def test_a_camera_that_is_removed_while_the_broker_is_away_is_taken_back(tmp_path: Path, telling: Telling) -> None:
    kept = ("allow_anonymous true", "persistence true", f"persistence_location {tmp_path}/", "user root")
    with broker(tmp_path, *kept) as first:
        sink = add_sink(telling, first.port, with_home_assistant=True)
        with listening(first.port) as heard:
            until(lambda: heard.of("ovw/2/1/motion") == b"OFF")
        first.stop()
        until(lambda: not telling.manager.sink_state(sink).is_connected)
        telling.cameras.remove(2)
        (running_sink,) = telling.manager._sinks._mqtt_sinks()
        until(lambda: set(running_sink._devices or ()) == {1}, what="the look for removed cameras")
        with broker(tmp_path, *kept, port=first.port), listening(first.port) as heard:
            until(lambda: heard.of("homeassistant/device/ovw_2/config") == b"", within_s=90)
            until(lambda: heard.of("ovw/2/1/motion") == b"")
            assert heard.of("ovw/1/1/motion") == b"OFF"


def test_the_app_says_goodbye_and_comes_back(telling: Telling, shared: Broker, base: str) -> None:
    sink = add_sink(telling, shared.port, base_topic=base)
    with listening(shared.port, f"{base}/status") as heard:
        until(lambda: heard.of(f"{base}/status") == b"online")
        with promised(2.0):
            telling.manager.change_sink(sink, SinkChange(is_on=False))
        until(lambda: heard.of(f"{base}/status") == b"offline")
        telling.manager.change_sink(sink, SinkChange(is_on=True))
        until(lambda: heard.of(f"{base}/status") == b"online")


KILLED = """
import sys, time
from pathlib import Path
from notifications.records import SinkDraft
from notifications.sink_settings import MqttSettings
from tests.notifications.telling import running
with running(Path(sys.argv[1])) as telling:
    telling.manager.add_sink(SinkDraft("Broker", MqttSettings("127.0.0.1", int(sys.argv[2]), base_topic=sys.argv[3])))
    time.sleep(600)
"""


@pytest.mark.slow
def test_the_last_will_comes_within_5_s_of_a_kill(tmp_path: Path, shared: Broker, base: str) -> None:
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(shared.port), base]
    child = subprocess.Popen(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        with listening(shared.port, f"{base}/status") as heard:
            until(lambda: heard.of(f"{base}/status") == b"online")
            child.send_signal(signal.SIGKILL)
            with promised(5.0):
                until(lambda: heard.of(f"{base}/status") == b"offline")
    finally:
        child.kill()
        child.wait()


@pytest.mark.slow
def test_a_broker_that_is_away_comes_back(tmp_path: Path, telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.queues._FIRST_WAIT_S", 0.01)
    with broker(tmp_path) as first:
        sink = add_sink(telling, first.port)
        telling.rule(sinks=(sink,))
        first.stop()
        until(lambda: not telling.manager.sink_state(sink).is_connected)
        telling.begin(telling.event())
        (failed,) = telling.settled(1)
        assert (failed.state, failed.code) == (DeliveryState.FAILED, "sink_unreachable")
        with broker(tmp_path, port=first.port), listening(first.port) as heard:
            until(lambda: heard.of("ovw/status") == b"online")
            until(lambda: heard.of("ovw/1/1/person") == b"ON")


@pytest.mark.slow
def test_tls_and_a_login(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifications.trial_limit.MOST_OF_A_TARGET", 1000)  # the broker's refusal takes some tries
    monkeypatch.setattr("notifications.trial_limit.MOST_OF_A_USER", 1000)
    with (
        broker(tmp_path, *with_tls(authority, tmp_path)) as secure,
        running(tmp_path, notification_ca_file=authority.ca_file) as telling,
    ):
        sink = add_sink(telling, secure.port, password="broker-secret", username="cameras", is_tls=True)
        assert telling.manager.test_sink(LOCAL, sink).state is DeliveryState.SENT
        telling.manager.change_sink(sink, SinkChange(secret=Secret("canary-wrong")))
        until(lambda: telling.manager.test_sink(LOCAL, sink).code == "mqtt_refused")
        assert "canary" not in telling.manager.test_sink(LOCAL, sink).detail
        (running_sink,) = telling.manager._sinks._mqtt_sinks()
        until(lambda: running_sink._client._reconnect_min_delay == telling.settings.login_retry_s)
    with broker(tmp_path, *with_tls(authority, tmp_path)) as secure, running(tmp_path / "other") as untrusting:
        settings = MqttSettings("127.0.0.1", secure.port, is_tls=True)
        sink = untrusting.manager.add_sink(SinkDraft("Broker", settings, is_on=False)).id
        assert untrusting.manager.test_sink(LOCAL, sink).state is DeliveryState.FAILED


def test_a_broker_at_a_metadata_address_is_refused(telling: Telling) -> None:
    settings = MqttSettings("169.254.169.254", 1883)
    sink = telling.manager.add_sink(SinkDraft("Broker", settings, is_on=False)).id
    assert telling.manager.test_sink(LOCAL, sink).code == "address_refused"
