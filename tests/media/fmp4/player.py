"""A consumer of live fragments that records them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from media.fmp4.live import LiveFragment, LiveInit


@dataclass
class Player:
    """Keeps the init sections and fragments it receives, like a player."""

    inits: list[LiveInit] = field(default_factory=list)
    fragments: list[LiveFragment] = field(default_factory=list)
    is_over: bool = False

    def on_init(self, init: LiveInit) -> None:
        self.inits.append(init)

    def on_fragments(self, fragments: Sequence[LiveFragment]) -> None:
        self.fragments.extend(fragments)

    def on_end(self) -> None:
        self.is_over = True

    def film(self, *, with_sound: bool = False) -> bytes:
        init = self.inits[-1].data_with_audio if with_sound else self.inits[-1].data
        return init + b"".join(piece.video + (piece.audio if with_sound else b"") for piece in self.fragments)


def times(fragments: Sequence[LiveFragment]) -> list[tuple[int, int]]:
    """Return (decoding time, duration) of each frame in ticks, from its boxes."""
    found = []
    for piece in fragments:
        tfdt, trun = piece.video.index(b"tfdt"), piece.video.index(b"trun")
        (decoded_at,) = struct.unpack_from(">Q", piece.video, tfdt + 8)
        (duration,) = struct.unpack_from(">I", piece.video, trun + 16)
        found.append((decoded_at, duration))
    return found
