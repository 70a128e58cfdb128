"""Two nodes behind nginx: any node takes any request, and its camera's owner answers."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.patience import LIMIT_S, promised, until
from tests.whole_app.accounts import add_by, add_user, log_in
from tests.whole_app.live_client import trusting
from tests.whole_app.nodes import Nodes, run_front_door
from tests.whole_app.proxies import Proxy, answers
from tools.certificate import make_certificate
from web.guard import SECURITY_HEADERS

SUB = "MediaProfile00001"

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")]


@pytest.fixture(scope="module", autouse=True)
def _resolved() -> Iterator[None]:
    """Resolve cams.example to loopback, as no name server knows it."""
    real = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **more: real("127.0.0.1" if host == "cams.example" else host, *rest, **more),
        )
        urllib3.disable_warnings()
        yield


@dataclass
class Cluster:
    """Camera 1 belongs to the node a, camera 2 to the node b."""

    nodes: Nodes
    door: Proxy
    certificate: Path
    admin: requests.Session

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.admin.get(self.door.url + path, timeout=LIMIT_S, **more)

    def post(self, path: str, body: object, **more: Any) -> requests.Response:
        return self.admin.post(self.door.url + path, json=body, timeout=LIMIT_S, **more)

    def places_of(self, camera_id: int) -> set[str | None]:
        """Return the places of a camera by the knowledge of all nodes, which nginx asks in turn."""
        listed = [self.get("/api/cameras").json()["cameras"] for _ in range(4)]
        return {camera["place"] for cameras in listed for camera in cameras if camera["id"] == camera_id}

    @contextlib.contextmanager
    def socket(self, path: str, session: requests.Session | None = None) -> Iterator[ClientConnection]:
        cookie = "; ".join(f"{one.name}={one.value}" for one in (session or self.admin).cookies)
        with connect(
            self.door.url.replace("https", "wss") + path,
            ssl=trusting(self.certificate),
            proxy=None,
            additional_headers={"Cookie": cookie, "Origin": self.door.url},
            open_timeout=LIMIT_S,
            max_size=None,
        ) as client:
            yield client


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, recorder: Any) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes")
    made, key = make_certificate(["cams.example"])
    certificate = (folder / "cert.pem", folder / "key.pem")
    for path, content in zip(certificate, (made, key), strict=True):
        path.write_bytes(content)
    nodes = Nodes(folder, ("a", "b"))
    first = nodes.apps["a"].start(is_awaited=False)
    until(lambda: b"Open http" in (first.folder / "stderr").read_bytes())
    add_user(first)
    direct = log_in(first.url)
    for host in ("127.0.0.1", "localhost"):
        recorder.add_at(first.url, direct, host=host)
    nodes.own({1: "a", 2: "b"})
    nodes.apps["b"].start()
    (folder / "door").mkdir()
    door = run_front_door(folder / "door", nodes, certificate)
    try:
        until(lambda: answers(door, certificate[0]))
        yield Cluster(nodes, door, certificate[0], log_in(door.url, verify=str(certificate[0])))
    finally:
        door.stop()
        nodes.close()


def test_a_request_reaches_the_owner_from_any_node(cluster: Cluster) -> None:
    for camera_id in (1, 2):
        for _ in range(3):  # nginx asks the nodes in turn
            answer = cluster.get(f"/api/cameras/{camera_id}/profiles")
            assert answer.status_code == 200, answer.text
            assert [(name, answer.headers.get(name)) for name, _ in SECURITY_HEADERS] == list(SECURITY_HEADERS)
            assert answer.headers["Cache-Control"] == "no-store"
            assert not {"X-Owner", "X-Accel-Redirect", "Retry-After"} & set(answer.headers)
    ports = [app.port for app in cluster.nodes.apps.values()]
    ways = {f"127.0.0.1:{first} : 127.0.0.1:{owner}" for first, owner in (ports, reversed(ports))}
    until(lambda: all(way in cluster.door.access_log.read_text() for way in ways))


def test_method_body_and_query_arrive_at_the_owner(cluster: Cluster) -> None:
    for name in ("North gate", "Gate"):
        changed = cluster.admin.patch(f"{cluster.door.url}/api/cameras/2", json={"name": name}, timeout=LIMIT_S)
        assert (changed.status_code, changed.json()["name"]) == (200, name)
    body = {"start_time": "2026-11-22T10:00:00Z", "end_time": "2026-11-22T09:00:00Z"}
    for _ in range(2):
        refused = cluster.post("/api/cameras/2/recordings/search", body)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
        assert cluster.get("/api/cameras/2/snapshot?profile_token=none").status_code in (404, 422, 502)


def test_any_node_lists_the_streams_and_disks_of_all(cluster: Cluster) -> None:
    for camera_id in (1, 2):
        cluster.post("/api/streams/start", {"camera_id": camera_id, "profile_token": SUB}).raise_for_status()
    for _ in range(2):  # nginx asks the nodes in turn
        found = cluster.get("/api/streams/all").json()
        assert {(one["node"], one["camera_id"]) for one in found["streams"]} == {("a", 1), ("b", 2)}
        assert found["silent_nodes"] == []
        assert {volume["node"] for volume in cluster.get("/api/storage").json()["volumes"]} == {"a", "b"}
        assert {line["node"] for line in cluster.get("/api/audit").json()["lines"]} == {"a", "b"}


def test_a_websocket_reaches_the_owner_from_any_node(cluster: Cluster) -> None:
    for camera_id in (1, 1, 2, 2):  # nginx asks the nodes in turn
        with cluster.socket(f"/live/{camera_id}/{SUB}") as client:
            until_media(client)


def test_a_place_leads_to_its_node_which_tells_of_other_cameras(cluster: Cluster) -> None:
    places = {camera["id"]: camera["place"] for camera in cluster.get("/api/cameras").json()["cameras"]}
    assert places[1] != places[2]
    for camera_id, other_id in ((1, 2), (2, 1), (1, 2)):
        with cluster.socket(f"/live?place={places[camera_id]}") as client:
            for number in (camera_id, other_id):
                client.send(json.dumps({"type": "watch", "id": number, "camera_id": number, "profile_token": SUB}))
            heard: dict[int, str] = {}
            while len(heard) < 2:
                message = client.recv(LIMIT_S)
                if isinstance(message, str) and (found := json.loads(message))["type"] in ("watching", "moved"):
                    heard[found["id"]] = found["type"]
            assert heard == {camera_id: "watching", other_id: "moved"}


def test_playlists_and_segments_come_from_the_owner(cluster: Cluster) -> None:
    for camera_id in (1, 2):
        started = cluster.post("/api/streams/start", {"camera_id": camera_id, "profile_token": SUB}).json()
        playlist = until(partial(answered, cluster, started["playlist_url"]))
        assert playlist is not None
        *_, name = (line for line in playlist.text.splitlines() if line.endswith(".ts"))
        address = started["playlist_url"].replace("stream.m3u8", name)
        whole = cluster.get(address)
        part = cluster.get(address, headers={"Range": "bytes=0-187"})
        assert (whole.status_code, part.status_code) == (200, 206)
        assert part.content == whole.content[:188]
        assert whole.headers["Content-Type"] == part.headers["Content-Type"] == "video/mp2t"
        stopped = cluster.post("/api/streams/stop", {"stream_id": started["stream_id"]})
        assert stopped.json()["status"] == "stopped"


def test_every_read_answers_from_any_node_as_from_the_owner(cluster: Cluster) -> None:
    """The addresses are those of the OpenAPI document; the test asks the owner without the front door."""
    paths = cluster.get("/api/openapi.json").json()["paths"]
    compared = 0
    for template, methods in paths.items():
        if "get" not in methods or template == "/api/events/news":
            continue
        for camera_id, owner in ((1, "a"), (2, "b")):
            path = _filled(template, camera_id)
            app = cluster.nodes.apps[owner]
            direct = _through_own_door(cluster, f"{app.url}{path}")
            for _ in range(2):
                through = cluster.get(path)
                assert _shape(through) == _shape(direct), path
            compared += 1
    assert compared > 80


def _through_own_door(
    cluster: Cluster, url: str, session: requests.Session | None = None, method: str = "get", body: object = None
) -> requests.Response:
    """Send a request to a node itself, as nginx does."""
    session = session or cluster.admin
    headers = {"Host": cluster.door.url.removeprefix("https://"), "X-Forwarded-Proto": "https"}
    headers |= {"X-CSRF-Token": str(session.headers["X-CSRF-Token"]), "Origin": cluster.door.url}
    return requests.request(
        method, url, json=body, headers=headers, cookies=session.cookies.get_dict(), timeout=LIMIT_S
    )


# They end what other requests of this test need, take seconds, or answer something else the second time.
NOT_REPEATED = {
    ("delete", "/api/cameras/{camera_id}"),
    ("post", "/api/cameras/pretend"),
    ("post", "/api/discovery"),
    ("delete", "/api/session"),
    ("post", "/api/session"),
}


@pytest.fixture(scope="module")
def logins(cluster: Cluster) -> dict[str, requests.Session]:
    """A login of each role, and of a viewer who may see one channel of camera 1."""
    more: dict[str, dict[str, Any]] = {"viewer": {}, "reviewer": {}, "operator": {}}
    more["scoped"] = {"cameras": [{"camera_id": 1, "channels": [1]}]}
    found = {"admin": cluster.admin}
    for name, scope in more.items():
        add_by(cluster.admin, cluster.door.url, name, "viewer" if scope else name, **scope)
        found[name] = log_in(cluster.door.url, name, verify=str(cluster.certificate))
    return found


@pytest.mark.parametrize(
    "are_all_asked", [False, pytest.param(True, marks=pytest.mark.stress)], ids=["a role a route", "all roles"]
)
def test_every_route_answers_each_role_from_any_node_as_the_owner(
    cluster: Cluster, logins: dict[str, requests.Session], are_all_asked: bool
) -> None:
    """The OpenAPI document has the routes. An unknown field keeps their bodies harmless.

    The roles take turns, or all of them send each request.
    """
    routes = [
        (method, path)
        for path, methods in cluster.get("/api/openapi.json").json()["paths"].items()
        for method in methods
        if (method, path) not in NOT_REPEATED and (method != "get" or "{camera_id}" in path)
    ]
    differences: list[str] = []
    statuses: set[int] = set()
    for number, (method, template) in enumerate(routes):
        asked = logins if are_all_asked else dict([list(logins.items())[number % len(logins)]])
        camera_id, owner = ((1, "a"), (2, "b"))[number % 2]
        path = _filled(template, camera_id)
        stream = {"camera_id": camera_id, "stream_id": f"camera{camera_id}_none"}
        body = None if method in ("get", "delete") else {**stream, "ranges": [stream], "unknown_field": 1}
        for role, session in asked.items():
            direct = _shape(_through_own_door(cluster, cluster.nodes.apps[owner].url + path, session, method, body))
            for _ in cluster.nodes.apps:  # nginx asks the nodes in turn
                answer = session.request(method, cluster.door.url + path, json=body, timeout=LIMIT_S)
                statuses.add(answer.status_code)
                if _shape(answer) != direct:
                    differences.append(f"{role} {method} {path}: {_shape(answer)}, the owner {direct}")
    assert not differences
    assert len(routes) > 100
    assert {200, 400, 403, 404} <= statuses


def _filled(template: str, camera_id: int) -> str:
    """Return the path of a route, about this camera and otherwise about things that do not exist."""
    path = template.replace("{camera_id}", str(camera_id))
    values = {"number": "1", "profile_token": SUB, "stream_id": f"camera{camera_id}_none", "role": "sub"}
    for name, value in {**values, "name": "unknown"}.items():
        path = path.replace(f"{{{name}}}", value)
    return re.sub(r"\{[a-z_]+\}", "999", path)


def _shape(answer: requests.Response) -> object:
    """Return status and type of an answer, the code of an error, and the fields of a document."""
    kind = answer.headers.get("Content-Type")
    found = answer.json() if kind is not None and "json" in kind else {}
    return answer.status_code, kind, found.get("code"), sorted(found)


def test_a_client_cannot_speak_as_the_front_door(cluster: Cluster) -> None:
    claims = {"X-Routed": "yes", "X-Owner": "127.0.0.1:1", "X-Front-Door": "none", "X-Accel-Redirect": "@owner"}
    for _ in range(4):
        assert cluster.get("/api/cameras/2/profiles", headers=claims).status_code == 200
    stranger = requests.get(
        f"{cluster.door.url}/api/cameras/2/profiles", headers=claims, verify=str(cluster.certificate), timeout=LIMIT_S
    )
    assert stranger.status_code == 401


def test_a_logout_ends_sockets_on_all_nodes_within_two_seconds(cluster: Cluster) -> None:
    session = log_in(cluster.door.url, verify=str(cluster.certificate))
    with (
        cluster.socket("/live?place=place-a", session) as first,
        cluster.socket("/live?place=place-b", session) as second,
    ):
        for client in (first, second):
            client.send(json.dumps({"type": "clock", "sent": 1}))
            assert json.loads(client.recv(LIMIT_S))["type"] == "clock"
        with promised(2.0):
            assert session.delete(f"{cluster.door.url}/api/session", timeout=LIMIT_S).status_code == 204
            for client in (first, second):
                with pytest.raises(Exception, match="4401"):
                    client.recv(LIMIT_S)


def test_bodies_up_to_the_apps_limit_are_repeated(cluster: Cluster) -> None:
    """The app refuses larger ones itself: 413 of the owner, not of nginx."""
    for size_bytes, status in ((50_000, 400), (200_000, 413)):
        for _ in range(2):
            answer = cluster.admin.patch(
                f"{cluster.door.url}/api/cameras/2", json={"name": "n" * size_bytes}, timeout=LIMIT_S
            )
            assert answer.status_code == status
            assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_camera_without_an_owner_is_503_until_another_node_has_it(cluster: Cluster) -> None:
    cluster.nodes.own({2: None})
    try:
        until(lambda: cluster.places_of(2) == {None})
        for _ in range(2):
            answer = cluster.get("/api/cameras/2/snapshot")
            assert (answer.status_code, answer.json()["code"]) == (503, "not_owner")
            assert answer.headers["Retry-After"] == "1"
            with pytest.raises(InvalidStatus), cluster.socket(f"/live/2/{SUB}"):
                pass
        cluster.nodes.own({2: "a"})
        until(lambda: cluster.places_of(2) == {"place-a"})
        with cluster.socket(f"/live/2/{SUB}") as client:
            until_media(client)
            cluster.nodes.own({2: "b"})
            until(lambda: _kind(client.recv(LIMIT_S)) == "moved")
    finally:
        cluster.nodes.own({2: "b"})


def until_media(client: ClientConnection) -> None:
    until(lambda: isinstance(client.recv(LIMIT_S), bytes))


def answered(cluster: Cluster, path: str) -> requests.Response | None:
    answer = cluster.get(path)
    return answer if answer.status_code == 200 else None


def _kind(message: str | bytes) -> str:
    return str(json.loads(message)["type"]) if isinstance(message, str) else ""


def test_z_a_killed_node_is_left_out_and_its_cameras_are_503(cluster: Cluster) -> None:
    """The last test of the file, since the node does not come back."""
    cluster.nodes.kill("b")
    until(lambda: cluster.places_of(2) == {None})  # the other node reads the file of owners 20 times a second
    for _ in range(6):
        assert cluster.get("/api/cameras/1/profiles").status_code == 200
    assert cluster.get("/api/cameras/2/snapshot").json()["code"] == "not_owner"
    assert cluster.get("/api/cameras/2").status_code == 200
    cluster.nodes.own({2: "a"})
    until(lambda: cluster.places_of(2) == {"place-a"})
    with cluster.socket(f"/live/2/{SUB}") as client:
        until_media(client)
