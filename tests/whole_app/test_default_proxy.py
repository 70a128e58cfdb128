"""An app without accounts refuses all requests through a proxy with its package's default configuration."""

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
    """nginx with only `proxy_pass`: the Host is the app's own, the peer is loopback, and no header names a proxy."""
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

    try:
        until(answers)
        yield url
    finally:
        nginx.terminate()
        nginx.wait(LIMIT_S)


def test_a_silent_proxy_is_refused_while_no_account_exists(app: Any, proxied: str) -> None:
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


def test_the_readmes_curl_calls_work_right_after_the_start(app: Any) -> None:
    """Uses curl itself with its default HTTP version."""
    for path in ("/api/streams/all", "/api/cameras"):
        done = subprocess.run(
            ["curl", "--silent", "--fail", app.url.replace("127.0.0.1", "localhost") + path],
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_an_http_1_0_request_does_not_count_as_local(app: Any) -> None:
    with socket.create_connection(("127.0.0.1", app.port), LIMIT_S) as connection:
        connection.sendall(b"GET /api/cameras HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.0 403"
