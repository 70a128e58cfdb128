"""Access units on their way to a consumer that keeps them: the archive's writer, and the pre-roll before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.archive import GapReason
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit


@dataclass(frozen=True, slots=True)
class UnitDescription:
    """The tracks of the units that follow. `audio_config`: AAC's AudioSpecificConfig, otherwise empty.

    `audio_left_out`: of a file; why it has no audio although the device sent some, as the end of a sentence.
    """

    video: VideoFormat
    parameter_sets: tuple[bytes, ...]
    audio: AudioFormat | None = None
    audio_config: bytes = b""
    audio_left_out: str = ""


class UnitSink(Protocol):
    """Takes the units of one source in one thread; must not block, and must not change the units."""

    def on_description(self, description: UnitDescription) -> None:
        """Before the first units, and again before a key frame with other parameter sets or audio."""
        ...

    def on_units(self, units: Sequence[AccessUnit], utc_s: Sequence[float]) -> None:
        """Take units in the order of arrival, from a key frame on.

        `utc_s`: the wall-clock time of each unit, in seconds since 1970.
        """
        ...

    def on_end(self, reason: GapReason) -> None:
        """No more units, until the next on_description()."""
        ...
