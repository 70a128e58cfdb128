"""Values that PictureManager returns. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PictureState(StrEnum):
    """The state of one time of a grid."""

    READY = "ready"
    PENDING = "pending"  # it is being made, or the device has not told yet whether it recorded then
    MISSING = "missing"  # the device recorded then, and gave no picture
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class GridPicture:
    """A time of a grid. `picture_time`: of the picture itself; None before it is ready, or if no device confirms it."""

    time: datetime
    state: PictureState
    picture_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG. `picture_time`: the device's own time of the frame; None if the device does not confirm it."""

    jpeg: bytes
    picture_time: datetime | None
