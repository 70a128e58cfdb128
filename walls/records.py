"""What the wall manager takes and gives. Frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LAYOUTS = (1, 4, 6, 9, 16)
"""How many tiles a layout has."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A channel in its place. `quality` None: by how large the tile is."""

    camera_id: int
    channel: int
    quality: Literal["main", "sub"] | None = None


@dataclass(frozen=True, slots=True)
class Wall:
    """A named layout. `user_id` None: made while there were no accounts. `tiles`: one a place, None: empty."""

    id: int
    user_id: int | None
    name: str
    layout: int
    tiles: tuple[Tile | None, ...]


@dataclass(frozen=True, slots=True)
class WallDraft:
    """A layout to keep; places beyond its tiles are empty."""

    name: str
    layout: int
    tiles: tuple[Tile | None, ...] = ()


@dataclass(frozen=True, slots=True)
class WallChange:
    """What to change of a layout; None stays as it is."""

    name: str | None = None
    layout: int | None = None
    tiles: tuple[Tile | None, ...] | None = None
