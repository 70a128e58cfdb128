"""Addresses as devices write them, of streams and services: scheme, port and path are read, and the host is ours.

Devices write `rtsp://rtsp://host/live` (D-Link), `rtsp://::ffff:192.168.1.10:554/live`, `rtsp://:554/live`,
`rtsp://0.0.0.0/live`, `192.168.1.10:554/live`, `/live`, ports such as 0 or `null`, and a `&` escaped twice. Some write
a backslash or `%2F` before the path, escape the whole address, or send a NUL or a byte order mark with it.
"""

from __future__ import annotations

import html
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from core.device_address import INVISIBLE, UNESCAPED, WEB_PORTS

MAX_ADDRESS = 2048
DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}

_SCHEMES = {"rtsp": "rtsp", "rstp": "rtsp", "rtspt": "rtsp", "rtspu": "rtsp", "rtsph": "rtsp", "rtsps": "rtsps"}
_WEB_SCHEMES = {"http": "rtsp", "https": "rtsps"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)\s*:\s*([/\\]+)")
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[^\]]*\]|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:\d))(?::\w*)?", re.ASCII)
_LOGIN = re.compile(
    rf"[^:/?#]+:(?!\d{{1,5}}[/?#]).*@{_ADDRESS.pattern}(?=[/?#\\%]|$)", re.ASCII
)  # a password with a slash
_WHOLE_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ESCAPED_SCHEME = re.compile(r"[a-z]+(?:%3a(?:%2f|/)|:%2f)", re.IGNORECASE)
# `http:/host`, `http:host`, `http//host`: without the colon, or with another number of slashes.
_ODD_SCHEME = re.compile(r"(https?|rtsps?)(?:\s*[:;]\s*|(?=[/\\]{2}))([/\\]*)", re.IGNORECASE)
_BARE_PATH = re.compile(r"(?!-)[\w.-]+/[^\s:]*", re.ASCII)
_NEXT_ADDRESS = re.compile(r"(?<![\s,;|])[\s,;|]+(?=(?:https?|rtsps?)://)", re.IGNORECASE)
_BEFORE_PATH = re.compile(r"[\t\r\n]\s*(?=/)")  # an address that was broken to fit a line
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,4}|#x[0-9a-f]{1,4});", re.IGNORECASE)
_ODD_SLASH = re.compile(r"\\|%2f|%5c", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LAST_NUMBER = re.compile(r"(.*):(\d{1,5})", re.ASCII)
_LEAST_PORT = 80  # of a bare IPv6 address with a port; a smaller last number belongs to the address


@dataclass(frozen=True, slots=True)
class StreamAddressParts:
    """`host` is the device's own text, to compare with. `port` is None without a usable one.

    `path` is printable ASCII and begins with a slash; it includes the query, not the fragment.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def port_or_default(self) -> int:
        return self.port or DEFAULT_PORTS[self.scheme]


def read_stream_address(text: str, *, is_tunnel: bool = False) -> StreamAddressParts | None:
    """Return the parts of a stream address that a device wrote.

    None for another scheme, for control characters, and for a text that is empty or longer than MAX_ADDRESS.
    With `is_tunnel`, an HTTP address becomes an RTSP address at the web server's port (RTSP over HTTP).
    """
    return _read(text, _SCHEMES | _WEB_SCHEMES if is_tunnel else _SCHEMES, "rtsp")


def read_web_address(text: str) -> StreamAddressParts | None:
    """Return the parts of the address of a service or a snapshot, repaired like a stream address.

    Of several addresses in one text the first counts. None as above.
    """
    return _read(text, {"http": "http", "https": "https"}, "http")


def _cleaned(text: str) -> str:
    """Return the first address of a text, with its scheme repaired, and without what surrounds it."""
    for _ in range(2):  # some firmware escapes its text twice
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = text.strip(INVISIBLE)
    quoted = text[1:].partition(text[0]) if text[:1] in {'"', "'"} else ("", "", "")
    text = (quoted[0] if quoted[1] else text).strip(INVISIBLE + "\"'<>")
    text = _BEFORE_PATH.sub("", _NEXT_ADDRESS.split(text, maxsplit=1)[0]).replace("\\/", "/")
    odd = _ODD_SCHEME.match(text)
    rest = text[odd.end() :] if odd else ""
    if odd and rest and (odd[2] or "/" in rest or _ADDRESS.match(rest)):
        return f"{odd[1]}:{odd[2] or '//'}{rest}"
    if _BARE_PATH.fullmatch(text) and not _ADDRESS.fullmatch(text.partition("/")[0]):
        return f"/{text}"
    return text


def _read(text: str, schemes: Mapping[str, str], default: str) -> StreamAddressParts | None:
    """Return the parts of an address with one of these schemes; `default` is that of an address without a scheme."""
    if len(text) > 2 * MAX_ADDRESS:
        return None
    text = _cleaned(text)
    if _ESCAPED_SCHEME.match(text):
        text = unquote(text)
    if not text or len(text) > MAX_ADDRESS or _CONTROL.search(text):
        return None
    scheme, slashes, rest = _split_scheme(text, default)
    rest = rest.lstrip(INVISIBLE)
    kind = schemes.get(scheme)
    if kind is None:
        return None
    end = _authority_end(rest)
    if slashes != 2 and not _ADDRESS.fullmatch(rest[:end]):  # rtsp:///live: there is no host
        end = 0
    elif not _ADDRESS.fullmatch(rest[:end].rpartition("@")[2]) and (found := _LOGIN.match(rest)):
        end = found.end()
    authority, path = rest[:end], rest[end:]
    if not authority and not path.strip("/"):
        return None
    host, port = _host_and_port(authority.rpartition("@")[2])
    is_tunnel = kind != scheme
    return StreamAddressParts(kind, host, port or (WEB_PORTS.get(scheme) if is_tunnel else None), _path(path))


def _authority_end(rest: str) -> int:
    """Return the place where the path begins, also with a backslash or an escaped slash."""
    end = min((index for mark in "/?#" if (index := rest.find(mark)) >= 0), default=len(rest))
    odd = _ODD_SLASH.search(rest, rest.rfind("@", 0, end) + 1, end)  # before the "@" it belongs to the login
    return odd.start() if odd else end


def _split_scheme(text: str, default: str) -> tuple[str, int, str]:
    """Return the scheme in lower case, the number of slashes after it, and the rest. Of a doubled scheme the last."""
    if text[:2] in {"//", "\\\\"}:
        text = f"{default}:{text}"
    elif text.startswith("/") or (_ADDRESS.fullmatch(text.partition("/")[0]) and not _WHOLE_SCHEME.match(text)):
        return default, 0, text
    scheme, slashes = "", 0
    while (found := _SCHEME.match(text)) and (not scheme or found[1].lower() in _SCHEMES | _WEB_SCHEMES):
        scheme, slashes, text = found[1].lower(), len(found[2]), text[found.end() :]
        if "\\" in found[2]:
            text = text.replace("\\", "/")
    return scheme, slashes, text


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host, _port(rest.removeprefix(":"))
    if authority.count(":") < 2:
        host, _, rest = authority.partition(":")
        return host, _port(rest)
    found = _LAST_NUMBER.fullmatch(authority)
    if found and (_is_ipv6(found[1]) and (int(found[2]) >= _LEAST_PORT or not _is_ipv6(authority))):
        return found[1], _port(found[2])
    if _is_ipv6(authority):
        return authority, None
    return (found[1], _port(found[2])) if found else (authority, None)


def _port(text: str) -> int | None:
    text = text.strip()
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536 else None


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]).version == 6
    except ValueError:
        return False


def _path(text: str) -> str:
    if text.startswith("\\"):
        before, mark, query = text.partition("?")
        text = before.replace("\\", "/") + mark + query
    elif text.startswith("%"):  # only an escaped slash begins a path like this
        text = unquote(text).replace("\\", "/")
    path = quote(text.partition("#")[0], safe=UNESCAPED)
    return path if path.startswith("/") else f"/{path}"
