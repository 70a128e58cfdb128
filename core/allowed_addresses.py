"""Where the app may connect to: devices on a network, and not what a hostile name or answer would have it reach.

Refused are addresses no device has, in every spelling (an IPv6 address may carry an IPv4 one), link-local ones (among
them the metadata service of every cloud, 169.254.169.254), metadata services at other addresses, loopback, and the
ports of other protocols. A name is resolved, all its addresses looked at, and connected to as an address. Where it led
first it leads until the device there does not answer or the connection object goes (`place_of`): one name is one
device. Loopback is open with ALLOW_LOOPBACK_DEVICES, and for the ports of our own pretend recorder.
"""

from __future__ import annotations

import ipaddress
import threading
from ipaddress import IPv4Address, IPv6Address

from core.errors import CameraUnreachable

_Address = IPv4Address | IPv6Address


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Alibaba, Oracle, Azure; Amazon, Google, Oracle and Scaleway over IPv6.
_METADATA = _networks(
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::/32",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
)
_NO_DEVICE = _networks("0.0.0.0/8", "224.0.0.0/3")  # this network; multicast, reserved, broadcast
_DEVICES_BY_IPV6 = _networks("2000::/3", "fc00::/7")  # all that is handed out, and what a network gives itself
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052

# Whose servers might take a line of HTTP or RTSP for one of theirs: the ports that browsers refuse (Fetch standard,
# "port blocking") but for RTSP's own and 10080, where cameras are; then SMB, rsync, Docker, etcd, databases, desktops.
# fmt: off
_PORTS_OF_OTHERS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
    540, 548, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000,
    6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    445, 873, 2375, 2376, 2379, 1433, 1521, 3306, 5432, 6379, 11211, 27017, 3389, 5900,
})
# fmt: on
LOOPBACK_REFUSED = "an address of the app's own machine; the setting ALLOW_LOOPBACK_DEVICES=yes allows it"


class AddressRefused(CameraUnreachable):
    """The address is one that the app does not connect to."""

    code = "address_refused"


def why_not_port(port: int) -> str | None:
    """Why a port is refused, whoever names it; None where it is not."""
    return f"port {port} belongs to another protocol" if port in _PORTS_OF_OTHERS else None


class AllowedAddresses:
    """The rules, and where names led. Safe between threads."""

    def __init__(self) -> None:
        self._allows_loopback = False
        self._lock = threading.Lock()
        self._own: frozenset[tuple[str, int]] = frozenset()
        self._places: dict[str, str] = {}

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
        return next((why for item in _ends_of(address) if (why := self._why_not(item, port))), None)

    def check(self, address: str, port: int) -> None:
        """Right before a connection: AddressRefused."""
        why = why_not_port(port) or self.why_not(address, port)
        if why is not None:
            raise AddressRefused(f"The app does not connect there: {why}.")

    # where names led

    def place_of(self, name: str) -> str | None:
        """The address that the device of this name was reached at, while that is to hold."""
        with self._lock:
            return self._places.get(name)

    def reached(self, name: str, address: str) -> None:
        """A device was reached at this address of its name."""
        with self._lock:
            self._places[name] = address

    def forget(self, name: str) -> None:
        """The name is resolved anew: its device does not answer there, or its connection object goes."""
        with self._lock:
            self._places.pop(name, None)

    def _why_not(self, address: _Address, port: int | None) -> str | None:
        if address.is_loopback:
            return None if self._is_open(address, port) else LOOPBACK_REFUSED
        if address.is_link_local or _is_in(address, _METADATA):
            return "link-local and metadata addresses are not asked"
        if _is_in(address, _NO_DEVICE) or (address.version == 6 and not _is_in(address, _DEVICES_BY_IPV6)):
            return "no device can have this address"
        return None

    def _is_open(self, address: _Address, port: int | None) -> bool:
        return self._allows_loopback or (port is not None and (str(address), port) in self._own)


def _is_in(address: _Address, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def _ends_of(address: _Address) -> tuple[_Address, ...]:
    """Where a packet to this address may end: the IPv4 addresses that it carries, else itself."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.teredo:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return (address.ipv4_mapped or address.sixtofour or address,)


allowed_addresses = AllowedAddresses()
"""Of this process: the rules hold for every connection, whoever makes it. wiring.py sets them."""
