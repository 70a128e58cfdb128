"""Archive files of the tests' film, written as the archive's writer does, and units of made-up content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.records import AudioFormat, VideoFormat
from media.archive.file_builder import ArchiveFileBuilder, BuiltFragment
from media.archive.groups import GroupCollector
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.units import UnitDescription
from tests.media.encoded import CLOCK_RATE, encoded

BEGAN_S = 1_795_000_000.123_4
ALAW = AudioFormat("pcm_alaw", 8000, 1)


def description(codec: str = "h264", audio: AudioFormat | None = None, config: bytes = b"") -> UnitDescription:
    return UnitDescription(VideoFormat(codec, 320, 180), encoded(codec).sets, audio, config)


@dataclass
class Source:
    """Units and their UTC times, in the order of arrival."""

    units: list[AccessUnit] = field(default_factory=list)
    utc_s: list[float] = field(default_factory=list)

    def frame(self, parts: tuple[bytes, ...], at_s: float, *, is_key: bool = False, is_leading: bool = False) -> None:
        self.units.append(AccessUnit(VIDEO, parts, 0, CLOCK_RATE, is_key=is_key, is_leading=is_leading))
        self.utc_s.append(at_s)

    def audio(self, data: bytes, at_s: float, rate: int = 8000) -> None:
        self.units.append(AccessUnit(AUDIO, (data,), 0, rate))
        self.utc_s.append(at_s)

    def track(self, track: int) -> list[tuple[AccessUnit, float]]:
        return [(unit, at_s) for unit, at_s in zip(self.units, self.utc_s, strict=True) if unit.track == track]


def film(codec: str = "h264", seconds: int = 6, fps: int = 10) -> Source:
    """Return the tests' film without audio."""
    source, picture = Source(), encoded(codec)
    for index in range(seconds * fps):
        source.frame(picture.pictures[index], BEGAN_S + index / fps, is_key=index in picture.keys)
    return source


def fragments_of(builder: ArchiveFileBuilder, source: Source) -> list[BuiltFragment]:
    collector = GroupCollector()
    groups = collector.add(source.units, source.utc_s)
    last = collector.flush()
    groups += [last] if last else []
    return [builder.fragment(group.units, group.utc_s, group.end_utc_s) for group in groups]


def write_file(
    path: Path, described: UnitDescription, source: Source, *, is_closed: bool = True
) -> list[BuiltFragment]:
    """Write a file; without its index if it is not closed. Return its fragments."""
    builder = ArchiveFileBuilder(described)
    fragments = fragments_of(builder, source)
    parts: Sequence[bytes | bytearray] = [builder.init_section(), *(fragment.data for fragment in fragments)]
    path.write_bytes(b"".join((*parts, builder.index() if is_closed else b"")))
    return fragments
