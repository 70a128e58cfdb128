"""A head over a scripted device, with its dead man, for the tests of its queue and of its stops."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from core.clock import SystemClock
from core.ptz import HeadPlace, Velocity
from ptz.dead_man import DeadMan
from ptz.head import Head
from tests.ptz.doubles import PLACE, Link, ScriptedHead

RIGHT, LEFT, NEARER = Velocity(pan=0.5), Velocity(pan=-0.5), Velocity(zoom=0.5)
LONG_S = 60.0


@dataclass
class ShiftedClock(SystemClock):
    """The clock of the system, `ahead_s` seconds later."""

    ahead_s: float = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


@dataclass
class Bench:
    """A head with its device, and the notes of when it begins and ends to move."""

    device: ScriptedHead
    link: Link
    head: Head
    clock: ShiftedClock
    heads: list[Head]
    dead_man: DeadMan
    motion: list[HeadPlace | None] = field(default_factory=list)

    def go(self, token: str) -> Future[object]:
        """Send the head to a preset."""
        return self.head.run(lambda device: device.go_to_preset(PLACE, token), stands_before=True)

    def pass_time(self, by_s: float) -> None:
        """Let the head's clock advance, and the dead man look at it."""
        self.clock.ahead_s += by_s
        self.dead_man.wake()


@contextlib.contextmanager
def running_head() -> Iterator[Bench]:
    device = ScriptedHead()
    link = Link(device)
    motion: list[HeadPlace | None] = []
    heads: list[Head] = []
    dead_man = DeadMan(lambda: heads, SystemClock())
    clock = ShiftedClock()
    head = Head(link, clock, motion.append, dead_man.wake)
    heads.append(head)
    dead_man.start()
    yield Bench(device, link, head, clock, heads, dead_man, motion)
    link.held.set()
    for event in device.held.values():
        event.set()
    head.discard()
    dead_man.stop()
