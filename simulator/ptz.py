"""A head that pans, tilts and zooms: its position, movement and presets. The video does not follow it.

The control port shows where it is, and which commands it got.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

_UNITS_PER_S = 0.5  # at full speed, of a range from -1 to 1
MAX_PRESETS = 32


def _limit(value: float) -> float:
    return max(-1.0, min(1.0, value))


@dataclass(frozen=True, slots=True)
class Position:
    """Pan and tilt from -1 to 1, zoom from 0 to 1 (ONVIF's generic spaces)."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0

    def clamped(self) -> Position:
        return Position(_limit(self.pan), _limit(self.tilt), max(0.0, min(1.0, self.zoom)))


@dataclass
class Preset:
    name: str
    position: Position


@dataclass
class PtzHead:
    """Moves by the clock: with a velocity in each axis (-1 to 1), until a moment."""

    presets: dict[str, Preset] = field(default_factory=lambda: {"1": Preset("Gate", Position(-0.5, 0.1, 0.3))})
    home: Position = field(default_factory=Position)
    _from: Position = field(default_factory=Position)
    _velocity: Position = field(default_factory=Position)
    _since_s: float = 0.0
    _until_s: float = 0.0
    commands: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=200))
    counts: Counter[str] = field(default_factory=Counter)  # of all commands, also of those that `commands` has lost

    def note(self, operation: str) -> None:
        """Write down a command with its time, as time.time() counts."""
        self.commands.append({"operation": operation, "at": time.time()})
        self.counts[operation] += 1

    def as_json(self) -> dict[str, object]:
        now, (turns, zooms) = self.position(), self.is_moving()
        return {
            "pan": now.pan,
            "tilt": now.tilt,
            "zoom": now.zoom,
            "turns": turns,
            "zooms": zooms,
            "velocity": [self._velocity.pan, self._velocity.tilt, self._velocity.zoom],
            "presets": {token: preset.name for token, preset in self.presets.items()},
            "commands": list(self.commands),
            "counts": dict(self.counts),
        }

    def position(self) -> Position:
        """The present position."""
        moving_s = max(0.0, min(time.monotonic(), self._until_s) - self._since_s)
        step = moving_s * _UNITS_PER_S
        start, speed = self._from, self._velocity
        moved = Position(start.pan + speed.pan * step, start.tilt + speed.tilt * step, start.zoom + speed.zoom * step)
        return moved.clamped()

    def is_moving(self) -> tuple[bool, bool]:
        """Two flags: it pans or tilts; it zooms."""
        moving = time.monotonic() < self._until_s
        return moving and bool(self._velocity.pan or self._velocity.tilt), moving and bool(self._velocity.zoom)

    def move(self, velocity: Position, for_s: float) -> None:
        """Move with a velocity for so many seconds, from the present position on."""
        self._from = self.position()
        self._velocity = Position(_limit(velocity.pan), _limit(velocity.tilt), _limit(velocity.zoom))
        self._since_s = time.monotonic()
        self._until_s = self._since_s + for_s

    def stop(self, *, pan_tilt: bool, zoom: bool) -> None:
        """Stop pan and tilt, or zoom, or both; the other axes move on."""
        left = max(0.0, self._until_s - time.monotonic())
        speed = self._velocity
        turning = Position() if pan_tilt else speed
        kept = Position(turning.pan, turning.tilt, 0.0 if zoom else speed.zoom)
        self.move(kept, left if kept != Position() else 0.0)

    def go_to(self, position: Position) -> None:
        """Jump to a position and stop."""
        self._from, self._velocity, self._until_s = position.clamped(), Position(), 0.0

    def keep_preset(self, token: str, name: str) -> str:
        """Keep the present position as a preset. Return its token, a new one if `token` is empty."""
        if not token:
            token = next(str(number) for number in range(1, MAX_PRESETS + 2) if str(number) not in self.presets)
        self.presets[token] = Preset(name or f"Preset {token}", self.position())
        return token
