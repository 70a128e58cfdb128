"""NAL units of H.264 and H.265: the contents of an RTP payload, and the frames at which decoding may begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

MAX_SIDE = 16384


class PayloadKind(Enum):
    """The role of an RTP payload. Of several NAL units in one payload, the first kind in this order counts."""

    KEY = "key"  # begins a frame that can be decoded by itself
    SLICE = "slice"  # begins another frame
    CONTINUATION = "continuation"  # continues a frame: the rest of a slice, or a further slice
    LEADING = "leading"  # parameter sets, delimiter, SEI: they belong to the frame after them
    OTHER = "other"  # does not tell where frames begin


_RANK = {kind: rank for rank, kind in enumerate(reversed(PayloadKind))}


@dataclass(frozen=True, slots=True)
class PayloadInfo:
    """The kind of a payload, and the parameter sets that it contains whole."""

    kind: PayloadKind
    parameter_sets: tuple[bytes, ...] = ()


def units_of_aggregate(payload: bytes, header_bytes: int) -> Iterator[bytes]:
    """Yield the NAL units of an aggregate (STAP-A, H.265's AP), up to one that is cut short.

    Each has a 16-bit length before it. `header_bytes` is the size of a NAL unit's header.
    """
    position = header_bytes
    while position + 2 + header_bytes <= len(payload):
        stop = position + 2 + (payload[position] << 8 | payload[position + 1])
        nal = payload[position + 2 : stop]
        if len(nal) < header_bytes or stop > len(payload):
            return
        yield nal
        position = stop


def combined(infos: Iterable[PayloadInfo]) -> PayloadInfo:
    """Return the info of a payload with several NAL units."""
    best = PayloadKind.OTHER
    sets: list[bytes] = []
    for info in infos:
        sets += info.parameter_sets
        if _RANK[info.kind] > _RANK[best]:
            best = info.kind
    return PayloadInfo(best, tuple(sets))
