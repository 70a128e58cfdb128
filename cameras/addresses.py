"""Check addresses, names and credentials that a user enters. Unusual spellings are refused, not guessed."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from core.allowed_addresses import LOOPBACK_REFUSED, allowed_addresses, why_not_port
from core.device_address import DEVICE_PATH
from core.errors import InvalidRequest
from onvif_services.addresses import is_plain_path

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# Last label of the IPv4 spellings that only inet_aton accepts: 127.1, 2130706433, 0x7f000001, 0177.0.0.1.
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)
_HOST_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?", re.ASCII)

NAME_LENGTH = 100
_CREDENTIAL_LENGTH = 256
_HOST_LENGTH = 253


_ADDRESS = re.compile(r"(https?)://([^/?#]*)([^?#]*)", re.IGNORECASE)
_STANDARD_PATHS = ("", "/", DEVICE_PATH)


def split_address(text: str) -> tuple[str | None, str, str | None]:
    """Return scheme, host with port, and path of an address; no scheme and path for a bare host.

    An empty path is the standard one. Raise InvalidRequest of the field `host` for a query, and for a path with
    characters that an address must not have.
    """
    text = text.strip(" \t")
    match = _ADDRESS.match(text)
    if match is None:
        return None, text, None
    path = match[3].rstrip("/") if match[3] in ("/", f"{DEVICE_PATH}/") else match[3]
    if match.end() != len(text) or (path and not is_plain_path(path)):
        raise InvalidRequest.of_field("host", "the path of the address has characters that are not allowed")
    return match[1].lower(), match[2], "" if path in _STANDARD_PATHS else path


def parse_host(text: str) -> tuple[str, int | None]:
    """Return the host in lower case (IPv6 without brackets), and the port if the text ends with one.

    Raise InvalidRequest of the field `host` for user-info, a path, a scheme, a number that only inet_aton takes for
    an address, and an address that no camera may have.
    """
    text = text.strip(" \t")
    if not text:
        raise InvalidRequest.of_field("host", "an address is needed, for example 192.168.1.108")
    if "://" in text or "/" in text or "@" in text:
        raise InvalidRequest.of_field("host", "only the address: no http://, no path, no user name")
    if address := _address_or_none(text):  # an IPv6 address without brackets: its colons do not begin a port
        return _allowed(address), None
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise InvalidRequest.of_field("host", "this is neither a host name nor an IP address")
    host, port_text = match.group(1).lower(), match.group(2)
    port = None if port_text is None else check_port(int(port_text), field="host")
    if host.startswith("["):
        address = _address_or_none(host[1:-1])
        if address is None or address.version != 6:
            raise InvalidRequest.of_field("host", "the text between the brackets is not an IPv6 address")
        return _allowed(address), port
    if address := _address_or_none(host):
        return _allowed(address), port
    return _checked_name(host), port


def check_port(port: int, *, field: str = "port") -> int:
    """Return the port. Raise InvalidRequest of this field if it is out of range or not allowed."""
    if not 1 <= port <= 65535:
        raise InvalidRequest.of_field(field, "a port is a number from 1 to 65535")
    if why := why_not_port(port):
        raise InvalidRequest.of_field(field, why)
    return port


def check_name(text: str, *, field: str = "name") -> str:
    """Return the name as it is stored: trimmed and in NFC. "" stands for the device's own name.

    Raise InvalidRequest of this field if it is too long, or has control or invisible characters.
    """
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > NAME_LENGTH:
        raise InvalidRequest.of_field(field, f"at most {NAME_LENGTH} characters")
    if not _is_plain(text):
        raise InvalidRequest.of_field(field, "no control, direction or invisible characters")
    return text


def check_credential(text: str, *, field: str) -> str:
    """Return a user name or password unchanged.

    Raise InvalidRequest of this field if it is too long, or has control characters or lone surrogates.
    """
    if len(text) > _CREDENTIAL_LENGTH:
        raise InvalidRequest.of_field(field, f"at most {_CREDENTIAL_LENGTH} characters")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
        raise InvalidRequest.of_field(field, "no control characters")
    return text


def authority(host: str, port: int | None) -> str:
    """Return `192.168.1.108:80` or `[fd00::8]:80`; the host alone if there is no port."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _address_or_none(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _allowed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise InvalidRequest.of_field("host", "leave out the zone (the part from % on)")
        if address.ipv4_mapped is not None:
            raise InvalidRequest.of_field("host", f"write it as {address.ipv4_mapped}")
    if why := allowed_addresses.why_not(str(address)):
        raise InvalidRequest.of_field("host", why)
    return str(address)


def _checked_name(host: str) -> str:
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise InvalidRequest.of_field("host", "this is neither a host name nor an IP address") from None
    labels = host.removesuffix(".").split(".")
    if len(host) > _HOST_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidRequest.of_field("host", "this is neither a host name nor an IP address")
    if labels[-1] == "localhost" and allowed_addresses.why_not("127.0.0.1"):
        raise InvalidRequest.of_field("host", LOOPBACK_REFUSED)
    if _NUMBER.fullmatch(labels[-1]):
        raise InvalidRequest.of_field("host", "write an IP address as four numbers from 0 to 255")
    return ".".join(labels)


def _is_plain(text: str) -> bool:
    return not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for letter in text)
