"""The app with one device: events of every kind reach its log, and it contacts nothing but the device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from core.events import OWN_KINDS, EventKind
from onvif_services.event_kinds import bare_topic
from tests.onvif_services.told_messages import TOLD, Told
from tests.patience import until
from tests.whole_app.audited_app import AuditedStarter, contacted
from tools.running import App, Recorder, running_recorder

pytestmark = pytest.mark.slow

CHANNEL, TOKEN = 2, "VideoSource001"
_CHANNEL_ITEMS = ("Source", "VideoSource", "VideoSourceConfigurationToken")
# Values, and reports about the device's own work, are on the device's page only.
_UNLOGGED = (EventKind.COUNT, EventKind.OTHER)


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with running_recorder("--channels", "2", "--profile", "small", "--dead", "none") as started:
        started.control("POST", "/motion", {"active": False})
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[App]:
    started = App(tmp_path_factory.mktemp("one_device"))
    started.starter = AuditedStarter()
    started.start()
    assert started.add_camera(recorder) == 1
    until(lambda: any(one["count"] for one in _topics(started)), what="the states that a subscription begins with")
    yield started
    started.stop()


def _topics(app: App) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.call("GET", "/api/cameras/1/events/topics")["topics"]
    return found


def _send(recorder: Recorder, told: Told) -> bool:
    """Send a message, about the second channel if it names one. Return True if it does."""
    source = {name: TOKEN if name in _CHANNEL_ITEMS else value for name, value in told.source.items()}
    body = {"topic": told.topic, "source": source, "items": told.data, "operation": told.operation}
    assert recorder.control("POST", "/events", body)["subscriptions"] == 1
    return TOKEN in source.values()


def _logged(app: App) -> set[tuple[str, int | None]]:
    found: list[dict[str, Any]] = app.call("GET", "/api/events?camera_id=1&limit=200")["events"]
    return {(one["kind"], one["channel"]) for one in found}


def test_events_of_every_kind_and_make_reach_the_log(app: App, recorder: Recorder) -> None:
    wanted: set[tuple[str, int | None]] = set()
    for told in TOLD:
        has_channel = _send(recorder, told)
        if told.active is not False and told.kind not in _UNLOGGED:
            wanted.add((told.kind.value, CHANNEL if has_channel else None))
    assert {kind for kind, _ in wanted} == {kind.value for kind in {*EventKind} - OWN_KINDS - {*_UNLOGGED}}
    until(lambda: wanted <= _logged(app), what="the events")
    topics = {one["topic"]: one for one in _topics(app)}
    for told in TOLD:
        assert topics[bare_topic(told.topic)]["count"] >= 1, told
    assert {one["kind"] for one in topics.values() if one["is_listed"]} >= {kind for kind, _ in wanted}


def test_only_the_device_is_contacted(app: App, recorder: Recorder) -> None:
    """Since the start, by Python code; and by all processes while they show live video."""
    places = {("127.0.0.1", port) for port in (recorder.onvif_port, recorder.control("GET", "/state")["rtsp_port"])}
    app.call("GET", "/api/cameras/1/recordings/summary")
    stream = app.call("POST", "/api/streams/start", {"camera_id": 1, "profile_token": "MediaProfile00001"})
    until(lambda: _is_running(app, stream["stream_id"]), what="live video")
    assert contacted(app.log) == places
    assert _remote_ends(app) <= places


def _is_running(app: App, stream_id: str) -> bool:
    streams = app.call("GET", "/api/streams/all")["streams"]
    return any(one["stream_id"] == stream_id and one["status"] == "running" for one in streams)


def _remote_ends(app: App) -> set[tuple[Any, ...]]:
    """Return the remote ends of the connections that the app's processes have opened, but not to each other."""
    found: list[Any] = []
    for process in psutil.Process(app.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += process.net_connections()
    own = {tuple(one.laddr) for one in found}
    return {tuple(one.raddr) for one in found if one.raddr and one.laddr.port != app.port} - own
