"""Named layouts of the wall.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "walls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("layout", sa.Integer(), nullable=False),
        sa.Column("tiles", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_walls_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_walls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_walls_user_id", "walls", ["user_id"])
