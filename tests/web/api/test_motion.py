"""The API for motion: settings of channels, what the app sees, its cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from core.access import Role, Scope
from motion.records import MotionMode, MotionSettings
from motion_manager import INSTALL_COMMAND, MotionManager
from tests.motion.watching import DESCRIPTION, JPEG, ThinChild, frame
from tests.web.web_harness import PASSWORD, ApiClient, WebHarness, log_in
from vision.messages import CELL_BYTES, Blob, StillPicture, Watched
from web.services import EXTENSION

PATH = "/api/cameras/1/channels/1/motion"
ZONE = {"id": 1, "name": "Gate", "kind": "alert", "points": [[0.1, 0.4], [0.5, 0.4], [0.5, 0.9]]}
SEEN_S = datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def real(real_app: OpenAPI, accounts: AccountManager) -> ApiClient:
    """A logged-in admin; a camera exists."""
    accounts.create_first("Anna", PASSWORD)
    client = real_app.test_client()
    api = ApiClient(client, {"X-CSRF-Token": log_in(client)})
    body = {"host": "10.0.0.9", "port": 80, "username": "admin", "password": "right"}
    assert api.request("POST", "/api/cameras?wait=1", json=body).get_json()["status"] == "online"
    return api


@pytest.fixture
def seeing(real_app: OpenAPI) -> MotionManager:
    """The manager of motion of the app; a test answers for its process."""
    manager: MotionManager = real_app.extensions[EXTENSION].motion
    manager._child = ThinChild()
    manager._is_available = True
    return manager


def see(manager: MotionManager) -> None:
    """Let the app see a movement in channel 1 of camera 1."""
    watch = manager.watch((1, 1))
    watch.feeder.on_description(DESCRIPTION)
    watch.feeder.on_units((frame(),), (SEEN_S,))
    blob = Blob((0.1, 0.2, 0.3, 0.4), (0.25, 0.6), 0.02, (1,))
    cells = bytes([255]) + bytes(CELL_BYTES - 1)
    manager.on_message(Watched("1:1", round(SEEN_S * 1000), 0.02, (blob,), (1,), (1,), False, True, cells))


def test_the_settings_of_a_channel_are_kept(real: ApiClient, seeing: MotionManager) -> None:
    first = real.request("GET", PATH).get_json()
    assert (first["mode"], first["sensitivity"], first["zones"]) == ("off", "high", [])
    assert first["state"]["reason"] == "off"
    assert (first["is_available"], first["install_command"]) == (True, INSTALL_COMMAND)
    body = {"mode": "auto", "sensitivity": "low", "zones": [ZONE]}
    answer = real.request("PUT", PATH, json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert {name: answer.get_json()[name] for name in body} == body
    assert {name: real.request("GET", PATH).get_json()[name] for name in body} == body
    assert seeing.settings(1, 1).mode is MotionMode.AUTO


@pytest.mark.parametrize(
    ("zones", "field"),
    [
        ([{**ZONE, "kind": "red"}], "zones.0.kind"),
        ([{**ZONE, "points": [[0, 0], [1, 1]]}], "zones.0.points"),
        ([{**ZONE, "points": [[0, 0], [1, 1], [2, 0]]}], "zones.0.points.2.0"),
        ([{**ZONE, "points": [[0, 0], [0.5, 0.5], [1, 1]]}], "zones.0.points"),
        ([ZONE, ZONE], "zones"),
        ([{**ZONE, "name": "  "}], "zones.0.name"),
        ([{**ZONE, "id": number} for number in range(17)], "zones"),
    ],
)
def test_an_invalid_zone_is_refused_by_name(
    real: ApiClient,
    assert_problem: Callable[..., dict[str, Any]],
    zones: list[dict[str, Any]],
    field: str,
) -> None:
    answer = real.request("PUT", PATH, json={"mode": "auto", "zones": zones})
    document = assert_problem(answer, 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


def test_an_unknown_channel_is_not_found(
    real: ApiClient,
    assert_problem: Callable[..., dict[str, Any]],
) -> None:
    for path in (PATH, f"{PATH}/now", f"{PATH}/picture"):
        assert_problem(real.request("GET", path.replace("channels/1", "channels/77")), 404, "not_found")


def test_the_newest_look_is_shown(real: ApiClient, seeing: MotionManager) -> None:
    nothing = real.request("GET", f"{PATH}/now").get_json()
    assert nothing == {"time": None, "share": 0.0, "cells": "0" * 144, "blobs": []}
    real.request("PUT", PATH, json={"mode": "key_frames"})
    see(seeing)
    seen = real.request("GET", f"{PATH}/now").get_json()
    assert seen["time"] == "2026-11-24T12:00:00.000Z"
    assert seen["cells"] == "ff" + "0" * 142
    assert seen["blobs"] == [{"box": [0.1, 0.2, 0.3, 0.4], "foot": [0.25, 0.6], "share": 0.02, "zones": [1]}]
    state = real.request("GET", PATH).get_json()["state"]
    assert (state["told_by"], state["reason"], state["watched_at"]) == ("server", None, seen["time"])


def test_the_newest_picture_comes_when_the_process_has_made_it(
    real: ApiClient,
    seeing: MotionManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seeing._clock, "now_utc", lambda: datetime.fromtimestamp(SEEN_S + 1, UTC), raising=False)
    real.request("PUT", PATH, json={"mode": "key_frames"})
    see(seeing)
    waiting = real.request("GET", f"{PATH}/picture")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    seeing.on_message(StillPicture("1:1", round(SEEN_S * 1000), bytes(CELL_BYTES), JPEG))
    answer = real.request("GET", f"{PATH}/picture")
    assert (answer.status_code, answer.content_type, answer.get_data()) == (200, "image/jpeg", JPEG)
    assert answer.headers["X-Picture-Time"] == "2026-11-24T12:00:00.000Z"
    assert answer.headers["Cache-Control"] == "no-store"
    looked = real.request("GET", f"{PATH}/now?time={answer.headers['X-Picture-Time']}").get_json()
    assert (looked["time"], looked["share"]) == ("2026-11-24T12:00:00.000Z", 0.02)
    assert real.request("GET", f"{PATH}/now?time=2026-11-24T11:00:00Z").get_json()["time"] is None


def test_the_cost_and_the_channels_are_listed(real: ApiClient, seeing: MotionManager) -> None:
    real.request("PUT", PATH, json={"mode": "auto"})
    found = real.request("GET", "/api/motion").get_json()
    assert found["child"] == {
        "state": "off",
        "cpu_share": 0.0,
        "memory_bytes": 0,
        "pictures_per_s": 0.0,
        "skips": False,
    }
    (channel,) = found["channels"]
    assert (channel["camera_id"], channel["channel"], channel["reason"]) == (1, 1, "starting")
    assert (channel["told_by"], channel["is_restless"], channel["hits_today"]) == ("none", False, 0)
    real.request("PUT", PATH, json={"mode": "off"})
    assert real.request("GET", "/api/motion").get_json()["channels"] == []


def test_without_the_packages_the_command_is_named(real: ApiClient, seeing: MotionManager) -> None:
    seeing._is_available = False
    real.request("PUT", PATH, json={"mode": "auto"})
    shown = real.request("GET", PATH).get_json()
    assert (shown["is_available"], shown["install_command"]) == (False, "make motion")
    assert shown["state"]["reason"] == "not_installed"


def test_a_user_sees_the_motion_of_own_channels_only(harness: WebHarness) -> None:
    manager: MotionManager = harness.app.extensions[EXTENSION].motion
    for channel in (1, 2):
        manager._store._settings[1, channel] = MotionSettings(MotionMode.AUTO)  # the stand-in cameras have no rows
    limited = harness.token_client(Role.VIEWER, Scope({1: frozenset({2})}))
    listed = limited.request("GET", "/api/motion").get_json()["channels"]
    assert [(one["camera_id"], one["channel"]) for one in listed] == [(1, 2)]
    assert limited.request("GET", "/api/cameras/1/channels/2/motion").status_code == 200
    for path in ("motion", "motion/now", "motion/picture"):
        assert limited.request("GET", f"/api/cameras/1/channels/1/{path}").status_code == 404
    assert limited.request("PUT", "/api/cameras/1/channels/2/motion", json={"mode": "off"}).status_code == 403


def test_the_health_card_names_a_channel_that_is_not_watched(real: ApiClient, seeing: MotionManager) -> None:
    seeing.set_settings(1, 1, MotionSettings(MotionMode.KEY_FRAMES))
    seeing.close_watch((1, 1), "camera_busy")
    card = real.request("GET", "/api/cameras/1/health").get_json()
    (found,) = [check for check in card["checks"] if check["name"] == "motion of channel 1"]
    assert (found["outcome"], found["detail"]) == ("not watched", "The device gives no further session.")
    assert "motion of channel 1: not watched" in card["text"]
