"""GStreamer's RTSP servers of these tests, each in a process of its own (live and replay/gstreamer_peer.py)."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.patience import LIMIT_S


class GstreamerServer:
    """A server that starts again if GStreamer has aborted: that fails one test, and none after it."""

    def __init__(self, program: Path, *options: str) -> None:
        self._command = ["/usr/bin/python3", str(program), *options]
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        self._port = int(json.loads(self._process.stdout.readline())["port"])

    @property
    def port(self) -> int:
        if not self._answers():
            self.end()
            self._start()
        return self._port

    def _answers(self) -> bool:
        """True if it answers. While a process dies, its port still accepts connections."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), LIMIT_S) as asking:
                asking.sendall(f"OPTIONS rtsp://127.0.0.1:{self._port}/ RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                return asking.recv(8) == b"RTSP/1.0"
        except OSError:
            return False

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def gstreamer_server(program: Path, *options: str) -> Iterator[GstreamerServer]:
    """Run one of the programs until the end of the block."""
    server = GstreamerServer(program, *options)
    try:
        yield server
    finally:
        server.end()
