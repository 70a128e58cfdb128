"""The messages of the pipe between the app and the child that watches pictures (`python -m vision`).

A frame is the length of the header and the length of the body (4 bytes each, big endian), the header (JSON in UTF-8,
whose field `type` names the message), and the body (bytes of video or of a JPEG picture). Both lengths are bounded.
Neither end trusts the other: the app passes on bytes of devices, and a hostile bitstream may take over the child.

Of this package, the app imports only this module, which needs only the standard library. Times (`*_ms`) are whole
milliseconds of the sender's clock; the child compares them and sends them back. Places are shares (0 to 1) of the
picture's width and height.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeAlias, TypeVar

from vision.fields import BadMessage, Fields, json_object
from vision.from_child import Began, Cost, Failed, Region, RegionPair, StillPicture, Watched
from vision.message_parts import (
    CAME_TO_REST,
    CELL_BYTES,
    CELL_COLUMNS,
    CELL_ROWS,
    CODECS,
    FAILURES,
    LEFT,
    MOST_BLOBS,
    MOST_BODY_BYTES,
    MOST_CHANNELS,
    MOST_HEADER_BYTES,
    MOST_POINTS,
    MOST_UNITS,
    MOST_ZONES,
    REGION_MODES,
    RESTS,
    ZONE_KINDS,
    Blob,
    Box,
    Message,
    Point,
    Zone,
)
from vision.to_child import (
    BufferedUnit,
    Forget,
    LookBack,
    Open,
    RegionClose,
    RegionCompare,
    RegionOpen,
    RegionPicture,
    Still,
    Unit,
)

__all__ = [
    "CAME_TO_REST",
    "CELL_BYTES",
    "CELL_COLUMNS",
    "CELL_ROWS",
    "CODECS",
    "FAILURES",
    "FROM_CHILD",
    "LEFT",
    "MOST_BLOBS",
    "MOST_BODY_BYTES",
    "MOST_CHANNELS",
    "MOST_HEADER_BYTES",
    "MOST_POINTS",
    "MOST_UNITS",
    "MOST_ZONES",
    "REGION_MODES",
    "RESTS",
    "TO_CHILD",
    "ZONE_KINDS",
    "BadFrame",
    "BadMessage",
    "Began",
    "Blob",
    "Box",
    "BufferedUnit",
    "Cost",
    "Failed",
    "Fields",
    "Forget",
    "FromChild",
    "LookBack",
    "Message",
    "MessageReader",
    "Open",
    "Point",
    "Region",
    "RegionClose",
    "RegionCompare",
    "RegionOpen",
    "RegionPair",
    "RegionPicture",
    "Still",
    "StillPicture",
    "ToChild",
    "Unit",
    "Watched",
    "Zone",
    "encode",
]

ToChild: TypeAlias = Open | Unit | LookBack | Forget | Still | RegionOpen | RegionPicture | RegionCompare | RegionClose
FromChild: TypeAlias = Watched | Began | StillPicture | Region | RegionPair | Cost | Failed

# The readers of the messages of one direction, by type, for MessageReader.
TO_CHILD: dict[str, Callable[[Fields, bytes], ToChild]] = {
    Open.type: Open.read,
    Unit.type: Unit.read,
    LookBack.type: LookBack.read,
    Forget.type: Forget.read,
    Still.type: Still.read,
    RegionOpen.type: RegionOpen.read,
    RegionPicture.type: RegionPicture.read,
    RegionCompare.type: RegionCompare.read,
    RegionClose.type: RegionClose.read,
}
FROM_CHILD: dict[str, Callable[[Fields, bytes], FromChild]] = {
    Watched.type: Watched.read,
    Began.type: Began.read,
    StillPicture.type: StillPicture.read,
    Region.type: Region.read,
    RegionPair.type: RegionPair.read,
    Cost.type: Cost.read,
    Failed.type: Failed.read,
}

T = TypeVar("T")
_LENGTHS = struct.Struct(">II")


def encode(message: Message) -> bytes:
    """Return the message as a frame. Raise BadMessage if it is longer than a reader accepts."""
    header = json.dumps({"type": message.type, **message.header()}, separators=(",", ":"), allow_nan=False).encode()
    if len(header) > MOST_HEADER_BYTES or len(message.body) > MOST_BODY_BYTES:
        raise BadMessage(f"a message {message.type} is too long")
    return _LENGTHS.pack(len(header), len(message.body)) + header + message.body


class BadFrame(BadMessage):
    """The lengths of a frame are not credible: nothing more can be read from this pipe."""


class MessageReader(Generic[T]):
    """Cuts the bytes of a pipe into messages. It keeps at most one incomplete frame."""

    def __init__(self, kinds: Mapping[str, Callable[[Fields, bytes], T]]) -> None:
        self._kinds = kinds
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[T | BadMessage]:
        """Yield each message that is complete by now, and a BadMessage in the place of an invalid one.

        Raise BadFrame if the pipe cannot be read any further. Exhaust the iterator before the next call.
        """
        self._bytes += data
        while (frame := self._next_frame()) is not None:
            try:
                yield self._message(*frame)
            except BadMessage as bad:
                yield bad

    def _next_frame(self) -> tuple[bytes, bytes] | None:
        if len(self._bytes) < _LENGTHS.size:
            return None
        header_bytes, body_bytes = _LENGTHS.unpack_from(self._bytes)
        if header_bytes > MOST_HEADER_BYTES or body_bytes > MOST_BODY_BYTES:
            raise BadFrame("a message is too long")
        body_at = _LENGTHS.size + header_bytes
        end = body_at + body_bytes
        if len(self._bytes) < end:
            return None
        with memoryview(self._bytes) as view:
            frame = bytes(view[_LENGTHS.size : body_at]), bytes(view[body_at:end])
        del self._bytes[:end]
        return frame

    def _message(self, header: bytes, body: bytes) -> T:
        fields = json_object(header)
        return self._kinds[fields.choice("type", self._kinds)](fields, body)
