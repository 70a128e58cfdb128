"""WS-Discovery of ONVIF devices on the local networks (ONVIF Core, "Device discovery").

Any host on the network can answer, so the number of answers is limited, and a device is listed only at the address from
which its answer came. XML that is not well-formed is repaired as in SOAP answers.
"""

from __future__ import annotations

import ipaddress
import re
import selectors
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from core.allowed_addresses import why_not_port
from core.device_address import DEVICE_PATH, WEB_PORTS
from core.errors import DeviceError
from core.records import DevicePlace, FoundDevice
from core.stream_address import read_web_address
from onvif_services import answers
from onvif_services.addresses import is_plain_path
from onvif_services.answers import Element, child, children, descendants, raw_text
from onvif_services.xml_repair import read_xml

GROUP = "239.255.255.250"
PORT = 3702
MAX_DEVICES = 512
MAX_ANSWERS = 4096
MAX_ANSWER_BYTES = 65_535

_ENDPOINT_LENGTH = 128
_BETWEEN_ADDRESSES = re.compile(r"\s+|[,;](?=\s*https?://)", re.IGNORECASE)
_BETWEEN_SCOPES = re.compile(r"(?<![\s,;])[\s,;]+(?=[a-z]+://)", re.IGNORECASE)  # some names have bare spaces
_REPEAT_AFTER_S = 0.4  # UDP packets get lost; SOAP-over-UDP repeats them

# Some old firmware answers only to one of the two types, some only to a probe without types.
_TYPES = ("dn:NetworkVideoTransmitter", "tds:Device", "")
_PROBE = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
    "<s:Header><a:MessageID>urn:uuid:{message}</a:MessageID>"
    "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>"
    "<s:Body><d:Probe>{types}</d:Probe></s:Body></s:Envelope>"
)


def discover(timeout_s: float = 3.0, *, targets: tuple[tuple[str, int], ...] = ((GROUP, PORT),)) -> list[FoundDevice]:
    """Probe on every IPv4 interface and return the devices that answer within `timeout_s`, sorted by address.

    Return an empty list without a network. Ignore hostile answers.
    """
    deadline_s = time.monotonic() + timeout_s
    found: dict[tuple[str, int], FoundDevice] = {}
    sockets = list(_open_sockets())
    with selectors.DefaultSelector() as selector:
        try:
            for sock in sockets:
                selector.register(sock, selectors.EVENT_READ)
            _send_probes(sockets, targets)
            repeat_at_s = time.monotonic() + _REPEAT_AFTER_S
            for _ in range(MAX_ANSWERS):
                now_s = time.monotonic()
                if now_s >= deadline_s or len(found) >= MAX_DEVICES:
                    break
                if now_s >= repeat_at_s:
                    _send_probes(sockets, targets)
                    repeat_at_s = deadline_s
                _receive(selector, min(deadline_s, repeat_at_s) - now_s, found)
        finally:
            for sock in sockets:
                sock.close()
    return sorted(found.values(), key=lambda item: (ipaddress.ip_address(item.host), item.port))


def _open_sockets() -> Iterator[socket.socket]:
    """Yield one socket per interface, so that the probe leaves by each interface and not only by the default one."""
    for index, name in socket.if_nameindex():
        # Without an own address, the kernel gives packets on loopback the address of another interface.
        own = socket.inet_aton("127.0.0.1") if name == "lo" else bytes(4)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            request = struct.pack("=4s4si", socket.inet_aton(GROUP), own, index)  # struct ip_mreqn
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            sock.setblocking(False)
            sock.bind(("", 0))
        except OSError:
            sock.close()  # an interface without IPv4
            continue
        yield sock


def _send_probes(sockets: list[socket.socket], targets: tuple[tuple[str, int], ...]) -> None:
    for sock in sockets:
        for types in _TYPES:
            wanted = f"<d:Types>{types}</d:Types>" if types else ""
            message = _PROBE.format(message=uuid.uuid4(), types=wanted).encode()
            for target in targets:
                try:
                    sock.sendto(message, target)
                except OSError:
                    break  # no route by this interface


def _receive(selector: selectors.BaseSelector, wait_s: float, found: dict[tuple[str, int], FoundDevice]) -> None:
    for key, _ in selector.select(max(0.0, wait_s)):
        sock = key.fileobj
        if not isinstance(sock, socket.socket):
            continue
        try:
            message, sender = sock.recvfrom(MAX_ANSWER_BYTES)
        except OSError:
            continue  # an ICMP error of an earlier probe
        for device in read_answer(message, str(sender[0])):
            known = found.get((device.host, device.port))
            if known is None or (device.name and not known.name):
                found[device.host, device.port] = device


def read_answer(message: bytes, sender: str) -> list[FoundDevice]:
    """Return the devices of a ProbeMatches at the address of its sender; an empty list if it is unreadable."""
    try:
        root = read_xml(message).root
    except DeviceError:
        return []
    # At any depth: some firmware sends them without ProbeMatches or Body.
    matches = islice(descendants(root, "ProbeMatch"), 16)
    return [found for item in matches if (found := _device(item, sender)) is not None]


def _device(match: Element, sender: str) -> FoundDevice | None:
    types = raw_text(match, "Types")
    scopes = [scope.strip(" ,;") for scope in _BETWEEN_SCOPES.split(raw_text(match, "Scopes"))][:200]
    addresses = " ".join(raw_text(item) for item in islice(children(match, "XAddrs"), 16))
    is_camera = "networkvideotransmitter" in types.lower()
    if not is_camera and "onvif" not in f"{_spaces(match, types)} {types} {scopes} {addresses}".lower():
        return None  # printers and computers answer to a probe without types
    place = _place(_BETWEEN_ADDRESSES.split(addresses.strip())[:16], sender)
    if place is None and not is_camera:
        return None
    place = place or DevicePlace(WEB_PORTS["http"], "http", "")  # no usable address, but it has answered
    return FoundDevice(
        host=sender,
        port=place.port,
        scheme=place.scheme,
        path=place.path,
        name=_scope(scopes, "name"),
        hardware=_scope(scopes, "hardware"),
        endpoint_reference=answers.text(match, "EndpointReference", "Address")[:_ENDPOINT_LENGTH],
    )


def _spaces(match: Element, types: str) -> str:
    """Return the namespaces of the types: `tds:Device` may be all that a device says of itself."""
    holder = child(match, "Types")
    known = holder.nsmap if holder is not None else {}
    return " ".join(known.get(name.partition(":")[0] if ":" in name else None) or "" for name in types.split())


def _place(addresses: list[str], sender: str) -> DevicePlace | None:
    """Return the best of the readable addresses: at the sender's host before others, http before https.

    Plain HTTP goes first because it works with every device; the user can enter the https address.
    """
    found: list[tuple[bool, bool, DevicePlace]] = []
    for address in addresses:
        if (parts := read_web_address(address.strip(",;"))) is None:
            continue
        port = parts.port or WEB_PORTS[parts.scheme]
        if why_not_port(port) is None:
            path = parts.path.partition("?")[0].rstrip(",;")
            is_standard = path.rstrip("/") in {"", DEVICE_PATH} or not (is_plain_path(path) and address.isascii())
            place = DevicePlace(port, parts.scheme, "" if is_standard else path)
            found.append((parts.host != sender, parts.scheme == "https", place))
    return min(found, key=lambda item: item[:2])[2] if found else None


def _scope(scopes: list[str], name: str) -> str:
    """Return the cleaned value of a scope: `onvif://www.onvif.org/name/Front%20door` -> `Front door`."""
    start = f"://www.onvif.org/{name}/"
    values = (item[item.lower().index(start) + len(start) :] for item in scopes if start in item.lower())
    return next((answers.clean(_unescaped(value)) for value in values if value), "")


def _unescaped(value: str) -> str:
    """Undo the percent-encoding of a text in UTF-8, or in GBK."""
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return unquote(value, encoding="gb18030", errors="replace")
