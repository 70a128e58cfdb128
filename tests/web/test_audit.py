"""The audit log of requests: user, action, target and outcome, without secrets and one line per entry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.audit import AUDIT_FILE, STRANGERS_FILE
from core.access import Role, Scope
from core.events import EventKind, EventSource
from core.settings import Settings
from event_manager import EventManager
from tests.events.logged import event
from tests.web.live.live_peer import opened_by_request
from tests.web.web_harness import BODIES, ApiClient, WebHarness

WINDOW = {"start_time": "2026-11-22T10:00:00Z", "end_time": "2026-11-22T11:00:00Z"}


class AuditLines:
    """The lines of the audit log since this object was made or forget() was called."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data_dir / "logs"
        self.forget()

    def forget(self) -> None:
        self._before = {name: len(self._read(name)) for name in (AUDIT_FILE, STRANGERS_FILE)}

    def _read(self, name: str) -> list[str]:
        file = self._folder / name
        return file.read_text().splitlines() if file.exists() else []

    def lines(self, name: str = AUDIT_FILE) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._read(name)[self._before[name] :]]

    def one(self, action: str) -> dict[str, Any]:
        (found,) = [line for line in self.lines() if line["action"] == action]
        return {name: value for name, value in found.items() if name not in ("time", "who", "kind", "from", "action")}


@pytest.fixture
def audit(harness: WebHarness, settings: Settings) -> AuditLines:
    return AuditLines(settings)


def test_watching_playing_and_searching_are_logged_with_their_targets(harness: WebHarness, audit: AuditLines) -> None:
    api = harness.token_client(Role.OPERATOR)
    api.request("POST", "/api/streams/start", json=BODIES["/api/streams/start"])
    assert audit.one("watch") == {
        "outcome": "ok",
        "camera_id": 1,
        "channel": 1,
        "profile_token": "MediaProfile00000",
        "stream_id": "camera1_MediaProfile00000",
    }
    play = {**BODIES["/api/playback/start"], "end_time": "2026-11-22T10:30:00Z"}
    stream_id = api.request("POST", "/api/playback/start", json=play).get_json()["stream_id"]
    assert audit.one("play_recording") == {
        "outcome": "ok",
        "camera_id": 1,
        "recording_token": "Recording1",
        "start_time": "2026-11-22T10:00:00.000Z",
        "end_time": "2026-11-22T10:30:00.000Z",
        "stream_id": stream_id,
    }
    api.request("POST", "/api/playback/seek", json={"stream_id": stream_id, "time": "2026-11-22T10:05:00Z"})
    assert audit.one("seek") == {
        "outcome": "ok",
        "camera_id": 1,
        "recording_token": "Recording1",
        "stream_id": stream_id,
        "seek_time": "2026-11-22T10:05:00.000Z",
    }
    api.request("POST", "/api/cameras/1/recordings/search", json={**WINDOW, "channel": 2})
    searched = audit.one("search_recordings")
    assert (searched["start_time"], searched["end_time"], searched["channel"]) == (
        "2026-11-22T10:00:00.000Z",
        "2026-11-22T11:00:00.000Z",
        2,
    )


def test_actions_that_affect_others_are_logged(harness: WebHarness, audit: AuditLines) -> None:
    api = harness.token_client(Role.OPERATOR)
    own = {"stream_id": "camera1_MediaProfile00000", "viewer_id": "not-the-last"}
    api.request("POST", "/api/streams/stop", json=own)
    api.request("POST", "/api/streams/stop", json={"stream_id": "camera1_MediaProfile00100"})
    assert audit.one("stop_stream")["stream_id"] == "camera1_MediaProfile00100"
    for action, path in (
        ("refresh_camera", "/api/cameras/1/refresh"),
        ("stop_indexing", "/api/cameras/1/recordings/coverage/stop"),
        ("resume_indexing", "/api/cameras/1/recordings/coverage/resume"),
    ):
        api.request("POST", path)
        assert audit.one(action) == {"outcome": "ok", "camera_id": 1}
    harness.token_client(Role.ADMIN).request(
        "PATCH", "/api/cameras/1", json={"name": "Gate", "password": "device-password-z"}
    )
    assert audit.one("change_camera")["changed"] == ["name", "password"]
    assert "device-password-z" not in json.dumps(audit.lines())


def test_snapshots_are_logged_once_a_minute_for_each_camera(harness: WebHarness, audit: AuditLines) -> None:
    api = harness.token_client(Role.VIEWER)
    for _ in range(5):
        for camera_id in (1, 2):
            api.request("GET", f"/api/cameras/{camera_id}/snapshot")
    found = [line["camera_id"] for line in audit.lines() if line["action"] == "snapshot"]
    assert found == [1, 2]


def test_pictures_of_recordings_are_logged_once_a_minute_for_each_channel(
    harness: WebHarness, audit: AuditLines
) -> None:
    api = harness.token_client(Role.REVIEWER)
    for _ in range(5):
        for channel in (1, 2):
            query = {**WINDOW, "channel": channel, "step_s": 10}
            api.request("GET", "/api/cameras/1/recordings/pictures", query_string=query)
    found = [(line["channel"], line["start_time"]) for line in audit.lines() if line["action"] == "see_pictures"]
    assert found == [(1, "2026-11-22T10:00:00.000Z"), (2, "2026-11-22T10:00:00.000Z")]


def test_a_picture_of_an_event_is_logged_once_a_minute_for_each_channel(
    harness: WebHarness, audit: AuditLines, events: EventManager
) -> None:
    for second, channel in ((0, 1), (1, 1), (2, 2)):
        events.log.add(event(at_s=second, channel=channel))
    events.log.add(event(EventKind.OFFLINE, 3, channel=None, source=EventSource.SERVER))
    events.log.flush()
    api = harness.token_client(Role.REVIEWER)
    for event_id in (1, 2, 3, 4):
        api.request("GET", f"/api/events/{event_id}/picture?wait_s=0")
    found = [line for line in audit.lines() if line["action"] == "see_pictures"]
    assert [(line.get("channel"), line.get("picture_time"), line["outcome"]) for line in found] == [
        (1, "2026-11-24T12:00:00.000Z", "ok"),
        (2, "2026-11-24T12:00:02.000Z", "ok"),
        (None, None, "no_recording"),
    ]
    api.request("GET", "/api/cameras/1/recordings/picture?channel=3&time=2026-11-24T12:00:00Z&wait_s=0")
    (line,) = [line for line in audit.lines() if line.get("channel") == 3]
    assert line["picture_time"] == "2026-11-24T12:00:00.000Z"
    assert line["time"] != line["picture_time"], "the time of the request"


def test_watching_is_logged_once_a_minute_for_each_stream(harness: WebHarness, audit: AuditLines) -> None:
    api = harness.token_client(Role.VIEWER)
    for _ in range(5):
        for token in ("MediaProfile00000", "MediaProfile00100"):
            api.request("POST", "/api/streams/start", json={"camera_id": 1, "profile_token": token})
    found = [line["profile_token"] for line in audit.lines() if line["action"] == "watch"]
    assert found == ["MediaProfile00000", "MediaProfile00100"]


def test_refused_requests_are_logged_and_cannot_fill_the_log(harness: WebHarness, audit: AuditLines) -> None:
    api = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    for _ in range(5):
        for path in ("/api/cameras/2", "/static/streams/camera1_MediaProfile00000/stream.m3u8"):
            assert api.request("GET", path).status_code == 404
        assert api.request("GET", "/api/users").status_code == 403
        assert api.request("POST", "/api/cameras/1/refresh").status_code == 403
    found = [(line["action"], line["outcome"], line.get("camera_id")) for line in audit.lines()]
    assert ("api_cameras.get_camera", "not_found", 2) in found
    assert ("streams.stream_file", "not_found", 1) in found
    assert ("api_accounts.list_users", "forbidden", None) in found
    assert ("refresh_camera", "forbidden", None) in found
    assert len(found) == 4
    for number in range(3, 50):
        api.request("GET", f"/api/cameras/{number}")
    assert len(audit.lines()) == 4


def test_requests_without_login_go_to_a_log_of_their_own(harness: WebHarness, audit: AuditLines) -> None:
    nobody = ApiClient(harness.app.test_client(), {})
    nobody.request("POST", "/api/session", json={"name": "anna", "password": "wrong-password-x"})
    nobody.request("DELETE", "/api/cameras/1")
    assert audit.lines() == []
    found = [(line["action"], line["outcome"]) for line in audit.lines(STRANGERS_FILE)]
    assert found == [("log_in", "login_failed"), ("delete_camera", "login_needed")]


def test_hostile_text_cannot_forge_a_log_line(harness: WebHarness, audit: AuditLines) -> None:
    hostile = 'x"}\u2028{"who": "Anna"}\u0085'
    api = harness.token_client(Role.OPERATOR)
    for token in (hostile, "a\nb", "\x1b[2J", "y" * 5000):
        api.request("POST", "/api/streams/start", json={"camera_id": 1, "profile_token": token})
        api.request("POST", "/api/playback/start", json={**BODIES["/api/playback/start"], "recording_token": token})
        api.request("POST", "/api/playback/seek", json={"stream_id": token, "time": "2026-11-22T10:05:00Z"})
    harness.app.test_client().post(
        "/api/session", json={"name": hostile, "password": "wrong"}, environ_overrides={"REMOTE_ADDR": 'x"\n{}'}
    )
    for name in (AUDIT_FILE, STRANGERS_FILE):
        found = audit.lines(name)
        assert found, name
        for line in found:
            assert set(line) >= {"time", "who", "action", "outcome"}
            assert len(json.dumps(line)) < 1500


def test_refusals_over_a_live_socket_are_logged_too(harness: WebHarness, audit: AuditLines) -> None:
    owner, limited = (
        harness.token_client(Role.REVIEWER),
        harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})})),
    )
    play = {**BODIES["/api/playback/start"], "end_time": "2026-11-22T10:30:00Z"}
    replay_id = owner.request("POST", "/api/playback/start", json=play).get_json()["stream_id"]
    harness.sockets.start()
    try:
        with opened_by_request(limited.client, limited.headers) as peer:
            peer.say(type="watch", id=3, camera_id=1, profile_token="MediaProfile00000")
            assert peer.message("problem")["code"] == "not_found"
            assert audit.one("watch") == {
                "outcome": "not_found",
                "camera_id": 1,
                "channel": 1,
                "profile_token": "MediaProfile00000",
            }
    finally:
        harness.sockets.stop()
    harness.sockets.start()
    try:
        audit.forget()
        with opened_by_request(owner.client, harness.token_client(Role.REVIEWER).headers) as peer:
            peer.say(type="replay", id=4, stream_id=replay_id, viewer_id="v")
            assert peer.message("problem")["code"] == "not_found"
            assert audit.one("watch") == {"outcome": "not_found", "stream_id": replay_id}
    finally:
        harness.sockets.stop()
