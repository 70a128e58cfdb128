"""The Device service (ONVIF Device Management Service Specification)."""

from __future__ import annotations

from simulator.addresses import Addresses
from simulator.identity import FIRMWARE, HARDWARE, MANUFACTURER, MODEL, Identity
from simulator.layout import Layout
from simulator.lens import RELAYS
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, Handler, OfferedServices, SoapFault, SoapService
from simulator.soap.xml import NAMESPACES, Element, el, texts_of

_VERSION = (22, 12)


class DeviceService(SoapService):
    """Device information, services, scopes, users. `device_network` and `device_system` have the other operations."""

    path = PATHS["tds"]

    def __init__(
        self,
        layout: Layout,
        identity: Identity,
        addresses: Addresses,
        offered: OfferedServices,
        *,
        username: str,
        is_discoverable: bool,
    ) -> None:
        self._layout, self._identity, self._addresses, self._offered = layout, identity, addresses, offered
        self._username, self._is_discoverable = username, is_discoverable

    def operations(self) -> dict[str, Handler]:
        return {
            "tds:GetServices": self.get_services,
            "tds:GetServiceCapabilities": self.get_service_capabilities,
            "tds:GetCapabilities": self.get_capabilities,
            "tds:GetDeviceInformation": self.get_device_information,
            "tds:GetEndpointReference": self.get_endpoint_reference,
            "tds:GetWsdlUrl": self.get_wsdl_url,
            "tds:GetScopes": self.get_scopes,
            "tds:GetDiscoveryMode": self.get_discovery_mode,
            "tds:GetUsers": self.get_users,
        }

    def _capabilities(self) -> dict[str, Element]:
        """The capabilities of each service, by its prefix."""
        return {
            "tds": capabilities.device(),
            "trt": capabilities.media(2 * len(self._layout)),
            "tr2": capabilities.media2(2 * len(self._layout)),
            "tev": capabilities.events(),
            "tptz": capabilities.ptz(),
            "timg": capabilities.imaging(),
            "tmd": capabilities.device_io(len(RELAYS)),
            "trc": capabilities.recording(len(self._layout)),
            "tse": capabilities.search(),
            "trp": capabilities.replay(),
        }

    def get_services(self, call: Call) -> Element:
        with_capabilities = call.text("tds:IncludeCapability") in ("true", "1")
        capabilities_of = self._capabilities()
        response = el("tds:GetServicesResponse")
        for prefix in self._offered.prefixes():
            service = el(
                "tds:Service",
                el("tds:Namespace", NAMESPACES[prefix]),
                el("tds:XAddr", self._addresses.onvif_url(PATHS[prefix])),
                el("tds:Capabilities", capabilities_of[prefix]) if with_capabilities else None,
                el("tds:Version", el("tt:Major", _VERSION[0]), el("tt:Minor", _VERSION[1])),
            )
            response.append(service)
        return response

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("tds:GetServiceCapabilitiesResponse", capabilities.device())

    def get_capabilities(self, call: Call) -> Element:
        wanted = set(texts_of(call.body, "tds:Category")) or {"All"}
        known = ("All", "Device", "Events", "Media", "PTZ")
        if not wanted <= {*known, "Analytics", "Imaging"}:
            raise SoapFault("Sender", "ter:InvalidArgVal", reason="There is no such category")
        if not wanted & set(known):
            raise SoapFault(
                "Receiver", "ter:ActionNotSupported", "ter:NoSuchService", reason="There is no such service"
            )
        return el("tds:GetCapabilitiesResponse", capabilities.all_of(self._addresses.onvif_url, wanted))

    def get_device_information(self, _call: Call) -> Element:
        return el(
            "tds:GetDeviceInformationResponse",
            el("tds:Manufacturer", self._identity.shown_name(MANUFACTURER)),
            el("tds:Model", self._identity.shown_name(MODEL)),
            el("tds:FirmwareVersion", self._identity.shown_name(FIRMWARE)),
            el("tds:SerialNumber", self._identity.shown_name(self._identity.serial)),
            el("tds:HardwareId", self._identity.shown_name(HARDWARE)),
        )

    def get_endpoint_reference(self, _call: Call) -> Element:
        return el("tds:GetEndpointReferenceResponse", el("tds:GUID", self._identity.endpoint_reference))

    def get_wsdl_url(self, _call: Call) -> Element:
        return el("tds:GetWsdlUrlResponse", el("tds:WsdlUrl", "https://www.onvif.org/profiles/specifications/"))

    def get_scopes(self, _call: Call) -> Element:
        response = el("tds:GetScopesResponse")
        for scope in self._identity.scopes():
            response.append(el("tds:Scopes", el("tt:ScopeDef", "Fixed"), el("tt:ScopeItem", scope)))
        return response

    def get_discovery_mode(self, _call: Call) -> Element:
        mode = "Discoverable" if self._is_discoverable else "NonDiscoverable"
        return el("tds:GetDiscoveryModeResponse", el("tds:DiscoveryMode", mode))

    def get_users(self, _call: Call) -> Element:
        user = el("tds:User", el("tt:Username", self._username), el("tt:UserLevel", "Administrator"))
        return el("tds:GetUsersResponse", user)
