"""The switch of each camera for its events. Cameras without a row have the default, on."""

from __future__ import annotations

import threading

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from core.errors import NotFound
from database import Database
from tables import EventSwitchRow


class EventSwitches:
    """Needs an open database. Safe between threads. `is_on` answers from memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._off: set[int] = set()

    def load(self) -> None:
        with self._database.read() as session:
            off = set(session.scalars(select(EventSwitchRow.camera_id)))
        with self._lock:
            self._off = off

    def is_on(self, camera_id: int) -> bool:
        with self._lock:
            return camera_id not in self._off

    def set_on(self, camera_id: int, is_on: bool) -> None:
        """Store the switch of a camera. Raise NotFound for an unknown camera."""
        try:
            with self._database.write() as session:
                if is_on:
                    session.execute(delete(EventSwitchRow).where(EventSwitchRow.camera_id == camera_id))
                else:
                    session.merge(EventSwitchRow(camera_id=camera_id))
        except IntegrityError:
            raise NotFound("There is no such camera.") from None
        with self._lock:
            (self._off.discard if is_on else self._off.add)(camera_id)
