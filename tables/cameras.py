"""Tables of cameras: channels, certificates, heads, subscriptions to events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tables.base import Base, Json, UtcDateTime


class CameraRow(Base):
    """A camera: the user's fields, and the data that the device reported last.

    `password_box` is the password, encrypted for this id, host and user name. `port` is NULL until the user gives one
    or it is found; `port_found`: it was found by probing, so it may be probed again. A camera without ONVIF has its
    port in `stream_uris`: many may share one RTSP server. `node` is the owner, or the last one if that node is dead,
    and `epoch` counts the owners (placement/store.py); `site`: only nodes of that site may own the camera.
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
    node: Mapped[str | None] = mapped_column(String(64))
    epoch: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    site: Mapped[str | None] = mapped_column(String(64))
    failover: Mapped[str] = mapped_column(String(8), default="normal", server_default="normal")


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


class CertificateRow(Base):
    """The pinned certificate of a device, as in core.certificates."""

    __tablename__ = "certificates"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    port: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    pinned_at: Mapped[datetime] = mapped_column(UtcDateTime)


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


class EventSubscriptionRow(Base):
    """The open PullPoint subscription of a device, so that the app can end it after a crash."""

    __tablename__ = "event_subscriptions"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    parameters: Mapped[Any] = mapped_column(Json)  # a list of XML texts, reference parameters of the address
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
