"""Tables of the recordings on the devices' own disks, by the devices' clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime


class RecordingRow(Base):
    """A recording in the last list of its device. Times are by the device's clock. `position`: the device's order."""

    __tablename__ = "recordings"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    recording_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    source_id: Mapped[str] = mapped_column(String(255))
    source_name: Mapped[str] = mapped_column(String(128))
    job_source: Mapped[str] = mapped_column(String(255))
    earliest: Mapped[datetime | None] = mapped_column(UtcDateTime)
    latest: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tracks: Mapped[Any] = mapped_column(Json)  # a list; see recordings/store.py


class RecordingAskedRow(Base):
    """An interval for which the device was asked for a recording's events: RecordingEventRow has all of them."""

    __tablename__ = "recording_asked"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    recording_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    end: Mapped[datetime] = mapped_column(UtcDateTime)


class RecordingEventRow(Base):
    """An event of a recording, by the device's clock.

    `is_history`: recording began or ended (RecordingHistory); otherwise a detection, such as motion.
    """

    __tablename__ = "recording_events"
    __table_args__ = (
        Index("ix_recording_events_place", "camera_id", "recording_token", "is_history", "time"),
        Index("ix_recording_events_time", "camera_id", "time"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    recording_token: Mapped[str] = mapped_column(String(255))
    time: Mapped[datetime] = mapped_column(UtcDateTime)
    topic: Mapped[str] = mapped_column(String(255))
    track_token: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool | None] = mapped_column(Boolean)
    is_history: Mapped[bool] = mapped_column(Boolean)
    is_start_state: Mapped[bool] = mapped_column(Boolean)


class ReplayAbilitiesRow(Base):
    """Replay abilities that a device has shown, as in core.recordings.ReplayAbilities. NULL: not shown yet."""

    __tablename__ = "replay_abilities"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    way: Mapped[str] = mapped_column(String(16))
    seeks_in_session: Mapped[bool | None] = mapped_column(Boolean)
    has_times: Mapped[bool | None] = mapped_column(Boolean)
    beats_real_time: Mapped[bool | None] = mapped_column(Boolean)
    honours_frames: Mapped[bool | None] = mapped_column(Boolean)
