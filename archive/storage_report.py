"""Makes the storage page's view: volumes with their forecast, and the share of each channel."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from archive.disk_calls import DiskCalls
from archive.floors import floor_of, space_of
from archive.forecast import DAY_MS, Load, common_days, full_in_days, most_days
from archive.index_sums import Place, PlaceEnds, bytes_in_spans, ends_of_places
from archive.kept import NOTHING_KEPT, Channel
from archive.records import IndexedFile, from_ms, to_ms
from archive.retention import RetentionParts
from archive.retention_plan import RetentionPlanner
from archive.storage_view import ChannelUse, NextToGo, StorageView, VolumeUse
from archive.volume import Volume
from core.archive import RecordingMode, RecordingRule
from core.clock import Clock

_LONGEST_DAYS = 3650.0
"""A forecast beyond ten years says nothing."""
_DISK_TIMEOUT_S = 2.0
_NO_RULE = RecordingRule()


@dataclass(slots=True)
class _Measured:
    """The index as the report sees it, by stream and volume."""

    now_ms: int
    rules: Mapping[Channel, RecordingRule]
    sizes: Mapping[Place, int]
    kept: Mapping[Place, int]
    ends: Mapping[Place, PlaceEnds]
    inflow: Mapping[Place, float]
    planner: RetentionPlanner
    damaged: Mapping[int, tuple[int, int]]
    by_channel: dict[Channel, list[Place]] = field(default_factory=lambda: defaultdict(list))
    by_volume: dict[int, list[Place]] = field(default_factory=lambda: defaultdict(list))
    oldest: dict[Channel, IndexedFile | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place in {**self.sizes, **self.inflow}:
            stream, volume_id = place
            self.by_channel[stream.camera_id, stream.channel].append(place)
            self.by_volume[volume_id].append(place)
        for channel, rule in self.rules.items():
            if rule.mode is not RecordingMode.OFF:
                self.by_channel[channel] += []

    def oldest_of(self, channel: Channel) -> IndexedFile | None:
        """Return the oldest file of a channel that is not kept."""
        if channel not in self.oldest:
            self.oldest[channel] = self.planner.oldest_unkept(self.by_channel[channel])
        return self.oldest[channel]


@dataclass(frozen=True, slots=True)
class _Space:
    size_bytes: int
    free_bytes: int
    floor_bytes: int
    capacity_bytes: int  # for unkept recordings
    spare_bytes: int  # until the retention begins, on this volume and those before it


class StorageReport:
    """Thread-safe."""

    def __init__(self, parts: RetentionParts, clock: Clock, *, min_free_bytes: int) -> None:
        self._parts = parts
        self._clock = clock
        self._disks = DiskCalls(_DISK_TIMEOUT_S)
        self._min_free_bytes = min_free_bytes

    def view(self) -> StorageView:
        """Return volumes and channels as of now. Raise Unavailable if the index cannot be read."""
        measured = self._measure()
        loads = {channel: _load(measured, channel) for channel in measured.by_channel}
        spaces = self._spaces(measured)
        capacity_bytes = sum(space.capacity_bytes for space in spaces.values())
        days = common_days(list(loads.values()), capacity_bytes) if spaces else math.inf
        return StorageView(
            tuple(
                self._volume_use(measured, volume, spaces.get(volume.id), list(loads.values()))
                for volume in self._parts.volumes.all()
            ),
            tuple(_channel_use(measured, channel, loads[channel], days) for channel in sorted(loads)),
        )

    def _measure(self) -> _Measured:
        parts = self._parts
        now_ms, rules, kept = to_ms(self._clock.now_utc()), parts.rules.rules(), parts.kept.spans()
        known = {volume.id for volume in parts.volumes.all()}
        sizes = {
            (total.stream, total.volume_id): total.size_bytes
            for total in parts.index.totals()
            if total.volume_id in known
        }
        spans = {stream: kept.get((stream.camera_id, stream.channel), NOTHING_KEPT).spans for stream, _ in sizes}
        with parts.index.read() as db:
            ends, kept_sums = ends_of_places(db), bytes_in_spans(db, spans)
        planner = RetentionPlanner(parts.index, rules, kept, now_ms)
        target = parts.volumes.first_usable()
        inflow, damaged = parts.inflow.bytes_per_day(target.id if target else 0), parts.index.damaged()
        return _Measured(now_ms, rules, sizes, kept_sums, ends, inflow, planner, damaged)

    def _spaces(self, measured: _Measured) -> dict[int, _Space]:
        """Return the space of the volumes that answer. New files go to the first of them with free space."""
        found: dict[int, _Space] = {}
        inflow, spare_bytes = sum(measured.inflow.values()), 0
        for volume in self._parts.volumes.all():
            space = space_of(volume, self._disks)
            if space is not None:
                places = measured.by_volume[volume.id]
                floor_bytes = floor_of(space.size_bytes, inflow, self._min_free_bytes)
                own_bytes = _sum(measured.sizes, places) - _sum(measured.kept, places)
                free_bytes = space.free_bytes - floor_bytes  # for new recordings
                spare_bytes += 0 if volume.is_former else max(0, free_bytes)
                capacity_bytes = 0 if volume.is_former else round(max(0, own_bytes + free_bytes))
                found[volume.id] = _Space(
                    space.size_bytes, space.free_bytes, floor_bytes, round(capacity_bytes), spare_bytes
                )
        return found

    def _volume_use(self, measured: _Measured, volume: Volume, space: _Space | None, loads: list[Load]) -> VolumeUse:
        places = measured.by_volume[volume.id] if volume.id else []
        damaged_files, damaged_bytes = measured.damaged.get(volume.id, (0, 0))
        return VolumeUse(
            id=volume.uuid,
            name=volume.name,
            state=volume.state,
            detail=volume.detail,
            size_bytes=space.size_bytes if space else None,
            free_bytes=space.free_bytes if space else None,
            used_bytes=round(_sum(measured.sizes, places)),
            kept_bytes=round(_sum(measured.kept, places)),
            floor_bytes=space.floor_bytes if space else volume.floor_bytes,
            inflow_bytes_per_day=round(_sum(measured.inflow, places)),
            full_at=self._after(full_in_days(loads, space.spare_bytes)) if space and not volume.is_former else None,
            next_to_go=_next_to_go(measured.planner.oldest_unkept(places)),
            damaged_files=damaged_files,
            damaged_bytes=damaged_bytes,
        )

    def _after(self, days: float) -> datetime | None:
        return self._clock.now_utc() + timedelta(days=days) if days <= _LONGEST_DAYS else None


def _load(measured: _Measured, channel: Channel) -> Load:
    rate = _sum(measured.inflow, measured.by_channel[channel])
    rule = measured.rules.get(channel, _NO_RULE)
    oldest = measured.oldest_of(channel)
    held_days = 0.0 if oldest is None else max(0.0, (measured.now_ms - oldest.start_ms) / DAY_MS)
    return Load(rate, most_days(rate, rule.keep_days, rule.keep_bytes, rule.limit_days), held_days)


def _channel_use(measured: _Measured, channel: Channel, load: Load, days: float) -> ChannelUse:
    places = measured.by_channel[channel]
    rule = measured.rules.get(channel, _NO_RULE)
    oldest = measured.oldest_of(channel)
    newest_ms = max((measured.ends[place].newest_ms for place in places if place in measured.ends), default=None)
    expected_days = min(load.most_days, days) if load.bytes_per_day else math.inf
    return ChannelUse(
        camera_id=channel[0],
        channel=channel[1],
        size_bytes=round(_sum(measured.sizes, places)),
        kept_bytes=round(_sum(measured.kept, places)),
        oldest=None if oldest is None else from_ms(oldest.start_ms),
        newest=None if newest_ms is None else from_ms(newest_ms),
        inflow_bytes_per_day=round(load.bytes_per_day),
        wished_days=_finite(load.most_days),
        expected_days=_finite(expected_days),
        limit_days=rule.limit_days,
    )


def _next_to_go(file: IndexedFile | None) -> NextToGo | None:
    if file is None:
        return None
    stream = file.stream
    return NextToGo(stream.camera_id, stream.channel, from_ms(file.start_ms), from_ms(file.end_ms))


def _sum(values: Mapping[Place, int] | Mapping[Place, float], places: Iterable[Place]) -> float:
    return sum(values.get(place, 0) for place in places)


def _finite(days: float) -> float | None:
    return days if days <= _LONGEST_DAYS else None
