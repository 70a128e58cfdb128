"""`make cluster` under observation: which node has a connection to which recorder, and what viewers see meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.patience import LIMIT_S, Slowness, until
from tests.placement.cut_network import CutNetwork
from tests.whole_app.watched_streams import WatchedStreams
from tools.cluster import NAMES, Cluster

LEASE_S = 6.0
CUT_OFF = NAMES[-1]  # the node whose connection to the database a test can cut
_DATABASE = "cluster"
_SAMPLE_S = 0.1


class ObservedCluster(Cluster):
    """Small recorders that the nodes share. One node reaches the database over a network that a test can cut."""

    def __init__(self, folder: Path, *, recorders: int, channels: int, streams: int) -> None:
        """`streams`: number of watched sub streams."""
        options = ("--channels", str(channels), "--profile", "small", "--seed", "1")  # the same clips for all
        super().__init__(folder, recorders=recorders, options=options)
        self._channels = channels
        self._stream_count = streams
        self._network: CutNetwork | None = None
        self.watching: WatchedStreams | None = None
        self.admin = requests.Session()

    @property
    def network(self) -> CutNetwork:
        """Return the network between one node and the database."""
        if self._network is None:
            self._network = CutNetwork(self.server.port)
        return self._network

    def settings_of(self, name: str) -> dict[str, str]:
        settings = {**super().settings_of(name), "NODE_LEASE_S": f"{LEASE_S:g}", "REQUEST_THREADS": "8"}
        settings["MAX_SESSIONS"] = "128"  # two nodes have the streams of three while one is away
        if name == CUT_OFF:
            url = settings["DATABASE_URL"]
            settings["DATABASE_URL"] = url.replace(f":{self.server.port}/", f":{self.network.port}/")
        return settings

    def begin(self) -> None:
        """Start everything, and return once all streams have media and each node has cameras."""
        self.start(threading.Event())
        self.admin = self.log_in()
        until(self.are_online, what="all cameras online")
        streams = [
            (camera["id"], f"MediaProfile{channel:03d}01")
            for channel in range(self._channels)
            for camera in self.cameras()
        ]
        cookies = self.admin.cookies.get_dict()
        self.watching = WatchedStreams(self.url, cookies, streams[: self._stream_count])
        self.watching.start()
        self.wait_shared()

    def end(self) -> None:
        with contextlib.ExitStack() as ending:
            if self._network is not None:
                ending.callback(self._network.stop)
            ending.callback(self.stop)
            if self.watching is not None:
                ending.callback(self.watching.stop)

    def get(self, path: str) -> Any:
        answer = self.admin.get(f"{self.url}{path}", timeout=LIMIT_S)
        answer.raise_for_status()
        return answer.json()

    def cameras(self) -> list[dict[str, Any]]:
        cameras: list[dict[str, Any]] = self.get("/api/cameras")["cameras"]
        return cameras

    def are_online(self) -> bool:
        cameras = self.cameras()
        return len(cameras) == len(self._recorders) and all(
            camera["status"] == "online" and camera["place"] for camera in cameras
        )

    def leases(self) -> dict[int, tuple[str, int]]:
        """Return node and epoch of each camera, as the database has them."""
        rows = self.server.run("SELECT id, node, epoch FROM cameras ORDER BY id", _DATABASE)
        return {int(str(number)): (str(node), int(str(epoch))) for number, node, epoch in rows}

    def cameras_of(self, *names: str) -> list[int]:
        return [camera_id for camera_id, (node, _) in self.leases().items() if node in names]

    def now_s(self) -> float:
        """Return the time of the database's clock."""
        return float(str(self.server.run("SELECT extract(epoch FROM clock_timestamp())")[0][0]))

    def are_renewed_since(self, at_s: float) -> bool:
        """True if all nodes have renewed their leases after this time of the database's clock."""
        rows = self.server.run("SELECT expires - lease_s FROM nodes", _DATABASE)
        return len(rows) == len(NAMES) and all(float(str(renewed_s)) > at_s for (renewed_s,) in rows)

    def wait_shared(self) -> None:
        """Wait until every node owns a camera, and all are online."""
        until(lambda: {node for node, _ in self.leases().values()} == set(NAMES), what="cameras of each node")
        until(self.are_online, what="all cameras online")

    def watch_all(self) -> None:
        """Return once each watched stream has new media."""
        assert self.watching is not None
        self.watching.wait_media_after(time.monotonic())

    def drain(self, name: str) -> None:
        """Drain a node, and return once it owns no camera."""
        answer = self.admin.post(f"{self.url}/api/nodes/{name}/drain", json={"draining": True}, timeout=LIMIT_S)
        answer.raise_for_status()
        until(lambda: not self.cameras_of(name), what="a node without cameras")

    def record(self, camera_id: int) -> None:
        """Record the sub stream of a camera's first channel, and return once the recording runs."""
        body = {"mode": "continuous", "quality": "sub"}
        path = f"/api/cameras/{camera_id}/channels/1/recording-rule"
        self.admin.put(f"{self.url}{path}", json=body, timeout=LIMIT_S).raise_for_status()
        until(lambda: self.is_recorded(camera_id), what="a recording")

    def is_recorded(self, camera_id: int) -> bool:
        with contextlib.suppress(requests.HTTPError):  # for a moment no node owns the camera
            states = self.get(f"/api/cameras/{camera_id}/recording-states")["channels"]
            return any(state["state"] == "recording" for state in states)
        return False

    def recorded_since(self, at_s: float) -> set[int]:
        """Return the cameras of which a file begins after this time of the database's clock."""
        rows = self.server.run(f"SELECT camera_id FROM archive_files WHERE start_ms > {at_s * 1000:.0f}", _DATABASE)
        return {int(str(camera_id)) for (camera_id,) in rows}

    def is_all_noted(self) -> bool:
        """True if each node has noted the ends of its files in the database, except for those that it writes now."""
        rows = self.server.run(
            "SELECT 1 FROM archive_files f JOIN cameras c ON c.id = f.camera_id "
            "WHERE NOT f.is_sealed AND f.node <> coalesce(c.node, '')",
            _DATABASE,
        )
        return not rows

    def recorded_twice(self) -> list[tuple[object, ...]]:
        """Return camera, channel, nodes and seconds of each stretch that two nodes have recorded."""
        return self.server.run(
            "SELECT a.camera_id, a.channel, a.node, b.node, "
            "(least(a.end_ms, b.end_ms) - greatest(a.start_ms, b.start_ms)) / 1000.0 "
            "FROM archive_files a JOIN archive_files b USING (camera_id, channel, quality) "
            "WHERE a.node < b.node AND a.start_ms < b.end_ms AND b.start_ms < a.end_ms",
            _DATABASE,
        )

    @contextlib.contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Stop all processes of a node while the block runs, as a debugger does: it neither acts nor ends."""
        master = psutil.Process(self.nodes[name].pid)
        processes = [master, *master.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def subscriptions(self, camera_id: int) -> int:
        """Return the number of event subscriptions at the recorder of a camera."""
        return int(self._recorders[camera_id].control("GET", "/state")["subscriptions"])

    def rtsp_ports(self) -> dict[int, int]:
        """Return the camera that answers at each RTSP port."""
        return {int(one.control("GET", "/state")["rtsp_port"]): number for number, one in self._recorders.items()}

    def workers(self) -> dict[str, psutil.Process]:
        """Return the process of each living node that has its connections."""
        found = {}
        for name, node in self.nodes.items():
            with contextlib.suppress(psutil.NoSuchProcess, RuntimeError, ValueError):
                (found[name],) = psutil.Process(node.pid).children()
        return found


@dataclass(frozen=True)
class Sample:
    """The nodes that have RTSP connections to each recorder at one time."""

    at_s: float
    nodes: dict[int, frozenset[str]]


class Connections:
    """Looks ten times a second which nodes are connected to which recorders, between start() and stop()."""

    def __init__(self, cluster: ObservedCluster) -> None:
        self._cameras = cluster.rtsp_ports()
        self._workers = cluster.workers()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="connections", daemon=True)
        self.samples: list[Sample] = []

    def two_owners(self, but_not: tuple[float, float] = (0.0, 0.0)) -> list[Sample]:
        """Return the samples in which two nodes were connected to the same recorder.

        `but_not`: the time for which a node was stopped, since the connections of a stopped process stay open.
        """
        first_s, last_s = but_not
        return [
            one
            for one in self.samples
            if any(len(names) > 1 for names in one.nodes.values()) and not first_s <= one.at_s <= last_s
        ]

    def last_s(self, name: str) -> float:
        """Return the last time at which a node had a connection."""
        return max(
            (one.at_s for one in self.samples if any(name in names for names in one.nodes.values())), default=0.0
        )

    def __enter__(self) -> Connections:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(_SAMPLE_S):
            nodes: dict[int, set[str]] = defaultdict(set)
            for name, worker in self._workers.items():
                for camera_id in self._connected(worker):
                    nodes[camera_id].add(name)
            self.samples.append(Sample(time.monotonic(), {it: frozenset(names) for it, names in nodes.items()}))

    def _connected(self, worker: psutil.Process) -> Iterator[int]:
        connections: Sequence[Any] = ()
        with contextlib.suppress(psutil.NoSuchProcess):
            connections = worker.net_connections("tcp4")
        for one in connections:
            if one.status == psutil.CONN_ESTABLISHED and one.raddr and one.raddr.port in self._cameras:
                yield self._cameras[one.raddr.port]


@dataclass
class Allowed:
    """The longest time without media that a test allows; the block may learn that it must be longer."""

    most_s: float


@contextlib.contextmanager
def longest_gap(cluster: ObservedCluster, most_s: float, camera_ids: Sequence[int] | None = None) -> Iterator[Allowed]:
    """Fail the test if a watched stream has no media for longer than `most_s` while the block runs, or just after.

    `camera_ids`: of the streams; None: all.
    """
    watching = cluster.watching
    assert watching is not None
    with Slowness() as machine:
        began_s = time.monotonic()
        allowed = Allowed(most_s)
        yield allowed
        cluster.watch_all()
        gaps = {
            gap_s: stream
            for stream in watching.streams
            if camera_ids is None or stream.camera_id in camera_ids
            for gap_s in [stream.longest_gap_s(began_s, time.monotonic())]
        }
        worst = gaps[max(gaps)]
        ends = [(round(at_s - began_s, 2), reason) for at_s, reason in worst.ends if at_s > began_s]
        assert max(gaps) < machine.allowed_s(allowed.most_s), (
            f"{max(gaps):.2f} s without media of camera {worst.camera_id}, {worst.profile_token}: {ends}"
        )
