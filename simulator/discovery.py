"""WS-Discovery: answers probes that arrive over loopback (WS-Discovery 2005/04; ONVIF Core Specification, 7.3).

The port is shared with other programs that listen on it. If it cannot be opened, the recorder works without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
import uuid

from lxml import etree

from simulator.addresses import Addresses
from simulator.console import log
from simulator.identity import Identity
from simulator.soap.service import PATHS
from simulator.soap.xml import BadXml, parse

GROUP, PORT = "239.255.255.250", 3702
_MAX_PROBE_BYTES = 8192
_NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
    "dn": "http://www.onvif.org/ver10/network/wsdl",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
}
_TYPES = ((_NS["dn"], "NetworkVideoTransmitter"), (_NS["tds"], "Device"))
_ANONYMOUS = f"{_NS['a']}/role/anonymous"
_ALL_CLIENTS = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
_STRCMP = f"{_NS['d']}/strcmp0"


def _open_socket() -> socket.socket:
    """A socket on the discovery port that hears the group on loopback."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        loopback = socket.inet_aton("127.0.0.1")
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        made.bind(("", PORT))
        made.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4s", socket.inet_aton(GROUP), loopback)
        )
    except OSError:
        made.close()
        raise
    return made


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._discovery.hear(data, addr)

    def error_received(self, exc: Exception) -> None:
        """Ignore an answer that was not delivered."""


class Discovery:
    """Says Hello and Bye, and answers probes."""

    def __init__(self, identity: Identity, addresses: Addresses) -> None:
        self._identity, self._addresses = identity, addresses
        self._transport: asyncio.DatagramTransport | None = None
        self._message_number = 0
        self._instance = uuid.uuid4().int >> 100

    async def start(self) -> None:
        """Listen and say Hello; if the port cannot be opened, log that."""
        made: socket.socket | None = None
        try:
            made = _open_socket()
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self), sock=made)
        except OSError as error:
            if made:
                made.close()
            log(f"no discovery: {error}")
            return
        self._send("Hello", self._endpoint(with_address=True), _ALL_CLIENTS, "", (GROUP, PORT))

    def stop(self) -> None:
        """Say Bye and stop listening; may be called twice."""
        if self._transport:
            self._send("Bye", self._endpoint(with_address=False), _ALL_CLIENTS, "", (GROUP, PORT))
            self._transport.close()
            self._transport = None

    def hear(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer a probe; ignore any other message."""
        if len(data) > _MAX_PROBE_BYTES or not ipaddress.ip_address(address[0]).is_loopback:
            return
        try:
            root = parse(data)
        except BadXml:
            return
        probe = root.find("s:Body/d:Probe", _NS)
        message_id = (root.findtext("s:Header/a:MessageID", "", _NS) or "").strip()
        if probe is None or not message_id or not self._matches(probe):
            return
        self._send("ProbeMatches", self._endpoint(with_address=True), _ANONYMOUS, message_id, address)

    def _matches(self, probe: etree._Element) -> bool:
        types = probe.find("d:Types", _NS)
        for word in ((types.text or "") if types is not None else "").split():
            prefix, _, local = word.rpartition(":")
            if ((types.nsmap.get(prefix or None) if types is not None else None), local) not in _TYPES:
                return False
        asked = probe.find("d:Scopes", _NS)
        if asked is None:
            return True
        own = self._identity.scopes()
        exact = asked.get("MatchBy") == _STRCMP
        return all(
            any(_scope_matches(scope, mine, exact=exact) for mine in own) for scope in (asked.text or "").split()
        )

    def _endpoint(self, *, with_address: bool) -> list[etree._Element]:
        reference = etree.Element(f"{{{_NS['a']}}}EndpointReference")
        etree.SubElement(reference, f"{{{_NS['a']}}}Address").text = self._identity.endpoint_reference
        parts = [reference]
        if with_address:
            values = {
                "Types": "dn:NetworkVideoTransmitter tds:Device",
                "Scopes": " ".join(self._identity.scopes()),
                "XAddrs": self._addresses.onvif_url(PATHS["tds"]),
                "MetadataVersion": "1",
            }
            for name, text in values.items():
                part = etree.Element(f"{{{_NS['d']}}}{name}")
                part.text = text
                parts.append(part)
        return parts

    def _send(self, kind: str, parts: list[etree._Element], to: str, relates_to: str, address: tuple[str, int]) -> None:
        if self._transport is None:
            return
        self._message_number += 1
        root = etree.Element(f"{{{_NS['s']}}}Envelope", nsmap=_NS)
        header = etree.SubElement(root, f"{{{_NS['s']}}}Header")
        values = {
            "Action": f"{_NS['d']}/{kind}",
            "MessageID": f"urn:uuid:{uuid.uuid4()}",
            "RelatesTo": relates_to,
            "To": to,
        }
        for name, text in values.items():
            if text:
                etree.SubElement(header, f"{{{_NS['a']}}}{name}").text = text
        sequence = etree.SubElement(header, f"{{{_NS['d']}}}AppSequence")
        sequence.set("InstanceId", str(self._instance))
        sequence.set("MessageNumber", str(self._message_number))
        body = etree.SubElement(etree.SubElement(root, f"{{{_NS['s']}}}Body"), f"{{{_NS['d']}}}{kind}")
        if kind == "ProbeMatches":
            body = etree.SubElement(body, f"{{{_NS['d']}}}ProbeMatch")
        body.extend(parts)
        with contextlib.suppress(OSError):
            self._transport.sendto(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), address)


def _scope_matches(asked: str, mine: str, *, exact: bool) -> bool:
    """RFC 3986 prefix matching by segments, or equality."""
    asked = asked.rstrip("/")
    return mine == asked or (not exact and mine.lower().startswith(f"{asked.lower()}/"))
