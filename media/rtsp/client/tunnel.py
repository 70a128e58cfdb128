"""RTSP tunnelled over HTTP, as QuickTime does it: for devices that offer only their web server's port.

A GET brings the device's answers and media; a POST, on a second connection, takes our requests in base64. The two share
an `x-sessioncookie`. (Apple, "Tunnelling RTSP and RTP over HTTP"; ONVIF Streaming Specification, RTP/RTSP/HTTP/TCP.)
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable

from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from media.rtsp.client.address import StreamAddress
from media.rtsp.client.connecting import Connector
from media.rtsp.client.connection import RtspConnection
from media.rtsp.client.errors import TunnelLoginRefused
from media.rtsp.client.login import SessionLogin
from media.rtsp.client.messages import Response
from media.rtsp.client.receiver import MediaReceiver

_TYPE = "application/x-rtsp-tunnelled"
_MAX_UNSENT_BYTES = 64 * 1024
LOGIN_REFUSED = "The device's web port refuses this user name or password."


class _Uplink(asyncio.Protocol):
    """The connection of the POST. The device answers it with an error at most."""

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name, not used
        self._on_lost()


class TunnelConnection(RtspConnection):
    """The connection of the GET; sends through the POST's."""

    def __init__(self, receiver: MediaReceiver) -> None:
        super().__init__(receiver, accepts_http=True)
        self._uplink: _Uplink | None = None
        self.cookie = secrets.token_hex(11)  # QuickTime's has 22 characters

    def begin(self, head: bytes) -> asyncio.Future[Response]:
        """Send the GET; its answer comes without a CSeq."""
        return self.request_bytes("GET", head)

    def set_uplink(self, uplink: _Uplink) -> None:
        """Send through this connection from now on."""
        self._uplink = uplink
        self.ended.add_done_callback(lambda _: uplink.close())

    def uplink_lost(self) -> None:
        self._end(CameraUnreachable("The device ended the connection."))

    def send(self, data: bytes) -> None:
        transport = self._uplink.transport if self._uplink else None
        if transport is None:
            super().send(data)
            return
        transport.write(base64.b64encode(data))
        if transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._end(CameraUnreachable("The device no longer reads the app's requests."))


async def open_tunnel(
    address: StreamAddress,
    port: int,
    connector: Connector,
    login: SessionLogin,
    receiver: MediaReceiver,
    *,
    timeout_s: float,
) -> TunnelConnection:
    """Open a tunnel at a port of the device's web server; log in if it asks for it.

    A refused login counts as a wrong one, but is no verdict on the credential: web servers have users of their own.
    Raises CameraUnreachable, TunnelLoginRefused, CameraAuthFailed without a login to try, CameraUnsupported for an
    unknown kind of login, or CameraBadAnswer if no tunnel is offered there.
    """
    tunnel, answer = await _get(address, port, connector, login, receiver, timeout_s)
    try:
        if answer.status == 401:
            login.take_up(answer)
            async with login.shared_attempt() as tries:
                tunnel.close()
                if tries.logins_left > 0:
                    tunnel, answer = await _get(address, port, connector, login, receiver, timeout_s)
                    tries.refused += answer.status == 401
                if answer.status == 401:
                    raise TunnelLoginRefused(LOGIN_REFUSED)
                if _is_tunnel(answer):
                    login.accepted()
        if not _is_tunnel(answer):
            raise CameraBadAnswer(f"The device offers no RTSP over HTTP (status {answer.status}).")
        uplink = await connector.connect(port, lambda: _Uplink(tunnel.uplink_lost), is_tls=address.is_tls)
        if uplink.transport is not None:
            uplink.transport.write(_head("POST", address, port, login, tunnel.cookie))
        tunnel.set_uplink(uplink)
    except (DeviceError, asyncio.CancelledError):
        tunnel.close()
        raise
    return tunnel


def _is_tunnel(answer: Response) -> bool:
    content_type = answer.headers.get("content-type").lower().partition(";")[0].strip()
    return answer.is_http and answer.status == 200 and content_type in {"", _TYPE}


async def _get(
    address: StreamAddress,
    port: int,
    connector: Connector,
    login: SessionLogin,
    receiver: MediaReceiver,
    timeout_s: float,
) -> tuple[TunnelConnection, Response]:
    tunnel = await connector.connect(port, lambda: TunnelConnection(receiver), is_tls=address.is_tls)
    try:
        async with asyncio.timeout(timeout_s):
            return tunnel, await tunnel.begin(_head("GET", address, port, login, tunnel.cookie))
    except TimeoutError:
        tunnel.close()
        raise CameraUnreachable("The device did not answer the request for a tunnel in time.") from None
    except (DeviceError, asyncio.CancelledError):
        tunnel.close()
        raise


def _head(method: str, address: StreamAddress, port: int, login: SessionLogin, cookie: str) -> bytes:
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [f"{method} {address.path} HTTP/1.1", f"Host: {host}:{port}", "User-Agent: onvif-web-viewer"]
    lines += [f"x-sessioncookie: {cookie}", "Pragma: no-cache", "Cache-Control: no-cache"]
    if method == "POST":  # the length is a formality: the request never ends
        lines += [f"Content-Type: {_TYPE}", "Content-Length: 32767", "Expires: Sun, 9 Jan 1972 00:00:00 GMT"]
    else:
        lines.append(f"Accept: {_TYPE}")
    if (authorization := login.authorization(method, address.path)) is not None:
        lines.append(f"Authorization: {authorization}")
    return "\r\n".join((*lines, "", "")).encode()
