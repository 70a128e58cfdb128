"""Heads in the database: those that move, the users' names of presets, and tours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import Conflict, NotFound
from core.ptz import HeadPlace
from core.stored_json import read_items
from database import Database
from ptz.views import Tour, TourStop
from tables import MovingHeadRow, PresetNameRow, TourRow

MAX_TOURS = 20
"""Tours per channel."""


class HeadKey(NamedTuple):
    """Names a head: its number may change when the device lists its channels in another order."""

    camera_id: int
    video_source_token: str


class PtzStore:
    """Needs an open database. Safe between threads. Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- heads that move

    def moving(self) -> list[tuple[int, HeadPlace]]:
        """Return camera id and place of the heads that the app has set in motion and not stopped yet."""
        with self._database.read() as session:
            return [
                (row.camera_id, HeadPlace(read_items(row.profile_tokens, str), row.video_source_token))
                for row in session.scalars(select(MovingHeadRow))
            ]

    def note_moving(self, camera_id: int, place: HeadPlace) -> None:
        """Note that a head begins to move. A camera that was removed meanwhile is ignored."""
        try:
            with self._database.write() as session:
                session.merge(
                    MovingHeadRow(
                        camera_id=camera_id,
                        video_source_token=place.video_source_token,
                        profile_tokens=list(place.profile_tokens),
                    )
                )
        except IntegrityError:
            return

    def note_standing(self, key: HeadKey) -> None:
        with self._database.write() as session:
            session.execute(
                delete(MovingHeadRow).where(
                    MovingHeadRow.camera_id == key.camera_id,
                    MovingHeadRow.video_source_token == key.video_source_token,
                )
            )

    # ---- names of presets

    def preset_names(self, key: HeadKey) -> dict[str, str]:
        """Return the users' names of presets, by token."""
        with self._database.read() as session:
            return {row.preset_token: row.name for row in session.scalars(_names_of(key))}

    def set_preset_name(self, key: HeadKey, preset_token: str, name: str) -> None:
        with self._database.write() as session:
            session.merge(PresetNameRow(**key._asdict(), preset_token=preset_token, name=name))

    def forget_preset_name(self, key: HeadKey, preset_token: str) -> None:
        with self._database.write() as session:
            row = session.get(PresetNameRow, (*key, preset_token))
            if row is not None:
                session.delete(row)

    # ---- tours

    def tours(self, key: HeadKey) -> list[Tour]:
        """Return the tours of a channel, by name."""
        with self._database.read() as session:
            found = [_tour(row) for row in session.scalars(_tours_of(key))]
        return sorted(found, key=lambda tour: (tour.name.casefold(), tour.id))

    def tour(self, key: HeadKey, tour_id: int) -> Tour:
        """Return a tour. Raise NotFound, also for a tour of another channel."""
        with self._database.read() as session:
            return _tour(_tour_row(session, key, tour_id))

    def running_tours(self) -> list[tuple[HeadKey, Tour]]:
        with self._database.read() as session:
            rows = session.scalars(select(TourRow).where(TourRow.is_running))
            return [(HeadKey(row.camera_id, row.video_source_token), _tour(row)) for row in rows]

    def add_tour(self, key: HeadKey, name: str, stops: Sequence[TourStop]) -> Tour:
        """Raise Conflict (tour_name_taken, too_many_tours)."""
        with self._database.write() as session:
            if (session.scalar(select(func.count()).select_from(_tours_of(key).subquery())) or 0) >= MAX_TOURS:
                raise Conflict(f"There are {MAX_TOURS} tours: delete one first.", code="too_many_tours")
            if session.scalars(_tours_of(key).where(TourRow.name == name)).first() is not None:
                raise Conflict("There is a tour of this name already.", code="tour_name_taken")
            row = TourRow(**key._asdict(), name=name, stops=[[stop.preset, stop.stay_s] for stop in stops])
            row.is_running = False
            session.add(row)
            session.flush()
            return _tour(row)

    def remove_tour(self, key: HeadKey, tour_id: int) -> None:
        with self._database.write() as session:
            session.delete(_tour_row(session, key, tour_id))

    def set_running_tour(self, key: HeadKey, tour_id: int | None) -> None:
        """Mark one tour of a channel as running, and the others as not; None marks none."""
        with self._database.write() as session:
            for row in session.scalars(_tours_of(key)):
                row.is_running = row.id == tour_id


def _names_of(key: HeadKey) -> Any:
    return select(PresetNameRow).where(
        PresetNameRow.camera_id == key.camera_id, PresetNameRow.video_source_token == key.video_source_token
    )


def _tours_of(key: HeadKey) -> Any:
    return select(TourRow).where(
        TourRow.camera_id == key.camera_id, TourRow.video_source_token == key.video_source_token
    )


def _tour_row(session: Session, key: HeadKey, tour_id: int) -> TourRow:
    row: TourRow | None = session.scalars(_tours_of(key).where(TourRow.id == tour_id)).first()
    if row is None:
        raise NotFound("There is no such tour.")
    return row


def _tour(row: TourRow) -> Tour:
    return Tour(row.id, row.name, read_items(row.stops, _stop), row.is_running)


def _stop(item: Any) -> TourStop:
    preset, stay_s = item
    return TourStop(str(preset), float(stay_s))
