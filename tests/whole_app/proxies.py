"""nginx and Caddy as programs of a test, with the configurations of docs/deploy."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import requests

from core.settings import ROOT
from tests.patience import LIMIT_S

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


class Proxy:
    """A proxy with the recipe's configuration, on a loopback port and with its own folders."""

    def __init__(self, command: list[str], folder: Path, port: int, **environ: str) -> None:
        self.access_log = folder / "access.log"
        self.url = f"https://cams.example:{port}"
        self.port = port
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env={"PATH": os.environ["PATH"], **environ}, stdout=output, stderr=output
            )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT_S)


class Browser(requests.Session):
    """A client that trusts the test's certificate."""

    def __init__(self, certificate: Path) -> None:
        super().__init__()
        self.verify = str(certificate)
        self.trust_env = False


def recipe(name: str, changes: dict[str, str]) -> str:
    """Return a configuration of docs/deploy with a test's addresses and folders."""
    text = (ROOT / "docs" / "deploy" / name).read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def start_nginx(folder: Path, port: int, server: str) -> Proxy:
    """Run nginx with this content of its block `http`."""
    temp = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user root; worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ {temp} types {{ video/mp2t ts; video/mp4 m4s mp4; }}\n"
        f"log_format sent '$uri $upstream_http_x_accel_redirect $upstream_addr'; access_log {folder}/access.log sent;\n"
        f"{server}\n}}\n"
    )
    return Proxy([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, port)


def answers(proxy: Proxy, certificate: Path) -> bool:
    with contextlib.suppress(requests.RequestException):
        return Browser(certificate).get(f"{proxy.url}/api/health", timeout=LIMIT_S).ok
    return False
