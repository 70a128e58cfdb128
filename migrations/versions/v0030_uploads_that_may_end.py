"""The names of objects whose upload may still end, so that none that arrives late stays in the object storage.

Revision ID: 0030
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("object_leftovers", sa.Column("may_arrive", sa.Boolean(), nullable=False, server_default=sa.true()))
