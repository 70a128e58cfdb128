"""The search of the local network, one at a time, and what of it we have already."""

from __future__ import annotations

import threading

from cameras.device import Search
from cameras.records import DiscoveredCamera
from cameras.registry import Registry
from core.records import FoundDevice
from core.settings import Settings


class Finder:
    """Searches; who asks while a search runs gets that one's answer."""

    def __init__(self, registry: Registry, settings: Settings, search: Search) -> None:
        self._registry = registry
        self._settings = settings
        self._search = search
        self._searching = threading.Lock()
        self._rounds = 0
        self._found: list[FoundDevice] = []

    def discover(self) -> list[DiscoveredCamera]:
        """Waits settings.discovery_s for answers; each device once, by address."""
        round_before = self._rounds
        with self._searching:
            if self._rounds == round_before or not self._found:
                self._found = self._search(self._settings.discovery_s)
                self._rounds += 1
            found = self._found
        by_address = {(device.host, device.port): device for device in found}
        return [self._told(device) for device in by_address.values()]

    def _told(self, device: FoundDevice) -> DiscoveredCamera:
        known = self._registry.with_address(device.host)
        same = [stored.id for stored in known if stored.port in (device.port, None)]
        return DiscoveredCamera(device.host, device.port, device.name, device.hardware, min(same, default=None))
