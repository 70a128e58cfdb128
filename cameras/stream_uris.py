"""The addresses of a camera without ONVIF: checks them, and takes the login out of them. Pure functions.

A user name and a password before the host move into the camera's own fields, as does a password in the path or query
(XM writes `/user=admin_password=secret_channel=1`). In its place stands PLACEHOLDER, so that the stored and shown
addresses hold no secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from cameras.addresses import authority, check_credential, check_port, parse_host
from core.errors import InvalidRequest
from core.records import StreamUris
from core.secrets import Secret
from core.stream_address import DEFAULT_PORTS

PLACEHOLDER = "{password}"
_LONGEST = 1024
_FIELD = "stream_uris"
_SCHEME = re.compile(r"(rtsps?)://(.*)", re.IGNORECASE | re.DOTALL)
_PLACE = re.compile(r"([^/?#]*)(.*)", re.DOTALL)
_PASSWORD_VALUE = re.compile(
    r"(?<![A-Za-z0-9])(pass(?:word|wd)?|pwd|psw|loginpas)=(?![&;/?#_]|$)(.+?)(?=[&;/?#]|_[A-Za-z]+=|$)", re.IGNORECASE
)
_SENDABLE = "%/:=@!$&'()*+,;?~{}[]|-._"


@dataclass(frozen=True, slots=True)
class StreamLogin:
    """Addresses without a login, the host and port that get the login, and the login; None where none was given."""

    uris: StreamUris
    host: str
    port: int
    username: str | None
    password: Secret | None


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    host: str
    port: int | None
    path: str
    username: str | None
    password: str | None

    @property
    def shown(self) -> str:
        return f"{self.scheme}://{authority(self.host, self.port)}{self.path}"

    @property
    def place(self) -> tuple[str, int]:
        return self.host, self.port or DEFAULT_PORTS[self.scheme]


def read_stream_uris(uris: StreamUris, *, username: str | None, password: Secret | None) -> StreamLogin:
    """Return the addresses and the login. `username` and `password` are those of the camera's own fields, if given.

    Raise InvalidRequest, which names the field: for another scheme, an address that no camera may have, two hosts, or
    two logins that differ.
    """
    main = _read(uris.main, f"{_FIELD}.main")
    sub = _read(uris.sub, f"{_FIELD}.sub") if uris.sub else None
    if sub is not None and sub.host != main.host:
        raise InvalidRequest.of_field(f"{_FIELD}.sub", "the same host as that of the main stream")
    for address in (main, sub):
        if address is not None:
            field = f"{_FIELD}.{'main' if address is main else 'sub'}"
            username = _same(username, address.username, field, "user name")
            plain = _same(password.reveal() if password else None, address.password, field, "password")
            password = password if plain is None else Secret(plain)
    return StreamLogin(
        StreamUris(main.shown, sub.shown if sub else None),
        *main.place,
        username=username,
        password=password,
    )


def place_of(uri: str) -> tuple[str, int]:
    """Return host and port of a stored address, without a check: the allowed addresses may have changed since."""
    parts = urlsplit(uri)
    return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, DEFAULT_PORTS["rtsp"])


def with_password(uri: str, password: Secret) -> str:
    """Return a stored address as the device gets it."""
    return uri.replace(PLACEHOLDER, quote(password.reveal(), safe=""))


def _same(given: str | None, found: str | None, field: str, what: str) -> str | None:
    if given and found and given != found:
        raise InvalidRequest.of_field(field, f"the {what} in this address differs from the other one")
    return given or found if found is not None else given


def _read(text: str, field: str) -> _Address:
    text = text.strip()
    match = _SCHEME.fullmatch(text)
    if match is None or len(text) > _LONGEST or not text.isprintable():
        raise InvalidRequest.of_field(field, "an address such as rtsp://192.168.1.108:554/stream1")
    scheme, rest = match[1].lower(), match[2]
    login, place, path = _without_login(rest)
    try:
        host, port = parse_host(place)
    except InvalidRequest as error:
        raise InvalidRequest.of_field(field, error.errors[0].message if error.errors else error.detail) from None
    if port is not None:
        check_port(port, field=field)
    username, password = None, None
    if login is not None:
        name, colon, secret = login.partition(":")
        username = check_credential(unquote(name), field=field)
        password = check_credential(unquote(secret), field=field) if colon else None
    address = _Address(scheme, host, port, quote(path.partition("#")[0], safe=_SENDABLE), username, password)
    return _without_password(address, field)


def _without_login(rest: str) -> tuple[str | None, str, str]:
    """Return login (None without one), host with port, and path. The login may hold any character, also `@` and `/`."""
    place, path = _PLACE.fullmatch(rest).groups()  # type: ignore[union-attr]  # it matches every text
    if "@" in place:
        login, _, place = place.rpartition("@")
        return login, place, path
    head, at, tail = rest.rpartition("@")
    is_password = at and ":" in place and not place.rpartition(":")[2].isdigit() and not place.startswith("[")
    if is_password:
        place, path = _PLACE.fullmatch(tail).groups()  # type: ignore[union-attr]
        return head, place, path
    return None, place, path


def _without_password(address: _Address, field: str) -> _Address:
    """Replace the value of a password in path or query by PLACEHOLDER."""
    for match in _PASSWORD_VALUE.finditer(address.path):
        value = unquote(match[2])
        if value == PLACEHOLDER or match[2] == PLACEHOLDER:
            continue
        check_credential(value, field=field)
        secret = _same(address.password, value, field, "password")
        path = address.path[: match.start(2)] + PLACEHOLDER + address.path[match.end(2) :]
        return _without_password(replace(address, path=path, password=secret), field)
    return address
