"""Tables of notifications: sinks, rules, deliveries, and what web push needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime

_BIG = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is SQLite's row id


class NotificationSinkRow(Base):
    """A sink. `settings`: see notifications/sink_settings.py. `secret_box`: its encrypted secret, NULL for none.

    `announced`: the devices that an MQTT sink has announced to Home Assistant, so that it can take them back.
    """

    __tablename__ = "notification_sinks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80))
    is_on: Mapped[bool] = mapped_column(Boolean, default=True)
    settings: Mapped[Any] = mapped_column(Json)
    secret_box: Mapped[bytes | None] = mapped_column(LargeBinary)
    announced: Mapped[Any] = mapped_column(Json, nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NotificationRuleRow(Base):
    """A rule. `user_id` is NULL if it was made while there were no accounts. `minute`s are of the day.

    `kinds`: [] means all. `severity` NULL: any. `days`: 0 is Monday. `sinks`: a list of ids of sinks.
    `time_zone`: "" is the server's.
    """

    __tablename__ = "notification_rules"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    is_on: Mapped[bool] = mapped_column(Boolean, default=True)
    kinds: Mapped[Any] = mapped_column(Json)
    severity: Mapped[str | None] = mapped_column(String(8))
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    channel: Mapped[int | None] = mapped_column(Integer)
    zone: Mapped[str | None] = mapped_column(String(64))
    days: Mapped[Any] = mapped_column(Json)
    from_minute: Mapped[int | None] = mapped_column(SmallInteger)
    until_minute: Mapped[int | None] = mapped_column(SmallInteger)
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    min_length_s: Mapped[float] = mapped_column(Float)
    cool_down_s: Mapped[float] = mapped_column(Float)
    sinks: Mapped[Any] = mapped_column(Json)
    snooze_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeliveryRow(Base):
    """A notification for one sink. `user_id`: the owner of the rule. `event_id` 0: a test.

    `node`: the name of the node that sends it; "" for a single process. There are no foreign keys, so that the log
    keeps the deliveries of removed rules, sinks and events.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_user", "user_id", "id"),
        Index("ix_deliveries_state", "state"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    time_ms: Mapped[int] = mapped_column(BigInteger)
    changed_ms: Mapped[int] = mapped_column(BigInteger)
    rule_id: Mapped[int] = mapped_column(Integer)
    rule_name: Mapped[str] = mapped_column(String(80))
    user_id: Mapped[int | None] = mapped_column(Integer)
    sink_id: Mapped[int] = mapped_column(Integer)
    sink_name: Mapped[str] = mapped_column(String(80))
    sink_kind: Mapped[str] = mapped_column(String(16))
    event_id: Mapped[int] = mapped_column(_BIG)
    event_kind: Mapped[str] = mapped_column(String(24))
    camera_id: Mapped[int] = mapped_column(Integer)
    channel: Mapped[int | None] = mapped_column(Integer)
    is_alert_again: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[str] = mapped_column(String(8))
    tries: Mapped[int] = mapped_column(Integer, default=0)
    code: Mapped[str] = mapped_column(String(32), default="")
    detail: Mapped[str] = mapped_column(String(300), default="")
    node: Mapped[str] = mapped_column(String(64), default="", server_default="")


class PushSubscriptionRow(Base):
    """A browser that wants web push. `user_id` is NULL without accounts. `auth_box`: its encrypted auth secret."""

    __tablename__ = "push_subscriptions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    endpoint: Mapped[str] = mapped_column(Text)
    endpoint_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    p256dh: Mapped[bytes] = mapped_column(LargeBinary)
    auth_box: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_code: Mapped[str] = mapped_column(String(32), default="")


class PushKeyRow(Base):
    """One row: the key pair of this installation for web push (VAPID). `private_box` is encrypted."""

    __tablename__ = "push_keys"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    private_box: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
