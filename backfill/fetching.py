"""Fetches one piece of a job: plays it from the recorder, as fast as it sends, into the archive's writer.

A fetched stretch begins with the first key frame at or after its start, and a piece ends with the key frame at which
the next one begins. So no frame comes twice, and none over the archive's own footage.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from archive.stream_writer import StreamWriter
from backfill.received import PlaybackEnded, ReceivedUnits
from backfill.records import Stretch
from core.archive import GapReason
from core.clock import Clock
from core.errors import CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError, StorageFull
from core.reading_pace import ReadingPace
from core.recordings import RecorderTimes
from core.zones import certain_parts
from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.interface import ReplayConnection
from media.units import UnitDescription

_TICK_S = 0.25
_BEYOND_S = 20.0  # for the key frame after the end of a piece
_TOLERANCE_S = 0.05
_GAP_S = 1.5
_MOST_WAITING_BYTES = 8_000_000  # for the disk; recordings that run have the rest of its queue
_WRITTEN_WITHIN_S = 90.0
_CODECS = ("h264", "hevc")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of a piece: its stretches in the archive, the end of the last one, and the read bytes."""

    stretches: tuple[Stretch, ...]
    reached: datetime
    size_bytes: int


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

    def fetch(self, stretch: Stretch, *, goes_on: bool) -> Fetched:
        """Fetch a stretch. `goes_on`: the next piece begins at its end, so it ends with a key frame there.

        An hour of the recorder's local time that comes twice is left out: its frames may be those of the other one.
        Raise a DeviceError, StorageFull, or what `check` raises. Frames that were written until then stay.
        """
        name, start_s, end_s = self._times.zone.name, stretch.start.timestamp(), stretch.end.timestamp()
        parts = [_stretch(*part) for part in certain_parts(name, start_s, end_s)] if name else [stretch]
        found = Fetched((), stretch.start, 0)
        for part in parts:
            fetched = self._fetch_part(part, goes_on=goes_on and part.end == stretch.end)
            stretches, size = (*found.stretches, *fetched.stretches), found.size_bytes + fetched.size_bytes
            found = Fetched(stretches, fetched.reached, size)
        return found

    def _fetch_part(self, stretch: Stretch, *, goes_on: bool) -> Fetched:
        """Fetch a stretch in which the recorder's times have one difference to true time."""
        correction_s = self._times.correction_at(stretch.start.timestamp())
        run = _Run(stretch, correction_s, goes_on=goes_on)
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
        return Fetched(tuple(run.stretches), run.reached, run.size_bytes)

    def _take_all(self, received: ReceivedUnits, run: _Run) -> None:
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
                return
            if isinstance(item, UnitDescription):
                self._describe(item)
            else:
                self._write(item, run)

    def _describe(self, description: UnitDescription) -> None:
        if description.video.codec not in _CODECS:
            raise CameraUnsupported("This recording's video is neither H.264 nor H.265.", service="replay")
        self._writer.on_description(description)

    def _write(self, units: Sequence[AccessUnit], run: _Run) -> None:
        taken, utc_s = run.take(units)
        size_bytes = sum(len(part) for unit in units for part in unit.parts)
        self.read_bytes += size_bytes
        self._pace.took(size_bytes)
        if taken:
            self._writer.on_units(taken, utc_s)

    def _waits_for_disk(self) -> float:
        """Return how long to wait because the disk is behind. Raise StorageFull if nothing is written."""
        problem = self._writer.problem
        if problem is not None:
            raise StorageFull(f"The archive cannot be written ({problem.value}).", code="archive_problem")
        return _TICK_S if self._writer.queued_bytes > _MOST_WAITING_BYTES else 0.0

    def _await_written(self, run: _Run) -> None:
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


class _Run:
    """The units of one piece: which of them are taken, with their true times."""

    def __init__(self, wanted: Stretch, correction_s: float, *, goes_on: bool) -> None:
        self._start_s = wanted.start.timestamp() - _TOLERANCE_S
        self._end_s = wanted.end.timestamp()
        self._correction_s = correction_s
        self._goes_on = goes_on
        self._has_begun = False
        self._at_s = self._start_s
        self.last_video_s = 0.0
        self._step_s = 0.04
        self.is_over = False
        self.size_bytes = 0
        self.reached = wanted.start
        self.stretches: list[Stretch] = []

    def take(self, units: Sequence[AccessUnit]) -> tuple[list[AccessUnit], list[float]]:
        """Return the wanted units with their times."""
        taken: list[AccessUnit] = []
        utc_s: list[float] = []
        for unit in units:
            if self._is_wanted(unit):
                taken.append(unit)
                utc_s.append(self._at_s)
                self.size_bytes += sum(len(part) for part in unit.parts)
            if self.is_over:
                break
        return taken, utc_s

    def _is_wanted(self, unit: AccessUnit) -> bool:
        if unit.track != VIDEO:
            if unit.device_s is not None and self._has_begun:
                self._at_s = unit.device_s - self._correction_s
            return self._has_begun
        if unit.device_s is None or not unit.is_time_confirmed:
            raise CameraBadAnswer("The recorder does not tell the times of its frames, so they cannot be archived.")
        at_s = unit.device_s - self._correction_s
        if self._is_end(unit, at_s):
            self.is_over = True
            self.reached = datetime.fromtimestamp(at_s if self._goes_on else self._end_s, UTC)
            self._extend(min(at_s, max(self._end_s, self.last_video_s + self._step_s)))
            return False
        if not self._has_begun:
            if not unit.is_key or at_s < self._start_s:
                return False
            self._has_begun = True
            self.stretches.append(_stretch(at_s, at_s))
        elif at_s - self.last_video_s > _GAP_S:
            self._extend(self.last_video_s + self._step_s)
            self.stretches.append(_stretch(at_s, at_s))
        else:
            self._step_s = max(0.001, at_s - self.last_video_s) if at_s > self.last_video_s else self._step_s
        self._at_s, self.last_video_s = at_s, max(at_s, self.last_video_s)
        self._extend(at_s + self._step_s)
        self.reached = self.stretches[-1].end
        return True

    def _is_end(self, unit: AccessUnit, at_s: float) -> bool:
        if self._goes_on:
            return at_s >= self._end_s - _TOLERANCE_S and (unit.is_key or at_s > self._end_s + _BEYOND_S)
        return at_s >= self._end_s

    def _extend(self, until_s: float) -> None:
        if self.stretches and until_s > self.stretches[-1].start.timestamp():
            self.stretches[-1] = _stretch(self.stretches[-1].start.timestamp(), until_s)


def _stretch(start_s: float, end_s: float) -> Stretch:
    return Stretch(datetime.fromtimestamp(start_s, UTC), datetime.fromtimestamp(end_s, UTC))
