"""Replay abilities that were observed with recorders.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "replay_abilities",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("seeks_in_session", sa.Boolean()),
        sa.Column("has_times", sa.Boolean()),
        sa.Column("beats_real_time", sa.Boolean()),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_replay_abilities_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", name="pk_replay_abilities"),
    )
