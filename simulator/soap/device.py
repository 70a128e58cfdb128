"""The Device service (ONVIF Device Management Service Specification)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from simulator.faults import REBOOT_S
from simulator.soap import capabilities
from simulator.soap.service import PATHS, Call, SoapFault, done, operation
from simulator.soap.xml import NAMESPACES, Element, el, text_of, texts_of

if TYPE_CHECKING:
    from simulator.recorder import Recorder

MANUFACTURER, MODEL, FIRMWARE, HARDWARE = "Pretend", "XVR-16P", "1.0.0", "P1"
_VERSION = (22, 12)
_MAC = "02:00:00:50:52:45"


def _services(recorder: Recorder) -> dict[str, Callable[[], Element]]:
    """The services by prefix, with what makes their capabilities."""
    services: dict[str, Callable[[], Element]] = {
        "tds": capabilities.device,
        "trt": lambda: capabilities.media(2 * len(recorder.layout)),
        "tr2": lambda: capabilities.media2(2 * len(recorder.layout)),
        "tev": capabilities.events,
        "tptz": capabilities.ptz,
        "trc": lambda: capabilities.recording(len(recorder.layout)),
        "tse": capabilities.search,
        "trp": capabilities.replay,
    }
    if recorder.faults.is_on("no_media2"):
        del services["tr2"]
    if not recorder.make.has_profile_g:
        for prefix in ("trc", "tse", "trp"):
            del services[prefix]
    return services


@operation("tds:GetServices", pre_auth=True)
def get_services(call: Call) -> Element:
    with_capabilities = call.text("tds:IncludeCapability")
    response = el("tds:GetServicesResponse")
    for prefix, make in _services(call.recorder).items():
        service = el(
            "tds:Service",
            el("tds:Namespace", NAMESPACES[prefix]),
            el("tds:XAddr", call.recorder.onvif_url(PATHS[prefix])),
            el("tds:Capabilities", make()) if with_capabilities in ("true", "1") else None,
            el("tds:Version", el("tt:Major", _VERSION[0]), el("tt:Minor", _VERSION[1])),
        )
        response.append(service)
    return response


@operation("tds:GetServiceCapabilities", pre_auth=True)
def get_service_capabilities(_call: Call) -> Element:
    return el("tds:GetServiceCapabilitiesResponse", capabilities.device())


@operation("tds:GetCapabilities", pre_auth=True)
def get_capabilities(call: Call) -> Element:
    wanted = set(texts_of(call.body, "tds:Category")) or {"All"}
    known = ("All", "Device", "Events", "Media", "PTZ")
    if not wanted <= {*known, "Analytics", "Imaging"}:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="There is no such category")
    if not wanted & set(known):
        raise SoapFault("Receiver", "ter:ActionNotSupported", "ter:NoSuchService", reason="There is no such service")
    return el("tds:GetCapabilitiesResponse", capabilities.all_of(call.recorder.onvif_url, wanted))


@operation("tds:GetDeviceInformation")
def get_device_information(call: Call) -> Element:
    recorder = call.recorder
    return el(
        "tds:GetDeviceInformationResponse",
        el("tds:Manufacturer", recorder.shown_name(MANUFACTURER)),
        el("tds:Model", recorder.shown_name(MODEL)),
        el("tds:FirmwareVersion", recorder.shown_name(FIRMWARE)),
        el("tds:SerialNumber", recorder.shown_name(recorder.serial)),
        el("tds:HardwareId", recorder.shown_name(HARDWARE)),
    )


def _date_time(name: str, moment: datetime) -> Element:
    time = el("tt:Time", el("tt:Hour", moment.hour), el("tt:Minute", moment.minute), el("tt:Second", moment.second))
    date = el("tt:Date", el("tt:Year", moment.year), el("tt:Month", moment.month), el("tt:Day", moment.day))
    return el(name, time, date)


@operation("tds:GetSystemDateAndTime", pre_auth=True)
def get_system_date_and_time(call: Call) -> Element:
    clock = call.recorder.clock
    no_utc = call.recorder.faults.is_on("no_utc")
    value = el(
        "tds:SystemDateAndTime",
        el("tt:DateTimeType", "Manual"),
        el("tt:DaylightSavings", False),
        el("tt:TimeZone", el("tt:TZ", clock.time_zone())),
        None if no_utc else _date_time("tt:UTCDateTime", clock.utc()),
        _date_time("tt:LocalDateTime", clock.local()),
    )
    return el("tds:GetSystemDateAndTimeResponse", value)


@operation("tds:GetHostname", pre_auth=True)
def get_hostname(_call: Call) -> Element:
    information = el("tds:HostnameInformation", el("tt:FromDHCP", False), el("tt:Name", "pretend-recorder"))
    return el("tds:GetHostnameResponse", information)


@operation("tds:GetEndpointReference", pre_auth=True)
def get_endpoint_reference(call: Call) -> Element:
    return el("tds:GetEndpointReferenceResponse", el("tds:GUID", call.recorder.device_id))


@operation("tds:GetWsdlUrl", pre_auth=True)
def get_wsdl_url(_call: Call) -> Element:
    return el("tds:GetWsdlUrlResponse", el("tds:WsdlUrl", "https://www.onvif.org/profiles/specifications/"))


def scopes(recorder: Recorder) -> list[str]:
    """What the recorder says of itself, in discovery too."""
    base = "onvif://www.onvif.org"
    name = quote(recorder.shown_name(f"{MANUFACTURER} {MODEL}"), safe="")
    kinds = ("type/video_encoder", "type/audio_encoder", "type/ptz", "type/Network_Video_Transmitter")
    profiles = ("Profile/Streaming", *(("Profile/G",) if recorder.make.has_profile_g else ()), "Profile/T")
    said = (*kinds, *profiles, f"hardware/{MODEL}", f"name/{name}", "location/loopback")
    return [f"{base}/{part}" for part in said]


@operation("tds:GetScopes")
def get_scopes(call: Call) -> Element:
    response = el("tds:GetScopesResponse")
    for scope in scopes(call.recorder):
        response.append(el("tds:Scopes", el("tt:ScopeDef", "Fixed"), el("tt:ScopeItem", scope)))
    return response


@operation("tds:GetDiscoveryMode")
def get_discovery_mode(call: Call) -> Element:
    mode = "Discoverable" if call.recorder.config.discovery else "NonDiscoverable"
    return el("tds:GetDiscoveryModeResponse", el("tds:DiscoveryMode", mode))


@operation("tds:GetUsers")
def get_users(call: Call) -> Element:
    user = el("tds:User", el("tt:Username", call.recorder.config.username), el("tt:UserLevel", "Administrator"))
    return el("tds:GetUsersResponse", user)


@operation("tds:GetNetworkInterfaces")
def get_network_interfaces(_call: Call) -> Element:
    address = el("tt:Manual", el("tt:Address", "127.0.0.1"), el("tt:PrefixLength", 8))
    ipv4 = el("tt:IPv4", el("tt:Enabled", True), el("tt:Config", address, el("tt:DHCP", False)))
    info = el("tt:Info", el("tt:Name", "lo"), el("tt:HwAddress", _MAC), el("tt:MTU", 1500))
    interface = el("tds:NetworkInterfaces", el("tt:Enabled", True), info, ipv4, attributes={"token": "eth0"})
    return el("tds:GetNetworkInterfacesResponse", interface)


@operation("tds:GetNetworkProtocols")
def get_network_protocols(call: Call) -> Element:
    response = el("tds:GetNetworkProtocolsResponse")
    for name, port in (("HTTP", call.recorder.onvif_port), ("RTSP", call.recorder.rtsp_port)):
        response.append(el("tds:NetworkProtocols", el("tt:Name", name), el("tt:Enabled", True), el("tt:Port", port)))
    return response


@operation("tds:GetDNS")
def get_dns(_call: Call) -> Element:
    return el("tds:GetDNSResponse", el("tds:DNSInformation", el("tt:FromDHCP", False)))


@operation("tds:GetNTP")
def get_ntp(_call: Call) -> Element:
    return el("tds:GetNTPResponse", el("tds:NTPInformation", el("tt:FromDHCP", False)))


@operation("tds:SetSystemDateAndTime")
def set_system_date_and_time(call: Call) -> Element:
    """Only the kind of clock is looked at: the pretend recorder keeps its host's time."""
    if text_of(call.body, "tds:DateTimeType") not in ("Manual", "NTP"):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidDateTime", reason="DateTimeType is missing")
    return done("tds:SetSystemDateAndTime")


@operation("tds:SystemReboot")
def system_reboot(call: Call) -> Element:
    recorder = call.recorder
    fault = recorder.faults.set("reboot", True, after_s=0.5)
    if fault:
        recorder.begin(fault)
    return el("tds:SystemRebootResponse", el("tds:Message", f"Rebooting in {REBOOT_S:.0f} s"))
