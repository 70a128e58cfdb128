"""The recordings of a recorder that the archive lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from archive_manager import ArchiveManager
from backfill.planning import common, united, without
from backfill.records import Stretch
from core.archive import GapReason, Origin, RecordedQuality, StreamKey
from core.clock import Clock
from core.errors import NotFound
from core.recordings import SpanState
from recording_manager import RecordingManager
from recordings.matching import MatchedBy


@dataclass(frozen=True, slots=True)
class Target:
    """A stretch that the recorder has and the archive lacks. `is_known` False: the recorder cannot be sure of it."""

    stretch: Stretch
    recording_token: str
    stream: StreamKey
    is_known: bool


@dataclass(frozen=True, slots=True)
class FoundTargets:
    """The fetchable parts of a range, in order. `is_complete` False: the recorder has not listed all of it yet."""

    targets: tuple[Target, ...]
    is_complete: bool

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        return tuple(it.stretch for it in self.targets)


class Targets:
    """Reads the index of the recorder and of the archive. Waits up to 25 s for the recorder."""

    def __init__(self, recordings: RecordingManager, archive: ArchiveManager, clock: Clock) -> None:
        self._recordings = recordings
        self._archive = archive
        self._clock = clock

    def find(self, camera_id: int, channel: int, wanted: Stretch, *, resumes: bool) -> FoundTargets:
        """Return the stretches of a range that a backfill may fetch. Raise NotFound or the DeviceError.

        `resumes`: also go on with an indexing that a user has stopped.

        Raise NotFound (unsure_channel) if the app only guesses that a recording of the device belongs to the channel: a
        user of this channel must not see another one.
        """
        search = self._recordings.search  # it indexes the rest
        page = search(camera_id, wanted.start, wanted.end, channel=channel, resumes=resumes)
        coverage = self._recordings.coverage(camera_id, wanted.start, wanted.end, channel=channel, with_events=False)
        row = next((row for row in coverage.channels if row.channel == channel), None)
        if row is None:
            return FoundTargets((), page.complete)
        spans = [span for span in row.spans if span.source is Origin.DEVICE and span.recording_token is not None]
        if spans and not (row.matched_by.is_sure or row.matched_by is MatchedBy.ONLY_CHANNEL):
            raise NotFound(
                "The recorder does not tell which of its recordings belongs to this channel.", code="unsure_channel"
            )
        forbidden = [*self._paused(camera_id, channel, wanted), *self._too_old(camera_id, channel, wanted)]
        found: list[Target] = []
        for span in spans:
            token = span.recording_token or ""
            stream = StreamKey(camera_id, channel, self._quality(camera_id, token, span.start))
            found += [
                Target(part, token, stream, span.state is SpanState.RECORDED)
                for part in without([Stretch(span.start, span.end)], forbidden)
            ]
        return FoundTargets(tuple(sorted(found, key=lambda it: it.stretch.start)), page.complete)

    def archived(self, stream: StreamKey, wanted: Stretch) -> list[Stretch]:
        """Return the time of a range that the archive has of a stream."""
        return _stretches(
            (it.start, it.end)
            for it in self._archive.stretches(
                stream.camera_id, stream.channel, wanted.start, wanted.end, stream.quality
            )
        )

    def archived_of_channel(self, camera_id: int, channel: int, wanted: Stretch) -> list[Stretch]:
        """Return the time of a range that the archive has of either stream of a channel."""
        found = self._archive.stretches(camera_id, channel, wanted.start, wanted.end)
        return common(_stretches((it.start, it.end) for it in found), [wanted])

    def allowed(self, camera_id: int, channel: int, wanted: Iterable[Stretch]) -> list[Stretch]:
        """Return the parts that the archive may hold: no pause of a user, and not before the channel's limit by law."""
        whole = united(wanted)
        if not whole:
            return []
        window = Stretch(whole[0].start, whole[-1].end)
        return without(whole, [*self._paused(camera_id, channel, window), *self._too_old(camera_id, channel, window)])

    def listed(self, camera_id: int, channel: int, wanted: Stretch, *, again: bool = False) -> list[Stretch] | None:
        """Return the time of a range that the recorder itself has of a channel; None if it cannot tell (yet).

        `again`: ask it again for time that is indexed. Raise NotFound or the DeviceError.
        """
        search = self._recordings.search
        page = search(camera_id, wanted.start, wanted.end, channel=channel, resumes=False, again=again)
        own = [found for found in page.recordings if found.recording.source is Origin.DEVICE]
        if not page.complete or not all(found.is_known for found in own):
            return None
        return _stretches(span for found in own for span in found.spans)

    def _quality(self, camera_id: int, token: str, moment: datetime) -> RecordedQuality:
        places = self._recordings.recorded_from(camera_id, token, moment)
        is_sub = any(place.is_sub for place in places if place.recording_token == token)
        return RecordedQuality.SUB if is_sub else RecordedQuality.MAIN

    def _too_old(self, camera_id: int, channel: int, wanted: Stretch) -> list[Stretch]:
        """Return the time before the channel's limit by law: the archive must not hold it."""
        limit_days = self._archive.rule(camera_id, channel).limit_days
        if limit_days is None:
            return []
        return [Stretch(wanted.start, self._clock.now_utc() - timedelta(days=limit_days))]

    def _paused(self, camera_id: int, channel: int, wanted: Stretch) -> list[Stretch]:
        """Return the time in which a user had paused the recording, also outside of the rule's schedule."""
        pauses = self._archive.paused(camera_id, channel, wanted.start, wanted.end)
        gaps = self._archive.gaps(camera_id, channel, wanted.start, wanted.end)
        return _stretches(
            [
                *((pause.since, pause.until or wanted.end) for pause in pauses),
                *((gap.start, gap.end or wanted.end) for gap in gaps if gap.reason is GapReason.PAUSED),
            ]
        )


def _stretches(pairs: Iterable[tuple[datetime, datetime]]) -> list[Stretch]:
    return united(Stretch(start, end) for start, end in pairs)
