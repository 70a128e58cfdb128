"""Cameras, their channels, and the check value of the encryption key.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cameras",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer()),
        sa.Column("port_found", sa.Boolean(), nullable=False),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("password_box", sa.LargeBinary(), nullable=False),
        sa.Column("pretend", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.Column("manufacturer", sa.String(128), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("firmware", sa.String(128), nullable=False),
        sa.Column("serial", sa.String(128), nullable=False),
        sa.Column("hardware", sa.String(128), nullable=False),
        sa.Column("services", sa.Text(), nullable=False),
        sa.Column("clock_offset_s", sa.Float()),
        sa.Column("clock_measured_at", sa.DateTime()),
        sa.Column("last_seen_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_cameras"),
        sqlite_autoincrement=True,  # ids are never reused: folders and caches are named by them
    )
    op.create_index("ix_cameras_host_port", "cameras", ["host", "port"], unique=True)
    op.create_table(
        "channels",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("video_source_token", sa.String(255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("device_name", sa.String(128), nullable=False),
        sa.Column("profiles", sa.Text(), nullable=False),
        sa.Column("problem_code", sa.String(64)),
        sa.Column("problem_detail", sa.Text()),
        sa.Column("custom_name", sa.String(100), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_channels_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", "video_source_token", name="pk_channels"),
    )
    op.create_table(
        "vault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_check", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vault"),
    )
