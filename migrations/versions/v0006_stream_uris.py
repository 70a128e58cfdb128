"""Cameras without ONVIF, by the addresses of their streams.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("cameras", sa.Column("stream_uris", sa.Text()))
