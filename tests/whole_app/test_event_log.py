"""The log of events through the app as a program: a device's motion, its picture, a kill, a device that is away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.notifications.brokers import broker, listening
from tests.notifications.discovery import faults_of
from tests.notifications.receivers import web_server
from tests.patience import LIMIT_S, promised, until
from tools.running import App, Recorder, running_recorder


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with running_recorder("--channels", "2", "--profile", "small", "--make", "conformant") as started:
        yield started


@pytest.fixture
def app(tmp_path: Path, recorder: Recorder) -> Iterator[App]:
    recorder.control("POST", "/motion", {"active": False})
    started = App(tmp_path)
    started.start()
    assert started.add_camera(recorder) == 1
    until(lambda: subscriptions(recorder) == 1, what="the subscription")
    yield started
    started.stop()


def subscriptions(recorder: Recorder) -> int:
    return int(recorder.control("GET", "/state")["subscriptions"])


def listed(app: App, query: str = "kind=motion&channel=1&camera_id=1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.call("GET", f"/api/events?{query}")["events"]
    return found


def test_motion_is_logged_with_a_picture_and_told_as_news(app: App, recorder: Recorder) -> None:
    as_of = app.call("GET", "/api/events")["as_of"]
    recorder.control("POST", "/motion", {"channel": 1, "active": True})
    (begun,) = until(lambda: listed(app), what="the event")
    assert (begun["end_time"], begun["source"], begun["severity"]) == (None, "device", "notice")
    assert begun["id"] in {one["id"] for one in app.call("GET", f"/api/events/news?after={as_of}&wait_s=5")["events"]}
    picture = until(lambda: _picture(app, begun["picture_url"]), what="the picture")
    assert picture
    assert picture.startswith(b"\xff\xd8")
    recorder.control("POST", "/motion", {"channel": 1, "active": False})
    (ended,) = until(lambda: [one for one in listed(app) if one["end_time"]], what="the end of the event")
    assert (ended["id"], ended["closed_why"], ended["count"]) == (begun["id"], "", 2)
    topics = app.call("GET", "/api/cameras/1/events/topics")
    assert topics["listens"]
    assert topics["problem"] is None
    (told,) = [one for one in topics["topics"] if one["kind"] == "motion" and one["count"]]
    assert told["is_listed"]
    assert told["last_message"]["active"] is False
    app.call("PUT", "/api/cameras/1/events", {"listens_wanted": False})
    until(lambda: subscriptions(recorder) == 0, what="the end of the subscription")


@pytest.mark.cold_start
def test_a_kill_ends_what_is_open_and_leaves_one_subscription(app: App, recorder: Recorder) -> None:
    recorder.control("POST", "/motion", {"channel": 1, "active": True})
    (begun,) = until(lambda: listed(app), what="the event")
    os.kill(app.pid, signal.SIGKILL)
    until(lambda: not _answers(app), what="the end of the app")
    app.stop()  # collect the process
    app.start()
    found = until(lambda: [one for one in listed(app) if one["id"] == begun["id"] and one["end_time"]], what="its end")
    assert found[0]["closed_why"] == "missed"
    until(lambda: any(one["end_time"] is None for one in listed(app)), what="the state that goes on")
    assert subscriptions(recorder) == 1


@pytest.mark.slow
def test_motion_reaches_a_webhook_and_a_broker_which_notices_a_kill(
    app: App, recorder: Recorder, tmp_path: Path
) -> None:
    recorder.control("POST", "/motion", {"active": False})
    with web_server() as receiver, broker(tmp_path) as mqtt, listening(mqtt.port) as heard:
        hook = {"url": receiver.url, "secret": "shared", "with_picture": True}
        sink = app.call("POST", "/api/notification-sinks", {"kind": "webhook", "name": "Hook", "webhook": hook})
        place = {"host": "127.0.0.1", "port": mqtt.port, "with_home_assistant": True}
        app.call("POST", "/api/notification-sinks", {"kind": "mqtt", "name": "Broker", "mqtt": place})
        app.call("POST", "/api/notification-rules", {"name": "Motion", "kinds": ["motion"], "sinks": [sink["id"]]})
        until(lambda: heard.of("ovw/1/1/motion") == b"OFF", what="the states at the broker")
        recorder.control("POST", "/motion", {"channel": 1, "active": True})
        until(lambda: receiver.posts, what="the notification")
        until(lambda: heard.of("ovw/1/1/motion") == b"ON", what="the state")
        (told,) = receiver.posts
        assert (told.json()["camera_id"], told.json()["channel"], told.json()["kind"]) == (1, 1, "motion")
        assert base64.b64decode(told.json()["picture_jpeg"]).startswith(b"\xff\xd8")
        message = f"{told.headers['X-Timestamp']}.".encode() + told.body
        assert told.headers["X-Signature"] == f"sha256={hmac.new(b'shared', message, hashlib.sha256).hexdigest()}"
        assert faults_of(heard.newest) == []
        assert json.loads(heard.newest["homeassistant/device/ovw_1/config"])["cmps"]["2_motion"]
        os.kill(app.pid, signal.SIGKILL)
        with promised(5.0):
            until(lambda: heard.of("ovw/status") == b"offline", what="the last will")
    app.stop()  # collect the process


def _picture(app: App, path: str) -> bytes | None:
    answer = requests.get(f"{app.url}{path}", timeout=LIMIT_S)
    return answer.content if answer.status_code == 200 else None


def _answers(app: App) -> bool:
    try:
        requests.get(f"{app.url}/api/health", timeout=2)
    except requests.RequestException:
        return False
    return True
