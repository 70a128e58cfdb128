"""Colours and histograms of the objects that the app's own detector has seen.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "event_looks",
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("colours", sa.Integer(), nullable=False),
        sa.Column("histogram", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_event_looks_event_id_events", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("event_id", name="pk_event_looks"),
    )
    op.create_index("ix_event_looks_kind", "event_looks", ["kind", "start_ms"])
