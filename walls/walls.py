"""Named layouts of the wall and their owners, in the database.

Users see their own layouts and the shared ones (`user_id` None), which were made while there were no accounts. Once
there are accounts, only an admin may change a shared layout. For a user, the layouts of other users do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.access import Permission, Principal
from core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from core.stored_json import read_items
from database import Database
from tables import WallRow

LAYOUTS = (1, 4, 6, 9, 16)
"""The possible numbers of tiles of a layout."""

MAX_WALLS = 50
"""Layouts per owner."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A channel on a wall. With `quality` None, the page decides; `saver`: key frames alone."""

    camera_id: int
    channel: int
    quality: Literal["main", "sub", "saver"] | None = None


@dataclass(frozen=True, slots=True)
class Wall:
    """A named layout. `user_id` None: shared, made while there were no accounts.

    `tiles` has `layout` items; None is an empty place.
    """

    id: int
    user_id: int | None
    name: str
    layout: int
    tiles: tuple[Tile | None, ...]


@dataclass(frozen=True, slots=True)
class WallDraft:
    """A layout to add. Places after the last of `tiles` are empty."""

    name: str
    layout: int
    tiles: tuple[Tile | None, ...] = ()


@dataclass(frozen=True, slots=True)
class WallChange:
    """New values for a layout; None keeps the present value."""

    name: str | None = None
    layout: int | None = None
    tiles: tuple[Tile | None, ...] | None = None


class WallManager:
    """Needs an open database. Safe between threads. Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def walls(self, who: Principal) -> list[Wall]:
        """Return all layouts that this user may see, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(WallRow).where(_is_seen_by(who.user_id)))
            return sorted((_wall(row) for row in rows), key=lambda wall: (wall.name.casefold(), wall.id))

    def get(self, who: Principal, wall_id: int) -> Wall:
        """Return a layout. Raise NotFound, also for another user's layout."""
        with self._database.read() as session:
            return _wall(_row(session, who, wall_id))

    def add(self, who: Principal, draft: WallDraft) -> Wall:
        """Raise InvalidRequest with the field's name, or Conflict (wall_name_taken, too_many_walls)."""
        _check(draft)
        with self._database.write() as session:
            count = select(func.count()).select_from(WallRow).where(_is_owned_by(who.user_id))
            if (session.scalar(count) or 0) >= MAX_WALLS:
                raise Conflict(f"There are {MAX_WALLS} layouts: delete one first.", code="too_many_walls")
            _check_name_is_free(session, who.user_id, draft.name)
            row = WallRow(user_id=who.user_id, name=draft.name, layout=draft.layout, tiles=_stored_tiles(draft))
            session.add(row)
            session.flush()
            return _wall(row)

    def change(self, who: Principal, wall_id: int, change: WallChange) -> Wall:
        """Raise InvalidRequest with the field's name, NotFound, Forbidden, or Conflict (wall_name_taken)."""
        with self._database.write() as session:
            row = _row(session, who, wall_id)
            before = _wall(row)
            _check_may_change(who, before)
            draft = WallDraft(
                name=before.name if change.name is None else change.name,
                layout=before.layout if change.layout is None else change.layout,
                tiles=_without_empty_end(before.tiles) if change.tiles is None else change.tiles,
            )
            _check(draft)
            if draft.name != before.name:
                _check_name_is_free(session, row.user_id, draft.name)
            row.name, row.layout, row.tiles = draft.name, draft.layout, _stored_tiles(draft)
            session.flush()
            return _wall(row)

    def remove(self, who: Principal, wall_id: int) -> None:
        """Raise NotFound or Forbidden."""
        with self._database.write() as session:
            row = _row(session, who, wall_id)
            _check_may_change(who, _wall(row))
            session.delete(row)


def may_change(who: Principal, wall: Wall) -> bool:
    """True if the user may change this layout. The user must be able to see it."""
    return wall.user_id == who.user_id or who.may(Permission.MANAGE)


def _check_may_change(who: Principal, wall: Wall) -> None:
    if not may_change(who, wall):
        raise Forbidden("This layout is shared by all users: only an admin may change it.")


def _check(draft: WallDraft) -> None:
    if draft.layout not in LAYOUTS:
        raise InvalidRequest.of_field("layout", f"one of {', '.join(map(str, LAYOUTS))}")
    if len(draft.tiles) > draft.layout:
        raise InvalidRequest.of_field("tiles", f"at most {draft.layout} in this layout")


def _is_owned_by(user_id: int | None) -> ColumnElement[bool]:
    return WallRow.user_id.is_(None) if user_id is None else WallRow.user_id == user_id


def _is_seen_by(user_id: int | None) -> ColumnElement[bool]:
    return _is_owned_by(None) if user_id is None else _is_owned_by(user_id) | _is_owned_by(None)


def _row(session: Session, who: Principal, wall_id: int) -> WallRow:
    row = session.scalars(select(WallRow).where(WallRow.id == wall_id, _is_seen_by(who.user_id))).first()
    if row is None:
        raise NotFound("There is no such layout.")
    return row


def _check_name_is_free(session: Session, user_id: int | None, name: str) -> None:
    if session.scalars(select(WallRow.id).where(_is_owned_by(user_id), WallRow.name == name)).first() is not None:
        raise Conflict("There is a layout of this name already.", code="wall_name_taken")


def _wall(row: WallRow) -> Wall:
    return Wall(row.id, row.user_id, row.name, row.layout, _in_places(read_items(row.tiles, _tile), row.layout))


def _in_places(tiles: tuple[Tile | None, ...], layout: int) -> tuple[Tile | None, ...]:
    """Return one item for each place of the layout."""
    return (tiles + (None,) * layout)[:layout]


def _without_empty_end(tiles: tuple[Tile | None, ...]) -> tuple[Tile | None, ...]:
    """Drop the empty places after the last tile, so that a smaller layout can hold the rest."""
    filled = [place for place, tile in enumerate(tiles, start=1) if tile is not None]
    return tiles[: filled[-1]] if filled else ()


def _stored_tiles(draft: WallDraft) -> list[list[int | str] | None]:
    """Return for each place [camera id, channel], with the quality as a third item if one is set, or None."""
    return [None if tile is None else _item(tile) for tile in _in_places(draft.tiles, draft.layout)]


def _item(tile: Tile) -> list[int | str]:
    item: list[int | str] = [tile.camera_id, tile.channel]
    return item if tile.quality is None else [*item, tile.quality]


def _tile(item: Any) -> Tile | None:
    """Read one item of _stored_tiles. An unreadable item becomes an empty place."""
    match item:
        case [int(camera_id), int(channel)]:
            return Tile(camera_id, channel)
        case [int(camera_id), int(channel), "main" | "sub" | "saver" as quality]:
            return Tile(camera_id, channel, quality)
    return None
