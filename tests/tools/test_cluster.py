"""`make cluster`: the configuration of nginx, programs that are missing, and a whole run from its start to Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
import requests

import tests.postgres
from tests.missing import skip_outside_ci
from tests.patience import LIMIT_S, LONG_LIMIT_S, promised, until
from tools import cluster
from tools.cluster import USER, Cluster, ClusterMissing, front_door_configuration
from tools.running import ROOT, App

END_S = 15.0
RECORDERS = 3


def test_the_front_door_of_the_cluster_has_its_nodes_and_no_certificate(tmp_path: Path) -> None:
    nodes = [App(tmp_path) for _ in range(3)]
    made = front_door_configuration(8080, nodes)
    assert "listen 127.0.0.1:8080;" in made
    assert "server_name localhost;" in made
    assert [line for line in made.splitlines() if "max_fails" in line] == [
        f"    server 127.0.0.1:{node.port} max_fails=1 fail_timeout=2s;" for node in nodes
    ]
    assert "ssl" not in made


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing() -> Path:
        raise tests.postgres.PostgresMissing("PostgreSQL is not installed (Debian: postgresql-15)")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cluster, "_NGINX", str(tmp_path / "nginx"))
    with pytest.raises(ClusterMissing, match="apt install nginx-light"):
        Cluster(tmp_path, recorders=1).start(threading.Event())
    (tmp_path / "nginx").touch()
    monkeypatch.setattr(tests.postgres, "binaries", find_nothing)
    with pytest.raises(ClusterMissing, match="Debian: postgresql"):
        Cluster(tmp_path, recorders=1).start(threading.Event())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`make cluster` in a process group of its own, as a terminal starts it; its temporary files are in `tmp_path`."""
    try:
        cluster.nginx_program()
        tests.postgres.binaries()
    except (ClusterMissing, tests.postgres.PostgresMissing) as missing:
        skip_outside_ci(missing)
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.cluster", "--recorders", str(RECORDERS)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(LIMIT_S)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
def test_the_cluster_shows_all_cameras_at_one_address_until_ctrl_c(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    output = _read_until(running, "Ctrl-C ends all.")
    found = re.search(r"by nginx:  (\S+)  user (\S+), password (\S+)", output)
    assert found is not None, output
    url, user, password = found.groups()
    assert user == USER
    with requests.Session() as session:
        session.trust_env = False
        body = {"name": user, "password": password}
        assert session.post(f"{url}/api/session", json=body, timeout=LIMIT_S).status_code == 200
        until(partial(_are_shared, session, url), what="all cameras online, one at each node")
    children = psutil.Process(running.pid).children(recursive=True)
    assert len(children) >= RECORDERS + 3
    with promised(END_S):
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(LONG_LIMIT_S) == 0
    assert running.stdout is not None
    assert running.stdout.read().splitlines() == ["Ending all."]
    until(lambda: not any(child.is_running() for child in children))
    assert list(tmp_path.iterdir()) == []


def _read_until(process: subprocess.Popen[str], last: str) -> str:
    """Return what the process has written when a line with `last` comes; the test's own limit ends the wait."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if last in line:
            return "".join(lines)
    pytest.fail(f"the process ended: {''.join(lines)}")


def _are_shared(session: requests.Session, url: str) -> bool:
    cameras = session.get(f"{url}/api/cameras", timeout=LIMIT_S).json()["cameras"]
    is_online = all(camera["status"] == "online" for camera in cameras)
    return is_online and len({camera["place"] for camera in cameras}) == RECORDERS
