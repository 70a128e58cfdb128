"""The addresses that notifications may go to: servers that an admin has entered, not devices.

- Loopback and private addresses are allowed, because mail servers, brokers and home automation are often there.
- Link-local addresses, metadata services and addresses that no server can have are refused, in every spelling.
- Ports of other protocols are refused, so that a webhook sends no commands to a database; only e-mail may use the ports
  of mail servers.
- With NOTIFICATION_ADDRESSES, the listed servers alone are allowed.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from core.allowed_addresses import destinations_of, why_never, why_not_port

MAIL_PORTS = frozenset({25, 465, 587})

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_WITH_PORT = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(:(?P<port>[1-9][0-9]{0,4}))?")


@dataclass(frozen=True, slots=True)
class _Listed:
    """A server of NOTIFICATION_ADDRESSES: a name or a network, and a port, None for any."""

    name: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def has(self, host: str, address: IPv4Address | IPv6Address, port: int) -> bool:
        if self.port not in (None, port):
            return False
        return address in self.network if self.network is not None else host == self.name


class SinkAddresses:
    """The rules for the servers of sinks. Immutable."""

    def __init__(self, listed: str = "") -> None:
        """`listed`: NOTIFICATION_ADDRESSES. Raise ValueError if it cannot be read."""
        self._listed = tuple(_listed(text) for text in listed.lower().replace(",", " ").split())

    def why_not(self, host: str, address: str, port: int, *, is_mail: bool = False) -> str | None:
        """Return the reason why a server is refused; None if it is allowed. `address`: the IP address of `host`.

        Call it immediately before connecting. Raise ValueError if `address` is no IP address.
        """
        if not (is_mail and port in MAIL_PORTS) and (why := why_not_port(port)) is not None:
            return why
        found = ipaddress.ip_address(address.strip("[]").partition("%")[0])
        for item in destinations_of(found):
            if not item.is_loopback and (why := why_never(item)) is not None:
                return why
        name = host.strip("[]").rstrip(".").lower()
        if self._listed and not any(item.has(name, found, port) for item in self._listed):
            return "the setting NOTIFICATION_ADDRESSES does not have it"
        return None


def _listed(text: str) -> _Listed:
    """Read `host`, `host:port`, an address or a network. Raise ValueError."""
    try:
        return _Listed("", ipaddress.ip_network(text.strip("[]")), None)
    except ValueError:
        pass
    found = _WITH_PORT.fullmatch(text)
    if found is None or int(found["port"] or 1) > 65535:
        raise ValueError(f"{text!r} is neither a host, nor an address, nor a network")
    host, port = found["host"], None if found["port"] is None else int(found["port"])
    try:
        return _Listed("", ipaddress.ip_network(host.strip("[]")), port)
    except ValueError:
        if _NAME.fullmatch(host) is None or re.fullmatch(r"[0-9./]+", host):
            raise ValueError(f"{text!r} is neither a host, nor an address, nor a network") from None
        return _Listed(host.rstrip("."), None, port)
