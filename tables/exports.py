"""Tables of exports and cases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime


class ExportRow(Base):
    """An export job. `user_id` is NULL if it was made while there were no accounts, or if its user was deleted.

    `expires_at`: NULL while it is unfinished or if it is kept. `problem_code`: the reason of a wait, a failure or
    missing time. `node`: name of the node with its files; "" for a single process.
    """

    __tablename__ = "exports"
    __table_args__ = (Index("ix_exports_state", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(80))
    notes: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(String(16))
    options: Mapped[Any] = mapped_column(Json)  # {"subtitles", "devices"}
    ranges: Mapped[Any] = mapped_column(Json)  # a list; see exports/store.py
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kept: Mapped[bool] = mapped_column(Boolean, default=False)
    problem_code: Mapped[str | None] = mapped_column(String(64))
    problem_detail: Mapped[str | None] = mapped_column(Text)
    done_s: Mapped[float] = mapped_column(Float, default=0.0)
    total_s: Mapped[float] = mapped_column(Float, default=0.0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    files: Mapped[Any] = mapped_column(Json)  # a list; see exports/store.py
    origins: Mapped[Any] = mapped_column(Json, nullable=True)  # of its ranges; see exports/origin.py
    node: Mapped[str] = mapped_column(String(64), server_default="")


class CaseRow(Base):
    """A case: exports under one name. `user_id` and `owner` as in ExportRow.

    `package_exports`: the content of its evidence package; see evidence/store.py. `package_by`: name of the user in the
    package.
    """

    __tablename__ = "cases"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(80))
    notes: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    package_state: Mapped[str] = mapped_column(String(16), default="none")
    package_by: Mapped[str] = mapped_column(String(80), default="")
    package_exports: Mapped[Any] = mapped_column(Json, nullable=True)  # a list of [id, hash of the files]
    package_made_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    package_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    package_etag: Mapped[str] = mapped_column(String(64), default="")
    problem_code: Mapped[str | None] = mapped_column(String(64))
    problem_detail: Mapped[str | None] = mapped_column(Text)


class CaseExportRow(Base):
    """An export of a case. `position`: its place in the case."""

    __tablename__ = "case_exports"

    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    export_id: Mapped[int] = mapped_column(ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(Integer)
