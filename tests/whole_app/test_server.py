"""Start, end and death of the real processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.patience import LIMIT_S, promised, until
from tests.whole_app.running_app import until_gone

Make = Callable[..., Any]


_ARENA_BYTES = 64 << 20


def _arenas(pid: int) -> int:
    """Count glibc's arenas besides the main one.

    Each reserves 64 MiB at a multiple of 64 MiB and makes it accessible bit by bit.
    """
    found = re.findall(r"^(\w+)-(\w+) (\S+) (.*)$", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE)
    spans = [(int(start, 16), int(end, 16), may, rest.split()[3:]) for start, end, may, rest in found]
    return sum(
        not first[0] % _ARENA_BYTES
        and (first[2], second[2]) == ("rw-p", "---p")
        and not first[3]
        and second[1] == first[0] + _ARENA_BYTES
        for first, second in pairwise(spans)
    )


def _open_request(port: int) -> socket.socket:
    """Send a request that blocks a thread: its body never arrives."""
    connection = socket.create_connection(("127.0.0.1", port), LIMIT_S)
    connection.sendall(
        b"POST /api/cameras HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    return connection


@pytest.mark.cold_start
def test_the_app_prints_its_address_and_writes_only_to_its_folders(make_app: Make) -> None:
    app = make_app().start()
    assert f"Open http://localhost:{app.port}" in app.errors()
    assert "Traceback" not in app.errors()
    home = app.folder / "home"
    assert not list(home.rglob(".gunicorn"))
    assert not [path for path in app.folder.rglob("*") if path.is_socket()]
    written = list((app.folder / "data").rglob("*"))
    assert app.folder / "data" / "cameras.sqlite3" in written
    for path in written:
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.cold_start
def test_the_apps_threads_share_one_memory_arena(make_app: Make) -> None:
    app = make_app().start()
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: requests.get(f"{app.url}/api/openapi.json", timeout=LIMIT_S), range(64)):
            assert answer.status_code == 200
    [worker] = psutil.Process(app.process.pid).children()
    assert worker.num_threads() > 8
    assert _arenas(worker.pid) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_ends_all_processes_in_five_seconds(make_app: Make, number: signal.Signals) -> None:
    app = make_app().start()
    family = app.family()
    held = [_open_request(app.port) for _ in range(5)]
    time.sleep(0.2)
    with promised(5):
        app.process.send_signal(number)
        assert app.process.wait(LIMIT_S) == 0
        until_gone(family)
    assert "Traceback" not in app.errors()
    for connection in held:
        connection.close()


@pytest.mark.cold_start
def test_ctrl_c_in_a_terminal_reaches_master_and_worker_and_ends_both(make_app: Make) -> None:
    app = make_app().start()
    family = app.family()
    held = _open_request(app.port)
    os.killpg(app.process.pid, signal.SIGINT)
    os.killpg(app.process.pid, signal.SIGINT)
    assert app.process.wait(LIMIT_S) == 0
    until_gone(family)
    assert "Traceback" not in app.errors()
    held.close()


def test_silent_connections_use_no_thread(make_app: Make) -> None:
    app = make_app(REQUEST_THREADS="8").start()
    idle = [socket.create_connection(("127.0.0.1", app.port), LIMIT_S) for _ in range(40)]
    with promised(1):
        assert requests.get(f"{app.url}/api/health", timeout=LIMIT_S).ok
    idle[0].sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle[0].recv(15) == b"HTTP/1.1 200 OK"
    for connection in idle:
        connection.close()


@pytest.mark.cold_start
def test_the_worker_dies_with_its_master(make_app: Make) -> None:
    app = make_app().start()
    family = app.family()
    held = _open_request(app.port)
    app.process.kill()
    app.process.wait(LIMIT_S)
    until_gone(family)
    held.close()
    app.start()  # proves that the folders and the port are free


def test_a_killed_worker_is_replaced_and_the_app_answers_again(make_app: Make) -> None:
    app = make_app().start()
    worker = app.worker()
    below = worker.children(recursive=True)
    worker.kill()
    until_gone([worker, *below])
    app.wait_until_answering()
    assert app.worker().pid != worker.pid


@pytest.mark.cold_start
def test_a_second_start_names_the_process_that_holds_the_folder(make_app: Make) -> None:
    first = make_app().start()
    second = make_app()
    second.start(is_awaited=False)
    assert second.process.wait(LIMIT_S) == 2
    assert f"process {first.process.pid})" in second.errors()
    assert "Traceback" not in second.errors()
    assert requests.get(f"{first.url}/api/health", timeout=LIMIT_S).ok


def test_two_apps_may_not_share_a_streams_folder(make_app: Make, tmp_path: Path) -> None:
    first = make_app().start()
    second = make_app("other", STREAMS_DIR=first.environ["STREAMS_DIR"])
    second.start(is_awaited=False)
    assert second.process.wait(LIMIT_S) == 2
    assert f"process {first.process.pid})" in second.errors()


@pytest.mark.cold_start
def test_a_refused_start_ends_with_a_reason(make_app: Make) -> None:
    app = make_app().start()
    app.process.terminate()
    app.process.wait(LIMIT_S)
    (app.folder / "data" / "cameras.sqlite3").write_bytes(b"this is no database" * 1000)
    app.start(is_awaited=False)
    assert app.process.wait(LIMIT_S) == 2
    assert "cameras.sqlite3" in app.errors()
    assert "Traceback" not in app.errors()
    assert (app.folder / "data" / "cameras.sqlite3").read_bytes().startswith(b"this is no database")


@pytest.mark.cold_start
def test_help_names_the_demo_flag_and_starts_nothing(make_app: Make) -> None:
    app = make_app()
    app.start("--help", is_awaited=False)
    assert app.process.wait(LIMIT_S) == 0
    assert "--demo" in app.errors()
    assert not (app.folder / "data").exists()


def test_the_app_can_listen_on_ipv6_loopback(make_app: Make) -> None:
    app = make_app(HOST="::1")
    app.start(is_awaited=False)

    def answers() -> bool:
        assert app.process.poll() is None, app.errors()
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"http://[::1]:{app.port}/api/health", timeout=LIMIT_S).ok
        return False

    until(answers)


def test_gunicorn_variables_in_the_environment_are_ignored(make_app: Make) -> None:
    app = make_app(GUNICORN_CMD_ARGS="--bind 0.0.0.0:1 --workers 4", FORWARDED_ALLOW_IPS="*", WEB_CONCURRENCY="4")
    app.start()
    assert len(psutil.Process(app.process.pid).children()) == 1
