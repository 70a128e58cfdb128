"""The node with the files of an export, and failed logins that all nodes count together.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Plain ALTER TABLE: a new table in place of this one would delete the rows of cases.
    op.add_column("exports", sa.Column("node", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "failed_logins",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("at_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_failed_logins"),
    )
    op.create_index("ix_failed_logins_key", "failed_logins", ["key", "at_s"])
    op.create_index("ix_failed_logins_at_s", "failed_logins", ["at_s"])
