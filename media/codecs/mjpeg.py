"""MJPEG over RTP (RFC 2435): the size of the picture in a payload's header.

The size plays the role of a parameter set: it describes the stream, and another one starts the consumers again.
"""

from __future__ import annotations

SIZE = "size"


def parameter_set_type(data: bytes) -> str | None:
    """Return "size" for the two bytes of the size (section 3.1.5 and 3.1.6); None for anything else."""
    return SIZE if len(data) == 2 else None


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height. None for a picture with a side over 2040 pixels: the header has no space for it."""
    width, height = (8 * number for number in data)
    return (width, height) if width and height else None
