"""Where the app may connect to: devices on a network, and not what a hostile name or answer would have it reach.

Refused are addresses no camera has (unspecified, multicast, broadcast), link-local ones (among them the metadata
service of every cloud, 169.254.169.254), metadata services at other addresses, and loopback. A name is resolved, each
address looked at, and connected to as an address: what is resolved once cannot become another. Loopback is open with
ALLOW_LOOPBACK_DEVICES, and for the ports of our own pretend recorder.
"""

from __future__ import annotations

import ipaddress
import threading

from core.errors import CameraUnreachable

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")
)
_BROADCAST = ipaddress.ip_address("255.255.255.255")
LOOPBACK_REFUSED = "an address of the app's own machine; the setting ALLOW_LOOPBACK_DEVICES=yes allows it"


class AddressRefused(CameraUnreachable):
    """The address is one that the app does not connect to."""

    code = "address_refused"


class Outward:
    """The rules. Safe between threads."""

    def __init__(self) -> None:
        self._allows_loopback = False
        self._lock = threading.Lock()
        self._own: frozenset[tuple[str, int]] = frozenset()

    def allow_loopback(self, is_allowed: bool) -> None:
        """Whether devices may be at loopback addresses."""
        self._allows_loopback = is_allowed

    def set_own(self, places: frozenset[tuple[str, int]]) -> None:
        """Addresses and ports of the pretend recorder, which is ours."""
        with self._lock:
            self._own = places

    def why_not(self, text: str, port: int | None = None) -> str | None:
        """Why an address (as text, a zone cut off) is refused; None where it is not, or where it is a name."""
        try:
            address: _Address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
        if address.is_unspecified or address.is_multicast or address == _BROADCAST:
            return "no device can have this address"
        if address.is_link_local or address in _METADATA:
            return "link-local and metadata addresses are not asked"
        if address.is_loopback and not self._is_open(address, port):
            return LOOPBACK_REFUSED
        return None

    def check(self, address: str, port: int) -> None:
        """Right before a connection: AddressRefused."""
        why = self.why_not(address, port)
        if why is not None:
            raise AddressRefused(f"The app does not connect there: {why}.")

    def _is_open(self, address: _Address, port: int | None) -> bool:
        return self._allows_loopback or (port is not None and (str(address), port) in self._own)


outward = Outward()
"""Of this process: the rules hold for every connection, whoever makes it. rooms.py sets them."""
