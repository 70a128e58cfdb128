"""The gaps of a channel, for the coverage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select

from core.archive import ArchiveGap, GapReason, Origin
from database import Database
from tables import RecordingGapRow


def gaps_of(database: Database, camera_id: int, channel: int, start: datetime, end: datetime) -> list[ArchiveGap]:
    """Return the server's gaps of a channel that touch [start, end), in order."""
    row = RecordingGapRow
    query = select(row).where(
        row.camera_id == camera_id,
        row.channel == channel,
        row.origin == Origin.SERVER.value,
        row.start_at < end,
        or_(row.end_at.is_(None), row.end_at > start),
    )
    with database.read() as session:
        return [
            ArchiveGap(camera_id, channel, it.start_at, it.end_at, GapReason(it.reason))
            for it in session.scalars(query.order_by(row.start_at))
        ]
