"""Cases of exports with their evidence packages, and the origins of exported ranges.

Revision ID: 0012
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("exports", sa.Column("origins", sa.Text()))
    op.create_table(
        "cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("owner", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("package_state", sa.String(16), nullable=False),
        sa.Column("package_by", sa.String(80), nullable=False),
        sa.Column("package_exports", sa.Text()),
        sa.Column("package_made_at", sa.DateTime()),
        sa.Column("package_bytes", sa.BigInteger(), nullable=False),
        sa.Column("package_etag", sa.String(64), nullable=False),
        sa.Column("problem_code", sa.String(64)),
        sa.Column("problem_detail", sa.Text()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_cases_user_id_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cases_user_id", "cases", ["user_id"])
    op.create_table(
        "case_exports",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_exports_case_id_cases", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name="fk_case_exports_export_id_exports", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "export_id", name="pk_case_exports"),
    )
    op.create_index("ix_case_exports_export_id", "case_exports", ["export_id"])
