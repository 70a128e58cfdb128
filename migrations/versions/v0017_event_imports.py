"""Events: the device's own time, an index by zone, and the time whose recorded events were imported.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("events", sa.Column("device_ms", sa.BigInteger()))
    has_zone = sa.text("zone != ''")
    op.create_index("ix_events_zone", "events", ["zone", "start_ms"], sqlite_where=has_zone, postgresql_where=has_zone)
    op.create_table(
        "event_imports",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_event_imports_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", name="pk_event_imports"),
    )
