"""Heads: those that move, names of presets, tours.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "ptz_moving",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("video_source_token", sa.String(255), nullable=False),
        sa.Column("profile_tokens", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_ptz_moving_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", "video_source_token", name="pk_ptz_moving"),
    )
    op.create_table(
        "ptz_preset_names",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("video_source_token", sa.String(255), nullable=False),
        sa.Column("preset_token", sa.String(255), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_ptz_preset_names_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", "video_source_token", "preset_token", name="pk_ptz_preset_names"),
    )
    op.create_table(
        "ptz_tours",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("video_source_token", sa.String(255), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("stops", sa.Text(), nullable=False),
        sa.Column("is_running", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_ptz_tours_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ptz_tours"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_ptz_tours_channel", "ptz_tours", ["camera_id", "video_source_token"])
