"""The tables of the database, and its column types for times and JSON.

A change here needs a migration in `migrations/versions`. `database.Database` opens the sessions that read and write.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Stores aware datetimes as UTC, and returns aware UTC. SQLite stores no zone, so naive datetimes are refused."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without an offset")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """Stores a JSON value as text, None as NULL. The text `null` and invalid JSON are read as an empty object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        del dialect
        if value is None:
            return None
        try:
            read = json.loads(value)
        except ValueError:
            read = None
        return {} if read is None else read


class Base(DeclarativeBase):
    """Base of all tables. Constraint names follow fixed rules, so that later migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CameraRow(Base):
    """A camera: the user's fields, and the data that the device reported last.

    `password_box` is the password, encrypted for this id, host and user name. `port` is NULL until the user gives one
    or it is found; `port_found`: it was found by probing, so it may be probed again. A camera without ONVIF has its
    port in `stream_uris`: many may share one RTSP server.
    """

    __tablename__ = "cameras"
    # Two cameras cannot have the same host and port, but several may have no port yet.
    __table_args__ = (Index("ix_cameras_host_port", "host", "port", unique=True), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int | None] = mapped_column(Integer)
    port_found: Mapped[bool] = mapped_column(Boolean)
    username: Mapped[str] = mapped_column(String(255))
    password_box: Mapped[bytes] = mapped_column(LargeBinary)
    pretend: Mapped[bool] = mapped_column(Boolean)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    manufacturer: Mapped[str] = mapped_column(String(128), default="")
    model: Mapped[str] = mapped_column(String(128), default="")
    firmware: Mapped[str] = mapped_column(String(128), default="")
    serial: Mapped[str] = mapped_column(String(128), default="")
    hardware: Mapped[str] = mapped_column(String(128), default="")
    services: Mapped[str] = mapped_column(Text, default="")  # short names, separated by spaces
    clock_offset_s: Mapped[float | None] = mapped_column(Float)
    clock_measured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stream_uris: Mapped[Any] = mapped_column(Json, nullable=True)  # {"main", "sub"}: a camera without ONVIF
    access: Mapped[Any] = mapped_column(Json, nullable=True)  # see cameras/access.py; NULL: HTTP at the standard path


class ChannelRow(Base):
    """A channel of a camera: the device's fields (number, name, media profiles) and the user's.

    The row stays when the device no longer has the channel (`present` false), so that the user's name and order are
    there again when the channel comes back.
    """

    __tablename__ = "channels"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    video_source_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    present: Mapped[bool] = mapped_column(Boolean)
    device_name: Mapped[str] = mapped_column(String(128))
    profiles: Mapped[Any] = mapped_column(Json)  # a list; see cameras/store.py
    problem_code: Mapped[str | None] = mapped_column(String(64))
    problem_detail: Mapped[str | None] = mapped_column(Text)
    custom_name: Mapped[str] = mapped_column(String(100), default="")
    hidden: Mapped[bool] = mapped_column(Boolean, default=False)
    position: Mapped[int | None] = mapped_column(Integer)  # NULL: never ordered by the user, shown after the others


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


class ExportRow(Base):
    """An export job. `user_id` is NULL if it was made while there were no accounts, or if its user was deleted.

    `expires_at`: NULL while it is unfinished or if it is kept. `problem_code`: the reason of a wait, a failure or
    missing time.
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


class MovingHeadRow(Base):
    """A head that the app has set in motion and not stopped yet: its first request after a restart is Stop."""

    __tablename__ = "ptz_moving"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    video_source_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    profile_tokens: Mapped[Any] = mapped_column(Json)  # a list, as in core.ptz.HeadPlace


class PresetNameRow(Base):
    """The user's name of a preset. ONVIF cannot rename a preset without moving it."""

    __tablename__ = "ptz_preset_names"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    video_source_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    preset_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class TourRow(Base):
    """A round through presets of a channel. A tour that was running continues after a restart of the app."""

    __tablename__ = "ptz_tours"
    __table_args__ = (Index("ix_ptz_tours_channel", "camera_id", "video_source_token"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    video_source_token: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(80))
    stops: Mapped[Any] = mapped_column(Json)  # a list; see ptz/store.py
    is_running: Mapped[bool] = mapped_column(Boolean, default=False)


class CertificateRow(Base):
    """The pinned certificate of a device, as in core.certificates."""

    __tablename__ = "certificates"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    port: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    pinned_at: Mapped[datetime] = mapped_column(UtcDateTime)


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
