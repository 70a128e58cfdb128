"""Reads the H.264 frames of FLV, as ffmpeg writes it to its standard output (Adobe's FLV specification 10.1, annex E).

A frame can be read as soon as its last byte is there, because its length comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs.h264 import parameter_set_type

_FILE_HEADER_BYTES = 13  # with the length of no tag after it
_TAG_HEADER_BYTES = 11
_TAG_TRAILER_BYTES = 4  # the tag's length again
_VIDEO_TAG = 9
_VIDEO_HEADER_BYTES = 5
_KEY_FRAME = 0x17  # of AVC
_OTHER_FRAME = 0x27
_CONFIGURATION, _NAL_UNITS = 0, 1
_DELIMITER = 9  # a NAL unit of H.264
_MOST_BYTES = 4_000_000  # of one tag


class BadFlv(ValueError):
    """These bytes are not FLV with H.264."""


@dataclass(frozen=True, slots=True)
class FlvFrame:
    """A frame: its NAL units without parameter sets, and the parameter sets that apply to it.

    `time_s` is when it is shown.
    """

    nal_units: tuple[bytes, ...]
    parameter_sets: tuple[bytes, ...]
    time_s: float
    is_key: bool


class FlvReader:
    """Takes the bytes in any pieces. After BadFlv it must not be used any more."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_header = False
        self._parameter_sets: tuple[bytes, ...] = ()

    def feed(self, data: bytes) -> list[FlvFrame]:
        """Return the frames that are complete with these bytes. Raises BadFlv."""
        self._buffer += data
        if not self._has_header and len(self._buffer) >= _FILE_HEADER_BYTES:
            if not self._buffer.startswith(b"FLV\x01"):
                raise BadFlv("no header")
            del self._buffer[:_FILE_HEADER_BYTES]
            self._has_header = True
        frames = []
        while self._has_header and (tag := self._take_tag()) is not None:
            kind, time_ms, body = tag
            if kind == _VIDEO_TAG and (frame := self._read_video(body, time_ms)) is not None:
                frames.append(frame)
        return frames

    def _take_tag(self) -> tuple[int, int, bytes] | None:
        """Return type, time and content of the next tag; None if it is not complete."""
        if len(self._buffer) < _TAG_HEADER_BYTES:
            return None
        header = bytes(self._buffer[:_TAG_HEADER_BYTES])
        size = int.from_bytes(header[1:4], "big")
        if size > _MOST_BYTES:
            raise BadFlv("a tag is too large")
        end = _TAG_HEADER_BYTES + size
        if len(self._buffer) < end + _TAG_TRAILER_BYTES:
            return None
        body = bytes(self._buffer[_TAG_HEADER_BYTES:end])
        del self._buffer[: end + _TAG_TRAILER_BYTES]
        return header[0], header[7] << 24 | int.from_bytes(header[4:7], "big"), body

    def _read_video(self, body: bytes, time_ms: int) -> FlvFrame | None:
        if len(body) < _VIDEO_HEADER_BYTES or body[0] not in (_KEY_FRAME, _OTHER_FRAME):
            raise BadFlv("another codec than H.264")
        content = body[_VIDEO_HEADER_BYTES:]
        if body[1] == _CONFIGURATION:
            self._parameter_sets = _sets_of(content)
        if body[1] != _NAL_UNITS:
            return None
        time_ms += int.from_bytes(body[2:5], "big", signed=True)
        units = tuple(unit for unit in _units_of(content) if not _is_left_out(unit))
        return FlvFrame(units, self._parameter_sets, time_ms / 1000, body[0] == _KEY_FRAME)


def _sets_of(configuration: bytes) -> tuple[bytes, ...]:
    """Return sps and pps of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1)."""
    if len(configuration) < 7 or configuration[4] & 3 != 3:
        raise BadFlv("the NAL units have no lengths of four bytes")
    sets = []
    position = 5
    for mask in (0x1F, 0xFF):
        if position >= len(configuration):
            raise BadFlv("a configuration is too short")
        count = configuration[position] & mask
        position += 1
        for _ in range(count):
            found, position = _sized(configuration, position, 2)
            sets.append(found)
    return tuple(sets)


def _units_of(content: bytes) -> list[bytes]:
    units = []
    position = 0
    while position < len(content):
        unit, position = _sized(content, position, 4)
        units.append(unit)
    return units


def _sized(content: bytes, position: int, length_bytes: int) -> tuple[bytes, int]:
    """Return the NAL unit after its length at `position`, and the position behind it."""
    begin = position + length_bytes
    end = begin + int.from_bytes(content[position:begin], "big")
    if begin == end or end > len(content):
        raise BadFlv("a NAL unit is too short")
    return content[begin:end], end


def _is_left_out(unit: bytes) -> bool:
    return parameter_set_type(unit) is not None or unit[0] & 0x1F == _DELIMITER
