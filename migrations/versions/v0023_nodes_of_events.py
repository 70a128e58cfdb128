"""The node of each event, of the app's signs of life, and of each notification.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    for table in ("events", "event_heartbeat", "deliveries"):
        op.add_column(table, sa.Column("node", sa.String(64), nullable=False, server_default=""))
