"""An S3 server of the tests' own: moto, in a process of its own, because it needs other versions of some packages."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree

from core.settings import Settings
from tests.patience import until
from tools.running import ROOT, free_port

FOLDER = Path(sys.prefix) / "s3-server"
KEY_ID = "canary-key-id"
SECRET = "canary/of:the+secret"
_PROGRAM = """
import sys
from simulator.lifetime import die_with_parent
die_with_parent()
from moto.server import main
main(sys.argv[1:])
"""
_NAMES = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class S3Missing(Exception):
    """`make install-dev` has not installed the server."""


class S3Server:
    """Keeps its objects in memory until it stops."""

    def __init__(self) -> None:
        if not FOLDER.exists():
            raise S3Missing("moto is not installed: make install-dev")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-c", _PROGRAM, "-H", "127.0.0.1", "-p", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), str(ROOT)])}
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers, what="the S3 server")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """Let the server take connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def new_bucket(self) -> str:
        name = f"cameras-{uuid4().hex[:12]}"
        self._request("PUT", f"/{name}")
        return name

    def settings(self, data_dir: Path, bucket: str, **others: object) -> Settings:
        """Return the settings of an app that uses a bucket, with the prefix `site/north`."""
        values: dict[str, object] = {
            "data_dir": data_dir,
            "object_storage_url": f"s3://{bucket}/site/north",
            "object_storage_endpoint": self.address,
            "object_storage_key_id": KEY_ID,
            "object_storage_secret": SECRET,
            **others,
        }
        return Settings(**values)  # type: ignore[arg-type]

    def keys(self, bucket: str) -> list[str]:
        """Return the names of all objects of a bucket, without the prefix."""
        listed = self._request("GET", f"/{bucket}?list-type=2")
        return [(key.text or "").removeprefix("site/north/") for key in listed.iter(f"{_NAMES}Key")]

    def unfinished(self, bucket: str) -> int:
        """Return the number of uploads that were begun and neither finished nor aborted."""
        return len(list(self._request("GET", f"/{bucket}?uploads").iter(f"{_NAMES}Upload")))

    def _request(self, method: str, path: str) -> ElementTree.Element:
        request = urllib.request.Request(f"{self.address}{path}", method=method)
        with urllib.request.urlopen(request) as answer:
            return ElementTree.fromstring(answer.read() or b"<nothing/>")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the S3 server has ended"
        with suppress(OSError, http.client.HTTPException):
            self._request("GET", "/")
            return True
        return False


@contextmanager
def running_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    try:
        yield server
    finally:
        server.stop()
