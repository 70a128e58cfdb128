"""Replay abilities: key frames only, on request.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("replay_abilities", sa.Column("honours_frames", sa.Boolean()))
