"""Layouts in the database: rows in here, frozen values outside.

The only module of this room that writes SQL. Every call is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound
from database import Database, WallRow
from walls.records import Tile, Wall, WallChange, WallDraft
from walls.stored import tiles_from_json, tiles_to_json

MOST_WALLS = 50


class WallStore:
    """Reads and writes layouts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen_by(self, user_id: int | None) -> list[Wall]:
        """The user's own and those of nobody, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(WallRow).where(_is_seen_by(user_id)))
            return sorted((_wall(row) for row in rows), key=lambda wall: (wall.name.casefold(), wall.id))

    def get(self, wall_id: int, user_id: int | None) -> Wall:
        """NotFound also for another user's."""
        with self._database.read() as session:
            return _wall(_row(session, wall_id, user_id))

    def add(self, user_id: int | None, draft: WallDraft) -> Wall:
        """Conflict where the owner has one of this name (wall_name_taken) or MOST_WALLS of them (too_many_walls)."""
        with self._database.write() as session:
            count = select(func.count()).select_from(WallRow).where(_is_of(user_id))
            if (session.scalar(count) or 0) >= MOST_WALLS:
                raise Conflict(f"There are {MOST_WALLS} layouts: delete one first.", code="too_many_walls")
            _refuse_taken(session, user_id, draft.name)
            row = WallRow(user_id=user_id, name=draft.name, layout=draft.layout, tiles=_filled(draft))
            session.add(row)
            session.flush()
            return _wall(row)

    def change(
        self, wall_id: int, user_id: int | None, change: WallChange, *, check: Callable[[Wall, WallDraft], None]
    ) -> Wall:
        """`check` sees what it is and what it is to be, and raises to refuse. NotFound, Conflict (wall_name_taken)."""
        with self._database.write() as session:
            row = _row(session, wall_id, user_id)
            before = _wall(row)
            draft = WallDraft(
                name=before.name if change.name is None else change.name,
                layout=before.layout if change.layout is None else change.layout,
                tiles=_without_end(before.tiles) if change.tiles is None else change.tiles,
            )
            check(before, draft)
            if draft.name != before.name:
                _refuse_taken(session, row.user_id, draft.name)
            row.name, row.layout, row.tiles = draft.name, draft.layout, _filled(draft)
            session.flush()
            return _wall(row)

    def remove(self, wall_id: int, user_id: int | None, *, check: Callable[[Wall], None]) -> None:
        """`check` raises to refuse. NotFound."""
        with self._database.write() as session:
            row = _row(session, wall_id, user_id)
            check(_wall(row))
            session.delete(row)


def _is_of(user_id: int | None) -> ColumnElement[bool]:
    return WallRow.user_id.is_(None) if user_id is None else WallRow.user_id == user_id


def _is_seen_by(user_id: int | None) -> ColumnElement[bool]:
    return _is_of(None) if user_id is None else _is_of(user_id) | _is_of(None)


def _row(session: Session, wall_id: int, user_id: int | None) -> WallRow:
    row = session.scalars(select(WallRow).where(WallRow.id == wall_id, _is_seen_by(user_id))).first()
    if row is None:
        raise NotFound("There is no such layout.")
    return row


def _refuse_taken(session: Session, user_id: int | None, name: str) -> None:
    if session.scalars(select(WallRow.id).where(_is_of(user_id), WallRow.name == name)).first() is not None:
        raise Conflict("There is a layout of this name already.", code="wall_name_taken")


def _filled(draft: WallDraft) -> str:
    return tiles_to_json(_placed(draft.tiles, draft.layout))


def _wall(row: WallRow) -> Wall:
    return Wall(row.id, row.user_id, row.name, row.layout, _placed(tiles_from_json(row.tiles), row.layout))


def _without_end(tiles: tuple[Tile | None, ...]) -> tuple[Tile | None, ...]:
    """Without the empty places behind the last tile."""
    filled = [place for place, tile in enumerate(tiles, start=1) if tile is not None]
    return tiles[: filled[-1]] if filled else ()


def _placed(tiles: tuple[Tile | None, ...], layout: int) -> tuple[Tile | None, ...]:
    """One a place."""
    return (tiles + (None,) * layout)[:layout]
