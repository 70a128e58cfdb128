"""Looking back into the group of pictures before a hit: the first picture in which the movement shows, at 5 fps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import av

from vision.decoder import DecodingFailed, StreamDecoder
from vision.every_picture import INTERVAL_MS
from vision.messages import BufferedUnit

_MOST_S = 3.0  # of processor time: a hostile stream must not hold up the other channels


class FirstMoving:
    """Finds the first moving picture. It is confirmed by one of the next two, or if it is the last of all."""

    def __init__(self, codec: str) -> None:
        self._decoder = StreamDecoder(codec)
        self._noted: list[tuple[int, bool]] = []

    def pictures(self, units: Sequence[BufferedUnit], body: bytes) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield about 5 pictures a second of the units. Raise DecodingFailed, also if decoding takes too long."""
        last_ms: int | None = None
        began_s = time.thread_time()
        for time_ms, frame in self._decoded(units, body):
            if time.thread_time() - began_s > _MOST_S:
                raise DecodingFailed("too slow")
            if last_ms is None or not 0 <= time_ms - last_ms < INTERVAL_MS:
                last_ms = time_ms
                yield time_ms, frame

    def note(self, time_ms: int, is_moving: bool) -> None:
        self._noted.append((time_ms, is_moving))

    @property
    def is_known(self) -> bool:
        """True if no later picture can change the answer."""
        return any(place + 1 < len(self._noted) and self._is_start(place) for place in range(len(self._noted)))

    @property
    def start_ms(self) -> int | None:
        """The time of the first confirmed picture among those that were noted."""
        return next((self._noted[place][0] for place in range(len(self._noted)) if self._is_start(place)), None)

    def _is_start(self, place: int) -> bool:
        following = [is_moving for _, is_moving in self._noted[place + 1 : place + 3]]
        return self._noted[place][1] and (any(following) or not following)

    def _decoded(self, units: Sequence[BufferedUnit], body: bytes) -> Iterator[tuple[int, av.VideoFrame]]:
        at = 0
        for unit in units:
            yield from self._decoder.decode(body[at : at + unit.size], unit.time_ms)
            at += unit.size
        yield from self._decoder.rest()
