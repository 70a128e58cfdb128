"""The addresses that the app may connect to: devices on a network, never the target of a hostile name or answer.

- Refused are, in every spelling (an IPv6 address may carry an IPv4 address): addresses that no device can have,
  link-local addresses (among them 169.254.169.254, the metadata service of every cloud), metadata services at other
  addresses, loopback, and the ports of other protocols.
- Loopback is allowed with ALLOW_LOOPBACK_DEVICES, and for the ports of our own pretend recorder.
- The clients resolve a name, check all its addresses, and connect to an address. The address at which SOAP first
  reached the device is used for SOAP and RTSP (`place_of`) until the device does not answer there or its connection
  object is closed: one name is one device, so a name server that changes its answer cannot redirect the app.
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
_DEVICES_BY_IPV6 = _networks("2000::/3", "fc00::/7")  # global unicast as IANA allocates it, unique local (RFC 4193)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052

# Servers of other protocols may take a line of HTTP or RTSP for a command of theirs. These are the ports that browsers
# refuse (Fetch standard, "port blocking") except RTSP's ports and 10080, which cameras use; then SMB, rsync, Docker,
# etcd, databases, remote desktops.
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
    """The app does not connect to this address."""

    code = "address_refused"


def why_not_port(port: int) -> str | None:
    """Return the reason why a port is refused, both from users and from devices; None if it is allowed."""
    return f"port {port} belongs to another protocol" if port in _PORTS_OF_OTHERS else None


class AllowedAddresses:
    """The rules, and the addresses at which named devices were reached. Thread-safe."""

    def __init__(self) -> None:
        self._allows_loopback = False
        self._lock = threading.Lock()
        self._own: frozenset[tuple[str, int]] = frozenset()
        self._places: dict[str, str] = {}

    def allow_loopback(self, is_allowed: bool) -> None:
        """Allow or refuse devices at loopback addresses."""
        self._allows_loopback = is_allowed

    def set_own(self, places: frozenset[tuple[str, int]]) -> None:
        """Set the addresses and ports of our own pretend recorder, which are always allowed."""
        with self._lock:
            self._own = places

    def why_not(self, text: str, port: int | None = None) -> str | None:
        """Return the reason why an IP address is refused, None if it is allowed or a name. Ignore its IPv6 zone."""
        try:
            address: _Address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
        except ValueError:
            return None
        return next((why for item in destinations_of(address) if (why := self._why_not(item, port))), None)

    def why_not_public(self, text: str) -> str | None:
        """Return the reason why a connection to the internet does not go to an IP address, None if it may.

        For targets that a user without the permission to manage names: no address of the own network is allowed.
        """
        address: _Address = ipaddress.ip_address(text.partition("%")[0])
        for item in destinations_of(address):
            if why := self._why_not(item, None):
                return why
            if not item.is_global:
                return "an address of a private network"
        return None

    def check(self, address: str, port: int) -> None:
        """Raise AddressRefused if the address or port is refused. Call it immediately before connecting."""
        why = why_not_port(port) or self.why_not(address, port)
        if why is not None:
            raise AddressRefused(f"The app does not connect to this address: {why}.")

    # addresses at which named devices were reached

    def place_of(self, name: str) -> str | None:
        """Return the address at which the device of this name was reached, or None."""
        with self._lock:
            return self._places.get(name)

    def reached(self, name: str, address: str) -> None:
        """Keep the address at which the device of this name was reached."""
        with self._lock:
            self._places[name] = address

    def forget(self, name: str) -> None:
        """Forget the address of a name, because the device does not answer there or its connection was closed."""
        with self._lock:
            self._places.pop(name, None)

    def _why_not(self, address: _Address, port: int | None) -> str | None:
        if address.is_loopback:
            return None if self._is_open(address, port) else LOOPBACK_REFUSED
        return why_never(address)

    def _is_open(self, address: _Address, port: int | None) -> bool:
        return self._allows_loopback or (port is not None and (str(address), port) in self._own)


def why_never(address: _Address) -> str | None:
    """Return the reason why the app connects to this address for nobody. The rule does not know loopback addresses."""
    if address.is_link_local or _is_in(address, _METADATA):
        return "link-local and metadata addresses are refused"
    if _is_in(address, _NO_DEVICE) or (address.version == 6 and not _is_in(address, _DEVICES_BY_IPV6)):
        return "no device can have this address"
    return None


def _is_in(address: _Address, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    return any(address in network for network in networks)


def destinations_of(address: _Address) -> tuple[_Address, ...]:
    """Return the possible destinations of a packet: the IPv4 addresses that this address carries, otherwise itself."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.teredo:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return (address.ipv4_mapped or address.sixtofour or address,)


allowed_addresses = AllowedAddresses()
"""The one instance of this process, because the rules hold for every connection. wiring.py configures it."""
