"""Rewriting of addresses in a device's answers to the host that the user configured.

Behind NAT, or with several interfaces, a device names addresses that we cannot reach; a hostile device names another
host. So the host is always the configured one, the port is the configured one for HTTP and the device's for RTSP, and
only path and query are taken from the answer.
"""

from __future__ import annotations

import ipaddress
import re

from core.allowed_addresses import why_not_port
from core.errors import CameraBadAnswer
from core.stream_address import read_stream_address, read_web_address


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

    Repair what can be repaired (core/stream_address.py). Raise CameraBadAnswer for a scheme other than http and https,
    for control characters, and for an address that is empty or longer than 2,048 characters.
    """
    parts = read_web_address(address)
    if parts is None:
        raise CameraBadAnswer("The device names an address of a service that cannot be used.")
    return f"{scheme}://{authority(host, port)}{parts.path}"


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
