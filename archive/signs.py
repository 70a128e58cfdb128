"""Signs of life: how long a node has recorded each channel. The next owner needs them after a crash, for the gap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import or_, tuple_, update

from database import Database
from tables import RecordingRuleRow


class SignsOfLife:
    """Kept in the rows of the rules. Needs an open database; each call raises Unavailable if that does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, signs: Mapping[tuple[int, int], datetime]) -> None:
        """Note the time until which each camera and channel was recorded. A later time that is stored stays."""
        if not signs:
            return
        of_moment: dict[datetime, list[tuple[int, int]]] = {}
        for place, moment in signs.items():
            of_moment.setdefault(moment, []).append(place)
        row = RecordingRuleRow
        with self._database.write() as session:
            for moment, places in of_moment.items():
                session.execute(
                    update(row)
                    .where(
                        tuple_(row.camera_id, row.channel).in_(places),
                        or_(row.alive_at.is_(None), row.alive_at < moment),
                    )
                    .values(alive_at=moment)
                    .execution_options(synchronize_session=False)
                )

    def last(self, camera_id: int, channel: int) -> datetime | None:
        """Return the time until which a node has recorded the channel; None if no node has."""
        with self._database.read() as session:
            row = session.get(RecordingRuleRow, (camera_id, channel))
            return row.alive_at if row is not None else None
