"""A channel whose frames have one size, for tests of live sockets."""

from __future__ import annotations

import weakref
from datetime import UTC, datetime

from core.clock import SystemClock
from sessions.live.broadcast import FragmentBroadcaster, LiveFragment
from tests.web.live.live_peer import init_of

MB = 1_000_000


class Fragment(LiveFragment):
    """A fragment with weak references, so that the test sees when it is freed."""


class Camera:
    """Produce frames of one size into a broadcaster: four per second, one of `key_every` a key frame."""

    def __init__(self, picture_bytes: int, *, key_every: int = 8) -> None:
        self.broadcaster = FragmentBroadcaster(SystemClock())
        self.broadcaster.on_init(init_of())
        self._picture = bytearray(picture_bytes)
        self._key_every = key_every
        self._made: list[weakref.ref[Fragment]] = []

    def make(self, count: int) -> None:
        for _ in range(count):
            number = len(self._made)
            is_key = number % self._key_every == 0
            arrived_utc = datetime.now(UTC) if is_key else None
            picture = Fragment((bytes(self._picture),), b"", is_key, number / 4, arrived_utc)
            self._made.append(weakref.ref(picture))
            self.broadcaster.on_fragments((picture,))

    @property
    def kept(self) -> int:
        """The number of fragments that are still in memory."""
        return sum(one() is not None for one in self._made)
