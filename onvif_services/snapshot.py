"""Snapshots that a device itself takes: fetched from the configured host, limited in size, checked to be a JPEG."""

from __future__ import annotations

import struct
import time

from core.errors import CameraBadAnswer, CameraUnsupported
from onvif_services.connection import DeviceConnection
from onvif_services.media import snapshot_uri

MAX_SIDE = 16384

_NO_JPEG = "The device's snapshot is not a JPEG picture."
# Start-of-frame markers (ITU T.81 table B.1), without DHT (C4), JPG (C8) and DAC (CC).
_FRAME_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = {0x01, *range(0xD0, 0xD8)}


def fetch_snapshot(conn: DeviceConnection, profile_token: str, service: str = "media") -> bytes:
    """Return a JPEG of at most 10 MB, within the time limit of one call.

    Raise CameraUnsupported without snapshots, CameraBadAnswer if it is no JPEG.
    """
    deadline_s = time.monotonic() + conn.timeout_s
    answer = conn.download(snapshot_uri(conn, profile_token, service, deadline_s=deadline_s), deadline_s)
    if answer.status in {404, 405, 501}:
        raise CameraUnsupported("The device offers no snapshot.", service="snapshot")
    if answer.status != 200:
        raise CameraBadAnswer(f"The device answers the request for a snapshot with HTTP status {answer.status}.")
    jpeg_size(answer.body)
    return answer.body


def jpeg_size(picture: bytes) -> tuple[int, int]:
    """Return width and height from a JPEG's frame header. Raise CameraBadAnswer if the bytes are not a JPEG."""
    if picture[:3] != b"\xff\xd8\xff" or b"\xff\xd9" not in picture[-1024:]:
        raise CameraBadAnswer(_NO_JPEG)
    position = 2
    while position + 9 <= len(picture):
        if picture[position] != 0xFF:
            break
        marker = picture[position + 1]
        if marker == 0xFF:  # fill bytes may precede a marker
            position += 1
        elif marker in _BARE_MARKERS:
            position += 2
        elif marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", picture, position + 5)
            if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
                break
            return width, height
        else:
            position += 2 + max(2, int.from_bytes(picture[position + 2 : position + 4], "big"))
    raise CameraBadAnswer(_NO_JPEG)
