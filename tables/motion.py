"""Tables of the motion that the app itself sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime


class MotionChannelRow(Base):
    """The settings of a channel, as motion.records.MotionSettings. No row: the app does not watch it."""

    __tablename__ = "motion_channels"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    sensitivity: Mapped[str] = mapped_column(String(16))
    zones: Mapped[Any] = mapped_column(Json)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MotionCellsRow(Base):
    """The changed cells of the pictures of one minute. `minute`: since 1970. `cells`: see motion/cell_blob.py.

    `blocks` has a bit for each block of 4 x 3 cells that has changed in the minute, and the level of the minute above
    them. There is no foreign key to the camera, whose removal must not delete many rows in one transaction.
    """

    __tablename__ = "motion_cells"
    __table_args__ = (Index("ix_motion_cells_minute", "minute"), {"sqlite_with_rowid": False})

    camera_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    channel: Mapped[int] = mapped_column(Integer, primary_key=True)
    minute: Mapped[int] = mapped_column(Integer, primary_key=True)
    blocks: Mapped[int] = mapped_column(BigInteger)
    cells: Mapped[bytes] = mapped_column(LargeBinary)
