"""Signatures that cameras put into their video, as SEI messages with user data (payload type 5).

They are only noticed here: ONVIF's and Axis's own programs check them.
"""

from __future__ import annotations

from collections.abc import Iterable

_H264_SEI = 6
_H265_SEI = (39, 40)
_SEARCHED_BYTES = 256  # other messages may come first in the NAL unit
_UUIDS = (
    bytes.fromhex("005bc93f2d715e95ada4796f90877a6f"),  # ONVIF Media Signing
    b"Signed Video...0",  # Axis Signed Video
)


def has_camera_signature(nal_units: Iterable[bytes]) -> bool:
    """True if one of a frame's NAL units (H.264 or H.265) is a SEI of a camera that signs its video."""
    for nal in nal_units:
        first = nal[0] if nal else 0
        if (first & 31 == _H264_SEI or first >> 1 & 63 in _H265_SEI) and _has_uuid(nal[:_SEARCHED_BYTES]):
            return True
    return False


def _has_uuid(sei: bytes) -> bool:
    return any(uuid in sei for uuid in _UUIDS)
