"""A wall with cameras of two or three nodes behind nginx, while nodes stop or are killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from tests.browser.wall import assert_all_move, at, read, wait_all_playing
from tests.browser.watching import Open, settled_on, until_on
from tests.missing import skip_outside_ci
from tests.patience import LIMIT_S, Slowness, promised, until
from tests.warm_apps import WarmStarter
from tests.whole_app.accounts import add_user, log_in
from tests.whole_app.nodes import LeasedNodes, run_front_door
from tests.whole_app.observed_cluster import LEASE_S as LEASE_OF_CLUSTER_S
from tests.whole_app.observed_cluster import ObservedCluster
from tests.whole_app.running_app import RunningApp
from tools.certificate import make_certificate
from tools.cluster import NAMES, ClusterMissing
from tools.running import PASSWORD, App, Recorder

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


# Ten times a second: the number of frames that each tile has shown so far, and the longest time without a new one.
WATCH_TILES = """
() => {
  const seen = (window.shownFrames = new Map());
  setInterval(() => {
    const nowMs = performance.now();
    for (const tile of document.querySelectorAll('live-tile')) {
      const video = tile.querySelector('live-player [data-part=video]');
      const frames = video?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
      const last = seen.get(tile.dataset.place) ?? { video, frames, atMs: nowMs, gapMs: 0 };
      const isNew = last.video !== video ? frames > 0 : frames !== last.frames;
      if (isNew) Object.assign(last, { video, frames, atMs: nowMs });
      last.gapMs = Math.max(last.gapMs, nowMs - last.atMs);
      seen.set(tile.dataset.place, last);
    }
  }, 100);
}
"""
FORGET_GAPS = "() => { for (const one of window.shownFrames.values()) Object.assign(one, { gapMs: 0 }); }"
READ_GAPS = "() => Object.fromEntries([...window.shownFrames].map(([place, { gapMs }]) => [place, gapMs / 1000]))"
ARE_FRESH = "() => [...window.shownFrames.values()].every(({ atMs }) => performance.now() - atMs < 400)"


def test_a_wall_of_sixteen_goes_on_while_nodes_stop_and_die(open_page: Open, tmp_path: Path) -> None:
    """Twelve recorders, three nodes on PostgreSQL, one address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "starter", WarmStarter())
        cluster = ObservedCluster(tmp_path, recorders=12, channels=2, streams=0)
        try:
            cluster.begin()
            watch_sixteen(cluster, open_page)
        except ClusterMissing as missing:
            skip_outside_ci(missing)
        finally:
            cluster.end()


def watch_sixteen(cluster: ObservedCluster, open_page: Open) -> None:
    tiles = [(1 + number % 12, 1 + number // 12) for number in range(16)]
    watched = open_page("about:blank", 1600, 1000)
    for complaint in ("WebSocket", "503", "Failed to load resource"):
        watched.forgive(complaint)
    page = watched.page
    cookies = cluster.admin.cookies
    page.context.add_cookies([{"name": it.name, "value": it.value or "", "url": cluster.url} for it in cookies])
    names = ",".join(f"{camera_id}.{channel}" for camera_id, channel in tiles)
    page.goto(f"{cluster.url}/wall?layout=16&tiles={names}")
    wait_all_playing(page, 16)
    page.evaluate(WATCH_TILES)

    def gaps_of(name: str, act: Callable[[str], None]) -> tuple[float, float, Slowness]:
        """Return the longest gap of the node's tiles, and of all others."""
        until_on(page, lambda: page.evaluate(ARE_FRESH))
        settled_on(page, cluster.leases, for_s=3.0)
        owned = set(cluster.cameras_of(name))
        page.evaluate(FORGET_GAPS)
        with Slowness() as machine:
            act(name)
            until_on(page, lambda: not cluster.cameras_of(name))
            until_on(page, lambda: page.evaluate(ARE_FRESH))
        gaps: dict[str, float] = page.evaluate(READ_GAPS)
        of_node = [gaps[str(place)] for place, (camera_id, _) in enumerate(tiles, 1) if camera_id in owned]
        others = [gaps[str(place)] for place, (camera_id, _) in enumerate(tiles, 1) if camera_id not in owned]
        print(f"{name}: {max(of_node):.2f} s, others {max(others):.2f} s, slower by {machine.factor():.1f}")
        return max(of_node), max(others), machine

    stopped_s, others_s, machine = gaps_of(NAMES[0], lambda name: cluster.nodes[name].stop())
    assert stopped_s < machine.allowed_s(1.5)
    assert others_s < machine.allowed_s(1.0)
    cluster.start_node(NAMES[0])
    cluster.wait_shared()
    killed_s, others_s, machine = gaps_of(NAMES[1], cluster.kill)
    assert killed_s < machine.allowed_s(LEASE_OF_CLUSTER_S + 4.0)
    assert others_s < machine.allowed_s(1.0)
