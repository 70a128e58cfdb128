"""The addresses of a device's services: at the configured port first, then at the port that the device names.

Behind NAT the port that a device names is wrong, and only its path counts. Other devices really serve some services at
another port or path. So the configured port is tried first, the named one second, and the one that works is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.allowed_addresses import why_not_port
from core.device_address import DEVICE_PATH, WEB_PORTS
from core.errors import CameraBadAnswer
from core.records import LearnedAccess
from core.stream_address import read_web_address
from onvif_services.addresses import rewrite_http
from onvif_services.device_socket import Endpoint

# Axis and others; GM8135 boards; Foscam; old firmware.
OTHER_DEVICE_PATHS = (
    *("/onvif/services", "/onvif/device", "/onvif/devices", "/device_service", "/onvif/service", "/onvif"),
)
# Of devices that list no services. Many serve them all at the path of the device service.
_MEDIA_PATHS = ("/onvif/media_service", "/onvif/Media", "/onvif/media", "/onvif/services")


@dataclass(frozen=True, slots=True)
class OnvifAddress:
    """The address of a device service. `scheme` is "http" or "https"; an empty `path` is the standard one."""

    host: str
    port: int
    scheme: str = "http"
    path: str = ""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.scheme, self.port)


@dataclass(frozen=True, slots=True)
class NamedAddress:
    """An address that the device named, at the configured host.

    `configured` is at the configured port; `named` is at the port that the device named, None if that is no other one.
    """

    configured: str
    named: str | None = None


class ServicePlaces:
    """The addresses of the services of a device. `learned` is the knowledge of an earlier run. Thread-safe."""

    def __init__(self, address: OnvifAddress, learned: LearnedAccess) -> None:
        self._host = address.host
        self.endpoint = address.endpoint
        self._first_path = address.path or DEVICE_PATH
        self.device_path = learned.path or self._first_path
        self._moved = dict(learned.places)  # addresses that worked in place of the configured port
        self._listed: Mapping[str, str] = MappingProxyType({})
        self._others: dict[str, list[str]] = {}
        self._confirmed: set[str] = set()
        self._lock = threading.Lock()

    @property
    def listed(self) -> Mapping[str, str]:
        """The address of each service that the device offers."""
        return self._listed

    @property
    def learned_path(self) -> str:
        """The path of the device service if it is another one than the first address says, otherwise empty."""
        return "" if self.device_path == self._first_path else self.device_path

    @property
    def moved(self) -> dict[str, str]:
        """The services that are not at the configured port, with their addresses."""
        with self._lock:
            return {name: address for name, address in self._moved.items() if self._listed.get(name) == address}

    def device_address(self) -> str:
        return self.endpoint.address(self._host, self.device_path)

    def device_paths(self) -> list[str]:
        """Return the paths at which the device service may be, the likely ones first."""
        return list(dict.fromkeys((self.device_path, self._first_path, DEVICE_PATH, *OTHER_DEVICE_PATHS)))

    def redirected(self, location: str) -> tuple[Endpoint, str] | None:
        """Return port and path of the device service that a redirect names, at the configured host.

        Return None for the present place, and for a port that is neither the configured one nor that of HTTPS.
        """
        parts = read_web_address(location)
        if parts is None:
            return None
        endpoint, path = self.endpoint, parts.path.partition("?")[0]
        if parts.host or parts.port:
            endpoint = Endpoint(parts.scheme, parts.port or WEB_PORTS[parts.scheme])
        if endpoint not in {self.endpoint, Endpoint("https", WEB_PORTS["https"])}:
            return None
        return (endpoint, path) if (endpoint, path) != (self.endpoint, self.device_path) else None

    def at_host(self, address: str) -> NamedAddress:
        """Return an address that the device named, at the configured host. Raise CameraBadAnswer."""
        configured = rewrite_http(address, self._host, self.endpoint.port, self.endpoint.scheme)
        return NamedAddress(configured, self._at_named(address))

    def _at_named(self, address: str) -> str | None:
        """Return an address at the configured host and the port that the device names.

        Return None if that is the configured port, a port of another protocol, or HTTP in place of HTTPS.
        """
        parts = read_web_address(address)
        if parts is None or not (parts.host or parts.port):
            return None
        port = parts.port or WEB_PORTS[parts.scheme]
        named = Endpoint(parts.scheme, port)
        is_worse = self.endpoint.scheme == "https" and named.scheme != "https"
        if named == self.endpoint or is_worse or why_not_port(port):
            return None
        return rewrite_http(address, self._host, port, named.scheme)

    def set_listed(self, listed: Mapping[str, str]) -> dict[str, CameraBadAnswer]:
        """Take the addresses that the device names. Return the errors of unusable ones, by service."""
        errors: dict[str, CameraBadAnswer] = {}
        found: dict[str, str] = {}
        others: dict[str, list[str]] = {}
        with self._lock:
            for name, address in listed.items():
                try:
                    place = self.at_host(address)
                except CameraBadAnswer as error:
                    errors[name] = error
                    continue
                found[name] = place.configured
                others[name] = [place.named] if place.named is not None and name != "device" else []
                if place.named is not None and self._moved.get(name) == place.named:
                    others[name], found[name] = [place.configured], place.named
            self._others |= others
            self._listed = MappingProxyType(found)
        return errors

    def guess_media(self) -> None:
        """Assume a media service at the usual places, because the device lists none."""
        paths = [self.device_path, *_MEDIA_PATHS]
        addresses = [self.endpoint.address(self._host, path) for path in dict.fromkeys(paths)]
        with self._lock:
            if (moved := self._moved.get("media")) in addresses:
                addresses.sort(key=lambda address: address != moved)
            self._listed = MappingProxyType({**self._listed, "media": addresses[0]})
            self._others["media"] = addresses[1:]

    def confirm(self, service: str) -> None:
        """Note that a service answers at its address: `others` then has no other one."""
        with self._lock:
            self._confirmed.add(service)

    def others(self, service: str) -> list[str]:
        """Return the other addresses at which a service may be, if none has worked so far."""
        with self._lock:
            return [] if service in self._confirmed else list(self._others.get(service, ()))

    def give_up(self, service: str) -> None:
        """Look no further for a service."""
        with self._lock:
            self._others.pop(service, None)

    def move(self, service: str, address: str) -> None:
        """Note that a service is at another address than assumed."""
        with self._lock:
            self._listed = MappingProxyType({**self._listed, service: address})
            self._moved[service] = address
            self._confirmed.add(service)
