"""The head of one channel: its queue, its mover, and its abilities as far as they are known."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from core.clock import Clock
from core.ptz import HeadAbilities, HeadPlace
from ptz.head import AskDevice, Head
from ptz.mover import Movers
from ptz.store import HeadKey

_STOP_WAIT_S = 2.0
_MOST_WAITING_STOPS = 3


@dataclass
class ChannelHead:
    """`abilities` is None until the device was asked, and read again after `read_again_s` (monotonic_s).

    `stops` counts the stops of users, `waiting_stops` the requests that wait for the result of one, and `iris_changes`
    the new openings of the iris.
    """

    key: HeadKey
    head: Head
    movers: Movers
    abilities: HeadAbilities | None = None
    read_again_s: float = math.inf
    stops: int = 0
    waiting_stops: int = 0
    iris_changes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def stop_wait_s(self) -> Iterator[float]:
        """Yield the seconds that a request may wait for the result of a stop: 0 if enough requests wait.

        Stops have no request limit, and each that waits for a device that hangs holds one of the server's threads.
        """
        with self._lock:
            self.waiting_stops += 1
            wait_s = _STOP_WAIT_S if self.waiting_stops <= _MOST_WAITING_STOPS else 0.0
        try:
            yield wait_s
        finally:
            with self._lock:
                self.waiting_stops -= 1

    def set_iris(self, value: float | None) -> None:
        """Note the new opening of the iris (None: automatic) for pages that ask before the device was read again."""
        with self._lock:
            self.iris_changes += 1
            if self.abilities is not None and self.abilities.iris is not None:
                known = self.abilities.iris
                iris = replace(known, value=known.value if value is None else value, auto=value is None)
                self.abilities = replace(self.abilities, iris=iris)
                self.read_again_s = -math.inf

    def keep(self, read: HeadAbilities, iris_changes: int, read_again_s: float) -> HeadAbilities:
        """Keep abilities that were read since `iris_changes` had this value, and return them.

        If the iris was changed meanwhile, keep the new opening, and read again soon.
        """
        with self._lock:
            known = self.abilities
            if iris_changes != self.iris_changes and known is not None and read.iris is not None:
                self.abilities, self.read_again_s = replace(read, iris=known.iris), -math.inf
            else:
                self.abilities, self.read_again_s = read, read_again_s
            return self.abilities


@dataclass
class ChannelHeads:
    """The heads by camera and video source. Thread-safe.

    `ask_of(camera_id)` returns the function that asks the device. `on_motion(key, place)` is called when a head begins
    to move, with None when it stands; `on_time()` when a head must be looked at earlier (dead_man.DeadMan.wake),
    `on_taken(name)` when an admin takes a head over (mover.Movers).
    """

    clock: Clock
    ask_of: Callable[[int], AskDevice]
    on_motion: Callable[[HeadKey, HeadPlace | None], None]
    on_time: Callable[[], None]
    on_taken: Callable[[str], None]
    _heads: dict[HeadKey, ChannelHead] = field(default_factory=dict)
    _closing: set[int] = field(default_factory=set)  # cameras whose connection is about to end
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, key: HeadKey) -> ChannelHead:
        """Return the head of a channel; a new one the first time."""
        with self._lock:
            found = self._heads.get(key)
            if found is None:
                found = self._heads[key] = self._made(key)
                found.head.refuse_moves(is_refusing=key.camera_id in self._closing)
            return found

    def all(self) -> Collection[ChannelHead]:
        with self._lock:
            return list(self._heads.values())

    def refuse_moves(self, camera_id: int, *, is_refusing: bool) -> list[ChannelHead]:
        """Let the heads of a camera refuse moves, also those made later, until it is forgotten. Return the heads."""
        with self._lock:
            if is_refusing:
                self._closing.add(camera_id)
            else:
                self._closing.discard(camera_id)
            found = [item for key, item in self._heads.items() if key.camera_id == camera_id]
            for item in found:
                item.head.refuse_moves(is_refusing=is_refusing)
        return found

    def forget(self, camera_id: int) -> None:
        """Forget the heads of a camera that was changed or removed, without a request to it."""
        with self._lock:
            self._closing.discard(camera_id)
            gone = [key for key in self._heads if key.camera_id == camera_id]
            heads = [self._heads.pop(key).head for key in gone]
        for head in heads:
            head.discard()

    def _made(self, key: HeadKey) -> ChannelHead:
        movers = Movers(self.clock, self.on_taken)

        def on_motion(place: HeadPlace | None) -> None:
            if place is None:
                movers.stopped()
            self.on_motion(key, place)

        return ChannelHead(key, Head(self.ask_of(key.camera_id), self.clock, on_motion, self.on_time), movers)
