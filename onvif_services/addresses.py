"""Rewriting of addresses in a device's answers to the host that the user configured.

Behind NAT, or with several interfaces, a device names addresses that we cannot reach; a hostile device names another
host. So the host is always the configured one, the port is the configured one for HTTP and the device's for RTSP, and
only path and query are taken from the answer.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlsplit

from core.allowed_addresses import why_not_port
from core.device_address import INVISIBLE, UNESCAPED
from core.errors import CameraBadAnswer
from core.stream_address import MAX_ADDRESS, read_stream_address


def authority(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    bare = host.strip("[]")
    try:
        return f"[{bare}]" if ipaddress.ip_address(bare.partition("%")[0]).version == 6 else bare
    except ValueError:
        return bare


def rewrite_http(address: str, host: str, port: int, scheme: str = "http") -> str:
    """Return an XAddr, snapshot or subscription address at this host, port and scheme; accept a bare path.

    Raise CameraBadAnswer for a scheme other than http and https, for control characters, and for an address that is
    empty, has no host or is longer than 2,048 characters.
    """
    if address.startswith("/") and not address.startswith("//"):
        address = "http://device" + address
    parts = _split(address, {"http", "https"})
    return f"{scheme}://{authority(host, port)}{_path_and_query(parts)}"


def rewrite_rtsp(address: str, host: str, *, is_tunnel: bool = False) -> str:
    """Return a stream address at the configured host and the device's own RTSP port, without user-info.

    Repair what can be repaired (core/stream_address.py). Raise CameraBadAnswer for another scheme, for control
    characters, for an address that is empty or longer than 2,048 characters, and for the port of another protocol.
    `is_tunnel`: the address was requested for RTSP over HTTP, so it may begin with http.
    """
    parts = read_stream_address(address, is_tunnel=is_tunnel)
    if parts is None:
        raise CameraBadAnswer("The device names a stream address that cannot be used.")
    port = parts.port_or_default
    if why := why_not_port(port):
        raise CameraBadAnswer(f"The device names a stream address that the app refuses: {why}.")
    return f"{parts.scheme}://{authority(host, port)}{parts.path}"


_PLAIN_PATH = re.compile(r"/[!$%&'()*+,;=:@/\w.~-]{0,255}", re.ASCII)


def is_plain_path(path: str) -> bool:
    """True for a path that can be sent unchanged: it begins with "/", and has at most 256 characters."""
    return _PLAIN_PATH.fullmatch(path) is not None


class _Parts:
    """The parts of an address; raises CameraBadAnswer if urlsplit cannot read it."""

    def __init__(self, address: str) -> None:
        try:
            split = urlsplit(address)
            self.host = split.hostname
        except ValueError as error:
            raise CameraBadAnswer("The device names an address that cannot be read.") from error
        self.scheme = split.scheme.lower()
        self.path = split.path
        self.query = split.query


def _split(address: str, schemes: set[str]) -> _Parts:
    address = address.strip(INVISIBLE)
    if not address or len(address) > MAX_ADDRESS:
        raise CameraBadAnswer("The device names an address that is empty or too long.")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in address):
        raise CameraBadAnswer("The device names an address with control characters.")
    parts = _Parts(address)
    if parts.scheme not in schemes:
        raise CameraBadAnswer(f"The device names an address that does not begin with {' or '.join(sorted(schemes))}.")
    if not parts.host:
        raise CameraBadAnswer("The device names an address without a host.")
    return parts


def _path_and_query(parts: _Parts) -> str:
    path = quote(parts.path, safe=UNESCAPED) or "/"
    return f"{path}?{quote(parts.query, safe=UNESCAPED)}" if parts.query else path
