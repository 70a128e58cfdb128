"""RTSP addresses: checks those that a device names, and keeps requests at the host that we connect to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from core.errors import CameraBadAnswer, CameraUnsupported
from core.records import Credential

_MAX_LENGTH = 2048
_SENDABLE = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x7e]+")  # no space, quote, angle bracket, control character
_RTSP = re.compile(r"rtsps?://[^/?#]*", re.IGNORECASE)


class RtspSource(Protocol):
    """The fields that a device session needs of a StreamSource (live) or a ReplaySource.

    `uri` has no user-info. `device_key` names the device for its login attempts.
    """

    @property
    def uri(self) -> str: ...
    @property
    def device_key(self) -> str: ...
    @property
    def credential(self) -> Credential: ...


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """The address of a source. `uri` is DESCRIBE's, always with this host and port."""

    host: str
    port: int
    uri: str

    @property
    def origin(self) -> str:
        return _RTSP.match(self.uri)[0]  # type: ignore[index]  # parse_address checked it


def parse_address(uri: str) -> StreamAddress:
    """Check a stream URI. Raises CameraUnsupported for RTSPS, CameraBadAnswer if it is no RTSP address."""
    if len(uri) > _MAX_LENGTH or not _SENDABLE.fullmatch(uri):
        raise CameraBadAnswer("The device's stream address cannot be used.")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CameraBadAnswer("The device's stream address cannot be used.") from None
    if parts.scheme == "rtsps":
        raise CameraUnsupported("The device requires RTSP over TLS, which is not supported yet.", service="media")
    if parts.scheme != "rtsp" or not host or parts.username is not None or port == 0:
        raise CameraBadAnswer("The device's stream address is not an RTSP address.")
    return StreamAddress(host, port or 554, uri.partition("#")[0])


def pinned(address: StreamAddress, text: str) -> str | None:
    """Return an address that the device named, with our host and port instead of its own. None if it is unusable."""
    if len(text) > _MAX_LENGTH or not _SENDABLE.fullmatch(text):
        return None
    found = _RTSP.match(text)
    return address.origin + text[found.end() :] if found else None


def control_uri(address: StreamAddress, base: str, control: str) -> str:
    """Return the address of a track (RFC 2326 appendix C.1.1). Raises CameraBadAnswer.

    A relative `control` is appended, not resolved: Dahua's base ends in a query
    (`/cam/realmonitor?channel=1&subtype=0/` + `trackID=0`).
    """
    if control in {"", "*"}:
        return base
    relative = f"{base.rstrip('/')}/{control.lstrip('/')}"
    joined = pinned(address, control) if _RTSP.match(control) else relative
    if joined is None or len(joined) > _MAX_LENGTH or not _SENDABLE.fullmatch(joined):
        raise CameraBadAnswer("The device's media address cannot be used.")
    return joined
