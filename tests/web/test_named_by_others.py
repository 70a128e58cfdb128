"""Responses name no stream or camera that the user may not see: neither limit errors nor other cameras."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.access import Role, Scope
from core.errors import LimitReached
from tests.web.live.live_peer import opened_by_request
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_streams import StandInStreams
from tests.web.web_harness import BODIES, WebHarness

ALL = (
    "camera1_MediaProfile00000",
    "camera1_MediaProfile00100",
    "camera2_MediaProfile00000",
    "replay1_0000000000000001",
)


MAY_SEE = pytest.mark.parametrize(
    ("role", "scope", "named"),
    [
        (Role.OPERATOR, Scope({1: frozenset({2})}), {"camera1_MediaProfile00100"}),
        (Role.VIEWER, Scope({1: None}), {"camera1_MediaProfile00000", "camera1_MediaProfile00100"}),
        (Role.REVIEWER, Scope(), {*ALL, "camera9_gone"}),
    ],
)


@MAY_SEE
def test_a_limit_error_names_only_streams_the_user_may_see(
    harness: WebHarness, streams: StandInStreams, role: Role, scope: Scope, named: set[str]
) -> None:
    streams.fail_with = LimitReached("Only 4 streams can run at once.", used_by=(*ALL, "camera9_gone"))
    body = {**BODIES["/api/streams/start"], "profile_token": "MediaProfile00100"}
    answer = harness.token_client(role, scope).request("POST", "/api/streams/start", json=body)
    assert answer.status_code == 429
    assert set(answer.get_json()["used_by"]) == named


@MAY_SEE
def test_a_limit_error_over_a_live_socket_names_the_same_streams(
    harness: WebHarness, streams: StandInStreams, role: Role, scope: Scope, named: set[str]
) -> None:
    streams.fail_with = LimitReached(
        "Only 4 streams can run at once.", used_by=(*ALL, "camera9_gone"), retry_after_s=12
    )
    api = harness.token_client(role, scope)
    harness.sockets.start()
    try:
        with opened_by_request(api.client, api.headers) as peer:
            peer.say(type="watch", id=3, camera_id=1, profile_token="MediaProfile00100")
            problem = peer.message("problem")
    finally:
        harness.sockets.stop()
    assert (problem["id"], problem["code"], problem["retry_after_s"]) == (3, "stream_limit", 12)
    assert set(problem["used_by"]) == named


def test_a_permanent_refusal_over_a_live_socket_has_no_retry_time(harness: WebHarness) -> None:
    api = harness.token_client(Role.VIEWER)
    harness.sockets.start()
    try:
        with opened_by_request(api.client, api.headers) as peer:
            peer.say(type="watch", id=3, camera_id=99, profile_token="MediaProfile00100")
            assert peer.message("problem").keys() == {"type", "id", "code", "detail"}
    finally:
        harness.sockets.stop()


def test_same_device_as_is_hidden_if_the_other_camera_is(harness: WebHarness, cameras: StandInCameras) -> None:
    cameras.views[1] = replace(cameras.views[1], same_device_as=2)
    limited, other = harness.token_client(Role.VIEWER, Scope({1: None})), harness.token_client(Role.VIEWER)
    for path in ("/api/cameras", "/api/cameras/1"):
        assert '"same_device_as": null' in limited.request("GET", path).get_data(as_text=True)
        assert '"same_device_as": 2' in other.request("GET", path).get_data(as_text=True)
