"""A camera whose RTSP is reached through its web server only, for tests: GET and POST, each with a login."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from dataclasses import dataclass, field

from tests.media.rtsp.camera_peer import Asked, PeerCamera

_OPEN = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n"


@dataclass
class TunnelPeer(PeerCamera):
    """`answers` and `login` are those of RTSP inside the tunnel; it has no media.

    `web_password` is that of the web server, None for a web server without a login; it refuses the next `web_refusals`
    logins. `cuts_at_login`: the connection ends at this RTSP login, counted from 1, in place of an answer.
    """

    web_password: str | None = None
    web_logins: int = 0
    web_refusals: int = 0
    cuts_at_login: int = 0
    tunnels: dict[str, asyncio.StreamWriter] = field(default_factory=dict)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._writers[task] = writer
        try:
            while True:
                await self._take(reader, writer, (await reader.readuntil(b"\r\n\r\n")).decode())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            del self._writers[task]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> None:
        method, _, headers = _parsed(text)
        self.asked[method] += 1
        if not self._is_welcome(method, headers.get("authorization", "")):
            challenge = 'WWW-Authenticate: Digest realm="cam", nonce="web"'
            writer.write(f"HTTP/1.0 401 Unauthorized\r\n{challenge}\r\nContent-Length: 0\r\n\r\n".encode())
        elif method == "GET":
            self.tunnels[headers["x-sessioncookie"]] = writer
            writer.write(_OPEN)
        else:
            await self._read_requests(reader, self.tunnels[headers["x-sessioncookie"]])

    def _is_welcome(self, method: str, given: str) -> bool:
        if self.web_password is None:
            return True
        self.web_logins += bool(given)
        if given and self.web_refusals:
            self.web_refusals -= 1
            return False
        part = dict(re.findall(r'(\w+)="([^"]*)"', given))
        secret = _md5(f"{self.username}:cam:{self.web_password}")
        request = _md5(f"{method}:{part.get('uri')}")
        expected = _md5(f"{secret}:web:{request}")
        return part.get("nonce") == "web" and part["response"] == expected

    async def _read_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = ""
        while data := await reader.readexactly(4):
            text += base64.b64decode(data).decode()
            if text.endswith("\r\n\r\n"):
                method, uri, headers = _parsed(text)
                text = ""
                self.asked[method] += 1
                answer = self._answer(Asked(method, uri, headers, self, writer))
                if answer is None or (self.cuts_at_login and self.logins == self.cuts_at_login):
                    writer.close()
                    return
                writer.write(answer)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _parsed(text: str) -> tuple[str, str, dict[str, str]]:
    first, *lines = text.split("\r\n")
    method, uri, _ = first.split(" ")
    pairs = (re.split(r":\s*", line, maxsplit=1) for line in lines if line)
    return method, uri, {name.lower(): value for name, value in pairs}
