"""A clip: the encoded frames of one loop, or the stills of one channel, complete or growing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from simulator.h26x import AccessUnit, AccessUnitParser, ParameterSets
from simulator.layout import ClipSpec
from simulator.painter import still_frames

_HEAD_START_FRAMES = 50
_JPEG_END = b"\xff\xd9"


class EncodeError(Exception):
    """A clip could not be encoded; the text gives the reason, for a person."""


@dataclass(eq=False)
class Clip:
    """The frames or stills of a spec that are encoded so far. A failure sets all three events, too.

    `described`: the first frame exists, and with it the parameter sets that an SDP needs; or the first still exists.
    `playable`: there are enough frames to begin to send them while the encoder goes on.
    `finished`: no more frames come.
    """

    spec: ClipSpec
    units: list[AccessUnit] = field(default_factory=list)
    sets: ParameterSets = field(default_factory=ParameterSets)
    stills: dict[int, bytes] = field(default_factory=dict)  # by place in the loop, in the order of their drawing
    is_complete: bool = False
    failure: str | None = None
    described: asyncio.Event = field(default_factory=asyncio.Event)
    playable: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_described(self, timeout_s: float) -> None:
        """Wait for the first frame. Raise EncodeError if it does not come in time."""
        try:
            async with asyncio.timeout(timeout_s):  # wait_for would lose a cancellation (Python before 3.12)
                await self.described.wait()
        except TimeoutError:
            raise EncodeError("the first frame is still being encoded") from None
        if self.failure:
            raise EncodeError(self.failure)

    def next_key(self, index: int) -> int:
        """Index of the first key frame at or after `index` that exists, otherwise of the loop's first frame."""
        for place in range(index, len(self.units)):
            if self.units[place].is_key:
                return place
        return 0

    def still(self, place: int) -> bytes:
        """The still at a place of the loop; the last one drawn while that one does not exist yet."""
        return self.stills.get(place) or self.stills[next(reversed(self.stills))]

    # -- growing ---------------------------------------------------------------------------------------------------

    def set_progress(self) -> None:
        """Set the events that the frames and stills so far allow."""
        if self.units or self.stills:
            self.described.set()
        if self.stills or len(self.units) >= min(_HEAD_START_FRAMES, self.spec.stream.gop_frames):
            self.playable.set()

    def complete(self) -> None:
        """Mark the clip as whole."""
        self.is_complete = True
        self._finish()

    def fail(self, reason: str) -> None:
        """Mark the clip as failed, with a reason."""
        self.failure = reason
        self._finish()

    def clear(self) -> None:
        """Begin again without frames and stills."""
        self.units, self.stills, self.sets = [], {}, ParameterSets()

    def _finish(self) -> None:
        for event in (self.described, self.playable, self.finished):
            event.set()

    def is_whole(self) -> bool:
        """True if all frames or stills of the spec are here."""
        stream = self.spec.stream
        if self.spec.kind == "stills":
            return len(self.stills) == len(still_frames(stream))
        has_all = len(self.units) == stream.frames and bool(self.sets.sps and self.sets.pps)
        return has_all and self.units[0].is_key


class ClipFeed:
    """Adds encoded bytes to a clip, piece by piece. Stills arrive from place `first_still` on, and wrap around."""

    def __init__(self, clip: Clip, first_still: int = 0) -> None:
        self._clip = clip
        self._parser = AccessUnitParser(clip.spec.stream.codec, clip.sets, packs=clip.spec.kind != "scene")
        self._first_still = first_still
        self._begun_jpeg = b""

    def feed(self, piece: bytes) -> None:
        """Add the frames or stills that this piece completes."""
        if self._clip.spec.kind != "stills":
            self._clip.units += self._parser.feed(piece)
            return
        # Entropy-coded data cannot contain an end marker (ISO 10918-1, B.1.1.5).
        *whole, self._begun_jpeg = (self._begun_jpeg + piece).split(_JPEG_END)
        count = len(still_frames(self._clip.spec.stream))
        for jpeg in whole:
            place = (self._first_still + len(self._clip.stills)) % count
            self._clip.stills[place] = jpeg + _JPEG_END

    def finish(self) -> None:
        """Add the last frame."""
        self._clip.units += self._parser.finish()
