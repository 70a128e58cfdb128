"""Opens connections to devices: TCP, and TLS for rtsps://. The address is checked before the first byte is sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

from core.allowed_addresses import allowed_addresses
from core.certificates import PinnedCertificates
from core.errors import CameraUnreachable, DeviceError
from media.rtsp.client.errors import PortClosed

_P = TypeVar("_P", bound=asyncio.BaseProtocol)


class Connector:
    """Connects to one device. `host` as in its address: the user's."""

    def __init__(
        self, host: str, certificates: PinnedCertificates, tls_context: Callable[[], ssl.SSLContext], timeout_s: float
    ) -> None:
        self._name = host.strip("[]")
        self._certificates = certificates
        self._tls_context = tls_context
        self._timeout_s = timeout_s

    async def connect(self, port: int, make_protocol: Callable[[], _P], *, is_tls: bool = False) -> _P:
        """Connect to the address at which ONVIF reached the device; without one, or if it does not answer, to the name.

        Raises PortClosed if the device refuses the connection or does not answer, CameraUnreachable, or the error of
        PinnedCertificates.check().
        """
        address = allowed_addresses.place_of(self._name)
        try:
            async with asyncio.timeout(self._timeout_s):
                try:
                    return await self._connect_to(address or self._name, port, make_protocol, is_tls)
                except OSError:
                    if address is None:
                        raise
                    return await self._connect_to(self._name, port, make_protocol, is_tls)
        except TimeoutError:
            raise PortClosed("The device does not answer on its RTSP port.") from None
        except ssl.SSLError:
            raise CameraUnreachable("The device's RTSP port does not answer over TLS.") from None
        except ConnectionRefusedError:
            raise PortClosed("The device cannot be reached on its RTSP port.") from None
        except (OSError, UnicodeError):
            raise CameraUnreachable("The device cannot be reached on its RTSP port.") from None

    async def _connect_to(self, host: str, port: int, make_protocol: Callable[[], _P], is_tls: bool) -> _P:
        """Try the host's addresses one after another. Raises the OSError of the last.

        All of them are checked before the first connection: one forbidden address forbids the host.
        """
        loop = asyncio.get_running_loop()
        found = await _resolve(loop, host, port)
        for *_, address in found:
            allowed_addresses.check(str(address[0]), port)
        tls: dict[str, Any] = {"ssl": self._tls_context(), "server_hostname": self._name} if is_tls else {}
        problem: OSError = OSError("no address")
        for family, _, _, _, address in found:
            try:
                transport, protocol = await loop.create_connection(
                    make_protocol, str(address[0]), port, family=family, **tls
                )
            except OSError as error:
                problem = error
                continue
            if is_tls:
                self._check_certificate(transport, port)
            return protocol
        raise problem

    def _check_certificate(self, transport: asyncio.Transport, port: int) -> None:
        shown = transport.get_extra_info("ssl_object")
        try:
            self._certificates.check(self._name, port, shown.getpeercert(binary_form=True))
        except DeviceError:
            transport.abort()
            raise


async def _resolve(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[Any]:
    try:  # a numeric address needs no name server, and so no thread
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
