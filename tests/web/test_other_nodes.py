"""One view of all nodes: lists that concern no single camera, with a living, a dead and a hung node beside this one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from account_manager import AccountManager
from core.access import EVERYTHING, Role, Scope
from core.clock import SystemClock
from core.events import PictureSubject
from core.node_link import SIGNATURE, NodeSilent
from core.placement import Node
from core.settings import Settings
from database import Database
from event_manager import EventManager
from motion.records import MotionMode, MotionSettings
from placement.alone import Alone
from tests.events.logged import event
from tests.patience import promised
from tests.placement.fake import HERE, FakePlacement
from tests.web.other_node import OtherNode
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_streams import StandInStreams, session
from tests.web.web_harness import ApiClient, WebHarness
from web.services import EXTENSION, Managers

STREAMS, STORAGE = "/api/internal/streams", "/api/internal/storage"
JPEG = b"\xff\xd8 picture \xff\xd9"
PROFILE = "MediaProfile00000"


@pytest.fixture
def placement() -> FakePlacement:
    return FakePlacement([1])


@pytest.fixture
def other(
    settings: Settings, managers: Managers, placement: FakePlacement, cameras: StandInCameras, tmp_path: Path
) -> Iterator[OtherNode]:
    streams = StandInStreams(tmp_path / "other-streams", cameras)
    streams.sessions[f"camera2_{PROFILE}"] = session(f"camera2_{PROFILE}", 2, PROFILE)
    made = OtherNode(settings, managers, streams).start()
    placement.take(2, made.node)
    yield made
    made.stop()


@pytest.fixture
def hung(placement: FakePlacement) -> Iterator[Node]:
    """A node that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        node = Node("hung", f"127.0.0.1:{server.getsockname()[1]}", "p3")
        placement.add(node)
        yield node


@pytest.fixture
def admin(harness: WebHarness) -> ApiClient:
    return harness.token_client(Role.ADMIN)


def listed(api: ApiClient) -> tuple[set[tuple[str, int]], list[str]]:
    """Return node and camera of the running streams, and the silent nodes."""
    answer = api.request("GET", "/api/streams/all")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found = answer.get_json()
    return {(stream["node"], stream["camera_id"]) for stream in found["streams"]}, found["silent_nodes"]


def test_the_running_streams_of_all_nodes_are_listed_with_their_node(
    admin: ApiClient, streams: StandInStreams, other: OtherNode
) -> None:
    found, silent = listed(admin)
    assert ("there", 2) in found
    assert {node for node, _ in found} == {"here", "there"}
    assert silent == []
    total = len(admin.request("GET", "/api/streams/all").get_json()["streams"])
    assert total == len(streams.sessions) + len(other.streams.sessions)


def test_a_stream_of_another_node_is_hidden_like_an_own_one(harness: WebHarness, other: OtherNode) -> None:
    other.streams.sessions["camera1_x"] = session("camera1_x", 1, "no such profile")

    def seen(scope: Scope) -> set[int]:
        found, _ = listed(harness.token_client(Role.VIEWER, scope))
        return {camera_id for node, camera_id in found if node == "there"}

    assert seen(EVERYTHING) == {1, 2}
    assert seen(Scope({1: None})) == {1}
    assert seen(Scope({2: frozenset({1})})) == {2}
    assert seen(Scope({2: frozenset({2})})) == set()
    assert seen(Scope({1: frozenset({1})})) == set()  # the channel of that stream is not known


def test_a_dead_node_and_a_hung_one_are_named_within_about_a_second(
    admin: ApiClient, other: OtherNode, hung: Node, placement: FakePlacement
) -> None:
    other.stop()
    placement.add(Node("gone", "127.0.0.1:1", "p4"), is_alive=False)
    with promised(2.0):
        found, silent = listed(admin)
    assert {node for node, _ in found} == {"here"}
    assert silent == ["gone", "hung", "there"]


def test_an_answer_that_cannot_be_read_counts_as_none(
    admin: ApiClient, other: OtherNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During an upgrade, a node may have another version."""
    monkeypatch.setitem(other.web.view_functions, "internal.streams", lambda: {"streams": [{"id": 5}]})
    assert listed(admin)[1] == ["there"]


def test_the_volumes_of_all_nodes_are_listed_with_their_node(admin: ApiClient, other: OtherNode, hung: Node) -> None:
    found = admin.request("GET", "/api/storage").get_json()
    assert {volume["node"] for volume in found["volumes"]} == {"here", "there"}
    assert found["silent_nodes"] == ["hung"]


def test_motion_of_a_channel_is_told_by_the_node_with_its_camera(
    admin: ApiClient, managers: Managers, other: OtherNode, hung: Node
) -> None:
    for camera_id in (1, 2):
        managers.motion._store._settings[camera_id, 1] = MotionSettings(MotionMode.AUTO)  # these cameras have no rows
    found = admin.request("GET", "/api/motion").get_json()
    assert [(one["node"], one["camera_id"]) for one in found["channels"]] == [("here", 1), ("there", 2)]
    assert found["silent_nodes"] == ["hung"]


def test_the_audit_logs_of_all_nodes_are_one_list(admin: ApiClient, other: OtherNode, hung: Node) -> None:
    """Both nodes of this test write the same files, so each line is there twice."""
    for _ in range(3):
        admin.request("POST", "/api/nodes/there/drain")
        admin.request("DELETE", "/api/nodes/there/drain")
    seen: list[tuple[str, str, str]] = []
    query = ""
    while True:
        found = admin.request("GET", f"/api/audit?limit=2{query}").get_json()
        assert found["silent_nodes"] == ["hung"]
        seen += [(line["time"], line["node"], line["action"]) for line in found["lines"]]
        if found["next_before"] is None:
            break
        query = f"&before={found['next_before']}"
    assert [time for time, _, _ in seen] == sorted((time for time, _, _ in seen), reverse=True)
    for node in ("here", "there"):
        own = [action for _, name, action in seen if name == node and action.endswith("_node")]
        assert own == ["use_node", "drain_node"] * 3
    assert {line["about"].get("node") for line in found["lines"]} <= {"there", None}


@pytest.fixture
def events_there(
    database: Database, settings: Settings, cameras: StandInCameras, accounts: AccountManager, tmp_path: Path
) -> Iterator[EventManager]:
    """The events of the other node, in the same database, with pictures in another folder."""
    del accounts  # they open the database
    own = replace(settings, node_name="there", data_dir=tmp_path / "there")
    made = EventManager(database, own, SystemClock(), cameras)
    made.start()
    yield made
    made.stop()


def test_the_picture_of_an_event_comes_from_the_node_that_took_it(
    settings: Settings,
    managers: Managers,
    placement: FakePlacement,
    events_there: EventManager,
    streams: StandInStreams,
    admin: ApiClient,
) -> None:
    """The camera was that node's, and is this one's now. After that, this node keeps the picture, too."""
    events_there.log.add(event())
    events_there.log.flush()
    events_there.log.note_picture(1, PictureSubject(None, None, ""))
    events_there.log.flush()
    events_there.pictures.put(1, 1, JPEG)
    other = OtherNode(settings, replace(managers, events=events_there), streams).start()
    try:
        placement.add(other.node)
        assert admin.request("GET", "/api/events/1/picture").data == JPEG
    finally:
        other.stop()
    assert admin.request("GET", "/api/events/1/picture").data == JPEG


def test_a_hung_node_is_not_asked_for_each_picture(
    harness: WebHarness, managers: Managers, hung: Node, admin: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of events asks for many pictures, and each would hold a thread for a second."""
    services: Any = harness.app.extensions[EXTENSION]
    asked: list[str] = []

    def read(node: Node, path: str, **_: object) -> bytes:
        asked.append(path)
        raise NodeSilent(node, "TimeoutError")

    monkeypatch.setattr(services.node_link, "read", read)
    for number in range(5):
        assert services.other_nodes.read(hung.name, f"/x{number}", most_bytes=10) is None
    assert asked == ["/x0"]


def test_few_requests_wait_for_the_pictures_of_other_nodes(
    harness: WebHarness, events: EventManager, placement: FakePlacement, admin: ApiClient
) -> None:
    services: Any = harness.app.extensions[EXTENSION]
    events.log.add(event())
    events.log.flush()
    events.log.note_picture(1, PictureSubject(None, None, ""))
    events.log.flush()
    with ExitStack() as others:
        for _ in range(services.settings.request_threads // 8):
            others.enter_context(services.node_limit)
        assert admin.request("GET", "/api/events/1/picture").status_code == 202


class TestInternal:
    """The routes for other nodes refuse all users."""

    @pytest.mark.parametrize("path", [STREAMS, STORAGE])
    def test_a_user_gets_nothing_whatever_the_role(self, admin: ApiClient, path: str) -> None:
        for headers in ({}, {SIGNATURE: "1:aa"}, {SIGNATURE: ""}):
            asked = ApiClient(admin.client, {**admin.headers, **headers})
            assert asked.request("GET", path).status_code == 401

    def test_a_signed_request_through_the_front_door_is_refused(self, client: FlaskClient, managers: Managers) -> None:
        signed = {SIGNATURE: managers.node_link.sign(HERE, STREAMS)}
        assert client.get(STREAMS, headers=signed).status_code == 200
        assert client.get(STREAMS, headers={**signed, "X-Front-Door": "nodes"}).status_code == 401

    def test_a_signature_for_another_path_is_refused(self, client: FlaskClient, managers: Managers) -> None:
        signed = {SIGNATURE: managers.node_link.sign(HERE, STREAMS)}
        for path in (STORAGE, f"{STREAMS}?x=1"):
            assert client.get(path, headers=signed).status_code == 401


class TestAlone:
    @pytest.fixture
    def placement(self) -> Alone:
        return Alone()

    def test_a_single_process_asks_nobody(self, harness: WebHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        services: Any = harness.app.extensions[EXTENSION]
        monkeypatch.setattr(services.node_link, "read", None)  # a call would fail
        found, silent = listed(harness.token_client(Role.ADMIN))
        assert {node for node, _ in found} == {""}
        assert silent == []

    def test_a_single_process_answers_no_node(self, client: FlaskClient, managers: Managers) -> None:
        signed = {SIGNATURE: managers.node_link.sign(managers.placement.this_node(), STREAMS)}
        assert client.get(STREAMS, headers=signed).status_code == 401
