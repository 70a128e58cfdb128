"""A camera that sends MJPEG: JPEG files of ffmpeg in RTP payloads (RFC 2435), with their quantization tables."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from media.ffmpeg import find_ffmpeg
from tests.media.rtsp.camera_peer import PeerCamera
from tests.patience import LIMIT_S

_MOST_BYTES = 1000  # with the tables less than PeerCamera cuts into fragments
_TABLES, _FRAME, _SCAN = 0xDB, 0xC0, 0xDA


@lru_cache(maxsize=4)
def jpegs(size: str = "320x240", seconds: int = 2) -> tuple[bytes, ...]:
    """Return a moving test picture as JPEG files, 25 a second, with the Huffman tables that RFC 2435 assumes."""
    source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}")
    encoder = ("-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p", "-q:v", "6", "-f", "mjpeg", "-")
    command = [str(find_ffmpeg()), "-v", "error", *source, *encoder]
    made = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S).stdout
    return tuple(b"\xff\xd8" + part for part in made.split(b"\xff\xd8\xff")[1:] for part in [b"\xff" + part])


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and contents of each segment; the last one is the scan with its data."""
    position = 2
    while jpeg[position + 1] != _SCAN:
        length = int.from_bytes(jpeg[position + 2 : position + 4], "big")
        yield jpeg[position + 1], jpeg[position + 4 : position + 2 + length]
        position += 2 + length
    length = int.from_bytes(jpeg[position + 2 : position + 4], "big")
    yield _SCAN, jpeg[position + 2 + length :].removesuffix(b"\xff\xd9")


def payloads_of(jpeg: bytes) -> list[bytes]:
    """Return the RTP payloads of a JPEG file."""
    tables: dict[int, bytes] = {}
    size, data = (0, 0), b""
    for marker, content in _segments(jpeg):
        if marker == _TABLES:
            for start in range(0, len(content), 65):
                tables[content[start]] = content[start + 1 : start + 65]
        elif marker == _FRAME:
            height, width = struct.unpack(">HH", content[1:5])
            size = width // 8 & 0xFF, height // 8 & 0xFF
            if max(width, height) > 2040:
                size = 0, 0
        elif marker == _SCAN:
            data = content
    quantization = tables[0] + tables.get(1, tables[0])
    found = []
    for start in range(0, len(data), _MOST_BYTES):
        head = struct.pack(">BBHBBBB", 0, start >> 16, start & 0xFFFF, 1, 255, *size)
        extra = struct.pack(">BBH", 0, 0, len(quantization)) + quantization if start == 0 else b""
        found.append(head + extra + data[start : start + _MOST_BYTES])
    return found


@dataclass
class MjpegCamera(PeerCamera):
    """Its SDP leaves out what RFC 3551 defines for the payload type 26."""

    stream: bytes = b""
    payload_type: int = 26
    size: str = "320x240"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pictures = [payloads_of(jpeg) for jpeg in jpegs(self.size)]

    def sdp(self) -> bytes:
        lines = ["v=0", "o=- 0 0 IN IP4 10.0.0.1", "s=Media", "t=0 0", "a=control:*", "m=video 0 RTP/AVP 26"]
        lines += ["a=control:trackID=0"]
        if self.has_audio:
            lines += ["m=audio 0 RTP/AVP 8", "a=control:trackID=1"]
        return "\r\n".join((*lines, "")).encode()
