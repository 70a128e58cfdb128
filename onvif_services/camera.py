"""A subclass of onvif-zeep's ONVIFCamera without its side effects.

The original talks to the device in its constructor (and leaves a PullPoint subscription behind each time), reads only
the top level of GetCapabilities, uses the device's addresses unchanged, deletes http_proxy from this process's
environment, stores the first device's services on the class, and configures logging when it is imported. This module
is the only one that imports it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from zeep import Client, Settings
from zeep.proxy import ServiceProxy

from onvif_services import wsdl
from onvif_services.faults import unsupported
from onvif_services.transport import CappedTransport
from onvif_services.username_token import StatelessToken

# Importing onvif calls logging.basicConfig(INFO), which does nothing if the root logger has a handler, and silences
# zeep.client. The handler here prevents the first; the level is restored afterwards.
_guard = logging.NullHandler()
_zeep_level = logging.getLogger("zeep.client").level
logging.getLogger().addHandler(_guard)
try:
    from onvif import ONVIFCamera, ONVIFService
finally:
    logging.getLogger().removeHandler(_guard)
    logging.getLogger("zeep.client").setLevel(_zeep_level)


class DeviceCamera(ONVIFCamera):  # type: ignore[misc] # onvif-zeep has no type hints
    """The zeep services of one device. The constructor only stores its arguments.

    `device_address` is that of its device service, and `xaddrs` maps namespaces to addresses; all are already rewritten
    to the configured host.
    """

    def __init__(self, device_address: str, transport: CappedTransport, token: StatelessToken) -> None:
        # Not super().__init__, because it talks to the device. The other methods of ONVIFCamera use these attributes.
        self.host = transport.host
        self.port = transport.port
        self.device_address = device_address
        self.user = ""
        self.passwd = ""
        self.wsdl_dir = str(wsdl.SPECS_FOLDER)
        self.encrypt = True
        self.daemon = False
        self.no_cache = True
        self.adjust_time = False
        self.dt_diff = None
        self.transport = transport
        self.services: dict[str, Any] = {}
        self.services_lock = threading.RLock()
        self.xaddrs: dict[str, str] = {}
        self.to_dict = ONVIFService.to_dict
        self._token = token

    def update_xaddrs(self) -> None:
        """Do nothing: DeviceConnection sets `xaddrs`, from GetServices first."""

    def set_addresses(self, device_address: str, addresses: Mapping[str, str]) -> None:
        """Set the addresses by short service name. Services created before are created anew at their next use."""
        with self.services_lock:
            self.device_address = device_address
            self.xaddrs = {wsdl.DEFINITIONS[name].namespace: address for name, address in addresses.items()}
            self.services.clear()

    def get_definition(self, name: str, portType: str | None = None) -> tuple[str, str, str]:  # noqa: ARG002, N803 # ONVIFCamera's signature
        """Return address, WSDL file and binding of a service. Raise CameraUnsupported if the device lists none."""
        definition = wsdl.DEFINITIONS["device" if name == "devicemgmt" else name]
        if definition.name == "device":
            address: str | None = self.device_address
        else:
            address = self.xaddrs.get(definition.namespace)
        if not address:
            raise unsupported(definition.name)
        return address, str(definition.path), definition.binding_name

    def create_onvif_service(self, name: str, from_template: bool = True, portType: str | None = None) -> ONVIFService:  # noqa: ARG002, N803 # ONVIFCamera's signature
        """Return the service, created once, on the WSDL document that all devices share."""
        with self.services_lock:
            if name not in self.services:
                address, file, binding = self.get_definition(name, portType)
                self.services[name] = ONVIFService(
                    address, "", "", file, binding_name=binding, zeep_client=self._client(), transport=self.transport
                )
            return self.services[name]

    def proxy(self, name: str, address: str | None = None) -> ServiceProxy:
        """Return zeep's own proxy of a service, whose calls raise the original error instead of ONVIFError.

        `address` (already rewritten) replaces the service's own, as a PullPoint subscription needs.
        """
        if address is not None:
            return self._client().create_service(wsdl.DEFINITIONS[name].binding_name, address)  # type: ignore[no-untyped-call, no-any-return] # zeep has few type hints
        return self.create_onvif_service(name).ws_client  # type: ignore[no-any-return] # onvif-zeep has no type hints

    def _client(self) -> Client:
        # raw_response, because onvif_services.answers reads the XML itself
        return Client(  # type: ignore[no-untyped-call] # zeep has few type hints
            wsdl.shared_document(), wsse=self._token, transport=self.transport, settings=Settings(raw_response=True)
        )
