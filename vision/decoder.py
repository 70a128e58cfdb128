"""H.264 and H.265 to grey pictures, by PyAV with one thread and without the loop filter, which costs a third."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

WIDTH, HEIGHT = 320, 180  # of the small pictures that are compared
_MOST_PIXELS = 4096 * 2304
_CODECS = {"h264": "h264", "h265": "hevc"}
_OUTPUT_CORRUPT, _SHOW_ALL = 0x8, 0x400000  # AV_CODEC_FLAG_OUTPUT_CORRUPT, AV_CODEC_FLAG2_SHOW_ALL
_BYTE = 8
_H264_PICTURE, _H265_PICTURE = range(1, 6), range(32)


class DecodingFailed(Exception):
    """The decoder refuses these bytes, or they contain no picture."""


def decode_key_frame(unit: bytes, codec: str) -> av.VideoFrame:
    """Return the picture of a key frame. Raise DecodingFailed if there is none.

    Each has its own decoder, which costs less than 0.1 ms: no picture depends on an earlier one, and 64 channels
    hold no memory of 64 decoders.
    """
    context = _opened(codec)
    try:
        frames = [*context.decode(av.Packet(unit)), *context.decode(None)]
    except (av.FFmpegError, MemoryError, ValueError) as error:
        raise DecodingFailed(type(error).__name__) from error
    if not frames:
        raise DecodingFailed("no picture")
    return frames[-1]


class StreamDecoder:
    """Decodes all pictures of a stream, from a key frame on."""

    def __init__(self, codec: str) -> None:
        self._context = _opened(codec)

    def decode(self, unit: bytes, time_ms: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield each picture that is complete by now, with the time of its unit. Raise DecodingFailed."""
        packet = av.Packet(unit)
        packet.pts = packet.dts = time_ms
        yield from self._decoded(packet)

    def rest(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield the pictures that the decoder still holds. Nothing can be decoded after that."""
        yield from self._decoded(None)

    def _decoded(self, packet: av.Packet[Any] | None) -> Iterator[tuple[int, av.VideoFrame]]:
        try:
            frames = self._context.decode(packet)
        except (av.FFmpegError, MemoryError, ValueError) as error:
            raise DecodingFailed(type(error).__name__) from error
        for frame in frames:
            if frame.pts is not None:
                yield frame.pts, frame


def _opened(codec: str) -> av.VideoCodecContext:
    context = cast(av.VideoCodecContext, av.CodecContext.create(_CODECS[codec], "r"))
    context.thread_count = 1
    context.thread_type = "NONE"
    context.options = {"skip_loop_filter": "all", "max_pixels": str(_MOST_PIXELS)}
    context.flags |= _OUTPUT_CORRUPT  # key frames that are no IDR pictures
    context.flags2 |= _SHOW_ALL
    return context


def grey_of(frame: av.VideoFrame) -> Grey:
    """Return the brightness of a picture in 8 bits, mostly a view into the frame."""
    plane, name = frame.planes[0], frame.format.name
    depth = frame.format.components[0].bits
    if depth == _BYTE and name.startswith(("yuv", "gray", "nv")):
        rows: Grey = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width]
    if depth > _BYTE and name.startswith(("yuv", "gray")) and name.endswith("le"):
        words = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
        return (words[: frame.height, : frame.width] >> (depth - _BYTE)).astype(np.uint8)
    return np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8)


def small_grey_of(frame: av.VideoFrame) -> Grey:
    """Return the brightness at WIDTH x HEIGHT, for any shape of the picture."""
    return np.asarray(cv2.resize(grey_of(frame), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def jpeg_of(frame: av.VideoFrame, most_width: int) -> bytes:
    """Return the picture in colour as JPEG, at most `most_width` wide."""
    width = min(frame.width, most_width)
    height = max(1, round(frame.height * width / frame.width))
    colours = frame.reformat(width=width, height=height, format="bgr24").to_ndarray()
    ok, data = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not ok:
        raise DecodingFailed("JPEG")
    return data.tobytes()


def parameter_sets(unit: bytes, codec: str) -> tuple[bytes, ...]:
    """Return the NAL units in front of the picture: another camera mode brings other ones."""
    found = []
    for nal in _nal_units(unit[:4096]):
        kind = nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F
        if kind in (_H264_PICTURE if codec == "h264" else _H265_PICTURE):
            break
        if kind in ((7, 8) if codec == "h264" else (32, 33, 34)):
            found.append(nal)
    return tuple(found)


def _nal_units(data: bytes) -> Iterable[bytes]:
    return (nal.rstrip(b"\0") for nal in data.split(b"\0\0\1")[1:] if nal.rstrip(b"\0"))
