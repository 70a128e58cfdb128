"""Targets that collect the units in memory, in place of the archive's writer: tests of the recorder need no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archive.stream_writer import StreamWriter
from archive.writer import ArchiveWriter
from core.archive import GapReason, StreamKey
from core.records import VideoFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.units import UnitDescription

DESCRIPTION = UnitDescription(VideoFormat("h264", 320, 240), (b"sps", b"pps"))


@dataclass
class CollectedStretch:
    """The units from one description to the end of their stretch."""

    descriptions: list[UnitDescription]
    units: list[AccessUnit] = field(default_factory=list)
    utc_s: list[float] = field(default_factory=list)
    end: GapReason | None = None

    @property
    def keys(self) -> list[float]:
        return [at for unit, at in zip(self.units, self.utc_s, strict=True) if unit.is_key]


@dataclass
class CollectingTarget(StreamWriter):
    """A sink that keeps all stretches. A test may set `problem`."""

    stretches: list[CollectedStretch] = field(default_factory=list)
    problem: GapReason | None = None
    finished: GapReason | None = None
    ends: list[GapReason] = field(default_factory=list)
    file_s: float | None = None
    held: int = 0

    def written_until_utc_s(self) -> float | None:
        times = [stretch.utc_s[-1] for stretch in self.stretches if stretch.utc_s]
        return max(times, default=None)

    def limit_files(self, file_s: float | None) -> None:
        self.file_s = file_s

    def finish(self, reason: GapReason) -> None:
        self.finished = reason

    def on_description(self, description: UnitDescription) -> None:
        if self.stretches and self.stretches[-1].end is None:
            self.stretches[-1].descriptions.append(description)
        else:
            self.stretches.append(CollectedStretch([description]))

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        stretch = self.stretches[-1]
        assert stretch.end is None, "units after the end"
        assert stretch.units or units[0].is_key, "a stretch begins with a key frame"
        stretch.units += units
        stretch.utc_s += utc_s

    def on_held_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        self.held += len(units)
        self.on_units(units, utc_s)

    def on_end(self, reason: GapReason) -> None:
        self.ends.append(reason)
        if self.stretches and self.stretches[-1].end is None:
            self.stretches[-1].end = reason

    @property
    def frames(self) -> int:
        return sum(unit.track == VIDEO for stretch in self.stretches for unit in stretch.units)


@dataclass
class CollectingTargets(ArchiveWriter):
    """Opens a collecting target for each stream."""

    opened: list[tuple[StreamKey, CollectingTarget]] = field(default_factory=list)

    def open_stream(self, stream: StreamKey, **more: object) -> CollectingTarget:
        del more
        self.opened.append((stream, CollectingTarget()))
        return self.opened[-1][1]

    def of(self, stream: StreamKey) -> CollectingTarget:
        """Return the newest target of a stream."""
        return [target for key, target in self.opened if key == stream][-1]


def frame(number: int, *, is_key: bool = False, size: int = 1000) -> AccessUnit:
    """Return a frame that is unlike the others."""
    parts = (number.to_bytes(8, "big") + bytes(size - 8),)
    return AccessUnit(VIDEO, parts, number * 3600, 90_000, is_key=is_key, parameter_sets=(b"sps",) if is_key else ())


def audio(number: int) -> AccessUnit:
    return AccessUnit(AUDIO, (bytes(160),), number * 160, 8000)
