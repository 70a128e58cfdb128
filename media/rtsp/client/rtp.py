"""RTP and RTCP packets (RFC 3550): taken apart on the way in, built on the way out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime

VIDEO = 0
AUDIO = 1

_RTP_HEADER = struct.Struct(">BBHII")
_FRAMED_HEADER = struct.Struct(">BBHBBHII")
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_SENDER_REPORT = 200
_RECEIVER_REPORT = 201
_GOODBYE = 203


@dataclass(slots=True)
class RtpPacket:
    """One packet of a source, as every consumer gets it. Nobody changes it after it was handed on.

    `track` is VIDEO or AUDIO. `timestamp` is the device's (32 bits, the track's clock rate);
    `extension` the header extension with its 4-byte head, empty without one. `arrived_s` is our
    monotonic clock. `time_s` is the packet's place on the source's time line (timeline.py):
    comparable between tracks, without the device's jumps. `lost_before` counts the packets missing
    right before this one.
    """

    track: int
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes
    extension: bytes
    arrived_s: float
    time_s: float = 0.0
    lost_before: int = 0


def parse_rtp(frame: bytes, track: int, arrived_s: float) -> RtpPacket | None:
    """The packet, or None when these bytes are none (RFC 3550 section 5.1)."""
    if len(frame) <= 12:
        return None
    first, second, sequence, timestamp, _ = _RTP_HEADER.unpack_from(frame)
    if first == 0x80:  # no padding, no extension, no contributing sources: nearly always
        return RtpPacket(track, second & 0x7F, second >= 0x80, sequence, timestamp, frame[12:], b"", arrived_s)
    if first & 0xC0 != 0x80:
        return None
    start = 12 + 4 * (first & 0x0F)
    stop = len(frame)
    extension = b""
    if first & 0x10:
        if start + 4 > stop:
            return None
        length = 4 + 4 * (frame[start + 2] << 8 | frame[start + 3])
        extension = frame[start : start + length]
        start += length
    if first & 0x20:
        stop -= frame[-1]
    if start >= stop:
        return None
    return RtpPacket(track, second & 0x7F, second >= 0x80, sequence, timestamp, frame[start:stop], extension, arrived_s)


def framed_rtp_header(
    channel: int, payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload_bytes: int
) -> bytes:
    """The 16 bytes that go before a payload on an interleaved connection (RFC 2326 section 10.12)."""
    second = payload_type | 0x80 if marker else payload_type
    return _FRAMED_HEADER.pack(0x24, channel, payload_bytes + 12, 0x80, second, sequence, timestamp, ssrc)


def framed(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


@dataclass(frozen=True, slots=True)
class SenderReport:
    """Ties a track's RTP time to the sender's clock. `ntp_s` counts from 1900, in the sender's opinion."""

    ssrc: int
    ntp_s: float
    ntp_middle: int
    rtp_timestamp: int


@dataclass(frozen=True, slots=True)
class RtcpInfo:
    """What matters to us in a compound RTCP packet."""

    report: SenderReport | None = None
    is_goodbye: bool = False


def parse_rtcp(frame: bytes) -> RtcpInfo:
    """Reads a compound packet as far as it makes sense (RFC 3550 section 6.1)."""
    report: SenderReport | None = None
    is_goodbye = False
    position = 0
    while position + 4 <= len(frame):
        first, kind, words = struct.unpack_from(">BBH", frame, position)
        if first & 0xC0 != 0x80:
            break
        if kind == _SENDER_REPORT and position + 20 <= len(frame):
            ssrc, high, low, rtp_timestamp = struct.unpack_from(">IIII", frame, position + 4)
            middle = (high & 0xFFFF) << 16 | low >> 16
            report = SenderReport(ssrc, high + low / 2**32, middle, rtp_timestamp)
        is_goodbye = is_goodbye or kind == _GOODBYE
        position += 4 + 4 * words
    return RtcpInfo(report, is_goodbye)


def ntp_of(moment_utc: datetime) -> tuple[int, int]:
    """Seconds since 1900 and their fraction in 2^-32, as RTCP writes time."""
    seconds = moment_utc.timestamp() + _NTP_EPOCH_S
    whole = int(seconds)
    return whole & 0xFFFFFFFF, int((seconds - whole) * 2**32) & 0xFFFFFFFF


def sender_report(ssrc: int, ntp: tuple[int, int], rtp_timestamp: int, packets: int, octets: int, name: str) -> bytes:
    """A compound packet: SR without report blocks, SDES with the canonical name."""
    head = struct.pack(">BBHI", 0x80, _SENDER_REPORT, 6, ssrc)
    counts = struct.pack(">IIIII", *ntp, rtp_timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return head + counts + _description(ssrc, name)


def receiver_report(ssrc: int, of_ssrc: int, highest_sequence: int, report_middle: int, age_s: float) -> bytes:
    """A compound packet: RR with one block, SDES. Devices built on live555 end sessions without one.

    Loss is reported as none: over TCP it is not the network's.
    """
    age = min(int(age_s * 65536), 0xFFFFFFFF) if report_middle else 0
    block = struct.pack(">IIIIII", of_ssrc, 0, highest_sequence & 0xFFFFFFFF, 0, report_middle, age)
    return struct.pack(">BBHI", 0x81, _RECEIVER_REPORT, 7, ssrc) + block + _description(ssrc, "viewer")


def _description(ssrc: int, name: str) -> bytes:
    text = name.encode()[:64]
    chunk = struct.pack(">IBB", ssrc, 1, len(text)) + text
    chunk += bytes(4 - len(chunk) % 4)
    return struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
