"""The interfaces between the recorder and the writer of the archive: the place where the units of a stream go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.archive import GapReason, StreamKey
from media.codecs.access_unit import AccessUnit
from media.units import UnitSink


class PreRollSink(UnitSink, Protocol):
    """Takes the units of a stream, and those that a pre-roll held."""

    def on_held_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        """Take units that are in memory already: many come together."""
        ...


class StreamTarget(PreRollSink, Protocol):
    """Keeps the units of one stream: stream_writer.StreamWriter, or a collector in tests."""

    @property
    def problem(self) -> GapReason | None:
        """The reason why nothing can be written now, or None."""
        ...

    def written_until_utc_s(self) -> float | None:
        """Return the time of the last picture that was written, in seconds since 1970; None before the first one."""
        ...

    def limit_files(self, file_s: float | None) -> None:
        """Make no file longer than this; None for the usual length."""
        ...

    def finish(self, reason: GapReason) -> None:
        """No more units of this stream."""
        ...


class StreamTargets(Protocol):
    """Opens the targets: writer.ArchiveWriter, or a collector in tests."""

    def open_stream(self, stream: StreamKey) -> StreamTarget: ...
