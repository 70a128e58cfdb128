"""Starting, ending and dying of the real processes."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

Make = Callable[..., Any]


def _gone_within(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=timeout_s)[1]


def _open_request(port: int) -> socket.socket:
    """A request that holds a thread: its body never comes."""
    connection = socket.create_connection(("127.0.0.1", port), 5)
    connection.sendall(
        b"POST /api/cameras HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    return connection


def test_it_starts_says_where_it_is_and_keeps_to_its_folders(make_app: Make) -> None:
    app = make_app().start()
    assert f"Open http://localhost:{app.port}" in app.errors()
    assert "Traceback" not in app.errors()
    home = app.folder / "home"
    assert not list(home.rglob(".gunicorn"))
    assert not [path for path in app.folder.rglob("*") if path.is_socket()]
    for path in (app.folder / "data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_ends_all_within_five_seconds_even_with_open_requests(make_app: Make, number: signal.Signals) -> None:
    app = make_app().start()
    family = app.family()
    held = [_open_request(app.port) for _ in range(5)]
    time.sleep(0.2)
    began_s = time.monotonic()
    app.process.send_signal(number)
    assert app.process.wait(5) == 0
    assert not _gone_within(family, 5 - (time.monotonic() - began_s))
    assert "Traceback" not in app.errors()
    for connection in held:
        connection.close()


def test_ctrl_c_in_a_terminal_reaches_master_and_worker_and_ends_both(make_app: Make) -> None:
    app = make_app().start()
    family = app.family()
    held = _open_request(app.port)
    os.killpg(app.process.pid, signal.SIGINT)
    os.killpg(app.process.pid, signal.SIGINT)
    assert app.process.wait(5) == 0
    assert not _gone_within(family, 0.5)
    held.close()


def test_the_worker_dies_with_its_master(make_app: Make) -> None:
    app = make_app().start()
    family = app.family()
    held = _open_request(app.port)
    app.process.kill()
    app.process.wait(2)
    assert not _gone_within(family, 2)
    held.close()
    app.start()  # and nothing holds the folders or the port


def test_a_killed_worker_is_replaced_and_the_app_answers_again(make_app: Make) -> None:
    app = make_app().start()
    worker = app.worker()
    below = worker.children(recursive=True)
    worker.kill()
    assert not _gone_within([worker, *below], 2)
    app.wait_until_answering()
    assert app.worker().pid != worker.pid


def test_master_and_worker_killed_together_leave_nothing(make_app: Make) -> None:
    app = make_app().start()
    worker = app.worker()
    family = app.family()
    worker.kill()
    app.process.kill()
    app.process.wait(2)
    assert not _gone_within(family, 2)
    app.start()


def test_a_second_start_says_which_process_holds_the_folder(make_app: Make) -> None:
    first = make_app().start()
    second = make_app()
    second.start(is_awaited=False)
    assert second.process.wait(20) == 2
    assert f"process {first.process.pid})" in second.errors()
    assert "Traceback" not in second.errors()
    assert requests.get(f"{first.url}/api/health", timeout=2).ok


def test_a_second_start_with_another_data_folder_still_may_not_share_the_streams(
    make_app: Make, tmp_path: Path
) -> None:
    first = make_app().start()
    second = make_app("other", STREAMS_DIR=first.environ["STREAMS_DIR"])
    second.start(is_awaited=False)
    assert second.process.wait(20) == 2
    assert f"process {first.process.pid})" in second.errors()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOST": "0.0.0.0"}, "HOST=0.0.0.0 is refused"),
        ({"HOST": "192.168.1.5"}, "HOST=192.168.1.5 is refused"),
        ({"HOST": "evil.example"}, "HOST=evil.example is refused"),
        ({"PORT": "80a", "SEGMENT_S": "99"}, "SEGMENT_S='99': from 1 to 10"),
        ({"PORT": "0"}, "PORT='0': from 1 to 65535"),
        ({"DATA_DIR": "/proc/nothing"}, "The folder /proc/nothing cannot be used"),
        ({"STREAMS_DIR": "/"}, "STREAMS_DIR"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_be_used_is_said_in_plain_words(
    make_app: Make, environ: dict[str, str], expected: str
) -> None:
    app = make_app(**environ)
    app.start(is_awaited=False)
    assert app.process.wait(20) == 2
    assert expected in app.errors()
    assert "Traceback" not in app.errors()


def test_one_folder_for_data_and_streams_is_refused(make_app: Make, tmp_path: Path) -> None:
    for streams in (tmp_path / "app" / "data", tmp_path / "app" / "data" / "x", tmp_path / "app"):
        app = make_app(STREAMS_DIR=str(streams))
        app.start(is_awaited=False)
        assert app.process.wait(20) == 2
        assert "STREAMS_DIR" in app.errors()


def test_a_port_in_use_is_said(make_app: Make) -> None:
    app = make_app()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", app.port))
        taken.listen()
        app.start(is_awaited=False)
        assert app.process.wait(20) == 2
    assert f"Port {app.port} on 127.0.0.1 cannot be used" in app.errors()


def test_help_names_the_flag_and_starts_nothing(make_app: Make) -> None:
    app = make_app()
    app.start("--help", is_awaited=False)
    assert app.process.wait(20) == 0
    assert "--demo" in app.errors()
    assert not (app.folder / "data").exists()


def test_ipv6_loopback_may_be_listened_on(make_app: Make) -> None:
    app = make_app(HOST="::1")
    app.start(is_awaited=False)
    deadline_s = time.monotonic() + 20
    while True:
        try:
            assert requests.get(f"http://[::1]:{app.port}/api/health", timeout=2).ok
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline_s
            assert app.process.poll() is None, app.errors()
            time.sleep(0.1)


def test_a_hook_of_gunicorn_in_the_environment_changes_nothing(make_app: Make) -> None:
    app = make_app(GUNICORN_CMD_ARGS="--bind 0.0.0.0:1 --workers 4", FORWARDED_ALLOW_IPS="*", WEB_CONCURRENCY="4")
    app.start()
    assert len(psutil.Process(app.process.pid).children()) == 1
