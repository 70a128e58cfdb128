"""Tables of recording on the server: rules, pauses, kept ranges, gaps and jobs.

The index of a node's files is a database of its own; `archive_files` tells the other nodes of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime


class RecordingRuleRow(Base):
    """The rule for recording a channel on the server, as in core.archive.RecordingRule. No row: off.

    `alive_at`: the last time at which one of several nodes recorded the channel.
    """

    __tablename__ = "recording_rules"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    quality: Mapped[str] = mapped_column(String(16))  # main, sub or both
    schedule: Mapped[Any] = mapped_column(Json)  # a list of [weekday, from_minute, until_minute]
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    pre_s: Mapped[float] = mapped_column(Float)
    post_s: Mapped[float] = mapped_column(Float)
    keep_days: Mapped[float | None] = mapped_column(Float)
    keep_bytes: Mapped[int | None] = mapped_column(BigInteger)
    limit_days: Mapped[float | None] = mapped_column(Float)
    backfills: Mapped[bool] = mapped_column(Boolean, default=False)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    alive_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecordingPauseRow(Base):
    """A user has paused the recording of a channel. `until_at`: NULL for no planned end. `ended_at`: when a user
    resumed it. Rows stay after the end, because a backfill must not fetch this time."""

    __tablename__ = "recording_pauses"
    __table_args__ = (
        Index("ix_recording_pauses_channel", "camera_id", "channel", "since_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    channel: Mapped[int] = mapped_column(Integer)
    since_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(80))


class KeptRangeRow(Base):
    """A range of a channel that the retention does not delete. `until_at`: NULL for no end."""

    __tablename__ = "kept_ranges"
    __table_args__ = (
        Index("ix_kept_ranges_channel", "camera_id", "channel", "start_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    channel: Mapped[int] = mapped_column(Integer)
    start_at: Mapped[datetime] = mapped_column(UtcDateTime)
    end_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200))
    until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(80))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecordingGapRow(Base):
    """A time that a rule asks for and that was not recorded. `origin`: `server`, or `device` for a gap of the
    recorder itself. `end_at`: NULL while it goes on. `alerted_at`: when users were told; `seen_at`: when one of them
    marked the alert as seen."""

    __tablename__ = "recording_gaps"
    __table_args__ = (
        Index("ix_recording_gaps_channel", "camera_id", "channel", "start_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    channel: Mapped[int] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(String(16))
    start_at: Mapped[datetime] = mapped_column(UtcDateTime)
    end_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(32))
    by: Mapped[str] = mapped_column(String(80), default="")
    alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BackfillRow(Base):
    """A job that fetches a gap of the archive from the recorder. `pieces`: a list."""

    __tablename__ = "backfills"
    __table_args__ = (Index("ix_backfills_state", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    channel: Mapped[int] = mapped_column(Integer)
    start_at: Mapped[datetime] = mapped_column(UtcDateTime)
    end_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16))
    pieces: Mapped[Any] = mapped_column(Json)
    done_s: Mapped[float] = mapped_column(Float, default=0.0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem_code: Mapped[str | None] = mapped_column(String(64))
    problem_detail: Mapped[str | None] = mapped_column(Text)


class BackfillBytesRow(Base):
    """The bytes that all backfills have read from recorders in a day (such as 2026-11-24) of the server's time zone,
    also those of failed and deleted ones."""

    __tablename__ = "backfill_bytes"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class ArchiveFileRow(Base):
    """An archive file of one of several nodes, as core.recording_storage.StoredFile. Its node writes the row.

    There is no foreign key: the row of a removed camera stays until its node has deleted the file and the object.
    """

    __tablename__ = "archive_files"
    __table_args__ = (
        UniqueConstraint(
            "node", "volume", "camera_id", "channel", "quality", "start_ms", "suffix", name="uq_archive_files_file"
        ),
        Index("ix_archive_files_stream", "camera_id", "channel", "quality", "start_ms"),
        Index("ix_archive_files_object", "node", "object_key", "start_ms"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    node: Mapped[str] = mapped_column(String(64))
    camera_id: Mapped[int] = mapped_column(Integer)
    channel: Mapped[int] = mapped_column(Integer)
    quality: Mapped[str] = mapped_column(String(8))
    start_ms: Mapped[int] = mapped_column(BigInteger)
    end_ms: Mapped[int] = mapped_column(BigInteger)
    suffix: Mapped[int] = mapped_column(Integer, default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    volume: Mapped[str] = mapped_column(String(36))
    stretch_id: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    is_sealed: Mapped[bool] = mapped_column(Boolean)
    is_on_disk: Mapped[bool] = mapped_column(Boolean, default=True)
    object_key: Mapped[str | None] = mapped_column(String(512))


class ObjectLeftoverRow(Base):
    """An object in the object storage that no row of `archive_files` names: its upload by `node` goes on or was
    interrupted, or its file was deleted. `is_deleting`: the object is being deleted, so no upload may end with it.
    `may_arrive`: no node has noted the end of its upload, so the object may appear after it was deleted."""

    __tablename__ = "object_leftovers"

    object_key: Mapped[str] = mapped_column(String(512), primary_key=True)
    node: Mapped[str] = mapped_column(String(64))
    is_deleting: Mapped[bool] = mapped_column(Boolean, default=False)
    may_arrive: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
