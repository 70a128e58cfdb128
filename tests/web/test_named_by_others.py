"""Responses name no stream or camera that the user may not see: neither limit errors nor other cameras."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.access import Role, Scope
from core.errors import LimitReached
from tests.web.house import BODIES, House
from tests.web.live.live_line import asked_for
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_streams import StandInStreams

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
    house: House, streams: StandInStreams, role: Role, scope: Scope, named: set[str]
) -> None:
    streams.fail_with = LimitReached("Only 4 streams can run at once.", used_by=(*ALL, "camera9_gone"))
    body = {**BODIES["/api/streams/start"], "profile_token": "MediaProfile00100"}
    answer = house.door(role, scope).ask("POST", "/api/streams/start", json=body)
    assert answer.status_code == 429
    assert set(answer.get_json()["used_by"]) == named


@MAY_SEE
def test_a_limit_error_over_a_live_socket_names_the_same_streams(
    house: House, streams: StandInStreams, role: Role, scope: Scope, named: set[str]
) -> None:
    streams.fail_with = LimitReached(
        "Only 4 streams can run at once.", used_by=(*ALL, "camera9_gone"), retry_after_s=12
    )
    door = house.door(role, scope)
    house.sockets.start()
    try:
        with asked_for(door.client, door.headers) as peer:
            peer.say(type="watch", id=3, camera_id=1, profile_token="MediaProfile00100")
            told = peer.told("problem")
    finally:
        house.sockets.stop()
    problem = told["problem"]
    assert (told["id"], problem["code"], problem["retry_after_s"]) == (3, "stream_limit", 12)
    assert set(problem["used_by"]) == named


def test_a_permanent_refusal_over_a_live_socket_has_no_retry_time(house: House) -> None:
    door = house.door(Role.VIEWER)
    house.sockets.start()
    try:
        with asked_for(door.client, door.headers) as peer:
            peer.say(type="watch", id=3, camera_id=99, profile_token="MediaProfile00100")
            assert peer.told("problem")["problem"].keys() == {"code", "detail"}
    finally:
        house.sockets.stop()


def test_same_device_as_is_hidden_if_the_other_camera_is(house: House, cameras: StandInCameras) -> None:
    cameras.views[1] = replace(cameras.views[1], same_device_as=2)
    limited, other = house.door(Role.VIEWER, Scope({1: None})), house.door(Role.VIEWER)
    for path in ("/api/cameras", "/api/cameras/1"):
        assert '"same_device_as": null' in limited.ask("GET", path).get_data(as_text=True)
        assert '"same_device_as": 2' in other.ask("GET", path).get_data(as_text=True)
