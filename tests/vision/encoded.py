"""Pictures as access units of H.264 or H.265: Annex B, parameter sets in front of each key frame, no B frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from tests.vision.scenes import FPS, SCENES, Movement, Picture, movements_of, pictures

GOP = 30


@dataclass(frozen=True, slots=True)
class EncodedUnit:
    time_ms: int
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    units: tuple[EncodedUnit, ...]
    movements: tuple[Movement, ...]


def scene(name: str, length_s: int = 60, seed: int | None = None) -> Scene:
    """Return an encoded scene with its movements. About 2 s of processor time for a minute."""
    seed = SCENES.index(name) + 1 if seed is None else seed
    movements = movements_of(seed, length_s)
    return Scene(name, tuple(encoded(pictures(name, seed, length_s, movements))), movements)


def encoded(
    drawn: Iterable[Picture], *, codec: str = "h264", gop: int = GOP, fps: int = FPS, crf: int = 26
) -> Iterator[EncodedUnit]:
    """Yield the access units of grey pictures of one size."""
    encoder: av.VideoCodecContext | None = None
    for number, picture in enumerate(drawn):
        height, width = picture.shape
        encoder = encoder or _encoder(codec, width, height, gop, fps, crf)
        for packet in encoder.encode(_frame(picture, number)):
            yield _unit(packet, fps)
    for packet in encoder.encode(None) if encoder is not None else ():
        yield _unit(packet, fps)


def _encoder(codec: str, width: int, height: int, gop: int, fps: int, crf: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create({"h264": "libx264", "h265": "libx265"}[codec], "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(fps), Fraction(1, fps)
    encoder.thread_count = 1
    shape = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:repeat-headers=1"
    quiet = {"x265-params": f"{shape}:log-level=none:pools=none"} if codec == "h265" else {"x264-params": shape}
    # The watcher finds the same movements in pictures of the slower presets.
    encoder.options = {"preset": "ultrafast", "crf": str(crf), **quiet}
    if codec == "h264":
        encoder.options = {**encoder.options, "tune": "zerolatency", "profile": "main"}
    return encoder


def _frame(picture: Picture, number: int) -> av.VideoFrame:
    height, width = picture.shape
    colourless = np.full((height // 2, width), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack((picture, colourless)), format="yuv420p")
    frame.pts = number
    return frame


def _unit(packet: av.Packet[av.VideoStream], fps: int) -> EncodedUnit:
    assert packet.pts is not None
    return EncodedUnit(round(1000 * packet.pts / fps), packet.is_keyframe, bytes(packet))
