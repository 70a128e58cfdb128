"""Records of the storage page: volumes, and the share of each channel. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from archive.records import VolumeState


@dataclass(frozen=True, slots=True)
class NextToGo:
    """The footage that the retention deletes first if a volume needs space."""

    camera_id: int
    channel: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """A volume, its space and its forecast. Sizes are None while the volume does not answer.

    `used_bytes`: by recordings; `kept_bytes` of them are in kept ranges. Below `floor_bytes` of free space the oldest
    recordings are deleted. `full_at`: the time when that begins, None if the limits of all channels fit.
    `damaged_files`: files that nothing can be read from; they count and are deleted like recordings.
    """

    id: str
    name: str
    state: VolumeState
    detail: str
    size_bytes: int | None
    free_bytes: int | None
    used_bytes: int
    kept_bytes: int
    floor_bytes: int
    inflow_bytes_per_day: int
    full_at: datetime | None
    next_to_go: NextToGo | None
    damaged_files: int
    damaged_bytes: int


@dataclass(frozen=True, slots=True)
class ChannelUse:
    """A channel's recordings on all volumes. `oldest`: of the unkept recordings.

    `wished_days`: as its rule says, None without a limit. `expected_days`: how far back its recordings will reach, None
    if that cannot be told. `limit_days`: recordings beyond it are always deleted, kept ones too.
    """

    camera_id: int
    channel: int
    size_bytes: int
    kept_bytes: int
    oldest: datetime | None
    newest: datetime | None
    inflow_bytes_per_day: int
    wished_days: float | None
    expected_days: float | None
    limit_days: float | None


@dataclass(frozen=True, slots=True)
class StorageView:
    """All volumes in their order, and all channels with recordings or a rule."""

    volumes: tuple[VolumeUse, ...]
    channels: tuple[ChannelUse, ...]
