"""A small HTTP/1.1 server for SOAP, snapshots and the control port."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

_MAX_HEADER_BYTES = 32 * 1024
_MAX_BODY_BYTES = 256 * 1024
_IDLE_S = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are lower case, `target` is as sent, `path` without the query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    def query(self, name: str) -> str:
        """The first value of a query parameter, "" if there is none."""
        return parse_qs(urlsplit(self.target).query).get(name, [""])[0]


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. `drip_bytes_per_s`: send it byte by byte at this rate; 0 for no limit."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    drip_bytes_per_s: float = 0.0


class Refused(Exception):
    """Raised for a request that no handler gets to see; it is answered with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class NoAnswer(Exception):
    """Raised to leave a request without an answer; the connection stays open until the client closes it."""


class Handler(Protocol):
    """Answers the requests that come in at a port."""

    async def handle(self, request: Request) -> Response:
        """Answer one request."""


def number_of(text: str) -> int:
    """A number of a query; 0, which no channel has, for any other text."""
    return int(text) if text.isascii() and text.isdigit() else 0


@dataclass
class WebServer:
    """Serves HTTP connections of one port; keeps them, so that a reboot can cut them."""

    handler: Handler
    connections: dict[asyncio.StreamWriter, asyncio.Task[object] | None] = field(default_factory=dict)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client, request after request."""
        self.connections[writer] = asyncio.current_task()
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            return  # by drop(); asyncio would log the cancellation of a connection's task
        finally:
            self.connections.pop(writer, None)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            pass
        except NoAnswer:
            with contextlib.suppress(ConnectionError, ValueError):
                while await reader.read(4096):
                    pass

    async def drop(self) -> None:
        """Cut all connections, and end their tasks."""
        tasks = [task for task in self.connections.values() if task]
        for writer, task in tuple(self.connections.items()):
            writer.transport.abort()
            if task:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await _read(reader)
            if request is None:
                return False
            response, keep = await self.handler.handle(request), request.header("connection").lower() != "close"
        except Refused as refused:
            response, keep = Response(refused.status), False
        await _write(writer, response, keep=keep)
        return keep


async def _read(reader: asyncio.StreamReader) -> Request | None:
    async with asyncio.timeout(_IDLE_S):
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial.strip():
                raise
            return None
        if len(raw) > _MAX_HEADER_BYTES:
            raise Refused(431)
        lines = raw.decode("latin-1").split("\r\n")
        try:
            method, target, version = lines[0].split(" ")
        except ValueError:
            raise Refused(400) from None
        if not version.startswith("HTTP/1."):
            raise Refused(505)
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        if "transfer-encoding" in headers:
            raise Refused(411)
        text = headers.get("content-length", "0")
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise Refused(400)
        if int(text) > _MAX_BODY_BYTES:
            raise Refused(413)
        return Request(method, target, headers, await reader.readexactly(int(text)))


async def _write(writer: asyncio.StreamWriter, response: Response, *, keep: bool) -> None:
    phrase = HTTPStatus(response.status).phrase
    lines = [f"HTTP/1.1 {response.status} {phrase}", f"Content-Length: {len(response.body)}"]
    lines += [f"Content-Type: {response.content_type}"] if response.body else []
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Connection: {'keep-alive' if keep else 'close'}"]
    data = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + response.body
    if response.drip_bytes_per_s:
        for place in range(len(data)):
            writer.write(data[place : place + 1])
            await writer.drain()
            await asyncio.sleep(1 / response.drip_bytes_per_s)
        return
    writer.write(data)
    await writer.drain()
