"""Requests about cameras of another node: how the front door learns where to repeat them.

Camera 1 belongs to this node, camera 2 to another one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.audit import AUDIT_FILE
from accounts.records import Visitor
from core.access import Role, Scope
from core.clock import SystemClock
from core.records import ProfileRole
from core.settings import Settings
from database import Database
from exports.records import ExportDraft, ExportRange
from exports.store import ExportStore
from placement.alone import Alone
from searches.records import SearchDraft, SearchKind
from searches.store import SearchStore
from tests.events.logged import stored_camera
from tests.placement.fake import HERE, THERE, FakePlacement
from tests.web.conftest import settings_in
from tests.web.stand_in_cameras import StandInCameras
from tests.web.web_harness import (
    BODIES,
    PASSWORD,
    PLAYERS,
    RANGE,
    ApiClient,
    WebHarness,
    request_rule,
    routes,
)

NOW = SystemClock().now_utc()
FRONT_DOOR = {"X-Front-Door": "nodes", "X-Forwarded-For": "203.0.113.7"}
ROUTED = {**FRONT_DOOR, "X-Routed": "yes"}


@pytest.fixture
def placement() -> FakePlacement:
    fake = FakePlacement([1])
    fake.take(2, THERE)
    return fake


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(settings_in(tmp_path), trusted_proxies="127.0.0.1")


def through(api: ApiClient, headers: dict[str, str]) -> ApiClient:
    return ApiClient(api.client, {**api.headers, **headers})


@pytest.fixture
def admin(harness: WebHarness) -> ApiClient:
    return through(harness.token_client(Role.ADMIN), FRONT_DOOR)


def is_handed_on(answer: Any) -> bool:
    return "X-Accel-Redirect" in answer.headers


def test_a_request_about_another_nodes_camera_is_handed_on(admin: ApiClient) -> None:
    answer = admin.request("GET", "/api/cameras/2/snapshot")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == "@owner"
    assert answer.headers["X-Owner"] == THERE.address


def test_nothing_of_the_first_answer_can_reach_the_client(admin: ApiClient) -> None:
    """nginx keeps these headers of the first answer beside those of the owner's."""
    kept = {"Content-Type", "Content-Disposition", "Accept-Ranges", "Set-Cookie", "Cache-Control", "Expires"}
    assert not kept & set(admin.request("GET", "/api/cameras/2/snapshot").headers.keys())


def test_a_request_about_an_own_camera_is_answered(admin: ApiClient) -> None:
    answer = admin.request("GET", "/api/cameras/1")
    assert answer.status_code == 200
    assert answer.get_json()["id"] == 1


def test_every_route_with_a_camera_goes_to_its_owner(harness: WebHarness, admin: ApiClient) -> None:
    """The camera stands in the path, in a stream's id or in the body."""
    named = ("<camera_id>", "<stream_id>")
    wanted, handed_on = set(), set()
    for method, rule, _ in routes(harness.app):
        if rule in PLAYERS:
            continue  # the secret part of the address names the camera
        body = BODIES.get(rule, {})
        names_camera = method != "GET" and bool({"camera_id", "stream_id", "ranges"} & set(body))
        if any(part in rule for part in named) or names_camera:
            wanted.add((method, rule))
        answer = request_rule(admin, method, rule, camera_id=2)
        if is_handed_on(answer):
            handed_on.add((method, rule))
        answer.close()
    assert handed_on == wanted
    assert len(wanted) > 50


def test_an_address_for_a_player_goes_to_the_owner(harness: WebHarness, admin: ApiClient) -> None:
    _, who = harness.accounts.log_in("Anna", PASSWORD, Visitor("127.0.0.1"))
    for camera_id in (1, 2):
        link, _ = harness.accounts.make_player_link(who, camera_id, 1)
        for file in ("master.m3u8", f"camera{camera_id}_MediaProfile00000/s1.ts"):
            answer = admin.request("GET", f"/play/{link}/{file}")
            assert is_handed_on(answer) == (camera_id == 2), file
            answer.close()


def test_no_route_without_a_camera_of_another_node_is_handed_on(harness: WebHarness, admin: ApiClient) -> None:
    for method, rule, _ in routes(harness.app):
        if method == "GET":
            answer = request_rule(admin, method, rule, camera_id=1)
            assert not is_handed_on(answer), rule
            answer.close()


def test_a_request_is_handed_on_once_only(harness: WebHarness, assert_problem: Any) -> None:
    """Otherwise two nodes that disagree about the owner would hand it on for ever."""
    routed = through(harness.token_client(Role.ADMIN), ROUTED)
    answer = routed.request("GET", "/api/cameras/2/snapshot")
    assert_problem(answer, 503, "not_owner")
    assert answer.headers["Retry-After"] == "1"


def test_a_camera_without_a_living_owner_is_503_with_a_time(
    admin: ApiClient, placement: FakePlacement, assert_problem: Any
) -> None:
    placement.take(2, None)
    answer = admin.request("GET", "/api/cameras/2/snapshot")
    assert_problem(answer, 503, "not_owner")
    assert answer.headers["Retry-After"] == "1"


def test_a_camera_without_an_owner_can_be_seen_changed_and_deleted(admin: ApiClient, placement: FakePlacement) -> None:
    placement.take(2, None)
    assert admin.request("GET", "/api/cameras/2").status_code == 200
    assert admin.request("GET", "/viewer/2").status_code == 200
    assert admin.request("PATCH", "/api/cameras/2", json={"name": "Gate"}).status_code == 200
    assert admin.request("DELETE", "/api/cameras/2").status_code == 204


def test_a_client_cannot_ask_for_owners_past_the_front_door(
    harness: WebHarness, settings: Settings, assert_problem: Any
) -> None:
    """Without the proxy in between, the client's headers would show addresses of nodes."""
    direct = {"X-Front-Door": "nodes"}
    answer = through(harness.token_client(Role.ADMIN), direct).client.get(
        "/api/cameras/2/snapshot",
        headers=harness.token_client(Role.ADMIN).headers | direct,
        environ_base={"REMOTE_ADDR": "127.0.0.2"},
    )
    problem = assert_problem(answer, 421, "misdirected")
    assert THERE.address not in answer.get_data(as_text=True)
    assert THERE.name in problem["detail"]


def test_a_proxy_that_does_not_ask_for_owners_gets_none(harness: WebHarness, assert_problem: Any) -> None:
    plain = through(harness.token_client(Role.ADMIN), {"X-Forwarded-For": "203.0.113.7"})
    assert_problem(plain.request("GET", "/api/cameras/2/snapshot"), 421, "misdirected")


def test_a_request_without_a_login_is_not_handed_on(harness: WebHarness) -> None:
    answer = harness.app.test_client().get("/api/cameras/2/snapshot", headers=FRONT_DOOR)
    assert answer.status_code == 401
    assert not is_handed_on(answer)


def test_an_unknown_camera_is_404_as_on_its_owner(admin: ApiClient) -> None:
    assert admin.request("GET", "/api/cameras/99").status_code == 404
    assert admin.request("GET", "/api/cameras/99999999999999999999/snapshot").status_code in (400, 404)


def test_a_refusal_tells_nothing_about_hidden_cameras(harness: WebHarness, placement: FakePlacement) -> None:
    viewer = through(harness.token_client(Role.VIEWER, Scope({1: None})), FRONT_DOOR)
    placement.take(2, None)
    assert viewer.request("GET", "/api/cameras/2/snapshot").status_code == 404


def test_the_owner_alone_writes_the_line_of_the_audit_log(admin: ApiClient, settings: Settings) -> None:
    admin.request("GET", "/api/cameras/2/snapshot")
    admin.request("GET", "/api/cameras/1/snapshot")
    lines = map(json.loads, (settings.data_dir / "logs" / AUDIT_FILE).read_text().splitlines())
    assert [line["camera_id"] for line in lines if line["action"] == "snapshot"] == [1]


def test_a_page_reaches_each_node_by_its_place(admin: ApiClient, assert_problem: Any) -> None:
    assert admin.request("GET", f"/live?place={THERE.place}").headers["X-Owner"] == THERE.address
    assert_problem(admin.request("GET", f"/live?place={HERE.place}"), 426, "upgrade_required")
    assert_problem(admin.request("GET", "/live"), 426, "upgrade_required")
    assert_problem(admin.request("GET", "/live?place=nowhere"), 503, "not_owner")


def test_an_export_of_cameras_of_several_nodes_is_refused(admin: ApiClient, assert_problem: Any) -> None:
    both = {"ranges": [RANGE, {**RANGE, "camera_id": 2}]}
    assert_problem(admin.request("POST", "/api/exports", json=both), 409, "several_nodes")
    assert is_handed_on(admin.request("POST", "/api/exports", json={"ranges": [{**RANGE, "camera_id": 2}]}))


def test_a_body_that_cannot_be_read_is_refused_as_on_the_owner(admin: ApiClient, assert_problem: Any) -> None:
    for body in (b"[", b'{"camera_id": true}', b'{"ranges": 5}', b'{"ranges": [5]}', b"{}"):
        for path in ("/api/streams/start", "/api/exports"):
            answer = admin.request("POST", path, data=body, content_type="application/json")
            assert_problem(answer, 400, "invalid_request")


def test_cameras_have_the_place_of_their_owner(admin: ApiClient, placement: FakePlacement) -> None:
    cameras = admin.request("GET", "/api/cameras").get_json()["cameras"]
    assert [camera["place"] for camera in cameras] == [HERE.place, THERE.place]
    placement.take(2, None)
    assert admin.request("GET", "/api/cameras/2").get_json()["place"] is None


def test_pages_open_their_socket_at_the_owner_of_their_camera(admin: ApiClient) -> None:
    page = {"Accept": "text/html"}
    assert f'data-live="/live?place={HERE.place}"' in through(admin, page).request("GET", "/viewer/1").text
    assert f'data-live="/live?place={HERE.place}"' in through(admin, page).request("GET", "/wall").text


def test_a_socket_of_several_nodes_watches_no_stream_by_its_address(admin: ApiClient, cameras: StandInCameras) -> None:
    """LiveSockets chooses the ids of watches itself."""
    channels = cameras.channel_lists[1]
    main, *others = channels[0].profiles
    channels[0] = replace(channels[0], profiles=(replace(main, role=ProfileRole.MAIN), *others))
    assert 'data-first="' not in through(admin, {"Accept": "text/html"}).request("GET", "/viewer/1").text


class TestAlone:
    @pytest.fixture
    def placement(self) -> Any:
        return Alone()

    def test_a_single_process_answers_everything(self, admin: ApiClient) -> None:
        assert admin.request("GET", "/api/cameras/2").status_code == 200
        assert not is_handed_on(admin.request("GET", "/api/cameras/2/snapshot"))
        assert admin.request("GET", "/api/cameras/2").get_json()["place"] == ""
        assert 'data-live="/live"' in through(admin, {"Accept": "text/html"}).request("GET", "/viewer/2").text


FILE_ROUTES = (
    ("GET", "/api/exports/{export}"),
    ("PATCH", "/api/exports/{export}"),
    ("DELETE", "/api/exports/{export}"),
    ("POST", "/api/exports/{export}/pause"),
    ("GET", "/api/exports/{export}/files/a.mp4"),
    ("GET", "/api/exports/{export}/posters/1"),
    ("GET", "/api/cases/{case}"),
    ("POST", "/api/cases/{case}/package"),
    ("GET", "/api/cases/{case}/package"),
)


class TestFiles:
    """An export, whose files are at the other node, and a case with it."""

    @pytest.fixture
    def case_id(self, admin: ApiClient, database: Database) -> int:
        with database.write() as session:
            session.add(stored_camera(2))
        store = ExportStore(database, THERE.name)
        wanted = ExportDraft((ExportRange(2, 1, NOW, NOW + timedelta(seconds=5)),))
        store.add(None, "", wanted, 5.0, NOW, devices=[], most=9, most_own=9)
        answer = admin.request("POST", "/api/cases", json={"name": "Theft", "exports": [1]})
        assert answer.status_code == 201, answer.text
        return int(answer.get_json()["id"])

    def test_requests_for_files_go_to_the_node_that_has_them(self, admin: ApiClient, case_id: int) -> None:
        paths = ("/api/exports/1", "/api/exports/1/files/a.mp4", f"/api/cases/{case_id}/package")
        for path in paths:
            assert admin.request("GET", path).headers["X-Owner"] == THERE.address, path
        assert not is_handed_on(admin.request("GET", "/api/exports"))
        assert not is_handed_on(admin.request("GET", "/api/exports/77"))

    def test_a_job_of_a_dead_node_is_shown_with_the_reason(
        self, admin: ApiClient, placement: FakePlacement, case_id: int, assert_problem: Any
    ) -> None:
        placement.add(THERE, is_alive=False)
        job = admin.request("GET", "/api/exports/1").get_json()
        assert job["error"]["code"] == "node_away"
        assert THERE.name in job["error"]["detail"]
        case = admin.request("GET", f"/api/cases/{case_id}").get_json()
        assert case["package"]["error"]["code"] == "node_away"
        for method, path in (("GET", "/api/exports/1/files/a.mp4"), ("POST", "/api/exports/1/pause")):
            assert_problem(admin.request(method, path), 503, "node_away")
        assert admin.request("DELETE", "/api/exports/1").status_code == 204

    @pytest.mark.parametrize("is_alive", [True, False])
    @pytest.mark.parametrize("headers", [FRONT_DOOR, ROUTED, {"X-Forwarded-For": "203.0.113.7"}])
    def test_another_users_job_is_answered_as_one_that_does_not_exist(
        self, harness: WebHarness, placement: FakePlacement, case_id: int, is_alive: bool, headers: dict[str, str]
    ) -> None:
        placement.add(THERE, is_alive=is_alive)
        reviewer = through(harness.token_client(Role.REVIEWER), headers)
        for method, path in FILE_ROUTES:
            foreign = reviewer.request(method, path.format(export=1, case=case_id))
            unknown = reviewer.request(method, path.format(export=77, case=77))
            assert unknown.status_code == 404, path
            assert (foreign.status_code, foreign.data, is_handed_on(foreign)) == (404, unknown.data, False), path

    def test_another_users_search_is_answered_as_one_that_does_not_exist(
        self, harness: WebHarness, admin: ApiClient, database: Database, case_id: int
    ) -> None:
        del case_id  # its fixture stores the camera
        draft = SearchDraft(2, 1, NOW, NOW + timedelta(minutes=1), ((0, 0), (1, 0), (1, 1)), SearchKind.MOVED)
        search = SearchStore(database).add(None, "", draft, NOW, is_small=False)
        reviewer = through(harness.token_client(Role.REVIEWER), {"X-Forwarded-For": "203.0.113.7"})
        for method, path in (("GET", "/api/searches/{}"), ("DELETE", "/api/searches/{}")):
            foreign, unknown = (reviewer.request(method, path.format(number)) for number in (search.id, 77))
            assert (foreign.status_code, foreign.data) == (unknown.status_code, unknown.data)
            assert unknown.status_code == 404
        assert is_handed_on(admin.request("DELETE", f"/api/searches/{search.id}"))
