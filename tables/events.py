"""Tables of the log of events. Times are whole milliseconds since 1970 in UTC: a busy system has millions of rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json

_BIG = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER is SQLite's row id
_IS_OPEN = text("end_ms IS NULL")


class EventRow(Base):
    """An event, as core.events.LoggedEvent. `end_ms`: NULL while it goes on.

    There is no foreign key to the camera, whose removal must not delete millions of rows in one transaction: the log
    deletes them in batches. `camera_id` 0: the server itself. `minute`: of the day, by the server's time zone.
    `changed_ms`: grows with every change of any row, so that pages can ask for news; 0 for imported events, which are
    no news. `device_ms`: the beginning by the device's own clock. `is_joined`: motion that a list may leave out,
    because a more precise event of the same seconds stands for it. `node`: the name of the node that has begun the
    event, or goes on with it; "" for a single process.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_channel", "camera_id", "channel", "start_ms"),
        Index("ix_events_camera", "camera_id", "start_ms"),
        Index("ix_events_start", "start_ms"),
        Index("ix_events_kind", "kind", "start_ms"),
        Index("ix_events_severity", "severity", "start_ms"),
        Index("ix_events_source", "source", "start_ms"),
        Index("ix_events_alerts", "camera_id", "severity", "start_ms"),
        Index("ix_events_changed", "changed_ms"),
        Index(
            "ix_events_zone",
            "zone",
            "start_ms",
            sqlite_where=text("zone != ''"),
            postgresql_where=text("zone != ''"),
        ),
        Index(
            "ix_events_label",
            "camera_id",
            "channel",
            text("lower(label)"),
            "start_ms",
            sqlite_where=text("label != ''"),
            postgresql_where=text("label != ''"),
        ),
        Index(
            "ix_events_open", "camera_id", sqlite_where=text("end_ms IS NULL"), postgresql_where=text("end_ms IS NULL")
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    camera_id: Mapped[int] = mapped_column(Integer)
    channel: Mapped[int | None] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(24))
    topic: Mapped[str] = mapped_column(String(200), default="")
    rule: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(8))
    severity: Mapped[str] = mapped_column(String(8))
    start_ms: Mapped[int] = mapped_column(BigInteger)
    end_ms: Mapped[int | None] = mapped_column(BigInteger)
    arrived_ms: Mapped[int] = mapped_column(BigInteger)
    is_device_time: Mapped[bool] = mapped_column(Boolean, default=False)
    minute: Mapped[int] = mapped_column(SmallInteger)
    count: Mapped[int] = mapped_column(Integer, default=1)
    closed_why: Mapped[str] = mapped_column(String(8), default="")
    score: Mapped[float | None] = mapped_column(Float)
    label: Mapped[str] = mapped_column(String(64), default="")
    box: Mapped[Any] = mapped_column(Json, nullable=True)
    zone: Mapped[str] = mapped_column(String(64), default="")
    has_picture: Mapped[bool] = mapped_column(Boolean, default=False)
    is_channel_sure: Mapped[bool] = mapped_column(Boolean, default=True)
    changed_ms: Mapped[int] = mapped_column(BigInteger)
    device_ms: Mapped[int | None] = mapped_column(BigInteger)
    is_joined: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    node: Mapped[str] = mapped_column(String(64), default="", server_default="")


class EventSeenRow(Base):
    """A user has marked an event as seen. `user_id` 0: everybody, while there are no accounts."""

    __tablename__ = "event_seen"
    __table_args__ = (Index("ix_event_seen_user", "user_id", "event_id"),)

    event_id: Mapped[int] = mapped_column(_BIG, ForeignKey("events.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, primary_key=True)


class EventDayRow(Base):
    """The number of events that began on a day (2026-11-24) of the server's time zone, for the calendar.

    `channel`: 0 for the whole device, -1 for events whose channel the app does not know. `is_channel_sure`: False for
    events whose channel the app has guessed. `joined`, `joined_alerts`: how many of them a list may leave out.
    """

    __tablename__ = "event_days"
    __table_args__ = (Index("ix_event_days_day", "day"),)

    camera_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    kind: Mapped[str] = mapped_column(String(24), primary_key=True)
    is_channel_sure: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    alerts: Mapped[int] = mapped_column(Integer)
    joined: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    joined_alerts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class EventHeartbeatRow(Base):
    """The last time at which a node was alive while it had open events: a crash ends them there. One row a node."""

    __tablename__ = "event_heartbeat"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    alive_ms: Mapped[int] = mapped_column(BigInteger)
    node: Mapped[str] = mapped_column(String(64), default="", server_default="")


class EventLookRow(Base):
    """What the app's own detector saw of an object. `colours`: a bit for each of events.words_lists.COLOURS.

    `kind` and `start_ms` are those of the event. `histogram`: NULL if the picture had no colours.
    """

    __tablename__ = "event_looks"
    __table_args__ = (Index("ix_event_looks_kind", "kind", "start_ms"),)

    event_id: Mapped[int] = mapped_column(_BIG, ForeignKey("events.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(24))
    start_ms: Mapped[int] = mapped_column(BigInteger)
    colours: Mapped[int] = mapped_column(Integer, default=0)
    histogram: Mapped[bytes | None] = mapped_column(LargeBinary)


class EventSwitchRow(Base):
    """The app does not listen to the events of this camera: an admin has switched that off."""

    __tablename__ = "event_switches"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)


class EventImportRow(Base):
    """The time whose recorded events of a device are in the log, in true time: it grows at both ends."""

    __tablename__ = "event_imports"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int] = mapped_column(BigInteger)
