"""`make cluster`: PostgreSQL, nginx and three nodes on this machine, with pretend recorders, until Ctrl-C.

It is for trying several nodes out, not for use: everything is in one temporary folder, which the end deletes, and
listens on loopback only. Needs Debian's postgresql and nginx. `--kill-after 20` kills a node after 20 seconds.
"""

from __future__ import annotations

import argparse
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import psutil
import requests

from account_manager import AccountManager
from core.clock import SystemClock
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tests.postgres import PostgresMissing, PostgresServer
from tools.guardian import Guardian
from tools.running import PASSWORD, ROOT, App, Recorder, free_port, running_recorder

NAMES = ("north", "south", "west")
_RECIPE = ROOT / "docs" / "deploy" / "nginx-nodes.conf"
_NGINX = "/usr/sbin/nginx"
_LOOK_S = 1.0
_REQUEST_S = 60.0
USER = "admin"


class ClusterMissing(Exception):
    """A program that the cluster needs is not installed."""


def front_door_configuration(port: int, nodes: Sequence[App]) -> str:
    """Return docs/deploy/nginx-nodes.conf for this machine: plain HTTP on a port of loopback."""
    text = _RECIPE.read_text("utf-8").replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    text = re.sub(r"^ *ssl_.*\n", "", text, flags=re.MULTILINE).replace("cameras.example", "localhost")
    servers = "".join(f"    server 127.0.0.1:{node.port} max_fails=1 fail_timeout=2s;\n" for node in nodes)
    return re.sub(r"( *server 10\.0\.0\.\d+:5001 .*\n)+", servers, text)


def nginx_program() -> str:
    """Return the program. Raise ClusterMissing without it."""
    program = shutil.which("nginx") or _NGINX
    if not Path(program).exists():
        raise ClusterMissing("nginx is not installed (Debian: apt install nginx-light)")
    return program


def start_nginx(program: str, folder: Path, configuration: str) -> subprocess.Popen[bytes]:
    """Start nginx in `folder`, in a session of its own: Ctrl-C of a terminal ends this process only."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ {temp} access_log off;\n{configuration}\n}}\n",
        "utf-8",
    )
    options: list[str | Path] = ["-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    return subprocess.Popen([program, *options], start_new_session=True)


class Cluster:
    """The database, pretend recorders, three nodes, and the front door. `stop()` ends them in reverse order."""

    def __init__(self, folder: Path, *, recorders: int, options: Sequence[str] = ("--channels", "4")) -> None:
        """`options`: of each recorder."""
        self._folder = folder
        self._recorder_count = recorders
        self._options = options
        self._recorders: dict[int, Recorder] = {}
        self._server: PostgresServer | None = None
        self._database_url = ""
        self._nginx = ""
        self._stack = ExitStack()
        self._guardian = Guardian()
        self.nodes: dict[str, App] = {}
        self.url = ""
        self.password = secrets.token_urlsafe(12)

    def start(self, is_over: threading.Event) -> None:
        """Start everything, unless `is_over` is set meanwhile. Raise ClusterMissing if a program is not installed."""
        self._nginx = nginx_program()
        self._stack.enter_context(self._guardian)
        steps = (self._start_database, self._start_programs, self._start_front_door, self._add_cameras)
        for step in steps:
            if is_over.is_set():
                return
            step()

    @property
    def server(self) -> PostgresServer:
        """Return the database's server. Raise RuntimeError before start()."""
        if self._server is None:
            raise RuntimeError("the cluster was not started")
        return self._server

    def settings_of(self, name: str) -> dict[str, str]:
        """Return the settings of a node, beside those of its folders and port."""
        return {
            "NODE_NAME": name,
            "DATABASE_URL": self._database_url,
            "SECRET_KEY_FILE": str(self._folder / "secret.key"),
            "TRUSTED_PROXIES": "127.0.0.1",
        }

    def log_in(self) -> requests.Session:
        """Return a login of the account, at the front door."""
        session = requests.Session()
        session.trust_env = False
        body = {"name": USER, "password": self.password}
        answer = session.post(f"{self.url}/api/session", json=body, timeout=_REQUEST_S)
        answer.raise_for_status()
        session.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return session

    def stop(self) -> None:
        self._stack.close()

    def start_node(self, name: str) -> None:
        """Start a node, also again after its end."""
        self.nodes[name].start()
        self._guardian.watch(self.nodes[name].pid)

    def kill(self, name: str) -> None:
        """Kill a node without a warning."""
        process = psutil.Process(self.nodes[name].pid)
        for one in (process, *process.children(recursive=True)):
            one.kill()

    def _start_database(self) -> None:
        """Start PostgreSQL, and add the first account: without one, only requests that pass no proxy are allowed."""
        try:
            self._server = PostgresServer.made()
        except PostgresMissing as missing:
            raise ClusterMissing(str(missing)) from missing
        self._stack.callback(self._server.remove)
        self._guardian.watch(self._server.pid)
        self._database_url = self._server.copy("cluster")
        database = Database(self._database_url)
        settings = Settings(data_dir=self._folder / "accounts")
        settings.data_dir.mkdir()
        accounts = AccountManager(database, settings, SystemClock())
        accounts.start()
        try:
            accounts.create_first(USER, Secret(self.password))
        finally:
            accounts.stop()
            database.close()

    def _start_programs(self) -> None:
        """Start recorders and nodes together. Each of them needs a second of a core before it answers.

        A recorder dies with the thread that has started it, so the threads stay until stop().
        """
        pool = ThreadPoolExecutor(len(NAMES) + self._recorder_count)
        self._stack.callback(pool.shutdown)
        recorders = self._stack.enter_context(ExitStack())
        for name in NAMES:
            folder = self._folder / name
            folder.mkdir()
            self.nodes[name] = App(folder, is_chosen=False, **self.settings_of(name))
            self._stack.callback(self.nodes[name].stop)

        def start_recorder(number: int) -> None:
            self._recorders[number] = recorders.enter_context(running_recorder("--seed", str(number), *self._options))

        starts = [pool.submit(self.start_node, name) for name in NAMES]
        starts += [pool.submit(start_recorder, number) for number in range(1, self._recorder_count + 1)]
        for start in wait(starts).done:
            start.result()

    def _start_front_door(self) -> None:
        folder = self._folder / "nginx"
        folder.mkdir()
        port = free_port()
        process = start_nginx(self._nginx, folder, front_door_configuration(port, list(self.nodes.values())))
        self._stack.callback(_end, process)
        self._guardian.watch(process.pid)
        deadline_s = time.monotonic() + _REQUEST_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), _LOOK_S).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError(f"nginx did not start: {(folder / 'error.log').read_text()}") from None
                time.sleep(0.1)
        self.url = f"http://localhost:{port}"

    def _add_cameras(self) -> None:
        session = self.log_in()
        for number, recorder in sorted(self._recorders.items()):
            body = {"host": "127.0.0.1", "port": recorder.onvif_port, "username": "admin", "password": PASSWORD}
            answer = session.post(
                f"{self.url}/api/cameras?wait=0", json={**body, "name": f"Recorder {number}"}, timeout=_REQUEST_S
            )
            answer.raise_for_status()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=10)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__)
    parser.add_argument("--recorders", type=int, default=6, help="pretend recorders with 4 channels each (default: 6)")
    parser.add_argument("--kill-after", type=float, metavar="S", help="kill a node after so many seconds")
    options = parser.parse_args(arguments)
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_over.set())
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), recorders=options.recorders)
        try:
            print("Starting PostgreSQL, three nodes, nginx and the recorders ...", flush=True)
            cluster.start(is_over)
            if not is_over.is_set():
                _tell(cluster)
            _wait(cluster, is_over, options.kill_after)
            print("Ending all.", flush=True)
        except ClusterMissing as missing:
            sys.stderr.write(f"{missing}\n")
            return 1
        finally:
            cluster.stop()
    return 0


def _tell(cluster: Cluster) -> None:
    print(f"\nAll nodes, by nginx:  {cluster.url}  user {USER}, password {cluster.password}")
    for name, node in cluster.nodes.items():
        print(f"  {name:6} {node.url}  process {node.pid}, log {node.log}")
    print("\nKill one of these processes: another node shows its cameras some seconds later. Ctrl-C ends all.")
    sys.stdout.flush()


def _wait(cluster: Cluster, is_over: threading.Event, kill_after_s: float | None) -> None:
    began_s = time.monotonic()
    while not is_over.wait(_LOOK_S):
        if kill_after_s is not None and time.monotonic() - began_s >= kill_after_s:
            print(f"Killing {NAMES[-1]}.", flush=True)
            cluster.kill(NAMES[-1])
            kill_after_s = None


if __name__ == "__main__":
    raise SystemExit(main())
