"""Motion events that a more precise event stands for in the review of events.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("events", sa.Column("is_joined", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ("joined", "joined_alerts"):
        op.add_column("event_days", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
