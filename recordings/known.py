"""Reads a camera's recordings from the index and the archive, by the device's clock. Nothing here asks the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from core.archive import Origin, origin_of
from core.clock import Clock
from core.errors import CameraUnsupported
from core.recordings import DeviceRecording, RecordedPlace
from onvif_manager import OnvifManager
from recordings.device_clock import ClockPart, DeviceClock
from recordings.found import RecordingNames, channel_coverage
from recordings.indexing import Indexer
from recordings.intervals import Interval
from recordings.matching import Match, match_channels
from recordings.rows import (
    DeviceIndex,
    Row,
    only_archived,
    playable_places,
    row_spans,
    timeline_rows,
    with_first_recording,
    with_sub_recordings_first,
    without_archived,
)
from recordings.server import ServerRecording, ServerRecordings, with_reasons, without_forged_tokens
from recordings.servers import with_servers
from recordings.store import RecordingStore
from recordings.views import ChannelCoverage


class KnownRecordings:
    """Reads the index and the archive. Thread-safe."""

    def __init__(
        self,
        cameras: OnvifManager,
        store: RecordingStore,
        indexer: Indexer,
        server: ServerRecordings,
        wall_clock: Clock,
    ) -> None:
        self._cameras = cameras
        self._store = store
        self._indexer = indexer
        self._server = server
        self._wall_clock = wall_clock

    def device_clock(self, camera_id: int) -> DeviceClock:
        """Return the device's clock, which the times of its recordings follow."""
        zone = self._cameras.recording_zone(camera_id)
        return DeviceClock.of_offset(self._cameras.recording_offset_s(camera_id), zone)

    def recordings(self, camera_id: int) -> list[DeviceRecording]:
        """Return the indexed recordings of the device."""
        return without_forged_tokens(self._store.recordings(camera_id))

    def matches(self, camera_id: int) -> dict[str, Match]:
        """Return the channel of each indexed recording of the device, by recording_token."""
        return match_channels(self.recordings(camera_id), self._cameras.channels(camera_id))

    def records_nothing(self, camera_id: int) -> bool:
        """True if the device has no recordings of its own."""
        is_refused = isinstance(self._indexer.problem(camera_id), CameraUnsupported)
        return is_refused or not self._cameras.get_camera(camera_id).onvif

    def rows(self, camera_id: int, clock: DeviceClock, *, only_sure: bool = False) -> list[Row]:
        """Return a row for each channel with recordings. `only_sure`: without those whose channel is only guessed."""
        recordings, channels = self.recordings(camera_id), self._cameras.channels(camera_id)
        if only_sure:
            matches = match_channels(recordings, channels)
            recordings = [item for item in recordings if matches[item.recording_token].by.is_sure]
        return timeline_rows(recordings, channels, self._server.of_camera(camera_id, clock))

    def coverage_rows(
        self,
        camera_id: int,
        clock: DeviceClock,
        *,
        channel: int | None,
        prefers_sub: bool,
        only_sure: bool,
        source: Origin | None,
    ) -> list[Row]:
        """Return the rows of RecordingManager.coverage(), by a clock with a fixed correction."""
        rows = [row for row in self.rows(camera_id, clock) if channel in (None, row.channel)]
        if only_sure:
            rows = [row if row.matched_by.is_sure else only_archived(row) for row in rows]
        if source is not None:
            rows = [only_archived(row) if source is Origin.SERVER else without_archived(row) for row in rows]
        rows = [row for row in rows if row.recordings]
        return [with_sub_recordings_first(row, spares_device=True) for row in rows] if prefers_sub else rows

    def archived(
        self, camera_id: int, clock: DeviceClock, recording_token: str | None, channel: int | None
    ) -> list[ServerRecording]:
        """Return the wanted recordings of the archive. None: any."""
        return [
            item
            for item in self._server.of_camera(camera_id, clock)
            if recording_token in (None, item.recording.recording_token) and channel in (None, item.channel)
        ]

    def places(
        self,
        camera_id: int,
        recording_token: str,
        part: ClockPart,
        *,
        prefers_sub: bool,
        only_sure: bool,
        avoids_archive: bool,
    ) -> tuple[RecordedPlace, ...]:
        """Return the places of RecordingManager.recorded_from() in a part of time with a fixed correction."""
        start, end, clock = part
        rows = self.rows(camera_id, clock, only_sure=only_sure)
        row = next((row for row in rows if any(it.recording_token == recording_token for it in row.recordings)), None)
        if row is None or (prefers_sub and not row.sub_tokens):
            return ()
        row = without_archived(row) if avoids_archive else with_first_recording(row, recording_token)
        if prefers_sub:
            row = with_sub_recordings_first(row)
        window = clock.to_device_time(start), clock.to_device_time(end)
        now = clock.to_device_time(self._wall_clock.now_utc())
        index = self.read_index(camera_id, row.recordings, window, clock, grows_until=now)
        places = playable_places(row, row_spans(row, window, index, now), now)
        return tuple(replace(it, start=clock.to_true_time(it.start), end=clock.to_true_time(it.end)) for it in places)

    def names(self, camera_id: int, matches: dict[str, Match]) -> RecordingNames:
        """Return the names of recordings, with these matches of recordings and channels."""
        return RecordingNames(matches, {it.number: it.name for it in self._cameras.channels(camera_id)})

    def read_index(
        self,
        camera_id: int,
        recordings: Sequence[DeviceRecording],
        window: Interval,
        clock: DeviceClock,
        grows_until: datetime | None = None,
    ) -> DeviceIndex:
        """Return the index of these recordings in a window. `grows_until`: see ServerRecordings.histories()."""
        tokens = [item.recording_token for item in recordings]
        archived = self._server.histories(camera_id, tokens, window, clock, grows_until=grows_until)
        asked = {token: [window] for token in archived}
        if not self._indexer.has_event_search(camera_id):
            return DeviceIndex(has_event_search=False, asked=asked, histories=archived)
        of_device = [item for item in recordings if item.recording_token not in archived]
        asked_of_device = self._store.asked_intervals(camera_id)
        histories = self._store.histories(camera_id, of_device, asked_of_device, window)
        return DeviceIndex(has_event_search=True, asked=asked | asked_of_device, histories=archived | histories)

    def channel_coverage(
        self, camera_id: int, rows: Sequence[Row], window: Interval, now: datetime, clock: DeviceClock, *, limit: int
    ) -> list[ChannelCoverage]:
        """Return the coverage of each row in a window, with at most `limit` events."""
        recordings = [recording for row in rows for recording in row.recordings]
        index = self.read_index(camera_id, recordings, window, clock)
        found = []
        for row in rows:
            tokens = [recording.recording_token for recording in row.recordings]
            events = self._store.detections(camera_id, window, tokens, limit + 1) if limit else []
            spans = row_spans(row, window, index, now)
            if row.channel is not None:
                if any(origin_of(token) is Origin.SERVER for token in tokens):
                    spans = with_servers(spans, self._server.elsewhere(camera_id, row.channel, window, clock))
                spans = with_reasons(spans, self._server.gaps(camera_id, row.channel, window, clock))
            found.append(channel_coverage(row, spans, events, limit, clock))
        return found
