"""Tiles as JSON text in the database, and back."""

from __future__ import annotations

import json
from typing import Any

from core.stored_lists import read_list
from walls.records import Tile


def tiles_to_json(tiles: tuple[Tile | None, ...]) -> str:
    """A list with `[camera id, channel]` a place, and the quality where one was chosen; null where it is empty."""
    return json.dumps([None if tile is None else _item(tile) for tile in tiles])


def tiles_from_json(text: str) -> tuple[Tile | None, ...]:
    """What tiles_to_json wrote; a place that cannot be read is empty."""
    return read_list(text, _tile)


def _item(tile: Tile) -> list[int | str]:
    place: list[int | str] = [tile.camera_id, tile.channel]
    return place if tile.quality is None else [*place, tile.quality]


def _tile(item: Any) -> Tile | None:
    match item:
        case [int(camera_id), int(channel)]:
            return Tile(camera_id, channel)
        case [int(camera_id), int(channel), "main" | "sub" as quality]:
            return Tile(camera_id, channel, quality)
    return None
