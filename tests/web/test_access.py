"""Access rules: every route is called with every role and camera. The app supplies the list of routes.

The expected results are written a second time in tests/web/web_harness.py, by hand and by path, so that a slip in the
product's table shows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI

from core.access import Role, Scope
from core.records import StreamState, StreamUris
from core.settings import Settings
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_streams import StandInStreams
from tests.web.web_harness import (
    BODIES,
    HERE,
    NODES,
    OPEN,
    PASSWORD,
    PEOPLE,
    ROLES,
    SETUP,
    ApiClient,
    WebHarness,
    is_denied,
    least_role,
    request_rule,
    routes,
)
from web.access.rules import RULES


def test_every_route_has_a_row_and_every_row_a_route(web_app: OpenAPI) -> None:
    assert {endpoint for _, _, endpoint in routes(web_app)} == set(RULES)


def test_requests_without_login_reach_only_login_and_setup(harness: WebHarness) -> None:
    nobody = ApiClient(harness.app.test_client(), {})
    asked = 0
    for method, rule, _ in routes(harness.app):
        answer = request_rule(nobody, method, rule)
        if {rule, f"{rule} {method}"} & OPEN:
            assert not is_denied(answer) or answer.get_json()["code"] == "login_failed", (method, rule)
        elif {rule, f"{rule} {method}"} & SETUP:
            assert answer.status_code in (302, 403), (method, rule)
        else:
            assert answer.status_code == 401, (method, rule)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            asked += 1
        answer.close()
    assert asked > 40


def test_a_wrong_token_is_refused_despite_a_valid_cookie(harness: WebHarness) -> None:
    client = harness.app.test_client()
    token, _ = harness.accounts.log_in("Anna", PASSWORD, HERE)
    client.set_cookie("onvif_session", token)
    assert client.get("/api/cameras").status_code == 200
    for header in ("Bearer ovw_" + "x" * 43, "Basic QW5uYTpjb3JyZWN0", "Bearer", "", f"Bearer {token}"):
        assert client.get("/api/cameras", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_only_its_own_routes(harness: WebHarness, role: Role) -> None:
    with_token, logged_in = harness.token_client(role), harness.session_client(role)
    for method, rule, _ in routes(harness.app):
        if {rule, f"{rule} {method}"} & (SETUP | {"/login", "/api/session DELETE"}):
            continue
        if rule in NODES:
            assert request_rule(with_token, method, rule).status_code == 401, rule
            continue
        least = least_role(method, rule)
        may = least is None or ROLES.index(role) >= ROLES.index(least)
        is_for_people = f"{rule} {method}" in PEOPLE
        if is_for_people:
            assert is_denied(request_rule(with_token, method, rule)), (method, rule)
        answer = request_rule(logged_in if is_for_people else with_token, method, rule)
        assert is_denied(answer) != may or (answer.status_code == 401 and rule == "/api/session"), (
            method,
            rule,
            answer.status_code,
            answer.get_data(as_text=True)[:200],
        )
        answer.close()


@pytest.mark.parametrize("role", ROLES[:-1])
def test_a_user_limited_to_a_camera_finds_no_other(harness: WebHarness, role: Role) -> None:
    """Call every route that names a camera in its path, in its body or through a stream."""
    api = harness.token_client(role, Scope({1: None}))
    asked = 0
    for method, rule, _ in routes(harness.app):
        least = least_role(method, rule)
        in_body = set(BODIES.get(rule, {})) if method != "GET" else set()
        is_about_one = re.search(r"<(camera_id|stream_id)>", rule) or {"camera_id", "stream_id"} & in_body
        if least is None or not is_about_one or ROLES.index(role) < ROLES.index(least):
            continue
        own, other = request_rule(api, method, rule, 1), request_rule(api, method, rule, 2)
        assert other.status_code == 404, (method, rule, other.status_code)
        assert b"127.0.0.9" not in other.data
        assert not is_denied(own), (method, rule)
        if own.status_code == 404:  # camera 1 has no such recording, and is not in the database
            assert re.search("recording|playback|searches", rule), (method, rule)
        own.close()
        other.close()
        asked += 1
    assert asked >= 8


@pytest.mark.parametrize("role", ROLES[:-1])
def test_a_replay_of_another_camera_does_not_exist_for_a_limited_user(harness: WebHarness, role: Role) -> None:
    """Call every route about a stream, also those for which the role lacks a permission: 403 would tell that it is."""
    api = harness.token_client(role, Scope({1: None}))
    replay, live = "replay2_0000000000000002", "camera2_MediaProfile00000"
    asked = [
        (stream_id, api.request(method, path, json=body))
        for stream_id in (replay, live)
        for method, path, body in (
            ("GET", f"/api/streams/status/{stream_id}", None),
            ("GET", f"/static/streams/{stream_id}/stream.m3u8", None),
            ("GET", f"/static/streams/{stream_id}/run1_0.m4s", None),
            ("POST", "/api/streams/stop", {"stream_id": stream_id}),
            ("POST", "/api/streams/stop", {"stream_id": stream_id, "viewer_id": "x"}),
        )
    ]
    assert [(stream_id, answer.status_code) for stream_id, answer in asked] == [(it, 404) for it, _ in asked]
    missing = api.request("GET", "/api/streams/status/replay2_00000000000000ff").get_json()
    assert {answer.get_json()["code"] for _, answer in asked} == {missing["code"]}
    if ROLES.index(role) >= ROLES.index(Role.REVIEWER):
        seek = {"stream_id": replay, "time": "2026-11-22T10:00:00Z"}
        assert api.request("POST", "/api/playback/seek", json=seek).status_code == 404


def test_lists_leave_out_cameras_and_streams_outside_the_scope(harness: WebHarness) -> None:
    api = harness.token_client(Role.OPERATOR, Scope({2: frozenset({2, 3})}))
    cameras = api.request("GET", "/api/cameras").get_json()["cameras"]
    assert [(camera["id"], camera["channels"]) for camera in cameras] == [(2, 2)]
    channels = api.request("GET", "/api/cameras/2/profiles").get_json()["channels"]
    assert [channel["channel"] for channel in channels] == [2, 3]
    streams = api.request("GET", "/api/streams/all").get_json()["streams"]
    assert [stream["stream_id"] for stream in streams] == ["camera2_MediaProfile00100"]
    viewer = harness.token_client(Role.VIEWER)
    streams = viewer.request("GET", "/api/streams/all").get_json()["streams"]
    assert {stream["kind"] for stream in streams} == {"live"}
    assert len(streams) == 4


def test_a_channel_outside_the_scope_is_closed_at_every_address(harness: WebHarness) -> None:
    api = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    other, own = "camera1_MediaProfile00000", "camera1_MediaProfile00100"
    for file in ("stream.m3u8", "s1.ts", "init.mp4"):
        assert api.request("GET", f"/static/streams/{other}/{file}").status_code == 404
    assert api.request("GET", f"/static/streams/{own}/stream.m3u8").status_code == 200
    with api.request("GET", f"/static/streams/{own}/s1.ts") as segment:
        assert segment.data == b"segment"
    assert api.request("GET", f"/api/streams/status/{other}").status_code == 404
    assert api.request("POST", "/api/streams/stop", json={"stream_id": other, "viewer_id": "x"}).status_code == 404
    for token, status in (("MediaProfile00000", 404), ("MediaProfile00100", 200), ("invented", 404)):
        body = {"camera_id": 1, "profile_token": token}
        assert api.request("POST", "/api/streams/start", json=body).status_code == status
        assert api.request("GET", f"/api/cameras/1/snapshot?profile_token={token}").status_code == status
    assert api.request("GET", "/api/cameras/1/snapshot").status_code == 200  # of the first channel in the user's scope
    body = {"camera_id": 1, "recording_token": "Recording1", "start_time": "2026-11-22T10:00:00Z"}
    assert api.request("POST", "/api/playback/start", json=body).status_code == 404
    search = {"start_time": "2026-11-22T10:00:00Z", "end_time": "2026-11-22T11:00:00Z", "channel": 1}
    assert api.request("POST", "/api/cameras/1/recordings/search", json=search).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"camera_id": "1"}, {"camera_id": True}, {"camera_id": 1}, {"camera_id": 1, "profile_token": 7}]
)
def test_an_unreadable_request_of_a_limited_user_is_refused(harness: WebHarness, body: dict[str, Any]) -> None:
    answer = harness.token_client(Role.VIEWER, Scope({1: None})).request("POST", "/api/streams/start", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"] in ("camera_id", "profile_token")


def test_odd_spellings_of_a_path_do_not_bypass_the_access_check(harness: WebHarness) -> None:
    api = harness.token_client(Role.VIEWER, Scope({1: None}))
    stream = "camera2_MediaProfile00000"
    for path in (
        f"/static/css/../streams/{stream}/stream.m3u8",
        f"/static/./streams/{stream}/stream.m3u8",
        f"/static/x%2f..%2fstreams/{stream}/stream.m3u8",
        f"//static/streams/{stream}/stream.m3u8",
        f"/static/streams/camera1_MediaProfile00000/..%2f{stream}%2fstream.m3u8",
        f"/static/streams/{stream}/./stream.m3u8",
        f"/STATIC/streams/{stream}/stream.m3u8",
        "/viewer/2",
        "/viewer/02",
        "/api/cameras/2/",
        "/api/cameras/%32",
    ):
        assert api.request("GET", path).status_code in (400, 403, 404, 308), path


def test_only_an_admin_sees_the_user_name_of_a_device(harness: WebHarness, cameras: StandInCameras) -> None:
    cameras.views[1] = replace(cameras.views[1], username="onvif-user")
    for role in ROLES:
        shown = harness.token_client(role).request("GET", "/api/cameras/1").get_data(as_text=True)
        assert ("onvif-user" in shown) == (role is Role.ADMIN)


def test_only_an_admin_sees_stream_addresses(harness: WebHarness, cameras: StandInCameras) -> None:
    cameras.views[1] = replace(cameras.views[1], stream_uris=StreamUris("rtsp://10.0.0.5/secret-path"))
    for role in ROLES:
        for path in ("/api/cameras/1", "/api/cameras", "/viewer/1", "/wall"):
            shown = harness.token_client(role).request("GET", path).get_data(as_text=True)
            assert ("secret-path" in shown) == (role is Role.ADMIN), (role, path)
        assert harness.token_client(role).request("GET", "/api/cameras/1").get_json()["onvif"] is False


def test_only_an_operator_ends_a_stream_for_all_viewers(harness: WebHarness, streams: StandInStreams) -> None:
    body = {"stream_id": "camera1_MediaProfile00000"}
    assert harness.token_client(Role.REVIEWER).request("POST", "/api/streams/stop", json=body).status_code == 403
    assert streams.sessions[body["stream_id"]].status is not StreamState.STOPPED
    assert harness.token_client(Role.OPERATOR).request("POST", "/api/streams/stop", json=body).status_code == 200


def test_a_new_route_without_a_row_is_refused(settings: Settings, harness: WebHarness) -> None:
    harness.app._got_first_request = False
    harness.app.add_url_rule("/api/forgotten", "forgotten", lambda: "secret")
    for api in (harness.token_client(Role.ADMIN), ApiClient(harness.app.test_client(), {})):
        answer = api.request("GET", "/api/forgotten")
        assert answer.status_code == 403
        assert b"secret" not in answer.data


def test_only_its_owner_and_operators_seek_in_a_replay(harness: WebHarness) -> None:
    anna, bert, operator = (
        harness.token_client(Role.REVIEWER),
        harness.token_client(Role.REVIEWER),
        harness.token_client(Role.OPERATOR),
    )
    started = anna.request("POST", "/api/playback/start", json=BODIES["/api/playback/start"]).get_json()
    stream_id = started["stream_id"]
    body = {"stream_id": stream_id, "time": "2026-11-22T11:00:00Z"}
    refused = bert.request("POST", "/api/playback/seek", json=body)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "not_yours")
    assert bert.request("GET", f"/api/streams/status/{stream_id}").status_code == 200, "watching along is allowed"
    for api in (anna, operator):
        assert api.request("POST", "/api/playback/seek", json=body).status_code == 200
    leave = {"stream_id": stream_id, "viewer_id": started["viewer_id"]}
    anna.request("POST", "/api/streams/stop", json=leave)
    assert anna.request("POST", "/api/playback/seek", json=body).status_code == 403, (
        "a user who has left the replay cannot seek in it"
    )
