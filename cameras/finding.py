"""Search the local network for devices, one search at a time, and mark those that were added already."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

from cameras.device import Search
from cameras.records import DiscoveredCamera
from cameras.registry import Registry
from core.errors import Unavailable
from core.records import FoundDevice
from core.settings import Settings

_SLACK_S = 10.0


class Finder:
    """Search the local network. A call during a running search shares its result."""

    def __init__(self, registry: Registry, settings: Settings, search: Search) -> None:
        self._registry = registry
        self._settings = settings
        self._search = search
        self._lock = threading.Lock()
        self._under_way: Future[list[FoundDevice]] | None = None
        self.waiting = 0

    def discover(self) -> list[DiscoveredCamera]:
        """Listen for answers for `settings.discovery_s` seconds; return each address once.

        Raise Unavailable if a shared search takes 10 s longer than that.
        """
        with self._lock:
            running = self._under_way
            if running is None:
                future: Future[list[FoundDevice]] = Future()
                self._under_way = future
            else:
                self.waiting += 1
        found = self._search_now(future) if running is None else self._wait(running)
        by_address: dict[tuple[str, int], FoundDevice] = {}
        for device in found:
            by_address.setdefault((device.host, device.port), device)
        return [self._discovered(device) for device in by_address.values()]

    def _search_now(self, future: Future[list[FoundDevice]]) -> list[FoundDevice]:
        try:
            found = self._search(self._settings.discovery_s)
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(found)
            return found
        finally:
            with self._lock:
                self._under_way = None

    def _wait(self, future: Future[list[FoundDevice]]) -> list[FoundDevice]:
        try:
            return future.result(self._settings.discovery_s + _SLACK_S)
        except FutureTimeout:
            raise Unavailable("The search takes too long.") from None
        finally:
            with self._lock:
                self.waiting -= 1

    def _discovered(self, device: FoundDevice) -> DiscoveredCamera:
        known = self._registry.with_address(device.host)
        same = [stored.id for stored in known if stored.port in (device.port, None)]
        return DiscoveredCamera(device.host, device.port, device.name, device.hardware, min(same, default=None))
