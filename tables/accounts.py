"""Tables of users, logins, tokens, walls and choices."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime


class UserRow(Base):
    """An account. `name_key`: the name as it is compared. `scope`: see accounts/store.py; NULL means everything."""

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    scope: Mapped[Any] = mapped_column(Json, nullable=True)
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginSessionRow(Base):
    """A login in a browser. Only the SHA-256 of the cookie's value is stored."""

    __tablename__ = "login_sessions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))


class ApiTokenRow(Base):
    """A token for a script. Only the SHA-256 of its value is stored. It has at most the rights of its owner."""

    __tablename__ = "api_tokens"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    scope: Mapped[Any] = mapped_column(Json, nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FailedLoginRow(Base):
    """A failed login that all nodes count. `key`: SHA-256 of the limit; `at_s`: by the database's clock."""

    __tablename__ = "failed_logins"
    __table_args__ = (Index("ix_failed_logins_key", "key", "at_s"), Index("ix_failed_logins_at_s", "at_s"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at_s: Mapped[float] = mapped_column(Float)


class WallRow(Base):
    """A layout of the wall. `user_id` is NULL if it was made while there were no accounts."""

    __tablename__ = "walls"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    layout: Mapped[int] = mapped_column(Integer)  # number of tiles
    tiles: Mapped[Any] = mapped_column(Json)  # a list; see walls/walls.py


class ChoiceRow(Base):
    """A choice of the user that the app remembers, for example to create accounts later."""

    __tablename__ = "choices"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class VaultRow(Base):
    """One row: a known text encrypted with the key, so that a wrong key is noticed before anything is written."""

    __tablename__ = "vault"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key_check: Mapped[bytes] = mapped_column(LargeBinary)
