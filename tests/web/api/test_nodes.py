"""/api/nodes, and what other answers say of nodes: a single server, and two nodes of which this one has camera 1."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from accounts.audit import AUDIT_FILE
from core.access import Role
from core.placement import Node
from core.settings import Settings
from placement.alone import Alone
from tests.placement.fake import HERE, THERE, FakePlacement
from tests.web.web_harness import ApiClient, WebHarness

GONE = Node(name="gone", address="127.0.0.1:5003", place="p3")


@pytest.fixture
def placement() -> FakePlacement:
    fake = FakePlacement([1])
    fake.take(2, THERE)
    fake.add(GONE, is_alive=False)
    return fake


@pytest.fixture
def admin(harness: WebHarness) -> ApiClient:
    return harness.token_client(Role.ADMIN)


def nodes(api: ApiClient) -> dict[str, Any]:
    answer = api.request("GET", "/api/nodes")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {node["name"]: node for node in answer.get_json()["nodes"]}


def test_the_list_has_state_and_cameras_of_each_node(admin: ApiClient, settings: Settings) -> None:
    answer = admin.request("GET", "/api/nodes").get_json()
    assert (answer["is_alone"], answer["lease_s"]) == (False, settings.node_lease_s)
    assert [(node["name"], node["state"], node["cameras"], node["is_this"]) for node in answer["nodes"]] == [
        ("gone", "gone", 0, False),
        ("here", "alive", 1, True),
        ("there", "alive", 1, False),
    ]
    assert nodes(admin)["here"]["address"] == HERE.address
    assert nodes(admin)["here"]["capacity"] is None


def test_a_drained_node_is_leaving_until_that_is_ended(admin: ApiClient, settings: Settings) -> None:
    path = "/api/nodes/there/drain"
    assert admin.request("POST", path).status_code == 204
    assert nodes(admin)["there"]["state"] == "leaving"
    assert admin.request("DELETE", path).status_code == 204
    assert nodes(admin)["there"]["state"] == "alive"
    lines = [json.loads(line) for line in (settings.data_dir / "logs" / AUDIT_FILE).read_text().splitlines()]
    assert [(line["action"], line["node"]) for line in lines if "node" in line] == [
        ("drain_node", "there"),
        ("use_node", "there"),
    ]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_unknown_node_cannot_be_drained(admin: ApiClient, method: str) -> None:
    answer = admin.request(method, "/api/nodes/nobody/drain")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_health_names_the_node_that_answers(harness: WebHarness) -> None:
    nobody = harness.app.test_client()
    assert nobody.get("/api/health").get_json() == {"status": "ok", "node": "here", "nodes": None}


def test_health_counts_the_other_nodes_for_users(harness: WebHarness) -> None:
    answer = harness.token_client(Role.VIEWER).request("GET", "/api/health").get_json()
    assert answer["nodes"] == {"alive": 2, "leaving": 0, "gone": 1}


def test_the_health_card_names_the_node_with_the_connection(admin: ApiClient, placement: FakePlacement) -> None:
    assert admin.request("GET", "/api/cameras/1/health").get_json()["node"] == "here"
    placement.take(1, None)
    assert admin.request("GET", "/api/cameras/1/health").get_json()["node"] is None


class TestAlone:
    @pytest.fixture
    def placement(self) -> Alone:
        return Alone()

    def test_a_single_server_has_all_cameras_and_no_name(self, admin: ApiClient) -> None:
        answer = admin.request("GET", "/api/nodes").get_json()
        assert (answer["is_alone"], answer["lease_s"]) == (True, None)
        (node,) = answer["nodes"]
        assert (node["name"], node["state"], node["cameras"], node["is_this"]) == ("", "alive", 2, True)
        assert (node["lease_left_s"], node["address"], node["build"]) == (None, "", "")
        assert (node["streams"], node["cpu_share"]) == (6, None)

    def test_a_single_server_cannot_be_drained(self, admin: ApiClient) -> None:
        assert admin.request("POST", "/api/nodes/here/drain").status_code == 404

    def test_health_of_a_single_server_names_no_node(self, client: FlaskClient) -> None:
        assert client.get("/api/health").get_json() == {"status": "ok", "node": "", "nodes": None}
