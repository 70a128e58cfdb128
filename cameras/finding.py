"""Search the local network for devices, one search at a time, and mark those that were added already."""

from __future__ import annotations

from cameras.access import address_text
from cameras.device import DeviceNetwork
from cameras.records import DiscoveredCamera
from cameras.registry import Registry
from core.errors import Unavailable
from core.records import DeviceAccess, FoundDevice
from core.settings import Settings
from core.single_flight import SingleFlight

_SLACK_S = 10.0


class Finder:
    """Search the local network. A call during a running search shares its result."""

    def __init__(self, registry: Registry, settings: Settings, network: DeviceNetwork) -> None:
        self._registry = registry
        self._settings = settings
        self._network = network
        self._searches: SingleFlight[list[FoundDevice]] = SingleFlight()

    @property
    def waiting(self) -> int:
        """Number of calls that wait for the search of another call."""
        return self._searches.waiting

    def discover(self) -> list[DiscoveredCamera]:
        """Listen for answers for `settings.discovery_s` seconds; return each address once.

        Raise Unavailable if a shared search takes 10 s longer than that.
        """
        listen_s = self._settings.discovery_s
        try:
            found = self._searches.run("network", lambda: self._network.search(listen_s), wait_s=listen_s + _SLACK_S)
        except TimeoutError:
            raise Unavailable("The search takes too long.") from None
        by_address: dict[tuple[str, int], FoundDevice] = {}
        for device in found:
            by_address.setdefault((device.host, device.port), device)
        return [self._discovered(device) for device in by_address.values()]

    def _discovered(self, device: FoundDevice) -> DiscoveredCamera:
        known = self._registry.with_address(device.host)
        same = [stored.id for stored in known if stored.port in (device.port, None)]
        access = DeviceAccess(device.scheme, device.path)
        address = address_text(device.host, device.port, access)
        return DiscoveredCamera(
            device.host, device.port, device.name, device.hardware, min(same, default=None), address
        )
