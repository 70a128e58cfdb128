"""The build and the load of each node.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("nodes", sa.Column("build", sa.String(16), nullable=False, server_default=""))
    op.add_column("nodes", sa.Column("streams", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("nodes", sa.Column("cpu_share", sa.Float(), nullable=False, server_default="0"))
