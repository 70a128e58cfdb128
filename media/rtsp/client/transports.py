"""The Transport header of SETUP (RFC 2326 section 12.39): our offers, and answers as devices write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PORTS = r"\s*[=:]\s*[\"']?\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?"
_INTERLEAVED = re.compile(r"\binterleaved" + _PORTS, re.IGNORECASE | re.ASCII)
_SERVER_PORT = re.compile(r"\bserver_port" + _PORTS, re.IGNORECASE | re.ASCII)
_SSRC = re.compile(r"\bssrc\s*=\s*[\"']?\s*([0-9a-f]{1,8})\b", re.IGNORECASE | re.ASCII)
_UDP_MARK = re.compile(r"\b(?:client_port|server_port|RTP/S?AVPF?/UDP)\b", re.IGNORECASE)

TCP = "interleaved"
UDP = "udp"


@dataclass(frozen=True, slots=True)
class TransportAnswer:
    """`channels`: RTP's and RTCP's on the connection, if the device names usable ones. `server_ports`: over UDP.

    `ssrc`: the sender's id, if it is named.
    """

    kind: str
    channels: tuple[int, int] | None = None
    server_ports: tuple[int, int] | None = None
    ssrc: int | None = None


def interleaved_offer(index: int) -> str:
    """Return the offer of a track's media on the RTSP connection itself."""
    return f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"


def udp_offer(ports: tuple[int, int]) -> str:
    """Return the offer of a track's media at two UDP ports of ours, for RTP and RTCP."""
    return f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}"


def read_transport(header: str, offered: str) -> TransportAnswer:
    """Read a Transport header. `offered`: TCP or UDP, which counts if the device repeats neither.

    Some devices leave out `/TCP` or the channels, quote the channels, or name other channels than were offered.
    """
    found = _SSRC.search(header)
    ssrc = int(found[1], 16) if found else None
    channels, ports = _pair(_INTERLEAVED.search(header), 255), _pair(_SERVER_PORT.search(header), 65535)
    if re.search(r"\binterleaved\b|/TCP\b", header, re.IGNORECASE):
        return TransportAnswer(TCP, channels=channels, ssrc=ssrc)
    if _UDP_MARK.search(header) or offered == UDP:
        return TransportAnswer(UDP, server_ports=ports, ssrc=ssrc)
    return TransportAnswer(TCP, ssrc=ssrc)


def _pair(found: re.Match[str] | None, most: int) -> tuple[int, int] | None:
    if not found:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if first <= most and second <= most and first != second else None
