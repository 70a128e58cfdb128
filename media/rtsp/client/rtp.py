"""RTP and RTCP packets (RFC 3550): parsed when received, built when sent."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from media.codecs import access_unit
from media.rtsp.client.onvif_replay_extension import extension_bytes

VIDEO = access_unit.VIDEO
AUDIO = access_unit.AUDIO

_RTP_HEADER = struct.Struct(">BBHII")
_FRAMED_HEADER = struct.Struct(">BBHBBHII")
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_GOODBYE = 203
_LARGEST_GAP = 1000
_RECENT = 100  # packets that are recognized when they come late or twice (MAX_MISORDER, RFC 3550 appendix A.1)


class Delivery(Enum):
    """How the packets of a session reach us."""

    STREAM = "stream"  # over TCP: in order and without loss; sequence numbers mean nothing
    DATAGRAMS = "datagrams"  # over UDP: sequence numbers tell losses and repetitions


@dataclass(slots=True)
class RtpPacket:
    """One packet as the device sent it. The depacketizers make access units of packets; consumers get only those.

    `track`: VIDEO or AUDIO. `timestamp`: the device's (32 bits, at the track's clock rate). `extension`: the header
    extension with its 4-byte header, empty without one. `arrived_s`: our monotonic clock.
    `lost_before`: number of packets lost just before this one; always 0 over TCP. `ssrc`: the sender's id.
    `more`: the payloads of the packets after this one that have the next numbers and otherwise the same header. Only
    a sink with `takes_joined_packets` gets them (receiver.py). Most packets of a frame are such, and an object for each
    would be a third of the work for a packet.
    """

    track: int
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes
    extension: bytes
    arrived_s: float
    lost_before: int = 0
    ssrc: int = 0
    more: Sequence[bytes] = ()

    def joined(self, place: int) -> RtpPacket:
        """Return the packet of which `more` has the payload, at this place."""
        return RtpPacket(
            self.track,
            self.payload_type,
            self.marker,
            (self.sequence + place + 1) & 0xFFFF,
            self.timestamp,
            self.more[place],
            b"",
            self.arrived_s,
            0,
            self.ssrc,
        )


def single_packets(packets: Iterable[RtpPacket]) -> Iterator[RtpPacket]:
    """Yield these packets, and those in their `more` on their own. The depacketizers take the `payload` of each."""
    for packet in packets:
        yield packet
        for place in range(len(packet.more)):
            yield packet.joined(place)


class SequenceNumbers:
    """The sequence numbers of one track that comes as datagrams."""

    def __init__(self, first: int) -> None:
        self._expected = first
        self._recent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        self._missing = deque(((first - back) & 0xFFFF for back in range(_RECENT, 0, -1)), _RECENT)

    def take(self, sequence: int, timestamp: int) -> int | None:
        """Return the number of packets missing before this one. None if it came before, or was counted as missing."""
        missing = (sequence - self._expected) & 0xFFFF
        if missing > _LARGEST_GAP:
            if sequence in self._missing or (sequence, timestamp) in self._recent:
                return None
            self._missing.clear()  # the device restarted its numbers
            missing = 0
        elif missing:
            self._missing.extend((sequence - back) & 0xFFFF for back in range(min(missing, _RECENT), 0, -1))
        self._recent.append((sequence, timestamp))
        self._expected = (sequence + 1) & 0xFFFF
        return missing


def parse_rtp(frame: bytes, track: int, arrived_s: float) -> RtpPacket | None:
    """Parse a packet (RFC 3550 section 5.1). None if these bytes are no RTP packet; the payload may be empty."""
    if len(frame) < 12:
        return None
    first, second, sequence, timestamp, ssrc = _RTP_HEADER.unpack_from(frame)
    if first == 0x80:  # no padding, no extension, no contributing sources: nearly always
        marker = second >= 0x80
        return RtpPacket(track, second & 0x7F, marker, sequence, timestamp, frame[12:], b"", arrived_s, 0, ssrc)
    if first & 0xC0 != 0x80:
        return None
    start = 12 + 4 * (first & 0x0F)
    stop = len(frame)
    extension = b""
    if first & 0x10:
        if start + 4 > stop:
            return None
        length = extension_bytes(frame, start)
        extension = frame[start : start + length]
        start += length
    if start > stop:
        return None
    if first & 0x20 and frame[-1] <= stop - start:  # some devices set the bit without padding
        stop -= frame[-1]
    payload = frame[start:stop]
    marker = second >= 0x80
    return RtpPacket(track, second & 0x7F, marker, sequence, timestamp, payload, extension, arrived_s, 0, ssrc)


def framed_rtp_header(
    channel: int, payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload_bytes: int
) -> bytes:
    """Return the 16 bytes before a payload on an interleaved connection (RFC 2326 section 10.12)."""
    second = payload_type | 0x80 if marker else payload_type
    return _FRAMED_HEADER.pack(0x24, channel, payload_bytes + 12, 0x80, second, sequence, timestamp, ssrc)


def framed(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


@dataclass(frozen=True, slots=True)
class SenderReport:
    """Relates a track's RTP time to the sender's clock. `ntp_s`: seconds since 1900 by the sender."""

    ssrc: int
    ntp_s: float
    ntp_middle: int
    rtp_timestamp: int


@dataclass(frozen=True, slots=True)
class RtcpInfo:
    """The parts of a compound RTCP packet that we use. `goodbyes`: SSRCs of senders that end; None: no BYE."""

    report: SenderReport | None = None
    goodbyes: frozenset[int] | None = None


def parse_rtcp(frame: bytes) -> RtcpInfo:
    """Parse a compound packet (RFC 3550 section 6.1), up to the first broken part."""
    report: SenderReport | None = None
    goodbyes: frozenset[int] | None = None
    position = 0
    while position + 4 <= len(frame):
        first, kind, words = struct.unpack_from(">BBH", frame, position)
        if first & 0xC0 != 0x80:
            break
        if kind == _SENDER_REPORT and position + 20 <= len(frame):
            ssrc, high, low, rtp_timestamp = struct.unpack_from(">IIII", frame, position + 4)
            middle = (high & 0xFFFF) << 16 | low >> 16
            report = SenderReport(ssrc, high + low / 2**32, middle, rtp_timestamp)
        if kind == _GOODBYE:
            count = min(first & 0x1F, words, (len(frame) - position - 4) // 4)
            goodbyes = (goodbyes or frozenset()) | set(struct.unpack_from(f">{count}I", frame, position + 4))
        position += 4 + 4 * words
    return RtcpInfo(report, goodbyes)


def ntp_of(moment_utc: datetime) -> tuple[int, int]:
    """Return seconds since 1900 and their fraction in units of 2^-32, as in RTCP."""
    seconds = moment_utc.timestamp() + _NTP_EPOCH_S
    whole = int(seconds)
    return whole & 0xFFFFFFFF, int((seconds - whole) * 2**32) & 0xFFFFFFFF


def sender_report(ssrc: int, ntp: tuple[int, int], rtp_timestamp: int, packets: int, octets: int, name: str) -> bytes:
    """Return a compound packet: SR without report blocks, SDES with the canonical name."""
    head = struct.pack(">BBHI", 0x80, _SENDER_REPORT, 6, ssrc)
    counts = struct.pack(">IIIII", *ntp, rtp_timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return head + counts + _description(ssrc, name)


def receiver_report(ssrc: int, of_ssrc: int, highest_sequence: int, report_middle: int, age_s: float) -> bytes:
    """Return a compound packet: RR with one block, SDES. Devices built on live555 end sessions without such reports.

    It reports no loss: over TCP, a loss is not the network's.
    """
    age = min(int(age_s * 65536), 0xFFFFFFFF) if report_middle else 0
    block = struct.pack(">IIIIII", of_ssrc, 0, highest_sequence & 0xFFFFFFFF, 0, report_middle, age)
    return struct.pack(">BBHI", 0x81, _RECEIVER_REPORT, 7, ssrc) + block + _description(ssrc, "viewer")


def _description(ssrc: int, name: str) -> bytes:
    text = name.encode()[:64]
    chunk = struct.pack(">IBB", ssrc, 1, len(text)) + text
    chunk += bytes(4 - len(chunk) % 4)
    return struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
