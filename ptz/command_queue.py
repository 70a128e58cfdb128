"""The commands that wait for one head, in their order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from core.ptz import PtzDevice, Velocity

SUPERSEDED = object()
"""The result of a command that a newer one has replaced."""


@dataclass(eq=False, slots=True)
class Command:
    """A waiting command. `velocity` is set for a move; `stops` is True for a stop.

    `travels`: it takes the head to a position (a preset, home, the centre of a picture).
    `until_s`: after this time (monotonic_s) the command is no longer sent, because its caller has given up.
    """

    run: Callable[[PtzDevice], object] | None = None
    velocity: Velocity | None = None
    timeout_s: float = 0.0
    stops: bool = False
    travels: bool = False
    until_s: float = math.inf
    done: Future[Any] = field(default_factory=Future)

    def finish(self, result: object) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class CommandQueue:
    """Used with the head's lock held."""

    def __init__(self) -> None:
        self._waiting: deque[Command] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first(self) -> Command | None:
        return self._waiting[0] if self._waiting else None

    @property
    def last(self) -> Command | None:
        return self._waiting[-1] if self._waiting else None

    @property
    def has_move(self) -> bool:
        return any(command.velocity is not None for command in self._waiting)

    @property
    def has_stop(self) -> bool:
        return any(command.stops for command in self._waiting)

    def put(self, command: Command) -> None:
        self._waiting.append(command)

    def take(self) -> Command:
        """Return the next command. Raise IndexError if none waits."""
        return self._waiting.popleft()

    def drop_move(self) -> None:
        """Replace the waiting move: its result is SUPERSEDED."""
        self._drop([command for command in self._waiting if command.velocity is not None])

    def drop_travel(self) -> None:
        """Replace the waiting way to a position: its result is SUPERSEDED."""
        self._drop([command for command in self._waiting if command.travels])

    def fail_all(self, error: Exception) -> None:
        for command in self._waiting:
            command.fail(error)
        self._waiting.clear()

    def _drop(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self._waiting.remove(command)
            command.finish(SUPERSEDED)
