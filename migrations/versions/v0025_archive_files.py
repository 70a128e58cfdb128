"""The archive files of several nodes, so that each node can play the recordings of the others.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "archive_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("quality", sa.String(8), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("suffix", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("volume", sa.String(36), nullable=False),
        sa.Column("stretch_id", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("is_sealed", sa.Boolean(), nullable=False),
        sa.Column("is_on_disk", sa.Boolean(), nullable=False),
        sa.Column("object_key", sa.String(512)),
        sa.PrimaryKeyConstraint("id", name="pk_archive_files"),
        sa.UniqueConstraint(
            "node", "volume", "camera_id", "channel", "quality", "start_ms", "suffix", name="uq_archive_files_file"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archive_files_stream", "archive_files", ["camera_id", "channel", "quality", "start_ms"])
    op.create_index("ix_archive_files_object", "archive_files", ["node", "object_key", "start_ms"])
