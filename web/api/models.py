"""Requests and answers of the API for cameras, and the types that other models share."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from core import records
from core.clock import rfc3339
from core.zones import LONGEST_NAME
from web.fields import BodyId, Flag, Name, PathId, ProfileToken, QueryModel, RequestModel, StreamId, printable


def _as_text(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value


def rounded(digits: int) -> BeforeValidator:
    """Round a number; infinite numbers and NaN become None, because JSON has neither."""

    def shorten(value: Any) -> Any:
        return round(value, digits) if value is not None and math.isfinite(value) else None

    return BeforeValidator(shorten)


Time = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(description="RFC 3339, UTC", json_schema_extra={"format": "date-time"}),
]
Tenths = Annotated[float | None, rounded(1)]
Hundredths = Annotated[float | None, rounded(2)]
Thousandths = Annotated[float | None, rounded(3)]


class AnswerModel(BaseModel):
    """An answer that pydantic reads from a record's attributes. Aliases stand where the record has another name."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True)


# --- requests


class CameraPath(BaseModel):
    camera_id: PathId


class ChannelPath(CameraPath):
    number: PathId


class VariantPath(ChannelPath):
    role: Literal["main", "sub"]


class StreamPath(BaseModel):
    stream_id: StreamId


Codec = Literal["h264", "hevc"]
Host = Annotated[
    str,
    Field(min_length=1, max_length=255, description="Host name or IP address, optionally with a port"),
    AfterValidator(printable),
]
Address = Annotated[
    str,
    Field(
        min_length=1,
        max_length=600,
        description="Address of the ONVIF device service, such as https://192.168.1.108:8443/onvif/device_service. "
        "Instead of `host` and `port`",
    ),
    AfterValidator(printable),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Username = Annotated[str, Field(max_length=128), AfterValidator(printable)]
Password = Annotated[str, Field(max_length=256), AfterValidator(printable)]


StreamUri = Annotated[
    str,
    Field(min_length=1, max_length=1024, description="rtsp:// or rtsps://, optionally with a login"),
    AfterValidator(printable),
]


class NewStreamUris(RequestModel):
    """The streams of a camera without ONVIF. A user name and password in them are stored apart, and never shown."""

    main: Annotated[StreamUri, Field(repr=False)]
    sub: Annotated[StreamUri | None, Field(repr=False)] = None


ReadablePassword = Annotated[
    bool | None,
    Field(description="true: allow logins that send the password readable without TLS (HTTP Basic, PasswordText)"),
]


class NewCamera(RequestModel):
    """A camera to add: by `host` or `address` if it speaks ONVIF, otherwise by `stream_uris`.

    Without a port, the usual ports are tried; without a name, the device's name is used.
    """

    host: Host = ""
    address: Address | None = None
    port: Port | None = None
    username: Username = ""
    password: Password = Field(default="", repr=False)
    name: Name | None = None
    stream_uris: NewStreamUris | None = None
    readable_password: ReadablePassword = None


class CameraEdit(RequestModel):
    """New values; absent fields and null keep the old ones. An empty name restores the device's own name.

    A new host or port requires the password, because the stored one is not sent to another address. `stream_uris`, for
    a camera without ONVIF, replaces both addresses.
    """

    name: Annotated[str, Field(max_length=80), AfterValidator(printable)] | None = None
    host: Host | None = None
    address: Address | None = None
    port: Port | None = None
    username: Username | None = None
    password: Annotated[Password | None, Field(repr=False)] = None
    stream_uris: NewStreamUris | None = None
    readable_password: ReadablePassword = None
    recording_time_zone: Annotated[
        str | None, Field(max_length=LONGEST_NAME, description="IANA name, for a recorder that keeps local time")
    ] = None


class CertificateChoice(RequestModel):
    """The fingerprint of the changed certificate to accept: SHA-256 in hex, colons allowed."""

    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$")]


class ChannelEdit(RequestModel):
    """New values; absent fields and null keep the old ones. An empty name restores the device's own name."""

    name: Annotated[str, Field(max_length=80), AfterValidator(printable)] | None = None
    hidden: bool | None = None
    position: Annotated[int, Field(ge=0, le=10_000)] | None = None


class ChannelOrder(RequestModel):
    """All channel numbers of the camera, in the new order."""

    channels: Annotated[list[BodyId], Field(min_length=1, max_length=1024)]


class ListQuery(QueryModel):
    limit: Annotated[int, Field(ge=1, le=500)] = 500
    cursor: Annotated[str, Field(max_length=20, description="`next_cursor` of the previous answer")] | None = None


class WaitQuery(QueryModel):
    wait: Annotated[Flag, Field(description="1: answer after the first attempt to connect")] = False


class MasterQuery(QueryModel):
    codec: Annotated[
        Codec, Field(description="hevc: the H.265 streams without encoding, if the main stream is H.265")
    ] = "h264"


class VariantQuery(MasterQuery):
    viewer: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="As in the multivariant playlist")
    ] = None


class SnapshotQuery(QueryModel):
    profile_token: ProfileToken | None = None
    cached: Annotated[Flag, Field(description="1: the last snapshot, without a request to the device")] = False
    small: Annotated[Flag, Field(description="1: at most 320 pixels wide, for thin links")] = False


# --- answers


class Problem(AnswerModel):
    """A problem of a camera, channel or stream."""

    code: str
    detail: str


class FieldProblem(BaseModel):
    field: str
    message: str


class ProblemDocument(Problem):
    """An error (RFC 9457), sent as application/problem+json."""

    type: str
    title: str
    status: int
    errors: list[FieldProblem] | None = None
    used_by: list[str] | None = Field(default=None, description="limits: the ids of the streams that use the limit up")
    service: str | None = Field(default=None, description="camera_unsupported: the missing ONVIF service")
    camera_id: int | None = Field(default=None, description="already_added: the id of the existing camera")
    moved_by: str | None = Field(default=None, description="ptz_in_use: the name of the mover")
    moving_for_s: float | None = Field(default=None, description="ptz_in_use: seconds since that user began")
    free_in_s: float | None = Field(default=None, description="ptz_in_use: seconds until the head is free")


class StreamUris(AnswerModel):
    main: str
    sub: str | None


class Certificate(AnswerModel):
    """The pinned TLS certificate of a device. It is pinned at its first use."""

    port: int
    sha256: str
    pinned_at: Time
    changed: bool
    new_sha256: str | None = Field(
        validation_alias="changed_to", description="fingerprint of the other certificate, which the app refuses"
    )


class Camera(AnswerModel):
    id: int
    name: str
    host: str
    port: int | None
    username: str
    status: records.CameraStatus
    error: Problem | None = Field(description="of an online camera without ONVIF: its stream has no picture")
    manufacturer: str = Field(validation_alias=AliasPath("info", "manufacturer"))
    model: str = Field(validation_alias=AliasPath("info", "model"))
    firmware: str = Field(validation_alias=AliasPath("info", "firmware"))
    channels: int = Field(validation_alias="channel_count")
    services: list[str]
    clock_offset_s: Thousandths = Field(description="device time minus the app's time")
    last_seen_at: Time | None
    pretend: bool
    same_device_as: int | None = Field(description="an older camera with the same make, model and serial number")
    onvif: bool = Field(description="false: added by its stream addresses, without ONVIF; it has no recordings")
    stream_uris: StreamUris | None = Field(
        description="a camera without ONVIF: its streams, without a login; `{password}` stands for the password. "
        "Only for admins"
    )
    address: str = Field(description="address of the device service: scheme, host, port and path")
    readable_password: bool = Field(description="logins that send the password readable are allowed")
    recording_time_zone: str = Field(
        description="time zone of a recorder that keeps local time in its recordings, as a user has chosen it; empty: "
        "the app finds it"
    )
    certificate: Certificate | None = Field(description="of a device with TLS; a changed one goes first")
    place: str | None = Field(
        "",
        description="with several servers, the same word for all cameras of one, for `/live?place=`; null: no server "
        "has the camera at the moment. Empty for a single server",
    )


class CameraList(BaseModel):
    cameras: list[Camera]
    next_cursor: str | None


class Video(AnswerModel):
    codec: str
    width: int | None
    height: int | None
    fps: Hundredths
    bitrate_kbps: int | None
    gop: int | None


class Audio(AnswerModel):
    codec: str
    sample_rate: int | None
    channels: int | None


class Profile(AnswerModel):
    profile_token: str
    name: str
    role: records.ProfileRole
    video: Video | None
    audio: Audio | None


class Channel(AnswerModel):
    channel: int = Field(validation_alias="number")
    name: str
    video_source_token: str
    hidden: bool
    position: int
    problem: Problem | None
    profiles: list[Profile]


class ChannelList(BaseModel):
    channels: list[Channel]


class Found(AnswerModel):
    host: str
    port: int
    name: str
    hardware: str
    already_added: bool
    camera_id: int | None
    address: str = Field(description="address to add it with")


class FoundList(BaseModel):
    devices: list[Found]


class Check(AnswerModel):
    name: str
    outcome: str
    detail: str
    took_ms: int | None
    at: Time | None


class Health(AnswerModel):
    camera: Camera
    serial: str = Field(validation_alias=AliasPath("camera", "info", "serial"))
    hardware: str = Field(validation_alias=AliasPath("camera", "info", "hardware"))
    made_at: Time
    clock_measured_at: Time | None
    next_try_at: Time | None
    failures: int
    checks: list[Check]
    channels: list[Channel]
    text: str = Field(description="the card as text for copying, without secrets")
    node: str | None = Field(
        "",
        description="with several servers, the name of the one with the connection; null: none has it at the moment. "
        "Empty for a single server",
    )


SilentNodes = Annotated[
    list[str],
    Field(description="servers (nodes) that do not answer within a second, so their part is missing; usually empty"),
]


class NodeCounts(BaseModel):
    """Servers (nodes) by state, as /api/nodes has them."""

    alive: int
    leaving: int
    gone: int


class Ok(BaseModel):
    status: Literal["ok"]
    node: str = Field(description="with several servers, the name of the one that answers; empty for a single server")
    nodes: NodeCounts | None = Field(
        description="all servers, as this one has seen them last; null without a login, and for a single server"
    )
