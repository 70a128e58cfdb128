"""Motion of before revision 0021 that a more precise event stands for, and an index of the names of objects.

Revision ID: 0028
Revises: 0026
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0026"

_HAS_LABEL = sa.text("label != ''")
# As events/joined.py at this revision. The computed kind keeps SQLite from reading all motion by the index of kinds.
_FIND = """
SELECT DISTINCT motion.id, motion.camera_id, motion.channel, motion.start_ms, motion.is_channel_sure, motion.severity
FROM events AS precise
JOIN events AS motion
  ON motion.camera_id = precise.camera_id AND motion.channel = precise.channel
  AND motion.start_ms BETWEEN precise.start_ms - 10000 AND precise.start_ms + 10000
WHERE precise.kind IN ('person', 'vehicle', 'animal', 'face', 'package', 'licence_plate', 'object', 'intrusion',
  'line_crossed', 'loitering', 'left_object', 'removed_object', 'tamper', 'doorbell')
  AND motion.kind || '' = 'motion' AND motion.is_joined = :no
  AND (motion.severity != 'alert' OR precise.severity = 'alert')
"""
_MARK = "UPDATE events SET is_joined = :yes WHERE id = :id"
_COUNT = """
UPDATE event_days SET joined = joined + :count, joined_alerts = joined_alerts + :alerts
WHERE camera_id = :camera_id AND channel = :channel AND day = :day AND kind = 'motion' AND is_channel_sure = :is_sure
"""


def upgrade() -> None:
    op.create_index(
        "ix_events_label",
        "events",
        ["camera_id", "channel", sa.text("lower(label)"), "start_ms"],
        sqlite_where=_HAS_LABEL,
        postgresql_where=_HAS_LABEL,
    )
    join_earlier_events(op.get_bind())


def join_earlier_events(connection: sa.Connection) -> None:
    """Mark the motion, and count it in the days of the calendar."""
    found = connection.execute(sa.text(_FIND), {"no": False}).all()
    counts: Counter[tuple[int, int, str, bool]] = Counter()
    alerts: Counter[tuple[int, int, str, bool]] = Counter()
    for row in found:
        day = f"{datetime.fromtimestamp(row.start_ms / 1000, UTC).astimezone():%Y-%m-%d}"
        key = (row.camera_id, row.channel, day, bool(row.is_channel_sure))
        counts[key] += 1
        alerts[key] += row.severity == "alert"
    if found:
        connection.execute(sa.text(_MARK), [{"yes": True, "id": row.id} for row in found])
        names = ("camera_id", "channel", "day", "is_sure")
        changes = [
            {**dict(zip(names, key, strict=True)), "count": count, "alerts": alerts[key]}
            for key, count in counts.items()
        ]
        connection.execute(sa.text(_COUNT), changes)
