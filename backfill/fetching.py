"""Fetches one piece of a job: plays it from the recorder, as fast as it sends, into the archive's writer.

A fetched stretch begins with the first key frame at or after its start, and a piece ends with the key frame at which
the next one begins. So no frame comes twice, and none over the archive's own footage.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from archive.stream_writer import StreamWriter
from backfill.piece_units import Group, PieceUnits
from backfill.received import PlaybackEnded, ReceivedUnits
from backfill.records import Stretch
from core.archive import GapReason
from core.clock import Clock
from core.errors import CameraUnreachable, CameraUnsupported, DeviceError, StorageFull
from core.reading_pace import ReadingPace
from core.recordings import RecorderTimes
from core.zones import certain_parts
from media.codecs.access_unit import AccessUnit
from media.rtsp.replay.interface import ReplayConnection
from media.units import UnitDescription

_TICK_S = 0.25
_BEYOND_S = 20.0  # for the key frame after the end of a piece
_TOLERANCE_S = 0.05
_MOST_WAITING_BYTES = 8_000_000  # for the disk; recordings that run have the rest of its queue
_WRITTEN_WITHIN_S = 90.0
_CODECS = ("h264", "hevc")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a piece: its stretches in the archive, and their bytes.

    `frames_lost`: frames that are missing from the stretches. `lossy`: left out, because frames were lost in them.
    """

    stretches: tuple[Stretch, ...] = ()
    size_bytes: int = 0
    frames_lost: int = 0
    lossy: tuple[Stretch, ...] = ()

    def __add__(self, other: Fetched) -> Fetched:
        return Fetched(
            (*self.stretches, *other.stretches),
            self.size_bytes + other.size_bytes,
            self.frames_lost + other.frames_lost,
            (*self.lossy, *other.lossy),
        )


class PieceFetcher:
    """Fetches pieces over one connection into one writer, in one thread. `wake` ends its waits.

    `check` is called all the time and raises to end the work. `times`: device time minus true time.
    """

    def __init__(
        self,
        connection: ReplayConnection,
        writer: StreamWriter,
        clock: Clock,
        pace: ReadingPace,
        *,
        times: RecorderTimes,
        silence_s: float,
        check: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._clock = clock
        self._pace = pace
        self._times = times
        self._silence_s = silence_s
        self._check = check
        self.read_bytes = 0
        """All bytes that came from the recorder, also those of unwanted frames and of interrupted pieces."""
        self.wake = threading.Event()

    def fetch(self, stretch: Stretch, *, goes_on: bool, repeats: bool = True) -> Fetched:
        """Fetch a stretch. `goes_on`: the next piece begins at its end, so it ends with a key frame there.

        `repeats`: leave groups of pictures out that lost frames, for another try.

        An hour of the recorder's local time that comes twice is left out: its frames may be those of the other one.
        Raise a DeviceError, StorageFull, or what `check` raises. Frames that were written until then stay.
        """
        name, start_s, end_s = self._times.zone.name, stretch.start.timestamp(), stretch.end.timestamp()
        parts = [_stretch(*part) for part in certain_parts(name, start_s, end_s)] if name else [stretch]
        found = Fetched()
        for part in parts:
            found += self._fetch_part(part, goes_on=goes_on and part.end == stretch.end, repeats=repeats)
        return found

    def _fetch_part(self, stretch: Stretch, *, goes_on: bool, repeats: bool) -> Fetched:
        """Fetch a stretch in which the recorder's times have one difference to true time."""
        correction_s = self._times.correction_at(stretch.start.timestamp())
        run = PieceUnits(stretch, correction_s, goes_on=goes_on, repeats=repeats)
        received = ReceivedUnits(self._connection, self.wake)
        start_s, end_s = stretch.start.timestamp(), stretch.end.timestamp()
        self._connection.play(
            start_s + correction_s,
            received,
            end_device_s=end_s + correction_s + (_BEYOND_S if goes_on else 1.0),
        )
        try:
            self._take_all(received, run)
        finally:
            received.retire()
            self._connection.pause()
            self._writer.on_end(GapReason.UNKNOWN)
        self._await_written(run)
        return Fetched(tuple(run.stretches), run.size_bytes, run.frames_lost, tuple(run.lossy))

    def _take_all(self, received: ReceivedUnits, run: PieceUnits) -> None:
        heard_s = self._clock.monotonic_s()
        while not run.is_over:
            self._check()
            if (wait_s := self._waits_for_disk()) > 0 or (wait_s := self._pace.wait_s()) > 0:
                heard_s = self._clock.monotonic_s()
                self._wait(min(wait_s, _TICK_S))
                continue
            item = received.take()
            if item is None:
                if self._clock.monotonic_s() - heard_s > self._silence_s:
                    raise CameraUnreachable("The recorder stopped sending the recording.")
                self._wait(_TICK_S)
                continue
            heard_s = self._clock.monotonic_s()
            if isinstance(item, DeviceError):
                raise item
            if isinstance(item, PlaybackEnded):
                self._archive(run.finish())
                return
            if isinstance(item, UnitDescription):
                self._describe(item)
            else:
                self._take(item, run)

    def _describe(self, description: UnitDescription) -> None:
        if description.video.codec not in _CODECS:
            raise CameraUnsupported("This recording's video is neither H.264 nor H.265.", service="replay")
        self._writer.on_description(description)

    def _take(self, units: Sequence[AccessUnit], run: PieceUnits) -> None:
        size_bytes = sum(len(part) for unit in units for part in unit.parts)
        self.read_bytes += size_bytes
        self._pace.took(size_bytes)
        self._archive(run.take(units))

    def _archive(self, groups: Iterable[Group]) -> None:
        for group in groups:
            if group.ends_stretch:
                self._writer.on_end(GapReason.UNKNOWN)
            self._writer.on_units(group.units, group.utc_s)

    def _waits_for_disk(self) -> float:
        """Return how long to wait because the disk is behind. Raise StorageFull if nothing is written."""
        problem = self._writer.problem
        if problem is not None:
            raise StorageFull(f"The archive cannot be written ({problem.value}).", code="archive_problem")
        return _TICK_S if self._writer.queued_bytes > _MOST_WAITING_BYTES else 0.0

    def _await_written(self, run: PieceUnits) -> None:
        """Wait until everything is on the disk and in the index. Raise StorageFull if that takes too long."""
        if not run.stretches:
            return
        last_s = run.last_video_s - _TOLERANCE_S
        until_s = self._clock.monotonic_s() + _WRITTEN_WITHIN_S
        while (written_s := self._writer.written_until_utc_s()) is None or written_s < last_s:
            self._check()
            self._waits_for_disk()
            if self._clock.monotonic_s() > until_s:
                raise StorageFull("The disk for recordings does not answer.", code="archive_problem")
            self._wait(_TICK_S)

    def _wait(self, timeout_s: float) -> None:
        self.wake.wait(timeout_s)
        self.wake.clear()


def _stretch(start_s: float, end_s: float) -> Stretch:
    return Stretch(datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(end_s, UTC))
