"""Moves the times inside of a segment that ffmpeg has written, so that the variants of a channel share one time line.

Each ffmpeg begins at zero with its first frame. A player that changes from one variant to another may expect the same
time for the same moment in both (RFC 8216 section 6.2.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

TS_RATE = 90_000
_TS_MASK = (1 << 33) - 1  # 26.5 hours
_PACKET = 188
_SYNC = 0x47
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"moof", b"traf"})


def move_segment(path: Path, begin_utc: datetime, timescales: Mapping[int, int]) -> None:
    """Add `begin_utc`, which is the time of ffmpeg's zero, to all times of a new segment, in its file.

    The times are seconds since 1970, in MPEG-TS modulo 2 ** 33 / 90000. `timescales`: of the tracks of fragmented MP4,
    see read_timescales(). A file that is neither is left as it is.
    """
    data = bytearray(path.read_bytes())
    if path.suffix == ".ts":
        move_ts(data, round(begin_utc.timestamp() * TS_RATE))
    else:
        move_mp4(data, begin_utc.timestamp(), timescales)
    with path.open("r+b") as file:  # the same length: it needs no space on the disk
        file.write(data)


def move_ts(data: bytearray, ticks: int) -> None:
    """Add `ticks` of 90 kHz to each PCR, PTS and DTS (ISO/IEC 13818-1 sections 2.4.3.4 and 2.4.3.6)."""
    for at in range(0, len(data) - _PACKET + 1, _PACKET):
        flags = data[at + 3]
        if data[at] != _SYNC or not (flags & 0x20 or data[at + 1] & 0x40):
            continue
        payload = at + 4
        if flags & 0x20:
            payload += 1 + data[at + 4]
            if data[at + 4] >= 7 and data[at + 5] & 0x10:
                _move_pcr(data, at + 6, ticks)
        if data[at + 1] & 0x40 and flags & 0x10 and payload + 19 <= at + _PACKET:
            _move_pes(data, payload, ticks)


def _move_pcr(data: bytearray, at: int, ticks: int) -> None:
    """Only the base of 33 bits at 90 kHz moves, not the extension at 27 MHz."""
    base = int.from_bytes(data[at : at + 4], "big") << 1 | data[at + 4] >> 7
    base = base + ticks & _TS_MASK
    data[at : at + 4] = (base >> 1).to_bytes(4, "big")
    data[at + 4] = data[at + 4] & 0x7F | (base & 1) << 7


def _move_pes(data: bytearray, at: int, ticks: int) -> None:
    if data[at : at + 3] != b"\0\0\1" or data[at + 6] & 0xC0 != 0x80:
        return  # a table, or a PES packet without a header
    if data[at + 7] & 0x80:
        _move_stamp(data, at + 9, ticks)
    if data[at + 7] & 0xC0 == 0xC0:
        _move_stamp(data, at + 14, ticks)


def _move_stamp(data: bytearray, at: int, ticks: int) -> None:
    """Move 33 bits that lie in five bytes with a marker bit after each part."""
    stamp = (data[at] >> 1 & 7) << 30 | (data[at + 1] << 7 | data[at + 2] >> 1) << 15 | data[at + 3] << 7
    stamp = (stamp | data[at + 4] >> 1) + ticks & _TS_MASK
    data[at] = data[at] & 0xF1 | stamp >> 29 & 0x0E
    data[at + 1] = stamp >> 22 & 0xFF
    data[at + 2] = stamp >> 14 & 0xFE | 1
    data[at + 3] = stamp >> 7 & 0xFF
    data[at + 4] = stamp << 1 & 0xFE | 1


def move_mp4(data: bytearray, seconds: float, timescales: Mapping[int, int]) -> None:
    """Add `seconds` to the decoding time of each track fragment, and to the segment index, if they have 64 bits.

    ISO/IEC 14496-12 sections 8.8.12 and 8.16.3; ffmpeg writes them with 64 bits.
    """
    track_id = 0
    for kind, at in _boxes(data, 0, len(data)):
        if kind == b"tfhd":
            track_id = int.from_bytes(data[at + 4 : at + 8], "big")
        elif kind == b"tfdt" and data[at] == 1 and track_id in timescales:
            _add(data, at + 4, round(seconds * timescales[track_id]))
        elif kind == b"sidx" and data[at] == 1:
            _add(data, at + 12, round(seconds * int.from_bytes(data[at + 8 : at + 12], "big")))


def read_timescales(init: bytes) -> dict[int, int]:
    """Return the ticks a second of each track in an init section, by the track's id."""
    timescales: dict[int, int] = {}
    track_id = 0
    for kind, at in _boxes(init, 0, len(init)):
        if kind == b"tkhd":
            skipped = 20 if init[at] == 1 else 12
            track_id = int.from_bytes(init[at + skipped : at + skipped + 4], "big")
        elif kind == b"mdhd":
            skipped = 20 if init[at] == 1 else 12
            timescales[track_id] = int.from_bytes(init[at + skipped : at + skipped + 4], "big")
    return timescales


def _add(data: bytearray, at: int, ticks: int) -> None:
    data[at : at + 8] = (int.from_bytes(data[at : at + 8], "big") + ticks).to_bytes(8, "big")


def _boxes(data: bytes | bytearray, at: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield type and place of the content of each box, and of the boxes inside of those that hold tracks."""
    while at + 8 <= end:
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        if length < 8 or at + length > end:
            return
        if kind in _CONTAINERS:
            yield from _boxes(data, at + 8, at + length)
        else:
            yield kind, at + 8
        at += length
