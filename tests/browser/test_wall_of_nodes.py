"""A wall with cameras of two nodes behind nginx, while one of the nodes is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from tests.browser.wall import assert_all_move, at, read, wait_all_playing
from tests.browser.watching import Open, until_on
from tests.patience import LIMIT_S, promised, until
from tests.warm_apps import WarmStarter
from tests.whole_app.accounts import add_user, log_in
from tests.whole_app.nodes import LeasedNodes, run_front_door
from tests.whole_app.running_app import RunningApp
from tools.certificate import make_certificate
from tools.running import PASSWORD, Recorder

LEASE_S = 3.0
pytestmark = [
    pytest.mark.browser,
    pytest.mark.stress,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[LeasedNodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunningApp, "starter", WarmStarter())
        made = LeasedNodes(tmp_path, ("a", "b"), LEASE_S)
        yield made
        made.close()


def test_a_wall_goes_on_while_a_node_dies(
    nodes: LeasedNodes, sixteen: Recorder, open_page: Open, tmp_path: Path
) -> None:
    urllib3.disable_warnings()
    first = nodes.apps["a"].start(is_awaited=False)
    until(lambda: b"Open http" in (first.folder / "stderr").read_bytes())
    add_user(first)
    direct = log_in(first.url)
    for host in ("127.0.0.1", "localhost"):
        body = {"host": host, "port": sixteen.onvif_port, "username": "admin", "password": PASSWORD}
        assert direct.post(f"{first.url}/api/cameras?wait=1", json=body, timeout=LIMIT_S).status_code == 201
    nodes.apps["b"].start()
    certificate = (tmp_path / "cert.pem", tmp_path / "key.pem")
    for path, content in zip(certificate, make_certificate(["127.0.0.1"]), strict=True):
        path.write_bytes(content)
    (tmp_path / "door").mkdir()
    door = run_front_door(tmp_path / "door", nodes, certificate)
    try:
        watch(nodes, f"https://127.0.0.1:{door.port}", open_page)
    finally:
        door.stop()


def watch(nodes: LeasedNodes, url: str, open_page: Open) -> None:
    until(lambda: _answers(url))
    admin = log_in(url, verify=False)
    places = until(lambda: _two_places(admin, url))
    watched = open_page("about:blank", ignore_https_errors=True)
    watched.forgive("WebSocket")
    watched.forgive("503")
    page = watched.page
    page.context.add_cookies([{"name": one.name, "value": one.value or "", "url": url} for one in admin.cookies])
    page.goto(f"{url}/wall?layout=4&tiles=1.1,1.3,2.1,2.3")
    wait_all_playing(page, 4)
    assert_all_move(page)
    page.evaluate("window.isSamePage = true")
    dying = nodes.named_at(places[2])
    with promised(LEASE_S + 4.0):
        nodes.kill(dying)
        shown = [number for number, *_ in read(page)]
        until_on(page, lambda: at(page, 3).get_attribute("data-phase") != "playing")
        assert at(page, 1).get_attribute("data-phase") == "playing", "the tiles of the other node go on"
        wait_all_playing(page, 4)
        until_on(
            page, lambda: all(now not in (-1, before) for (now, *_), before in zip(read(page), shown, strict=True))
        )
    assert_all_move(page)
    assert page.evaluate("window.isSamePage") is True


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/health", verify=False, timeout=LIMIT_S).ok
    except requests.RequestException:
        return False


def _two_places(admin: requests.Session, url: str) -> dict[int, str]:
    """Return the places of the cameras; nothing until both nodes have one."""
    answer = admin.get(f"{url}/api/cameras", timeout=LIMIT_S)
    assert answer.status_code == 200, answer.text
    cameras: list[dict[str, Any]] = answer.json()["cameras"]
    places = {camera["id"]: camera["place"] for camera in cameras if camera["place"] and camera["status"] == "online"}
    return places if len(set(places.values())) == 2 else {}
