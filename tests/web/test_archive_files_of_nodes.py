"""The bytes of archive files that a node gives to other nodes, and to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from archive.served_files import ServedFiles
from archive.storages import MOST_OF_ONE_READ, READ_PATH
from core.access import Role
from core.node_link import SIGNATURE
from tests.archive.nodes import ArchiveNode, Network
from tests.archive.recorded import MAIN
from tests.placement.fake import HERE, FakePlacement
from tests.recordings.recorder import Archive
from tests.web.web_harness import WebHarness
from web.services import Managers


@pytest.fixture
def placement() -> FakePlacement:
    return FakePlacement([1])


@pytest.fixture
def north(tmp_path: Path, archive: Archive) -> ArchiveNode:
    made = ArchiveNode("here", tmp_path / "north", archive.database, Network())
    made.footage.record(1_795_521_600.0, 1_795_521_605.0)
    made.publisher.publish()
    archive.server.served_files = made.served
    return made


def get(client: FlaskClient, managers: Managers, path: str, **headers: str) -> TestResponse:
    return client.get(path, headers={SIGNATURE: managers.node_link.sign(HERE, path), **headers})


def address(north: ArchiveNode) -> str:
    [file] = north.shared.own_files(MAIN).values()
    return f"{READ_PATH}/{file.id}"


def test_a_signed_request_gets_the_bytes_of_a_file(client: FlaskClient, managers: Managers, north: ArchiveNode) -> None:
    data = north.footage.paths[0].read_bytes()
    answer = get(client, managers, f"{address(north)}?first=10&count=20")
    assert (answer.status_code, answer.data) == (200, data[10:30])
    assert answer.mimetype == "application/octet-stream"
    assert get(client, managers, f"{address(north)}/size").data == str(len(data)).encode()
    assert get(client, managers, f"{address(north)}?first={len(data)}&count=5").data == b""


def test_an_admin_and_a_stranger_get_nothing(
    client: FlaskClient, harness: WebHarness, managers: Managers, north: ArchiveNode
) -> None:
    path = f"{address(north)}?first=0&count=20"
    assert client.get(path).status_code == 401
    assert harness.token_client(Role.ADMIN).request("GET", path).status_code == 401
    assert get(client, managers, path, **{"X-Front-Door": "nodes"}).status_code == 401
    signed = {SIGNATURE: managers.node_link.sign(HERE, path)}
    assert client.get(f"{address(north)}?first=0&count=21", headers=signed).status_code == 401


@pytest.mark.parametrize(
    "query", ["", "first=0", "first=-1&count=1", "first=0&count=0", f"first=0&count={MOST_OF_ONE_READ + 1}", "first=a"]
)
def test_an_impossible_range_is_refused(
    client: FlaskClient, managers: Managers, north: ArchiveNode, query: str
) -> None:
    assert get(client, managers, f"{address(north)}?{query}".removesuffix("?")).status_code == 400


@pytest.mark.parametrize("file_id", ["999", "0", "x", "..", "99999999999999999999"])
def test_a_file_without_a_row_is_not_found(
    client: FlaskClient, managers: Managers, north: ArchiveNode, file_id: str
) -> None:
    assert north
    assert get(client, managers, f"{READ_PATH}/{file_id}?first=0&count=1").status_code == 404


def test_a_node_that_shares_nothing_has_no_file(client: FlaskClient, managers: Managers, archive: Archive) -> None:
    served: ServedFiles | None = archive.server.served_files
    assert served is None
    assert get(client, managers, f"{READ_PATH}/1?first=0&count=1").status_code == 404
