"""Recording on the server: rules, pauses, kept ranges, gaps, jobs that fill gaps; open subscriptions to events.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def _of_camera(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_camera_id_cameras"
    return sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "recording_rules",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("quality", sa.String(16), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("pre_s", sa.Float(), nullable=False),
        sa.Column("post_s", sa.Float(), nullable=False),
        sa.Column("keep_days", sa.Float()),
        sa.Column("keep_bytes", sa.BigInteger()),
        sa.Column("limit_days", sa.Float()),
        sa.Column("backfills", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        _of_camera("recording_rules"),
        sa.PrimaryKeyConstraint("camera_id", "channel", name="pk_recording_rules"),
    )
    op.create_table(
        "recording_pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("since_at", sa.DateTime(), nullable=False),
        sa.Column("until_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("by", sa.String(80), nullable=False),
        _of_camera("recording_pauses"),
        sa.PrimaryKeyConstraint("id", name="pk_recording_pauses"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recording_pauses_channel", "recording_pauses", ["camera_id", "channel", "since_at"])
    op.create_table(
        "kept_ranges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("end_at", sa.DateTime(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("until_at", sa.DateTime()),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        _of_camera("kept_ranges"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_kept_ranges_user_id_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_kept_ranges"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_kept_ranges_channel", "kept_ranges", ["camera_id", "channel", "start_at"])
    op.create_table(
        "recording_gaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("end_at", sa.DateTime()),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("alerted_at", sa.DateTime()),
        sa.Column("seen_at", sa.DateTime()),
        _of_camera("recording_gaps"),
        sa.PrimaryKeyConstraint("id", name="pk_recording_gaps"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_recording_gaps_channel", "recording_gaps", ["camera_id", "channel", "start_at"])
    op.create_table(
        "backfills",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start_at", sa.DateTime(), nullable=False),
        sa.Column("end_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("pieces", sa.Text(), nullable=False),
        sa.Column("done_s", sa.Float(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("problem_code", sa.String(64)),
        sa.Column("problem_detail", sa.Text()),
        _of_camera("backfills"),
        sa.PrimaryKeyConstraint("id", name="pk_backfills"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_backfills_state", "backfills", ["state"])
    op.create_table(
        "event_subscriptions",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        _of_camera("event_subscriptions"),
        sa.PrimaryKeyConstraint("camera_id", name="pk_event_subscriptions"),
    )
