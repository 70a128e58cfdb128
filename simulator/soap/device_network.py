"""The Device service: the network."""

from __future__ import annotations

from simulator.addresses import Addresses
from simulator.soap.service import PATHS, Call, Handler, SoapService
from simulator.soap.xml import Element, el

_MAC = "02:00:00:50:52:45"


class DeviceNetworkService(SoapService):
    """Host name, interfaces, protocols, DNS, NTP."""

    path = PATHS["tds"]

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def operations(self) -> dict[str, Handler]:
        return {
            "tds:GetHostname": self.get_hostname,
            "tds:GetNetworkInterfaces": self.get_network_interfaces,
            "tds:GetNetworkProtocols": self.get_network_protocols,
            "tds:GetDNS": self.get_dns,
            "tds:GetNTP": self.get_ntp,
        }

    def get_hostname(self, _call: Call) -> Element:
        information = el("tds:HostnameInformation", el("tt:FromDHCP", False), el("tt:Name", "pretend-recorder"))
        return el("tds:GetHostnameResponse", information)

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
