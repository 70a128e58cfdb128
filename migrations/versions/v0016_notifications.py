"""Notifications: sinks, rules, deliveries, subscriptions and the key of web push.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    sinks = op.create_table(
        "notification_sinks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("secret_box", sa.LargeBinary()),
        sa.Column("announced", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notification_sinks"),
        sqlite_autoincrement=True,
    )
    # The push sink sends nothing before a user subscribes with a browser, and makes a rule.
    now = datetime.now(UTC).replace(tzinfo=None)
    push = {"kind": "push", "name": "Push", "is_on": True, "settings": "{}", "created_at": now}
    op.bulk_insert(sinks, [push])
    op.create_table(
        "notification_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(8)),
        sa.Column("camera_id", sa.Integer()),
        sa.Column("channel", sa.Integer()),
        sa.Column("zone", sa.String(64)),
        sa.Column("days", sa.Text(), nullable=False),
        sa.Column("from_minute", sa.SmallInteger()),
        sa.Column("until_minute", sa.SmallInteger()),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("min_length_s", sa.Float(), nullable=False),
        sa.Column("cool_down_s", sa.Float(), nullable=False),
        sa.Column("sinks", sa.Text(), nullable=False),
        sa.Column("snooze_until", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_notification_rules_user_id_users", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name="fk_notification_rules_camera_id_cameras", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notification_rules"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notification_rules_user_id", "notification_rules", ["user_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("rule_name", sa.String(80), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("sink_id", sa.Integer(), nullable=False),
        sa.Column("sink_name", sa.String(80), nullable=False),
        sa.Column("sink_kind", sa.String(16), nullable=False),
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("event_kind", sa.String(24), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer()),
        sa.Column("is_alert_again", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("detail", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_user", "deliveries", ["user_id", "id"])
    op.create_index("ix_deliveries_state", "deliveries", ["state"])
    op.create_table(
        "push_subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(), nullable=False),
        sa.Column("p256dh", sa.LargeBinary(), nullable=False),
        sa.Column("auth_box", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("last_sent_at", sa.DateTime()),
        sa.Column("last_code", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_push_subscriptions_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_push_subscriptions"),
        sa.UniqueConstraint("endpoint_hash", name="uq_push_subscriptions_endpoint_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_push_subscriptions_user_id", "push_subscriptions", ["user_id"])
    op.create_table(
        "push_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("private_box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_push_keys"),
    )
