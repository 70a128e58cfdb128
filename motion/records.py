"""Records of the package `motion`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.events import Box
from vision.messages import CELL_BYTES, Blob, Zone

__all__ = ["CELL_BYTES", "Blob", "Zone"]  # the other records are defined here

Place = tuple[int, int]
"""The id of a camera and the number of its channel."""


class MotionMode(StrEnum):
    """How the app learns of motion in a channel."""

    OFF = "off"
    AUTO = "auto"  # the device tells motion; if it does not, the app watches
    DEVICE = "device"
    KEY_FRAMES = "key_frames"
    EVERY_PICTURE = "every_picture"

    @property
    def may_watch(self) -> bool:
        """True if the app itself may look at the pictures."""
        return self not in (MotionMode.OFF, MotionMode.DEVICE)


class Sensitivity(StrEnum):
    """The smallest movement that counts."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    HIGHEST = "highest"

    @property
    def least_share(self) -> float:
        """The part of the picture that must move together."""
        return _LEAST_SHARES[self]


_LEAST_SHARES = {
    Sensitivity.LOW: 0.01,
    Sensitivity.MEDIUM: 0.003,
    Sensitivity.HIGH: 0.001,
    Sensitivity.HIGHEST: 0.0005,
}


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """The settings of one channel. Without a zone of kind watch or alert, the whole picture counts."""

    mode: MotionMode = MotionMode.OFF
    sensitivity: Sensitivity = Sensitivity.HIGH
    zones: tuple[Zone, ...] = ()


class ToldBy(StrEnum):
    """The teller of motion in a channel."""

    DEVICE = "device"
    SERVER = "server"
    NONE = "none"


class Reason(StrEnum):
    """Why the app does not watch a channel at the moment, besides the codes of device errors (core.errors)."""

    OFF = "off"
    NOT_INSTALLED = "not_installed"
    DEVICE_TELLS = "device_tells"  # mode auto, and the device has told motion in the last days
    DEVICE_IS_SILENT = "device_is_silent"  # mode device, and it has told none
    STARTING = "starting"
    RESTARTING = "restarting"  # the watching process has ended
    PAUSED = "paused"  # a user has paused the recording of the channel, for privacy
    PTZ_MOVES = "ptz_moves"
    NO_STREAM = "no_stream"  # the channel is gone, or has no media profile
    UNSUPPORTED_VIDEO = "unsupported_video"  # MJPEG
    UNREADABLE_VIDEO = "unreadable_video"  # it has ended the watching process several times
    TOO_MANY = "too_many"  # channels


@dataclass(frozen=True, slots=True)
class MotionState:
    """The watching of a channel at one moment. `reason`: see Reason, None while all is well.

    `watched_at`: the time of the newest picture that was looked at.
    """

    told_by: ToldBy
    reason: str | None = None
    is_restless: bool = False
    watched_at: datetime | None = None
    key_frame_interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A look at a picture of a channel: `cells` has a bit for each cell that has changed, row by row."""

    at: datetime
    share: float
    cells: bytes
    blobs: tuple[Blob, ...]


@dataclass(frozen=True, slots=True)
class WatchedPicture:
    """The newest picture that was looked at, as JPEG."""

    at: datetime
    jpeg: bytes


class ChildState(StrEnum):
    """The life of the watching process."""

    OFF = "off"
    RUNNING = "running"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class ChildView:
    """The watching process and its cost. `cpu_share`: 1.0 is one core. `skips`: it looks at every second picture."""

    state: ChildState = ChildState.OFF
    cpu_share: float = 0.0
    memory_bytes: int = 0
    pictures_per_s: float = 0.0
    skips: bool = False


@dataclass(frozen=True, slots=True)
class WatchedChannel:
    """A channel whose mode is not off. `hits_today`: the movements since midnight of the server."""

    camera_id: int
    channel: int
    state: MotionState
    hits_today: int = 0


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement that began: the place and share of its largest part, and the zone that it is in."""

    start_ms: int
    box: Box | None
    share: float
    zone: str
    is_alert: bool


class TurningHead(Protocol):
    """The head of the camera of a channel. workers.motion_watch has one of the PtzManager. No call waits."""

    @property
    def is_turning(self) -> bool:
        """True if the head moves now, or may be on its way."""
        ...


class MovementPictures(Protocol):
    """Takes pictures of movements. object_manager.ObjectManager implements it. No call waits."""

    @property
    def wants_pictures(self) -> bool: ...

    def take_picture(self, place: Place, at: datetime, jpeg: bytes, cells: bytes, zones: Sequence[Zone]) -> None:
        """Take a picture of a movement. `cells`: the moving ones. `zones`: those that are watched; empty for all."""
        ...

    def end_movement(self, place: Place) -> None:
        """The movement in a channel has ended."""
        ...


@dataclass(frozen=True, slots=True)
class CellHit:
    """A picture in which cells of a region had changed. `share`: of the cells of the region."""

    at: datetime
    share: float


@dataclass(frozen=True, slots=True)
class CellHits:
    """The pictures with changes, in order, and the minutes in which the app looked at the channel at all."""

    hits: tuple[CellHit, ...]
    watched_minutes: tuple[datetime, ...]
