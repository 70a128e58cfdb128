"""The index of recordings: recordings, their events, and the times that were searched.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("recording_token", sa.String(255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(255), nullable=False),
        sa.Column("source_name", sa.String(128), nullable=False),
        sa.Column("job_source", sa.String(255), nullable=False),
        sa.Column("earliest", sa.DateTime()),
        sa.Column("latest", sa.DateTime()),
        sa.Column("tracks", sa.Text(), nullable=False),
        _of_camera("recordings"),
        sa.PrimaryKeyConstraint("camera_id", "recording_token", name="pk_recordings"),
    )
    op.create_table(
        "recording_asked",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("recording_token", sa.String(255), nullable=False),
        sa.Column("start", sa.DateTime(), nullable=False),
        sa.Column("end", sa.DateTime(), nullable=False),
        _of_camera("recording_asked"),
        sa.PrimaryKeyConstraint("camera_id", "recording_token", "start", name="pk_recording_asked"),
    )
    op.create_table(
        "recording_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("recording_token", sa.String(255), nullable=False),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.Column("topic", sa.String(255), nullable=False),
        sa.Column("track_token", sa.String(255), nullable=False),
        sa.Column("active", sa.Boolean()),
        sa.Column("is_history", sa.Boolean(), nullable=False),
        sa.Column("is_start_state", sa.Boolean(), nullable=False),
        _of_camera("recording_events"),
        sa.PrimaryKeyConstraint("id", name="pk_recording_events"),
    )
    op.create_index(
        "ix_recording_events_place", "recording_events", ["camera_id", "recording_token", "is_history", "time"]
    )
    op.create_index("ix_recording_events_time", "recording_events", ["camera_id", "time"])


def _of_camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["camera_id"], ["cameras.id"], name=f"fk_{table}_camera_id_cameras", ondelete="CASCADE"
    )
