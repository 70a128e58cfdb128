"""The multivariant playlist of a channel: the addresses of its variants, and what a player needs to choose one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VariantLine:
    """One variant (RFC 8216 section 4.3.4.2). `codec_strings`: of video and audio (RFC 6381).

    `peak_kbps`: of the fattest segment, container included. Size and rate are left out if they are None.
    """

    uri: str
    codec_strings: tuple[str, ...]
    peak_kbps: int
    width: int | None = None
    height: int | None = None
    fps: float | None = None


def multivariant_playlist(variants: Iterable[VariantLine]) -> str:
    """Return the text. Players begin with the first variant."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for variant in variants:
        attributes = [f"BANDWIDTH={variant.peak_kbps * 1000}", f'CODECS="{",".join(variant.codec_strings)}"']
        if variant.width and variant.height:
            attributes.append(f"RESOLUTION={variant.width}x{variant.height}")
        if variant.fps and math.isfinite(variant.fps):
            attributes.append(f"FRAME-RATE={variant.fps:.3f}")
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", variant.uri]
    return "\n".join(lines) + "\n"
