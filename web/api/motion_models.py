"""Requests and answers of the API for motion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from web.api.models import AnswerModel, SilentNodes, Time
from web.fields import Moment, QueryModel, RequestModel, printable

Mode = Annotated[
    Literal["off", "auto", "device", "key_frames", "every_picture"],
    Field(
        description="off: the app does not look. auto: the device tells motion; if it has told none in this channel "
        "for seven days, the app looks at key frames. device: only the device. key_frames, every_picture: the app looks"
    ),
]
Sensitivity = Annotated[
    Literal["low", "medium", "high", "highest"],
    Field(description="the least movement: 1 %, 0.3 %, 0.1 % or 0.05 % of the picture"),
]
Kind = Annotated[
    Literal["watch", "ignore", "alert"],
    Field(description="without a zone of kind watch or alert, the whole picture is watched"),
]
Part = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[
    list[Annotated[list[Part], Field(min_length=2, max_length=2)]],
    Field(min_length=3, max_length=32, description="the corners [x, y], as parts of the picture"),
]


class MotionZone(RequestModel):
    """A polygon in the picture."""

    id: Annotated[int, Field(ge=0, le=2**31 - 1, description="your own number, different for each zone")]
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
    kind: Kind
    points: Points


class ChannelMotionBody(RequestModel):
    """The settings of a channel. Absent fields get their defaults."""

    mode: Mode
    sensitivity: Sensitivity = "high"
    zones: Annotated[list[MotionZone], Field(max_length=16)] = []  # noqa: RUF012 - pydantic copies it


# --- answers


class ShownZone(AnswerModel):
    id: int
    name: str
    kind: Literal["watch", "ignore", "alert"]
    points: list[list[float]] = Field(description="the corners [x, y], as parts of the picture")


class ChannelMotionState(AnswerModel):
    """The watching of a channel at this moment."""

    told_by: Literal["device", "server", "none"] = Field(description="who tells motion in this channel")
    reason: str | None = Field(
        description="why the app does not look: off, not_installed, device_tells, device_is_silent, starting, "
        "restarting, paused, ptz_moves, no_stream, unsupported_video, unreadable_video, too_many, or the code of the "
        "device's error, such as camera_busy; null while all is well"
    )
    is_restless: bool = Field(
        description="the picture moves most of the time, so that larger movements count, or there are 60 events an hour"
    )
    watched_at: Time | None = Field(description="the time of the newest picture that was looked at")
    key_frame_interval_s: float | None = Field(description="seconds between key frames; null if it is not known yet")


class ChannelMotion(AnswerModel):
    """The settings of a channel, and its state."""

    mode: Literal["off", "auto", "device", "key_frames", "every_picture"]
    sensitivity: Literal["low", "medium", "high", "highest"]
    zones: list[ShownZone]
    state: ChannelMotionState
    is_available: bool = Field(description="the packages that the app needs for looking are installed")
    install_command: str = Field(description="the command that installs them")


class MotionChild(AnswerModel):
    """The process that looks at the pictures, over the last seconds."""

    state: Literal["off", "running", "restarting"]
    cpu_share: float = Field(description="1.0 is one core")
    memory_bytes: int
    pictures_per_s: float
    skips: bool = Field(description="it is over its share of the processor, and looks at every second key frame")


class MotionChannel(AnswerModel):
    """A channel whose mode is not off."""

    node: str = Field(description="the server (node) with the camera; empty for a single server, or if none has it")
    camera_id: int
    channel: int
    told_by: Literal["device", "server", "none"]
    reason: str | None = Field(description="as in the state of the channel")
    is_restless: bool
    hits_today: int = Field(description="movements since midnight that the app has seen")


class NodeMotion(AnswerModel):
    """Motion in the channels of one server."""

    channels: list[MotionChannel]


class Motion(NodeMotion):
    """Motion in all channels that you may see, on all servers. The rest is of the server that answers."""

    node: str = Field(description="the server (node) that answers; empty for a single server")
    is_available: bool
    install_command: str
    child: MotionChild
    silent_nodes: SilentNodes


class MotionBlob(AnswerModel):
    """A part of the picture that moves."""

    box: list[float] = Field(description="x, y, width and height, as parts of the picture")
    foot: list[float] = Field(description="the middle of its lower edge")
    share: float = Field(description="its part of the picture")
    zones: list[int] = Field(description="the ids of the zones that it is in")


class MotionNowQuery(QueryModel):
    time: Moment | None = Field(None, description="of the picture to tell about: its X-Picture-Time; else the newest")


class MotionNow(AnswerModel):
    """A look at a picture of a channel."""

    time: Time | None = Field(description="null while there is none, and a few seconds after a picture that you name")
    share: float = Field(description="the part of the picture that moves")
    cells: str = Field(
        description="144 hexadecimal digits: a bit for each of 32 x 18 cells, row by row, the first in the highest bit"
    )
    blobs: list[MotionBlob]
