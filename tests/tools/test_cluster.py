"""The configuration of nginx for the cluster on this machine. `make cluster` itself is tried by hand."""

from __future__ import annotations

from pathlib import Path

from tools.cluster import front_door_configuration
from tools.running import App


def test_the_front_door_of_the_cluster_has_its_nodes_and_no_certificate(tmp_path: Path) -> None:
    nodes = [App(tmp_path) for _ in range(3)]
    made = front_door_configuration(8080, nodes)
    assert "listen 127.0.0.1:8080;" in made
    assert "server_name localhost;" in made
    assert [line for line in made.splitlines() if "max_fails" in line] == [
        f"    server 127.0.0.1:{node.port} max_fails=1 fail_timeout=2s;" for node in nodes
    ]
    assert "ssl" not in made
