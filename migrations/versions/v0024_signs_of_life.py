"""The last time at which one of several nodes recorded a channel.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("recording_rules", sa.Column("alive_at", sa.DateTime()))
