"""Recordings of the archive in the form of a device's, so that one row of the timeline joins both.

Their times are by the device's clock like all times in this package, although the archive has true time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from archive_manager import ArchiveManager
from core.archive import (
    ArchivedStream,
    ArchiveGap,
    FootageElsewhere,
    GapReason,
    Origin,
    RecordedQuality,
    StreamKey,
    origin_of,
)
from core.recordings import SERVER_ABILITIES, DeviceRecording, RecordingTrack, ReplaySource, SpanState, TrackType
from core.records import Credential
from core.secrets import Secret
from recordings.device_clock import DeviceClock
from recordings.intervals import Interval, clipped, united
from recordings.spans import History
from recordings.views import ChannelSpan

_LEAST_GROWS_S = 30.0


@dataclass(frozen=True, slots=True)
class ServerRecording:
    """A recorded stream of the archive, as a recording of a channel."""

    channel: int
    is_sub: bool
    recording: DeviceRecording


class ServerRecordings:
    """Reads the archive of one camera after another. No method waits for a device."""

    def __init__(self, archive: ArchiveManager, *, flush_s: float) -> None:
        self._archive = archive
        # A stretch that is being recorded ends in the index up to a flush (ARCHIVE_FLUSH_S) before the present time.
        self._grows = timedelta(seconds=max(_LEAST_GROWS_S, 2 * flush_s))

    def of_camera(self, camera_id: int, clock: DeviceClock) -> list[ServerRecording]:
        """Return the recorded streams of a camera, by channel, those of the main stream first."""
        streams = sorted(self._archive.streams_of(camera_id), key=lambda it: (it.stream.channel, it.stream.quality))
        return [
            ServerRecording(it.stream.channel, it.stream.quality is RecordedQuality.SUB, _recording(it, clock))
            for it in streams
        ]

    def histories(
        self,
        camera_id: int,
        recording_tokens: Collection[str],
        window: Interval,
        clock: DeviceClock,
        *,
        grows_until: datetime | None = None,
    ) -> dict[str, History]:
        """Return the recorded time of each recording in the window.

        `grows_until`: the present time. A stretch that is being recorded lasts until then, because its newest frames
        are only not on the disk yet.
        """
        found: dict[str, History] = {}
        start, end = map(clock.to_true_time, window)
        for token in recording_tokens:
            key = StreamKey.of_token(camera_id, token)
            if key is None:
                continue
            earlier = start if grows_until is None else start - self._grows
            stretches = self._archive.stretches(camera_id, key.channel, earlier, end, key.quality)
            recorded: list[Interval] = [(stretch.start, stretch.end) for stretch in stretches]
            if clock.correction_s:
                recorded = [(clock.to_device_time(begin), clock.to_device_time(until)) for begin, until in recorded]
            if grows_until is not None:
                for place, stretch in enumerate(stretches):
                    begin, until = recorded[place]
                    if stretch.end_reason is None and grows_until - until < self._grows:
                        recorded[place] = begin, max(until, grows_until)
            found[token] = History(tuple(clipped(united(recorded), window)))
        return found

    def gaps(self, camera_id: int, channel: int, window: Interval, clock: DeviceClock) -> Sequence[ArchiveGap]:
        """Return the gaps of a channel with their reasons."""
        start, end = map(clock.to_true_time, window)
        gaps = self._archive.gaps(camera_id, channel, start, end)
        if not clock.correction_s:
            return gaps
        return [
            replace(gap, start=clock.to_device_time(gap.start), end=gap.end and clock.to_device_time(gap.end))
            for gap in gaps
        ]

    def elsewhere(
        self, camera_id: int, channel: int, window: Interval, clock: DeviceClock
    ) -> Sequence[FootageElsewhere]:
        """Return the time of a channel that only other servers have."""
        start, end = map(clock.to_true_time, window)
        found = self._archive.footage_elsewhere(camera_id, channel, start, end)
        if not clock.correction_s:
            return found
        return [replace(it, start=clock.to_device_time(it.start), end=clock.to_device_time(it.end)) for it in found]


def own_source(camera_id: int, recording_token: str) -> ReplaySource:
    """Return the source of a recording of the archive, which needs no address and no login."""
    return ReplaySource(
        camera_id,
        recording_token,
        uri="",
        device_key="",
        credential=Credential("", Secret("")),
        abilities=SERVER_ABILITIES,
        origin=Origin.SERVER,
    )


def without_forged_tokens(recordings: Sequence[DeviceRecording]) -> list[DeviceRecording]:
    """Leave out recordings of a device with a token of the archive's recordings: access rights depend on tokens."""
    return [item for item in recordings if origin_of(item.recording_token) is Origin.DEVICE]


def with_reasons(spans: Sequence[ChannelSpan], gaps: Sequence[ArchiveGap]) -> tuple[ChannelSpan, ...]:
    """Return the spans with the reasons of the archive's gaps, where neither the device nor the archive has footage.

    Spans and gaps are in the order of their beginnings. A camera with a loose plug has thousands of both.
    """
    if not gaps or not spans:
        return tuple(spans)
    reasons = _apart(gaps, spans[-1].end)
    found: list[ChannelSpan] = []
    first = 0
    for span in spans:
        if span.state is not SpanState.NOT_RECORDED:
            found.append(span)
            continue
        while first < len(reasons) and reasons[first][1] <= span.start:
            first += 1
        at, place = span.start, first
        while place < len(reasons) and reasons[place][0] < span.end:
            start, end, reason = max(reasons[place][0], at), min(reasons[place][1], span.end), reasons[place][2]
            if start > at:
                found.append(ChannelSpan(at, start, SpanState.NOT_RECORDED))
            found.append(ChannelSpan(start, end, SpanState.NOT_RECORDED, reason=reason))
            at, place = end, place + 1
        if at < span.end:
            found.append(ChannelSpan(at, span.end, SpanState.NOT_RECORDED))
    return tuple(found)


def _apart(gaps: Sequence[ArchiveGap], last: datetime) -> list[tuple[datetime, datetime, GapReason]]:
    """Return gaps without overlaps: the one that begins first counts. One that goes on ends at `last`."""
    found: list[tuple[datetime, datetime, GapReason]] = []
    for gap in gaps:
        start, end = max(gap.start, found[-1][1]) if found else gap.start, gap.end or last
        if start < end:
            found.append((start, end, gap.reason))
    return found


def _recording(stream: ArchivedStream, clock: DeviceClock) -> DeviceRecording:
    return DeviceRecording(
        stream.stream.recording_token,
        earliest=clock.to_device_time(stream.earliest),
        latest=clock.to_device_time(stream.latest),
        tracks=(RecordingTrack("video", TrackType.VIDEO),),
    )
