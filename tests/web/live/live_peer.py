"""A live socket alone: the sockets' thread, a connection over loopback and a backend made for the test."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Protocol, Side, State

from core.access import LOCAL, Principal
from core.errors import NotFound
from core.records import VideoFormat
from sessions.live.broadcast import FragmentBroadcaster, LiveInit, LiveListener
from sessions.replay.broadcast import ReplayListener
from tests.patience import LIMIT_S
from web.live.backend import LiveBackend
from web.live.handover import handover
from web.live.socket_handler import LiveSocketHandler
from web.live.sockets import Sockets
from web.live.wire import FRAGMENTS, HEAD

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Peer:
    """The page's end of the socket. Unread data waits in the kernel's buffers, the rest in the app."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._said: list[Frame] = []
        self._is_greeted = False

    def say(self, **message: object) -> None:
        self._protocol.send_text(json.dumps(message).encode())
        self._send()

    def read(self, within_s: float = LIMIT_S) -> dict[str, Any] | bytes | None:
        """Return the next message; None once the server has closed the socket."""
        self.sock.settimeout(within_s)
        while not self._said:
            data = self.sock.recv(262_144)
            if data and not self._is_greeted:
                _, _, data = data.partition(b"\r\n\r\n")
                self._is_greeted = True
            elif not data:
                return None
            self._protocol.receive_data(data)
            self._said += [frame for frame in self._protocol.events_received() if isinstance(frame, Frame)]
            self._send()
        frame = self._said.pop(0)
        if frame.opcode is Opcode.CLOSE:
            return None
        return bytes(frame.data) if frame.opcode is Opcode.BINARY else dict(json.loads(bytes(frame.data)))

    def message(self, kind: str, within_s: float = LIMIT_S) -> dict[str, Any]:
        """Return the next JSON message of this type; other messages are skipped."""
        ends_s = time.monotonic() + within_s
        while time.monotonic() < ends_s:
            message = self.read(within_s)
            assert message is not None, "it was closed"
            if isinstance(message, dict) and message["type"] == kind:
                return message
        raise AssertionError(f"nothing of {kind}")

    def pictures(self, number: int, within_s: float = LIMIT_S) -> tuple[int, float, int]:
        """Return (flags, position in seconds, size in bytes) of this channel's next fragments message."""
        ends_s = time.monotonic() + within_s
        while time.monotonic() < ends_s:
            message = self.read(within_s)
            assert message is not None, "it was closed"
            if isinstance(message, bytes):
                kind, flags, its, start_s, _ = HEAD.unpack_from(message)
                if (kind, its) == (FRAGMENTS, number):
                    return flags, start_s, len(message) - HEAD.size
        raise AssertionError("no picture")

    def closed(self, within_s: float = LIMIT_S) -> int | None:
        """Read until the socket is closed; return the close code, or None if there was no close frame."""
        ends_s = time.monotonic() + within_s
        while self.read(max(0.1, ends_s - time.monotonic())) is not None:
            assert time.monotonic() < ends_s, "it was not closed"
        said = self._protocol.close_rcvd
        return said.code if said else None

    def _send(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.sock.sendall(data)


@dataclass
class Channels:
    """The channels to watch: broadcasters by profile token. `who` returns the present login of a socket."""

    broadcasters: dict[str, FragmentBroadcaster]
    who: Callable[[], Principal | None] | None = None
    watched: list[str] = field(default_factory=list)

    def backend(self, user: Principal = LOCAL) -> ChannelsBackend:
        """`user`: the login of a socket that opened() opens. It lasts, unless `who` says otherwise."""
        return ChannelsBackend(self, user)


class ChannelsBackend(LiveBackend):
    """Watches channels of a test instead of the app's streams."""

    def __init__(self, channels: Channels, user: Principal = LOCAL) -> None:
        self._channels = channels
        self.user = user

    def principal(self) -> Principal | None:
        return self._channels.who() if self._channels.who else self.user

    def watch_live(
        self,
        who: Principal,
        camera_id: int,
        profile_token: str,
        listener: LiveListener,
        *,
        wants_audio: bool,
        at_next_key_frame: bool,
        is_small: bool,
    ) -> tuple[str, str]:
        broadcaster = self._channels.broadcasters.get(profile_token)
        if broadcaster is None:
            raise NotFound("There is no such camera, channel or stream.")
        viewer_id = f"viewer{len(self._channels.watched)}"
        broadcaster.join(listener, viewer_id, wants_audio=False, at_next_key_frame=at_next_key_frame)
        self._channels.watched.append(profile_token)
        return f"camera{camera_id}_{profile_token}{'.small' if is_small else ''}", viewer_id

    def leave_live(self, stream_id: str, viewer_id: str) -> None:
        pass

    def watch_replay(self, who: Principal, stream_id: str, viewer_id: str, listener: ReplayListener) -> bool:
        raise NotFound("There is no such stream.")

    def visible_streams(self, who: Principal, stream_ids: Collection[str]) -> list[str]:
        return list(stream_ids)


class HandledPeer(Peer):
    """The page's end together with the socket's handler."""

    def __init__(self, sock: socket.socket, handler: LiveSocketHandler) -> None:
        super().__init__(sock)
        self.handler = handler


@contextmanager
def opened(sockets: Sockets, backend: ChannelsBackend, *, kernel_bytes: int = 0) -> Iterator[HandledPeer]:
    """Open a socket that was just handed over. `kernel_bytes` limits the kernel's buffer in each direction."""
    with pair(kernel_bytes) as (ours, theirs):
        handler = LiveSocketHandler(sockets, backend.user, backend, None)
        sockets.take(theirs, Response(101, "Switching Protocols", Headers()), handler)
        yield HandledPeer(ours, handler)


@contextmanager
def opened_by_request(client: FlaskClient, headers: dict[str, str]) -> Iterator[Peer]:
    """Open a socket through the app's own route, with a request that has these headers."""
    with pair(0) as (ours, theirs):
        with suppress(StopIteration):  # the route raises it, so that gunicorn sends no response
            answer = client.get("/live", headers={**headers, **UPGRADE}, environ_overrides={"gunicorn.socket": theirs})
            raise AssertionError(answer.get_data(as_text=True))
        assert handover.was_taken(theirs)
        yield Peer(ours)


@contextmanager
def pair(kernel_bytes: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as ours:
        if kernel_bytes:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kernel_bytes)
        ours.connect(server.getsockname())
        theirs, _ = server.accept()
        if kernel_bytes:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, kernel_bytes)
        yield ours, theirs


def init_of(codecs: str = "avc1.64001F") -> LiveInit:
    return LiveInit(VideoFormat("h264", 640, 360, 25.0, None, 50), None, codecs, codecs, b"init", b"init")
