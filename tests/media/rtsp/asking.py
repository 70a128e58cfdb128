"""Helpers of the gateway's tests: sources, waiting, and readers of a feed."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from core.records import Credential, StreamSource
from core.secrets import Secret
from media.ffmpeg import find_ffmpeg
from media.rtsp.live.feed import FeedState, FeedStatus
from media.rtsp.live.session_pool import GatewayFeed
from tests.patience import LIMIT_S, until

PASSWORD = "pass 12"
# For tests of a device that does not answer, or sends nothing: the gateway waits 3 s in them, not LIMIT_S. The other
# answers of such a test come in time although the machine stands still for 2 s.
impatient = pytest.mark.parametrize("rtsp_timeout_s", [3.0], ids=["impatient"])


def source(
    uri: str,
    *,
    token: str = "main",
    password: str = PASSWORD,
    username: str = "admin",
    web_port: int = 0,
    may_be_readable: bool = False,
) -> StreamSource:
    credential = Credential(username, Secret(password), may_be_readable)
    return StreamSource(1, token, uri, "camera1", credential, web_port=web_port)


def until_state(feed: GatewayFeed, *states: FeedState, timeout_s: float = LIMIT_S) -> FeedStatus:
    status = until(lambda: status if (status := feed.status()).state in states else None, timeout_s)
    assert status
    return status


def read(feed: GatewayFeed, *options: str, seconds: float = 1.0, ffmpeg: str | Path | None = None) -> bytes:
    """Read the feed with ffmpeg and return its standard output."""
    source_options = ("-rtsp_transport", "tcp", "-i", feed.url, "-t", str(seconds))
    command = [str(ffmpeg or find_ffmpeg()), "-nostdin", "-v", "error", *source_options, *options, "-"]
    return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True).stdout


class Reader:
    """A hand-written RTSP reader of a feed."""

    def __init__(self, url: str) -> None:
        host, _, port = url.split("/")[2].partition(":")
        self.url = url
        self.socket = socket.create_connection((host, int(port)), LIMIT_S)
        self._number = 0

    def ask(self, method: str, *headers: str, track: str = "") -> bytes:
        self._number += 1
        lines = [f"{method} {self.url}{track} RTSP/1.0", f"CSeq: {self._number}", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = self.socket.recv(1)
            if not data:
                break
            answer += data
        for line in answer.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                answer += self._exactly(int(line.split(b":")[1]))
        return answer

    def play(self) -> Reader:
        assert b" 200 " in self.ask("DESCRIBE")
        assert b" 200 " in self.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1", track="/track0")
        assert b" 200 " in self.ask("PLAY")
        return self

    def packet(self) -> tuple[int, bytes]:
        head = self._exactly(4)
        return head[1], self._exactly(head[2] << 8 | head[3])

    def _exactly(self, wanted: int) -> bytes:
        """Read exactly `wanted` bytes. MSG_WAITALL does not help: with a time-out it may return fewer."""
        data = b""
        while len(data) < wanted:
            piece = self.socket.recv(wanted - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def read_to_the_end(self) -> None:
        """Read until the other side closes the connection."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                self.packet()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
