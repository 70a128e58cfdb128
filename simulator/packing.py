"""Unusual packing of video into RTP packets, as some cameras do it. The frames inside stay the same."""

from __future__ import annotations

import struct
from collections.abc import Callable

from simulator.layout import Codec

_HEADER = struct.Struct(">BBHBBHII")
_MARKER = 0x80

Frames = list[bytes]  # the header and the payload of each packet in turns


def repack(kind: str, codec: Codec, frames: Frames) -> Frames:
    """Return the packets of a video frame in another packing. `kind`: one of PACKING_KINDS."""
    return PACKING_KINDS[kind](codec, frames)


def _with_start_codes(codec: Codec, frames: Frames) -> Frames:  # noqa: ARG001 - the interface of a kind
    return _changed(frames, lambda fields, payload: (fields, b"\0\0\0\1" + payload))


def _with_marked_units(codec: Codec, frames: Frames) -> Frames:
    """Set the marker on the last packet of each NAL unit."""

    def change(fields: list[int], payload: bytes) -> tuple[list[int], bytes]:
        if _ends_unit(codec, payload):
            fields[4] |= _MARKER
        return fields, payload

    return _changed(frames, change)


def _without_markers(codec: Codec, frames: Frames) -> Frames:  # noqa: ARG001 - the interface of a kind
    def change(fields: list[int], payload: bytes) -> tuple[list[int], bytes]:
        fields[4] &= ~_MARKER
        return fields, payload

    return _changed(frames, change)


def _with_one_number(codec: Codec, frames: Frames) -> Frames:  # noqa: ARG001 - the interface of a kind
    def change(fields: list[int], payload: bytes) -> tuple[list[int], bytes]:
        fields[5] = 0
        return fields, payload

    return _changed(frames, change)


def _with_empty_packets(codec: Codec, frames: Frames) -> Frames:  # noqa: ARG001 - the interface of a kind
    """Put a packet without payload before each frame."""
    fields = list(_HEADER.unpack(frames[0]))
    fields[2], fields[4] = _HEADER.size - 4, fields[4] & ~_MARKER
    return [_HEADER.pack(*fields), b"", *frames]


def _ends_unit(codec: Codec, payload: bytes) -> bool:
    if codec == "h264":
        return payload[0] & 0x1F != 28 or bool(payload[1] & 0x40)
    return payload[0] >> 1 & 0x3F != 49 or bool(payload[2] & 0x40)


def _changed(frames: Frames, change: Callable[[list[int], bytes], tuple[list[int], bytes]]) -> Frames:
    changed: Frames = []
    for head, payload in zip(frames[::2], frames[1::2], strict=True):
        fields, other = change(list(_HEADER.unpack(head)), payload)
        fields[2] += len(other) - len(payload)
        changed += (_HEADER.pack(*fields), other)
    return changed


PACKING_KINDS: dict[str, Callable[[Codec, Frames], Frames]] = {
    "start_codes": _with_start_codes,
    "marked_units": _with_marked_units,
    "no_markers": _without_markers,
    "one_number": _with_one_number,
    "empty_packets": _with_empty_packets,
}
