"""The log of events: events, marks of users, numbers by day, the last sign of life, switches of cameras.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer()),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("topic", sa.String(200), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger()),
        sa.Column("arrived_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_device_time", sa.Boolean(), nullable=False),
        sa.Column("minute", sa.SmallInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("closed_why", sa.String(8), nullable=False),
        sa.Column("score", sa.Float()),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("box", sa.Text()),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("has_picture", sa.Boolean(), nullable=False),
        sa.Column("is_channel_sure", sa.Boolean(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_channel", "events", ["camera_id", "channel", "start_ms"])
    op.create_index("ix_events_camera", "events", ["camera_id", "start_ms"])
    op.create_index("ix_events_start", "events", ["start_ms"])
    op.create_index("ix_events_kind", "events", ["kind", "start_ms"])
    op.create_index("ix_events_severity", "events", ["severity", "start_ms"])
    op.create_index("ix_events_source", "events", ["source", "start_ms"])
    op.create_index("ix_events_alerts", "events", ["camera_id", "severity", "start_ms"])
    op.create_index("ix_events_changed", "events", ["changed_ms"])
    is_open = sa.text("end_ms IS NULL")
    op.create_index("ix_events_open", "events", ["camera_id"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "event_seen",
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_event_seen_event_id_events", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", "user_id", name="pk_event_seen"),
    )
    op.create_index("ix_event_seen_user", "event_seen", ["user_id", "event_id"])
    op.create_table(
        "event_days",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("is_channel_sure", sa.Boolean(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", "channel", "day", "kind", "is_channel_sure", name="pk_event_days"),
    )
    op.create_index("ix_event_days_day", "event_days", ["day"])
    op.create_table(
        "event_heartbeat",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alive_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_heartbeat"),
    )
    op.create_table(
        "event_switches",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_event_switches_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", name="pk_event_switches"),
    )
