"""What H.264 and H.265 have in common for us: NAL units, where a group of pictures may be entered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_SIDE = 16384


class PacketKind(Enum):
    """What an RTP payload begins."""

    LEADING = "leading"  # parameter sets, delimiter, SEI: they belong to the picture that follows
    KEY = "key"  # a picture that can be decoded by itself
    SLICE = "slice"  # another picture, or a part of one
    OTHER = "other"  # goes on with what an earlier packet began


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a payload: what begins in it, and the parameter sets it carries whole."""

    kind: PacketKind
    parameter_sets: tuple[bytes, ...] = ()
