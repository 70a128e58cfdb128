"""The objects in the object storage that belong to no file, so that none is forgotten there.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "object_leftovers",
        sa.Column("object_key", sa.String(512), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("is_deleting", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("object_key", name="pk_object_leftovers"),
    )
