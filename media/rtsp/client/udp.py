"""RTP over UDP (RFC 2326 section 12.39), for devices that refuse interleaved TCP. A track has two ports of ours.

Packets of other hosts are dropped, the others are put into order. They go on as frames of an interleaved connection,
so that the receiver need not know the difference.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any

from core.clock import Clock
from core.errors import CameraUnreachable
from media.rtsp.client.receiver import MediaReceiver
from media.rtsp.client.reordering import ReorderBuffer

log = logging.getLogger(__name__)

_REORDER_DELAY_S = 0.06
_RECEIVE_BYTES = 2 * 1024 * 1024  # a key frame of 4K arrives in one burst
_PORT_TRIES = 20
_PUNCH_EVERY_S = 15.0
_OUR_SSRC = 0x4F57_5652
# Packets without media that open the way back through a firewall or a NAT: RTP, and an empty receiver report.
_RTP_PUNCH = struct.pack(">BBHII", 0x80, 0, 0, 0, 0)
_RTCP_PUNCH = struct.pack(">BBHI", 0x80, 201, 1, _OUR_SSRC)


class _Port(asyncio.DatagramProtocol):
    """One UDP port of ours. `sender` is the place of the newest packet from the device."""

    def __init__(self, device: ipaddress.IPv4Address | ipaddress.IPv6Address, take: Callable[[bytes], None]) -> None:
        self._device = device
        self._take = take
        self.sender: Any = None
        self.transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr != self.sender:
            if _plain(addr[0]) != self._device:
                return
            self.sender = addr
        self._take(data)

    def error_received(self, exc: Exception) -> None:
        """An earlier packet of ours found no open port: the device's RTCP port may be closed."""

    def send(self, data: bytes, place: Any) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data, place)


class UdpTrack:
    """One track. In the gateway's thread. `receiver` gets its packets on the channels 2*index and 2*index+1."""

    def __init__(self, index: int, local_host: str, device_host: str, receiver: MediaReceiver, clock: Clock) -> None:
        self.channels = (2 * index, 2 * index + 1)
        self._local_host = local_host
        self._device_host = device_host
        self._receiver = receiver
        self._clock = clock
        self._buffer = ReorderBuffer(_REORDER_DELAY_S)
        self._flush: asyncio.TimerHandle | None = None
        device = _plain(device_host)
        self._rtp = _Port(device, self._take_rtp)
        self._rtcp = _Port(device, self._take_rtcp)
        self._places: tuple[Any, Any] | None = None
        self._punched_s = float("-inf")
        self._reported = (0, 0)  # received and lost at the last report

    async def open(self) -> tuple[int, int]:
        """Bind an even port and the next one at the address of the RTSP connection. Raises CameraUnreachable."""
        loop = asyncio.get_running_loop()
        for _ in range(_PORT_TRIES):
            first = self._bound(0)
            port = first.getsockname()[1]
            wanted = port + 1 if port % 2 == 0 else port - 1
            try:
                second = self._bound(wanted)
            except (OSError, OverflowError):
                first.close()
                continue
            rtp, rtcp = (first, second) if port % 2 == 0 else (second, first)
            try:
                self._rtp.transport, _ = await loop.create_datagram_endpoint(lambda: self._rtp, sock=rtp)
                self._rtcp.transport, _ = await loop.create_datagram_endpoint(lambda: self._rtcp, sock=rtcp)
            except BaseException:  # a cancelled task, too
                self.close()
                rtcp.close()  # perhaps no transport has it yet
                raise
            return min(port, wanted), max(port, wanted)
        raise CameraUnreachable("The app has no free UDP ports for the device's media.")

    def begin(self, server_ports: tuple[int, int] | None) -> None:
        """The device has accepted the ports. `server_ports`: its own, if it has named them."""
        if server_ports:
            self._places = ((self._device_host, server_ports[0]), (self._device_host, server_ports[1]))
        self.keep_open(self._clock.monotonic_s())

    def keep_open(self, now_s: float) -> None:
        """Send a packet to both ports of the device now and then, so that its packets reach us through a NAT."""
        if self._places and now_s - self._punched_s >= _PUNCH_EVERY_S:
            self._punched_s = now_s
            self._rtp.send(_RTP_PUNCH, self._places[0])
            self._rtcp.send(_RTCP_PUNCH, self._places[1])

    def send_report(self, report: bytes) -> None:
        """Send a receiver report, completed by the losses since the one before (RFC 3550 section 6.4.1)."""
        place = self._rtcp.sender or (self._places[1] if self._places else None)
        if place is None:
            return
        buffer = self._buffer
        received, lost = buffer.received - self._reported[0], buffer.lost - self._reported[1]
        self._reported = (buffer.received, buffer.lost)
        expected = received + lost
        fraction = min(255, lost * 256 // expected) if expected > 0 else 0
        block = struct.pack(">I", fraction << 24 | min(buffer.lost, 0x7FFFFF))
        self._rtcp.send(report[:12] + block + report[16:], place)

    def close(self) -> None:
        """Close both ports. May be called twice."""
        if self._flush:
            self._flush.cancel()
            self._flush = None
        for port in (self._rtp, self._rtcp):
            if port.transport is not None:
                port.transport.close()
        if self._buffer.received:
            buffer = self._buffer
            counts = (buffer.received, buffer.lost, buffer.reordered, buffer.late, buffer.duplicates)
            log.info("UDP: %d packets, %d lost, %d reordered, %d too late, %d twice", *counts)
            self._buffer = ReorderBuffer(_REORDER_DELAY_S)

    # -- inside ------------------------------------------------------------------------------------

    def _bound(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._local_host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            bound.bind((self._local_host, port))
        except (OSError, OverflowError):
            bound.close()
            raise
        return bound

    def _take_rtp(self, data: bytes) -> None:
        if len(data) < 12 or data[0] & 0xC0 != 0x80:
            return
        self._deliver(self._buffer.push(data, self._clock.monotonic_s()))

    def _deliver(self, packets: list[bytes]) -> None:
        if packets:
            self._receiver.take_frames([(self.channels[0], packet) for packet in packets])
        if self._buffer.is_holding and self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_REORDER_DELAY_S / 2, self._flush_held)

    def _flush_held(self) -> None:
        self._flush = None
        self._deliver(self._buffer.flush(self._clock.monotonic_s()))

    def _take_rtcp(self, data: bytes) -> None:
        self._receiver.take_frames([(self.channels[1], data)])


def _plain(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address without IPv6's notation of IPv4 addresses and without a zone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
