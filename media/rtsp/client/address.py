"""RTSP addresses: checks those that a device names, and keeps requests at the host that we connect to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from core.errors import CameraBadAnswer
from core.records import Credential, RtspHabits
from core.stream_address import DEFAULT_PORTS, MAX_ADDRESS, read_stream_address

_SENDABLE = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x7e]+")  # no space, quote, angle bracket, control character
_HAS_SCHEME = re.compile(r"\s*rtsp[a-z]?\s*:\s*[/\\]", re.IGNORECASE)
_ENCRYPTION = re.compile(r"(?<=[?&])enableSrtp(?:=[^&]*)?(?:&|$)", re.IGNORECASE)
_NO_HOST = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # nothing is bound: devices write it for "this host"
_SHOWABLE_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,100}")
_MAX_GUESSES = 8


class RtspSource(Protocol):
    """The fields that a device session needs of a StreamSource (live) or a ReplaySource.

    `uri` has no user-info. `device_key` names the device for its login attempts. `web_port` is the port of its web
    server, 0 if it is not known. `habits` are the device's RTSP habits as stored.
    """

    @property
    def uri(self) -> str: ...
    @property
    def device_key(self) -> str: ...
    @property
    def credential(self) -> Credential: ...
    @property
    def web_port(self) -> int: ...
    @property
    def habits(self) -> tuple[RtspHabits, ...]: ...


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """The address of a source. `uri` is DESCRIBE's, always with this host and port."""

    host: str
    port: int
    uri: str
    is_tls: bool = False

    @property
    def origin(self) -> str:
        """The address without path and query: `rtsp://host:port`."""
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        return self.uri.removeprefix(self.origin) or "/"


def parse_address(uri: str) -> StreamAddress:
    """Check a stream URI. Raises CameraBadAnswer if it is no RTSP address.

    UniFi Protect shows its addresses with `?enableSrtp`: encrypted packets inside of TLS. The parameter is left out.
    """
    if len(uri) > MAX_ADDRESS or not _SENDABLE.fullmatch(uri):
        raise CameraBadAnswer("The device's stream address cannot be used.")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CameraBadAnswer("The device's stream address cannot be used.") from None
    if parts.scheme not in DEFAULT_PORTS or not host or parts.username is not None or port == 0:
        raise CameraBadAnswer("The device's stream address is not an RTSP address.")
    uri = uri.partition("#")[0]
    if _ENCRYPTION.search(uri):
        uri = _ENCRYPTION.sub("", uri).rstrip("?&")
    return StreamAddress(host, port or DEFAULT_PORTS[parts.scheme], uri, parts.scheme == "rtsps")


def pinned(address: StreamAddress, text: str) -> str | None:
    """Return an address that the device named, with our host and port instead of its own. None if it is unusable."""
    parts = read_stream_address(text, is_tunnel=True)
    uri = address.origin + parts.path if parts else ""
    return uri if parts and len(uri) <= MAX_ADDRESS and _SENDABLE.fullmatch(uri) else None


def redirected(address: StreamAddress, text: str, peer: str) -> str | int | None:
    """Return the address that a redirect leads to, at the same host and port. `peer`: the IP address of the device.

    The port, if it is another one of the same host: the app does not follow there. None for another host, and for a
    text that is no address. Without a port it is ours: devices name a path alone, or forget the port.
    """
    parts = read_stream_address(text)
    if parts is None or parts.host.lower() not in {address.host.lower(), peer} | _NO_HOST:
        return None
    is_same_kind = not parts.host or (parts.scheme == "rtsps") == address.is_tls
    port = parts.port or (address.port if is_same_kind else DEFAULT_PORTS[parts.scheme])
    return pinned(address, text) if port == address.port and is_same_kind else port


def other_host(address: StreamAddress, text: str, peer: str) -> str:
    """Return the host that a redirect leads to, for users; empty if it is the same one, or cannot be shown."""
    parts = read_stream_address(text)
    is_other = parts is not None and parts.host.lower() not in {address.host.lower(), peer} | _NO_HOST
    return parts.host if parts and is_other and _SHOWABLE_HOST.fullmatch(parts.host) else ""


# -- addresses of tracks (RFC 2326 appendix C.1.1) -------------------------------------------------


def base_addresses(address: StreamAddress, session_control: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses to which a relative one may belong, by name, in the order to try them.

    An absolute session-level control goes first: it is the base where Content-Base is missing (gortsplib), and equals
    Content-Base elsewhere. `headers`: Content-Base and Content-Location of the description.
    """
    found: dict[str, str | None] = {}
    if _HAS_SCHEME.match(session_control):
        found["session"] = pinned(address, session_control)
    for name in ("content-base", "content-location"):
        if headers.get(name):
            found[name] = pinned(address, headers[name])
    found["request"] = address.uri
    bases = _distinct(found)
    if session_control not in {"", "*"} and "session" not in found:
        bases = _distinct(bases | {"session part": _appended(next(iter(bases.values())), session_control)})
    return bases


def track_addresses(address: StreamAddress, bases: Mapping[str, str], control: str) -> dict[str, str]:
    """Return the addresses that a track may have, by name, in the order to try them. Raises CameraBadAnswer for none.

    A relative `control` is appended, not resolved: Dahua's base ends in a query
    (`/cam/realmonitor?channel=1&subtype=0/` + `trackID=0`). Other joinings follow, for devices that answer 404.
    A name begins with the name of its base.
    """
    found: dict[str, str | None] = {}
    if control in {"", "*"}:
        if "session part" in bases:
            found["session part"] = bases["session part"]
        found |= bases
    else:
        relative = control
        if _HAS_SCHEME.match(control):
            found["absolute"] = pinned(address, control)
            relative = control.rstrip("/").rpartition("/")[2]
        found |= {name: _appended(base, relative) for name, base in bases.items()}
        found |= {f"{name}, resolved": _resolved(base, relative) for name, base in bases.items()}
        for name, base in bases.items():
            path, mark, query = base.partition("?")
            if mark:
                found[f"{name}, query behind"] = f"{_appended(path, relative)}?{query.rstrip('/')}"
                found[f"{name}, without query"] = _appended(path, relative)
    guesses = _distinct(found)
    if not guesses:
        raise CameraBadAnswer("The device's media address cannot be used.")
    return dict(list(guesses.items())[:_MAX_GUESSES])


def session_addresses(bases: Mapping[str, str], base_name: str) -> dict[str, str]:
    """Return the addresses that PLAY, PAUSE and TEARDOWN may need, by name; first the base that suited the tracks."""
    base = bases.get(base_name) or next(iter(bases.values()))
    part = {"session part": bases["session part"]} if "session part" in bases else {}
    return _distinct(part | {"base": base, "without slash": base.rstrip("/"), **bases})


def _appended(base: str, relative: str) -> str:
    if relative[0] in "?&;":
        return base + relative
    return f"{base.rstrip('/')}/{relative.lstrip('/')}"


def _resolved(base: str, relative: str) -> str | None:
    """Resolve by RFC 3986 section 5.3, which urljoin() does for a known scheme only. None at another host."""
    scheme, _, rest = base.partition(":")
    try:
        joined = f"{scheme}:{urljoin(f'http:{rest}', relative).removeprefix('http:')}"
        return joined if urlsplit(joined).netloc == urlsplit(base).netloc else None
    except ValueError:
        return None


def _distinct(found: Mapping[str, str | None]) -> dict[str, str]:
    """Return the usable addresses, each once, under the first of its names."""
    seen: set[str] = set()
    usable: dict[str, str] = {}
    for name, uri in found.items():
        if uri and uri not in seen and len(uri) <= MAX_ADDRESS and _SENDABLE.fullmatch(uri):
            seen.add(uri)
            usable[name] = uri
    return usable
