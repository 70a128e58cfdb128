"""A proxy in front of an app without an account, as its package configures it: nobody gets in through it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.patience import LIMIT_S, until
from tools.running import free_port

Make = Callable[..., Any]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
FIRST = {"name": "Eve", "password": "correct-horse-battery"}


@pytest.fixture
def app(make_app: Make) -> Any:
    return make_app().start()


@pytest.fixture
def proxied(app: Any, tmp_path: Path) -> Iterator[str]:
    """`proxy_pass` and nothing else: the Host is the app's own, the peer is loopback, no header names a proxy."""
    folder, port = tmp_path / "nginx", free_port()
    folder.mkdir()
    temp = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user root; worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ {temp} access_log off;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {app.url}; }} }} }}\n"
    )
    nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/api/health", timeout=LIMIT_S).ok
        return False

    until(answers)
    yield url
    nginx.terminate()
    nginx.wait(LIMIT_S)


def test_without_an_account_nobody_gets_in_through_a_proxy_that_says_nothing(app: Any, proxied: str) -> None:
    made = requests.post(f"{proxied}/api/setup", json=FIRST, timeout=LIMIT_S)
    assert made.status_code == 403, made.text
    assert made.json()["code"] == "proxied"
    for method, path in (
        ("GET", "/api/cameras"),
        ("POST", "/api/cameras"),
        ("GET", "/api/streams/all"),
        ("POST", "/api/setup/postpone"),
        ("POST", "/api/discovery"),
    ):
        answer = requests.request(method, proxied + path, json={} if method == "POST" else None, timeout=LIMIT_S)
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "proxied"
    page = requests.get(proxied, headers={"Accept": "text/html"}, timeout=LIMIT_S)
    assert page.status_code == 403
    assert "TRUSTED_PROXIES" in page.text
    assert requests.get(f"{app.url}/api/session", timeout=LIMIT_S).json()["accounts"] is False


def test_the_readmes_lines_work_right_after_the_start(app: Any) -> None:
    """With curl itself, in the protocol it speaks by itself."""
    for path in ("/api/streams/all", "/api/cameras"):
        done = subprocess.run(
            ["curl", "--silent", "--fail", app.url.replace("127.0.0.1", "localhost") + path],
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_who_speaks_as_old_proxies_do_is_not_on_this_machine(app: Any) -> None:
    with socket.create_connection(("127.0.0.1", app.port), LIMIT_S) as connection:
        connection.sendall(b"GET /api/cameras HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.0 403"
