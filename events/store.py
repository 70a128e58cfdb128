"""The open subscriptions in the database, so that the next start ends those of a crashed app."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from core.events import SubscriptionAddress
from core.stored_json import read_items
from database import Database
from tables import EventSubscriptionRow


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """A subscription that may still be open at a device."""

    address: SubscriptionAddress
    opened_at: datetime


class SubscriptionStore:
    """Needs an open database. Safe between threads. Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[int, StoredSubscription]:
        """Return the subscriptions by camera id."""
        with self._database.read() as session:
            return {
                row.camera_id: StoredSubscription(
                    SubscriptionAddress(row.address, read_items(row.parameters, str)), row.opened_at
                )
                for row in session.scalars(select(EventSubscriptionRow))
            }

    def left_by(self, camera_id: int) -> SubscriptionAddress | None:
        """Return the subscription of a camera that may still be open at its device. Raise Unavailable."""
        with self._database.read() as session:
            row = session.get(EventSubscriptionRow, camera_id)
            return None if row is None else SubscriptionAddress(row.address, read_items(row.parameters, str))

    def save(self, camera_id: int, address: SubscriptionAddress, opened_at: datetime) -> None:
        """Store the subscription of a camera. A camera that was removed meanwhile is ignored."""
        try:
            with self._database.write() as session:
                session.merge(
                    EventSubscriptionRow(
                        camera_id=camera_id,
                        address=address.address,
                        parameters=list(address.parameters),
                        opened_at=opened_at,
                    )
                )
        except IntegrityError:
            return

    def forget(self, camera_id: int) -> None:
        with self._database.write() as session:
            session.execute(delete(EventSubscriptionRow).where(EventSubscriptionRow.camera_id == camera_id))
