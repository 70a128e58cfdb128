"""Requests that the front door sends to a node without a lease: another node that works answers them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.access import Role
from core.errors import Unavailable
from core.placement import Node
from core.settings import Settings
from tests.patience import promised
from tests.placement.fake import HERE, FakePlacement
from tests.web.conftest import settings_in
from tests.web.other_node import OtherNode
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_streams import StandInStreams
from tests.web.web_harness import ApiClient, WebHarness, request_rule, routes
from web.routing import TO_WORKING
from web.services import Managers

FRONT_DOOR = {"X-Front-Door": "nodes", "X-Forwarded-For": "203.0.113.7"}


@pytest.fixture
def placement() -> FakePlacement:
    return FakePlacement([1])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(settings_in(tmp_path), trusted_proxies="127.0.0.1")


@pytest.fixture
def other(
    settings: Settings, managers: Managers, placement: FakePlacement, cameras: StandInCameras, tmp_path: Path
) -> Iterator[OtherNode]:
    made = OtherNode(settings, managers, StandInStreams(tmp_path / "other-streams", cameras)).start()
    placement.add(made.node)
    yield made
    made.stop()


@pytest.fixture
def stranger(harness: WebHarness) -> ApiClient:
    """A client without a login."""
    return ApiClient(harness.app.test_client(), FRONT_DOOR)


@pytest.fixture
def admin(harness: WebHarness) -> ApiClient:
    token = harness.token_client(Role.ADMIN)
    return ApiClient(token.client, {**token.headers, **FRONT_DOOR})


def is_handed_on(answer: Any, node: Node) -> bool:
    found = answer.headers.get("X-Accel-Redirect"), answer.headers.get("X-Owner")
    return found == ("@working", node.address) and answer.data == b"" and "Cache-Control" not in answer.headers


def test_a_node_without_a_lease_hands_every_request_on(
    harness: WebHarness, stranger: ApiClient, placement: FakePlacement, other: OtherNode
) -> None:
    """Except for those of other nodes, which come past the front door, and static files."""
    placement.cut_off = True
    kept = set()
    for method, rule, _ in routes(harness.app):
        answer = request_rule(stranger, method, rule, camera_id=1)
        if not is_handed_on(answer, other.node):
            kept.add(rule)
        answer.close()
    assert kept == {"/static/<path:name>"}
    placement.cut_off = False
    assert stranger.request("GET", "/api/cameras").status_code == 401


def test_a_request_that_was_handed_on_before_stays(
    stranger: ApiClient, placement: FakePlacement, other: OtherNode, assert_problem: Any
) -> None:
    placement.cut_off = True
    for routed in ("yes", TO_WORKING):
        again = ApiClient(stranger.client, {**FRONT_DOOR, "X-Routed": routed})
        assert_problem(again.request("GET", "/api/cameras"), 401, "login_needed")


def test_the_node_that_works_hands_a_request_on_to_the_owner(admin: ApiClient, placement: FakePlacement) -> None:
    placement.take(2)
    answer = ApiClient(admin.client, {**admin.headers, "X-Routed": TO_WORKING}).request(
        "GET", "/api/cameras/2/snapshot"
    )
    assert answer.headers["X-Accel-Redirect"] == "@owner"


def test_a_client_learns_no_address_past_the_front_door(
    harness: WebHarness, placement: FakePlacement, other: OtherNode
) -> None:
    placement.cut_off = True
    answer = harness.app.test_client().get(
        "/api/cameras", headers={"X-Front-Door": "nodes"}, environ_base={"REMOTE_ADDR": "127.0.0.2"}
    )
    assert answer.status_code == 401
    assert "X-Owner" not in answer.headers


def test_a_node_without_a_lease_is_not_healthy(
    harness: WebHarness, placement: FakePlacement, assert_problem: Any
) -> None:
    """So no other node hands requests on to it."""
    health = harness.app.test_client().get("/api/health", headers={"Host": "127.0.0.1"})
    assert health.status_code == 200
    placement.cut_off = True
    assert_problem(harness.app.test_client().get("/api/health", headers={"Host": "127.0.0.1"}), 503, "not_ready")


def test_a_hung_node_is_passed_over_and_asked_last_from_then_on(
    stranger: ApiClient, placement: FakePlacement, other: OtherNode
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        placement.add(Node("a-hung-one", f"127.0.0.1:{server.getsockname()[1]}", "p3"))
        placement.cut_off = True
        assert is_handed_on(stranger.request("GET", "/"), other.node)
        with promised(0.5):
            assert is_handed_on(stranger.request("GET", "/"), other.node)


def test_a_node_answers_itself_if_no_other_one_works(
    stranger: ApiClient, placement: FakePlacement, assert_problem: Any
) -> None:
    placement.add(Node("dead", "127.0.0.1:1", "p3"))
    placement.cut_off = True
    assert_problem(stranger.request("GET", "/api/cameras"), 401, "login_needed")


def test_a_request_that_only_reads_is_handed_on_in_the_middle(
    admin: ApiClient,
    placement: FakePlacement,
    other: OtherNode,
    managers: Managers,
    monkeypatch: pytest.MonkeyPatch,
    assert_problem: Any,
) -> None:
    """The node loses the database while it answers. A request that writes may have written, so it is not repeated."""

    def lose(*_: object, **__: object) -> None:
        placement.cut_off = True
        raise Unavailable("The database cannot be reached.", code="database_unreachable")

    for name in ("walls", "add"):
        monkeypatch.setattr(managers.walls, name, lose)
    assert is_handed_on(admin.request("GET", "/api/walls"), other.node)
    placement.cut_off = False
    body = {"name": "Yard", "layout": 1, "tiles": []}
    assert_problem(admin.request("POST", "/api/walls", json=body), 503, "database_unreachable")
    assert placement.this_node() == HERE
