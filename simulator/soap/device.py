"""The Device service (ONVIF Device Management Service Specification)."""

from __future__ import annotations

from datetime import datetime

from simulator.addresses import Addresses
from simulator.clock import DeviceClock
from simulator.faults import REBOOT_S, Faults
from simulator.identity import FIRMWARE, HARDWARE, MANUFACTURER, MODEL, Identity
from simulator.layout import Layout
from simulator.lens import RELAYS, Lens
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, Handler, OfferedServices, SoapFault, SoapService, done
from simulator.soap.xml import NAMESPACES, Element, el, text_of, texts_of

_VERSION = (22, 12)
_MAC = "02:00:00:50:52:45"


def _date_time(name: str, moment: datetime) -> Element:
    time = el("tt:Time", el("tt:Hour", moment.hour), el("tt:Minute", moment.minute), el("tt:Second", moment.second))
    date = el("tt:Date", el("tt:Year", moment.year), el("tt:Month", moment.month), el("tt:Day", moment.day))
    return el(name, time, date)


class DeviceService(SoapService):
    """Device information, services, time, network, users, reboot."""

    path = PATHS["tds"]

    def __init__(
        self,
        layout: Layout,
        identity: Identity,
        addresses: Addresses,
        clock: DeviceClock,
        faults: Faults,
        offered: OfferedServices,
        lens: Lens,
        *,
        username: str,
        is_discoverable: bool,
    ) -> None:
        self._layout, self._identity, self._addresses, self._clock = layout, identity, addresses, clock
        self._faults, self._offered, self._lens = faults, offered, lens
        self._username, self._is_discoverable = username, is_discoverable

    def operations(self) -> dict[str, Handler]:
        return {
            "tds:GetServices": self.get_services,
            "tds:GetServiceCapabilities": self.get_service_capabilities,
            "tds:GetCapabilities": self.get_capabilities,
            "tds:GetDeviceInformation": self.get_device_information,
            "tds:GetSystemDateAndTime": self.get_system_date_and_time,
            "tds:GetHostname": self.get_hostname,
            "tds:GetEndpointReference": self.get_endpoint_reference,
            "tds:GetWsdlUrl": self.get_wsdl_url,
            "tds:GetScopes": self.get_scopes,
            "tds:GetDiscoveryMode": self.get_discovery_mode,
            "tds:GetUsers": self.get_users,
            "tds:GetNetworkInterfaces": self.get_network_interfaces,
            "tds:GetNetworkProtocols": self.get_network_protocols,
            "tds:GetDNS": self.get_dns,
            "tds:GetNTP": self.get_ntp,
            "tds:SetSystemDateAndTime": self.set_system_date_and_time,
            "tds:SystemReboot": self.system_reboot,
            "tds:SendAuxiliaryCommand": self.send_auxiliary_command,
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

    def get_system_date_and_time(self, _call: Call) -> Element:
        clock = self._clock
        no_utc = self._faults.is_on("no_utc")
        value = el(
            "tds:SystemDateAndTime",
            el("tt:DateTimeType", "Manual"),
            el("tt:DaylightSavings", False),
            el("tt:TimeZone", el("tt:TZ", clock.time_zone())),
            None if no_utc else _date_time("tt:UTCDateTime", clock.utc()),
            _date_time("tt:LocalDateTime", clock.local()),
        )
        return el("tds:GetSystemDateAndTimeResponse", value)

    def get_hostname(self, _call: Call) -> Element:
        information = el("tds:HostnameInformation", el("tt:FromDHCP", False), el("tt:Name", "pretend-recorder"))
        return el("tds:GetHostnameResponse", information)

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

    def get_network_interfaces(self, _call: Call) -> Element:
        address = el("tt:Manual", el("tt:Address", "127.0.0.1"), el("tt:PrefixLength", 8))
        ipv4 = el("tt:IPv4", el("tt:Enabled", True), el("tt:Config", address, el("tt:DHCP", False)))
        info = el("tt:Info", el("tt:Name", "lo"), el("tt:HwAddress", _MAC), el("tt:MTU", 1500))
        interface = el("tds:NetworkInterfaces", el("tt:Enabled", True), info, ipv4, attributes={"token": "eth0"})
        return el("tds:GetNetworkInterfacesResponse", interface)

    def get_network_protocols(self, _call: Call) -> Element:
        response = el("tds:GetNetworkProtocolsResponse")
        for name, port in (("HTTP", self._addresses.onvif_port), ("RTSP", self._addresses.rtsp_port)):
            response.append(
                el("tds:NetworkProtocols", el("tt:Name", name), el("tt:Enabled", True), el("tt:Port", port))
            )
        return response

    def get_dns(self, _call: Call) -> Element:
        return el("tds:GetDNSResponse", el("tds:DNSInformation", el("tt:FromDHCP", False)))

    def get_ntp(self, _call: Call) -> Element:
        return el("tds:GetNTPResponse", el("tds:NTPInformation", el("tt:FromDHCP", False)))

    def set_system_date_and_time(self, call: Call) -> Element:
        """Check the kind of clock only: the recorder keeps its host's time."""
        if text_of(call.body, "tds:DateTimeType") not in ("Manual", "NTP"):
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidDateTime", reason="DateTimeType is missing")
        return done("tds:SetSystemDateAndTime")

    def send_auxiliary_command(self, call: Call) -> Element:
        command = call.text("tds:AuxiliaryCommand")
        if command not in capabilities.LAMP_COMMANDS:
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:AuxiliaryDataNotSupported", reason="Unknown command")
        self._lens.lamp = command.rpartition("|")[2]
        return el("tds:SendAuxiliaryCommandResponse")

    def system_reboot(self, _call: Call) -> Element:
        self._faults.set("reboot", True, after_s=0.5)
        return el("tds:SystemRebootResponse", el("tds:Message", f"Rebooting in {REBOOT_S:.0f} s"))
