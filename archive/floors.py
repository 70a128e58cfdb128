"""The free space that each volume must keep, and the volumes on which the retention makes space.

Several volumes are one archive in the order of time: the retention makes space only if no volume has free space, and
then on the volume with the oldest footage that may be deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive.disk_calls import DiskCalls, DiskHangs
from archive.index import ArchiveIndex
from archive.records import VolumeState
from archive.retention_plan import RetentionPlanner, VolumeNeed
from archive.volume import Space, Volume

_SHARE = 20  # 5 % of the disk
_WRITABLE = frozenset({VolumeState.OK, VolumeState.SLOW})
DELETABLE = _WRITABLE | {VolumeState.FULL}
"""The states of a volume that files can be deleted from."""


def floor_of(size_bytes: int, inflow_bytes_per_day: float, min_free_bytes: int) -> int:
    """Return the free bytes below which the oldest recordings go: 5 %, the setting, or an hour of inflow.

    On a small disk it is at most half of the disk, so that there is space for recordings.
    """
    return min(max(size_bytes // _SHARE, min_free_bytes, round(inflow_bytes_per_day / 24)), size_bytes // 2)


def target_of(size_bytes: int, floor_bytes: int, inflow_bytes_per_day: float) -> int:
    """Return the free bytes up to which space is made: ten minutes of inflow above the floor.

    On a small disk it is at most a quarter of the space above the floor.
    """
    return floor_bytes + min(round(inflow_bytes_per_day / 144), (size_bytes - floor_bytes) // 4)


@dataclass(frozen=True, slots=True)
class VolumeSpace:
    """A volume that files can be deleted from, and its space. Below the floor, `target_bytes` are to be free again."""

    volume: Volume
    free_bytes: int
    floor_bytes: int
    target_bytes: int
    is_held: bool

    @property
    def is_short(self) -> bool:
        """True if space must be made. A volume that gets no new files any more needs none."""
        return self.free_bytes < self.floor_bytes and not self.volume.is_former

    @property
    def has_space(self) -> bool:
        """True if new files go there without need of space."""
        return not self.is_short and not self.is_held and self.volume.state in _WRITABLE

    def need(self, *, makes_space: bool) -> VolumeNeed:
        """Return the bytes to delete. Below half of the floor space is made in any case, for the rest of the system."""
        is_wanted = self.is_short or (self.is_held and self.free_bytes < self.target_bytes)
        is_wanted = is_wanted and (makes_space or self.free_bytes < self.floor_bytes // 2)
        wanted_bytes = max(0, self.target_bytes - self.free_bytes) if is_wanted else 0
        return VolumeNeed(self.volume.id, wanted_bytes, is_held=self.is_held)


def space_of(volume: Volume, disks: DiskCalls) -> Space | None:
    """Return the space of a volume that files can be deleted from; None if it does not answer."""
    if not volume.id or volume.state not in DELETABLE:
        return None
    try:
        return disks.run(volume, volume.space)
    except DiskHangs:
        return None


def spaces_of(
    volumes: Sequence[Volume],
    disks: DiskCalls,
    inflow_bytes_per_day: float,
    min_free_bytes: int,
    held: frozenset[int],
) -> list[VolumeSpace]:
    """Look at the volumes that files can be deleted from. `held`: ids of volumes that are held for kept footage."""
    found = []
    for volume in volumes:
        space = space_of(volume, disks)
        if space is not None:
            floor_bytes = floor_of(space.size_bytes, inflow_bytes_per_day, min_free_bytes)
            target_bytes = target_of(space.size_bytes, floor_bytes, inflow_bytes_per_day)
            found.append(VolumeSpace(volume, space.free_bytes, floor_bytes, target_bytes, volume.id in held))
    return found


def needs_of(spaces: Sequence[VolumeSpace], planner: RetentionPlanner, index: ArchiveIndex) -> list[VolumeNeed]:
    """Return the need of each volume."""
    if any(space.has_space for space in spaces):
        return [space.need(makes_space=False) for space in spaces]
    short = {space.volume.id for space in spaces if space.is_short or space.is_held}
    chosen = None
    if len(short) > 1:
        places = [(total.stream, total.volume_id) for total in index.totals() if total.volume_id in short]
        oldest = planner.oldest_unkept(places)
        chosen = oldest.key.volume_id if oldest is not None else None
    return [space.need(makes_space=chosen in (None, space.volume.id)) for space in spaces]
