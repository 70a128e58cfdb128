"""Nodes that share the database: their leases, the owner of each camera, and the states that they tell each other.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("incarnation", sa.String(32), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("lease_s", sa.Float(), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.Column("ready_at", sa.Float(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_nodes"),
    )
    # Plain ALTER TABLE: a new table in place of this one would delete the rows that belong to cameras.
    op.add_column("cameras", sa.Column("node", sa.String(64)))
    op.add_column("cameras", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("cameras", sa.Column("site", sa.String(64)))
    op.add_column("cameras", sa.Column("failover", sa.String(8), nullable=False, server_default="normal"))
    op.create_table(
        "camera_states",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("problem_code", sa.String(64)),
        sa.Column("problem_detail", sa.Text()),
        sa.Column("written_at", sa.Float(), nullable=False),
        sa.Column("refused_until", sa.Float()),
        sa.Column("refused_logins", sa.Integer(), nullable=False),
        sa.Column("refused_of_place", sa.Integer(), nullable=False),
        sa.Column("refused_box", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_camera_states_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", name="pk_camera_states"),
    )
    op.create_table(
        "changes",
        sa.Column("topic", sa.String(16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", name="pk_changes"),
    )
