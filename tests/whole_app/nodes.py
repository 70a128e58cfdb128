"""Several processes of the app on one database, behind nginx with docs/deploy/nginx-nodes.conf.

The owners of the cameras stand in a file (tests/placement/file_placement.py), so that a test can move a camera.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.placement import Node
from core.settings import Settings
from tests.patience import LIMIT_S
from tests.placement.file_placement import FilePlacement, OwnersFile
from tests.prepared_database import prepared
from tests.warm_apps import WarmProgram
from tests.whole_app.proxies import Proxy, recipe, start_nginx
from tests.whole_app.running_app import RunningApp
from tools.running import ROOT, Starter, free_port

_copies = multiprocessing.get_context("forkserver")


class NodeStarter(Starter):
    """Starts the app with a placement that reads the owners from a file."""

    def __init__(self, owners: OwnersFile, nodes: list[Node]) -> None:
        self._owners = owners
        self._nodes = nodes

    def start(self, environment: Mapping[str, str], log: Path, arguments: Sequence[str] = ()) -> WarmProgram:
        this = environment["NODE_OF_TEST"]
        job = (dict(environment), log, tuple(arguments), self._owners, this, self._nodes)
        return WarmProgram(_copies.Process(target=_serve, args=job, daemon=True))


def _serve(
    environment: dict[str, str], log: Path, arguments: tuple[str, ...], owners: OwnersFile, this: str, nodes: list[Node]
) -> None:
    """Run the app in this process, as a new one would."""
    os.setsid()
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    import app  # noqa: PLC0415  # the process of the tests has no use for it

    def make_application(settings: Settings, *, is_demo: bool = False) -> object:
        from wiring import Application  # noqa: PLC0415  # only the worker imports it

        placement = FilePlacement(owners, this, nodes)
        placement.start()
        return Application(settings, is_demo=is_demo, placement=placement)

    app.make_application = make_application  # type: ignore[assignment]
    sys.exit(app.main(arguments))


class Nodes:
    """Nodes by name, which share accounts and cameras. The first one owns every camera that no call of own() names."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self.apps: dict[str, RunningApp] = {}
        self._owners = OwnersFile(folder / "owners.json")
        self._owned: dict[int, str | None] = {}
        database = prepared(Settings(data_dir=folder / names[0] / "data").database_file)
        nodes = []
        for name in names:
            data = folder / name / "data"
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if name != names[0]:
                (data / database.name).symlink_to(database)
            app = RunningApp(
                folder / name,
                NODE_OF_TEST=name,
                SECRET_KEY_FILE=str(folder / "secret.key"),
                TRUSTED_PROXIES="127.0.0.1",
                TRUSTED_HOSTS="cams.example",
                SEGMENT_S="1",
                REQUEST_THREADS="8",
            )
            self.apps[name] = app
            nodes.append(Node(name, f"127.0.0.1:{app.port}", f"place-{name}"))
        self.alive = list(names)
        self.own()
        starter = NodeStarter(self._owners, nodes)
        for app in self.apps.values():
            app.starter = starter

    def own(self, owners: Mapping[int, str | None] | None = None) -> None:
        """Give cameras to nodes; None: to no node."""
        self._owned.update(owners or {})
        self._owners.write(self.alive, self._owned)

    def kill(self, name: str) -> None:
        """Kill a node without a warning. Its cameras have no owner until own() gives them to another node."""
        app = self.apps[name]
        worker = app.worker()
        app.process.kill()
        worker.kill()
        app.process.wait(LIMIT_S)
        self.alive.remove(name)
        self.own()

    def close(self) -> None:
        for app in self.apps.values():
            app.close()


class LeasedNodes:
    """Nodes that share the cameras by leases, on one SQLite file, as in production."""

    def __init__(self, folder: Path, names: Sequence[str], lease_s: float) -> None:
        database = prepared(folder / "shared" / "cameras.sqlite3")
        self.apps: dict[str, RunningApp] = {}
        for name in names:
            (folder / name).mkdir()
            self.apps[name] = RunningApp(
                folder / name,
                NODE_NAME=name,
                NODE_LEASE_S=f"{lease_s:g}",
                DATABASE_URL=f"sqlite:///{database}",
                SECRET_KEY_FILE=str(folder / "secret.key"),
                TRUSTED_PROXIES="127.0.0.1",
                TRUSTED_HOSTS="cams.example",
                SEGMENT_S="1",
                REQUEST_THREADS="8",
            )

    def named_at(self, place: str) -> str:
        """Return the name of the node with this place."""
        return next(name for name in self.apps if hashlib.sha256(name.encode()).hexdigest().startswith(place))

    def kill(self, name: str) -> None:
        worker = self.apps[name].worker()
        self.apps[name].process.kill()
        worker.kill()
        self.apps[name].process.wait(LIMIT_S)

    def close(self) -> None:
        for app in self.apps.values():
            app.close()


def run_front_door(folder: Path, nodes: Nodes | LeasedNodes, certificate: tuple[Path, Path]) -> Proxy:
    port = free_port()
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/ssl/cameras.example.pem": str(certificate[0]),
        "/etc/ssl/cameras.example.key": str(certificate[1]),
        "cameras.example": "cams.example",
    }
    lines = [f"server 127.0.0.1:{app.port} max_fails=1 fail_timeout=2s;" for app in nodes.apps.values()]
    for number in (11, 12, 13):
        changes[f"server 10.0.0.{number}:5001 max_fails=1 fail_timeout=2s;"] = lines.pop(0) if lines else ""
    return start_nginx(folder, port, recipe("nginx-nodes.conf", changes))
