"""RTP tracks of a stream (RFC 3550), sent as interleaved frames over RTSP (RFC 2326, 10.12)."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

# Track numbers, as in trackID=0.
VIDEO, AUDIO, METADATA = 0, 1, 4
VIDEO_PAYLOAD_TYPE, METADATA_PAYLOAD_TYPE = 96, 107
NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_HEADER = struct.Struct(">BBHBBHII")


@dataclass(slots=True)
class Track:
    """The counters of one track; `clock_hz` are its timestamp units a second."""

    payload_type: int
    clock_hz: int
    ssrc: int = field(default_factory=lambda: random.getrandbits(32))
    sequence: int = field(default_factory=lambda: random.getrandbits(16))
    offset: int = field(default_factory=lambda: random.getrandbits(32))
    packets: int = 0
    octets: int = 0

    def timestamp(self, epoch_s: float) -> int:
        return (round(epoch_s * self.clock_hz) + self.offset) & 0xFFFFFFFF

    def frames(self, channel: int, payloads: tuple[bytes, ...], timestamp: int, first: int) -> list[bytes]:
        """Interleaved frames of payloads, header and payload in turns, from sequence number `first` on.

        The last packet carries the marker bit.
        """
        parts: list[bytes] = []
        last = len(payloads) - 1
        for place, payload in enumerate(payloads):
            kind = self.payload_type | (0x80 if place == last else 0)
            sequence = (first + place) & 0xFFFF
            head = _HEADER.pack(0x24, channel, len(payload) + 12, 0x80, kind, sequence, timestamp, self.ssrc)
            parts += (head, payload)
        return parts

    def advance(self, payloads: tuple[bytes, ...]) -> int:
        """Count payloads as sent. Return the sequence number of the first."""
        first = self.sequence
        self.sequence = (first + len(payloads)) & 0xFFFF
        self.packets = (self.packets + len(payloads)) & 0xFFFFFFFF
        self.octets = (self.octets + sum(map(len, payloads))) & 0xFFFFFFFF
        return first

    def report(self, channel: int, epoch_s: float, device_epoch_s: float) -> bytes:
        """A sender report with a CNAME (compound, RFC 3550, 6.1), as an interleaved frame."""
        ntp = device_epoch_s + NTP_EPOCH_S
        whole, part = int(ntp) & 0xFFFFFFFF, int(ntp % 1 * 2**32)
        report = struct.pack(
            ">BBHIIIIII", 0x80, 200, 6, self.ssrc, whole, part, self.timestamp(epoch_s), self.packets, self.octets
        )
        source = struct.pack(">BBHIBB", 0x81, 202, 4, self.ssrc, 1, 7) + b"pretend\0\0\0"
        packet = report + source
        return struct.pack(">BBH", 0x24, channel, len(packet)) + packet
