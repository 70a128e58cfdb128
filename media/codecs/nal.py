"""What H.264 and H.265 have in common for us: NAL units, where a group of pictures may be entered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

MAX_SIDE = 16384


class PayloadKind(Enum):
    """What an RTP payload begins; of several NAL units, what comes first here."""

    KEY = "key"  # a picture that can be decoded by itself
    SLICE = "slice"  # another picture
    CONTINUATION = "continuation"  # goes on with a picture that has begun: the rest of a slice, or one more
    LEADING = "leading"  # parameter sets, delimiter, SEI: they belong to the picture that follows
    OTHER = "other"  # says nothing of where pictures begin


_RANK = {kind: place for place, kind in enumerate(reversed(PayloadKind))}


@dataclass(frozen=True, slots=True)
class PayloadInfo:
    """One look at a payload: what begins in it, and the parameter sets it carries whole."""

    kind: PayloadKind
    parameter_sets: tuple[bytes, ...] = ()


def inspect_aggregate(
    payload: bytes,
    *,
    header_bytes: int,
    kind_of: Callable[[bytes], PayloadKind],
    is_set: Callable[[bytes], bool],
) -> PayloadInfo:
    """A payload of several whole NAL units, each behind its 16-bit length (STAP-A, H.265's AP).

    `kind_of` and `is_set` are asked about one NAL unit. A unit cut short ends the look.
    """
    sets: list[bytes] = []
    best = PayloadKind.OTHER
    position = header_bytes
    while position + 2 + header_bytes <= len(payload):
        stop = position + 2 + (payload[position] << 8 | payload[position + 1])
        nal = payload[position + 2 : stop]
        if len(nal) < header_bytes or stop > len(payload):
            break
        kind = kind_of(nal)
        if is_set(nal):
            sets.append(nal)
        if _RANK[kind] > _RANK[best]:
            best = kind
        position = stop
    return PayloadInfo(best, tuple(sets))
