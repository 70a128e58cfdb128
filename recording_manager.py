"""Recordings on the devices' own disks: the interface of the package `recordings`.

`coverage` and `recorded_from` answer from the index and let the device be asked in the background. `search`, `summary`,
`playback_uri` and `replay_source` wait for the device, each with a time limit. Arguments and results are true UTC;
inside, times are by the device's clock. Errors are those of core.errors: a device without Profile G raises
CameraUnsupported, which names the missing service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from core.clock import Clock
from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError, InvalidRequest, NotFound
from core.recordings import (
    DeviceRecording,
    Listed,
    MakersReplay,
    RecordedPlace,
    RecordingDevice,
    ReplaySource,
    SpanState,
)
from core.settings import Settings
from database import Database
from onvif_manager import OnvifManager
from onvif_services.faults import SoapFault
from recordings.device_clock import DeviceClock, range_clock
from recordings.indexing import Indexer, missing_intervals
from recordings.intervals import Interval, clipped
from recordings.matching import Match, match_channels
from recordings.rows import (
    DeviceIndex,
    Row,
    playable_places,
    row_spans,
    timeline_rows,
    with_first_recording,
    with_sub_recordings_first,
)
from recordings.store import RecordingStore
from recordings.views import ChannelCoverage, Coverage, FoundRecording, KnownRecording, Playback, SearchPage, Summary

__all__ = ["RecordingManager"]

LONGEST_WINDOW = timedelta(days=400)
SEARCH_WAIT_S = 25.0
_NEXT_WINDOWS = (timedelta(days=2), LONGEST_WINDOW)
_OPEN_END = timedelta(hours=1)
MOST_EVENTS = 2000  # of one channel in one answer
_RTSP_PORT = 554
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RecordingManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        cameras: OnvifManager,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._cameras = cameras
        self._store = RecordingStore(database)
        self._indexer = Indexer(self._store, clock, cameras)

    def start(self) -> None:
        self._indexer.start()

    def stop(self) -> None:
        """End the indexing within 3 s. May be called twice."""
        self._indexer.stop()

    def forget_camera(self, camera_id: int) -> None:
        """Forget the recordings of a camera that was deleted, or has another address or credential."""
        self._indexer.forget(camera_id)
        self._store.forget(camera_id)

    # ---- from the index --------------------------------------------------------------------------

    def coverage(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        channel: int | None = None,
        with_events: bool = True,
        prefers_sub: bool = False,
    ) -> Coverage:
        """Return the coverage of [start, end) as indexed so far: a row per channel with recordings, or only `channel`.

        `prefers_sub`: spans name the recording of the sub stream, if the channel has one at that time.

        The rest of the window is indexed in the background. Raise InvalidRequest for a window that is empty or longer
        than 400 days, NotFound for an unknown camera, and the device's error (CameraUnsupported, CameraUnreachable,
        ...) if no recording of the device is known yet.
        """
        clock = self._device_clock(camera_id)
        window = _window(clock, start, end)
        now = clock.to_device_time(self._clock.now_utc())
        self._indexer.request(camera_id, window, now)
        # Read progress before the recordings, so that a finished indexing always comes with everything that it indexed.
        indexing = self._indexer.progress(camera_id)
        recordings = self._store.recordings(camera_id)
        problem = self._indexer.problem(camera_id)
        if not recordings and problem is not None:
            raise problem.with_traceback(None)
        rows = timeline_rows(recordings, self._cameras.channels(camera_id))
        rows = [row for row in rows if channel in (None, row.channel)]
        rows = [with_sub_recordings_first(row) for row in rows] if prefers_sub else rows
        return Coverage(
            channels=tuple(
                self._channel_coverage(camera_id, rows, window, now, clock, limit=MOST_EVENTS if with_events else 0)
            ),
            indexing=indexing,
            is_stopped=self._indexer.is_paused(camera_id),
            event_search=self._indexer.has_event_search(camera_id),
            clock_offset_s=self._cameras.clock_offset_s(camera_id),
            problem=problem,
        )

    def stop_indexing(self, camera_id: int) -> None:
        """Stop indexing a camera until `resume_indexing` or a search. Raise NotFound."""
        self._cameras.channels(camera_id)
        self._indexer.pause(camera_id)

    def resume_indexing(self, camera_id: int) -> None:
        """Allow indexing again; it goes on with the next `coverage`. Raise NotFound."""
        self._cameras.channels(camera_id)
        self._indexer.resume(camera_id)

    def channel_of(self, camera_id: int, recording_token: str) -> int | None:
        """Return the channel of a recording if the device itself names it and the recording is indexed, otherwise None.

        Access rights depend on the result, so a channel that is only guessed by name or order does not count.
        """
        match = match_channels(self._store.recordings(camera_id), self._cameras.channels(camera_id)).get(
            recording_token
        )
        return match.channel if match is not None and match.by.is_sure else None

    def has_sure_recordings(self, camera_id: int, channel: int) -> bool:
        """True if the device itself names this channel for each of the channel's indexed recordings.

        False without any: a recording that is indexed later may be a guess. Access rights depend on it, as on
        channel_of().
        """
        matches = match_channels(self._store.recordings(camera_id), self._cameras.channels(camera_id)).values()
        own = [match for match in matches if match.channel == channel]
        return bool(own) and all(match.by.is_sure for match in own)

    def recorded_from(
        self, camera_id: int, recording_token: str, moment: datetime, *, prefers_sub: bool = False
    ) -> tuple[RecordedPlace, ...]:
        """Return the places from `moment` on that play the channel of a recording, in order of time.

        They may lie in several recordings. Where several have data, the one of `recording_token` plays; with
        `prefers_sub` one of the sub stream, for a thin link. The answer comes from the index, and is empty if that has
        none, or no recording of the sub stream for `prefers_sub`. If `moment` is less than an hour ago, the newest time
        is indexed in the background.
        """
        clock = self._device_clock(camera_id)
        begins, now = clock.to_device_time(moment), clock.to_device_time(self._clock.now_utc())
        if now - begins < _OPEN_END:
            self._indexer.request(camera_id, (min(begins, now) - _OPEN_END, now), now)
        rows = timeline_rows(self._store.recordings(camera_id), self._cameras.channels(camera_id))
        row = next((row for row in rows if any(it.recording_token == recording_token for it in row.recordings)), None)
        if row is None or (prefers_sub and not row.sub_tokens):
            return ()
        row = with_first_recording(row, recording_token)
        if prefers_sub:
            row = with_sub_recordings_first(row)
        for length in _NEXT_WINDOWS:
            window = (begins, min(now, begins + length))
            if window[0] >= window[1]:
                break
            index = self._read_index(camera_id, row.recordings, window)
            if places := playable_places(row, row_spans(row, window, index, now), now):
                return tuple(
                    replace(it, start=clock.to_true_time(it.start), end=clock.to_true_time(it.end)) for it in places
                )
        return ()

    def channel_places(self, camera_id: int, channel: int, moment: datetime) -> tuple[RecordedPlace, ...]:
        """Return the places from `moment` on that play a channel, as recorded_from().

        Wait at most 25 s for the device if none of its recordings is known. Raise the device's error if it does not
        list them, or NotFound if the channel has no recording.
        """
        if not self._store.recordings(camera_id):
            clock = self._device_clock(camera_id)
            now = clock.to_device_time(self._clock.now_utc())
            self._index_window(camera_id, (now - _OPEN_END, now), now)
            problem = self._indexer.problem(camera_id)
            if problem is not None and not self._store.recordings(camera_id):
                raise problem.with_traceback(None)
        rows = timeline_rows(self._store.recordings(camera_id), self._cameras.channels(camera_id))
        row = next((row for row in rows if row.channel == channel), None)
        if row is None:
            raise NotFound("This channel has no recordings.")
        return self.recorded_from(camera_id, row.newest_token, moment)

    # ---- waiting for devices ---------------------------------------------------------------------

    def search(
        self,
        camera_id: int,
        start: datetime,
        end: datetime,
        *,
        recording_token: str | None = None,
        channel: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> SearchPage:
        """Return the recordings with data in [start, end), by channel and time; wait at most 25 s for the indexing.

        Return indexed recordings even if the device fails; `problem` is set if the result is incomplete. Raise the
        device's error only if nothing of the window is indexed. `cursor` is a `next_cursor` of an earlier page. Raise
        InvalidRequest for an unknown cursor or an impossible window, and NotFound for an unknown camera or recording.
        """
        clock = self._device_clock(camera_id)
        window = _window(clock, start, end)
        now = clock.to_device_time(self._clock.now_utc())
        is_done = self._index_window(camera_id, window, now)
        recordings = self._store.recordings(camera_id)
        problem = self._indexer.problem(camera_id)
        if recording_token is not None and all(item.recording_token != recording_token for item in recordings):
            raise problem.with_traceback(None) if problem else NotFound("This device has no such recording.")
        matches = match_channels(recordings, self._cameras.channels(camera_id))
        wanted = [
            item
            for item in recordings
            if recording_token in (None, item.recording_token)
            and channel in (None, matches[item.recording_token].channel)
        ]
        asked = self._store.asked_intervals(camera_id)
        has_event_search = self._indexer.has_event_search(camera_id)
        is_known = any(clipped(asked.get(item.recording_token, ()), window) for item in wanted or recordings)
        if problem is not None and (not recordings or (has_event_search and not is_known)):
            raise problem.with_traceback(None)
        # The time that has passed during the wait does not count as missing.
        until = now - timedelta(seconds=SEARCH_WAIT_S)
        missing = missing_intervals(wanted or recordings, asked, window, until) if has_event_search else []
        found = self._found_recordings(camera_id, wanted, matches, window, now, clock)
        page, next_cursor = _page(found, limit, cursor)
        complete = is_done and not missing
        return SearchPage(tuple(page), complete, next_cursor, None if complete else problem)

    def summary(self, camera_id: int) -> Summary:
        """Read the list of recordings and the summary from the device. Raise NotFound, or the DeviceError.

        The summary of a device that refuses the list comes without recordings.
        """
        refusal: DeviceError | None = None
        listed: Listed = ((), "search")
        try:
            listed = self._indexer.read_list(camera_id)
        except (CameraUnsupported, CameraBadAnswer, SoapFault) as error:
            refusal = error
        summary = self._cameras.ask_recorder(camera_id, lambda device: device.recording_summary(listed))
        if refusal is not None and not summary.has_values:
            raise refusal
        recordings, _ = listed
        clock = self._device_clock(camera_id)
        matches = match_channels(recordings, self._cameras.channels(camera_id))
        names = self._names(camera_id)
        return Summary(
            data_from=clock.to_true_time_or_none(summary.data_from),
            data_until=clock.to_true_time_or_none(summary.data_until),
            number_recordings=summary.number_recordings,
            service=summary.service,
            recordings=tuple(_with_channel(item, matches[item.recording_token], names, clock) for item in recordings),
            clock_offset_s=self._cameras.clock_offset_s(camera_id),
            zone_s=summary.zone_s,
        )

    def playback_uri(
        self, camera_id: int, recording_token: str, start: datetime | None = None, end: datetime | None = None
    ) -> Playback:
        """Return address and headers for another RTSP client (ONVIF Streaming Specification, "Replay").

        The times in the Range header are by the device's clock. Raise NotFound, InvalidRequest, or the DeviceError.
        """
        if start is not None and end is not None and end <= start:
            raise InvalidRequest.of_field("end_time", "later than start_time")

        def ask(device: RecordingDevice) -> tuple[str, DeviceRecording | None]:
            uri = device.replay_uri(recording_token)
            known = self._store.recordings(camera_id)
            return uri, next((item for item in known if item.recording_token == recording_token), None)

        uri, recording = self._cameras.ask_recorder(camera_id, ask)
        clock = self._device_clock(camera_id)
        earliest = recording.earliest if recording is not None else None
        begins = clock.to_device_time(start) if start is not None else earliest or _EPOCH
        until = range_clock(clock.to_device_time(end)) if end is not None else ""
        return Playback(uri, f"clock={range_clock(begins)}-{until}", ("onvif-replay",))

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        """Return the source of a recording, and the seconds to add to true time to get the device's (correction_s).

        If the setting `vendor_replay` allows it, the source can look up the maker's own addresses, for devices that
        cannot replay with ONVIF's headers. Raise NotFound, InvalidRequest, or the DeviceError.
        """
        source, correction_s = self._cameras.replay_source(camera_id, recording_token)
        if not self._settings.vendor_replay:
            return source, correction_s
        matches = match_channels(self._store.recordings(camera_id), self._cameras.channels(camera_id))
        number = matches[recording_token].channel if recording_token in matches else None
        if number is None:
            return source, correction_s
        port = urlsplit(source.uri).port or _RTSP_PORT

        def find_makers_replays() -> tuple[MakersReplay, ...]:
            return self._cameras.ask_recorder(camera_id, lambda device: device.makers_replays(number, port))

        return replace(source, find_makers_replays=find_makers_replays), correction_s

    # ---- inside ----------------------------------------------------------------------------------

    def _index_window(self, camera_id: int, window: Interval, now: datetime) -> bool:
        """Index the window and wait for it; return False if that takes longer than 25 s.

        Try once more if an error at a piece outside the window ended the indexing, because that drops the window, too.
        """
        ends_s = self._clock.monotonic_s() + SEARCH_WAIT_S
        for _ in range(2):
            self._indexer.resume(camera_id)
            self._indexer.request(camera_id, window, now)
            is_done = self._indexer.wait_until_indexed(camera_id, window, max(0.0, ends_s - self._clock.monotonic_s()))
            if not (is_done and self._indexer.failed_outside(camera_id, window)):
                break
        return is_done

    def _device_clock(self, camera_id: int) -> DeviceClock:
        return DeviceClock.of_offset(self._cameras.recording_offset_s(camera_id))

    def _read_index(self, camera_id: int, recordings: Sequence[DeviceRecording], window: Interval) -> DeviceIndex:
        if not self._indexer.has_event_search(camera_id):
            return DeviceIndex(has_event_search=False, asked={}, histories={})
        asked = self._store.asked_intervals(camera_id)
        return DeviceIndex(
            has_event_search=True,
            asked=asked,
            histories=self._store.histories(camera_id, recordings, asked, window),
        )

    def _names(self, camera_id: int) -> dict[int, str]:
        return {channel.number: channel.name for channel in self._cameras.channels(camera_id)}

    def _channel_coverage(
        self, camera_id: int, rows: Sequence[Row], window: Interval, now: datetime, clock: DeviceClock, *, limit: int
    ) -> list[ChannelCoverage]:
        index = self._read_index(camera_id, [recording for row in rows for recording in row.recordings], window)
        found = []
        for row in rows:
            tokens = [recording.recording_token for recording in row.recordings]
            events = self._store.detections(camera_id, window, tokens, limit + 1) if limit else []
            spans = row_spans(row, window, index, now)
            found.append(
                ChannelCoverage(
                    channel=row.channel,
                    name=row.name,
                    matched_by=row.matched_by,
                    recording_token=row.newest_token,
                    spans=tuple(
                        replace(span, start=clock.to_true_time(span.start), end=clock.to_true_time(span.end))
                        for span in spans
                    ),
                    events=tuple(clock.event_in_true_time(event) for event in events[:limit]),
                    events_truncated=len(events) > limit,
                )
            )
        return found

    def _found_recordings(
        self,
        camera_id: int,
        recordings: Sequence[DeviceRecording],
        matches: dict[str, Match],
        window: Interval,
        now: datetime,
        clock: DeviceClock,
    ) -> list[FoundRecording]:
        index = self._read_index(camera_id, recordings, window)
        names = self._names(camera_id)
        found = []
        for item in recordings:
            match = matches[item.recording_token]
            row = Row(match.channel, "", match.by, (item,))
            spans = row_spans(row, window, index, now)
            held = [span for span in spans if span.recording_token is not None]
            if held:
                found.append(
                    FoundRecording(
                        recording=_with_channel(item, match, names, clock),
                        spans=tuple((clock.to_true_time(span.start), clock.to_true_time(span.end)) for span in held),
                        is_known=all(span.state is SpanState.RECORDED for span in held),
                    )
                )
        return sorted(found, key=lambda item: (item.recording.channel or 2**31, item.spans[0][0]))


def _window(clock: DeviceClock, start: datetime, end: datetime) -> Interval:
    """Return the window by the device's clock. Raise InvalidRequest if it is empty or longer than 400 days."""
    if end <= start:
        raise InvalidRequest.of_field("end_time", "later than start_time")
    if end - start > LONGEST_WINDOW:
        raise InvalidRequest.of_field("end_time", f"at most {LONGEST_WINDOW.days} days after start_time")
    return clock.to_device_time(start), clock.to_device_time(end)


def _page(
    found: Sequence[FoundRecording], limit: int, cursor: str | None
) -> tuple[Sequence[FoundRecording], str | None]:
    if cursor is not None:
        places = [place for place, item in enumerate(found) if item.recording.recording_token == cursor]
        if not places:
            raise InvalidRequest.of_field("cursor", "unknown; begin again without it")
        found = found[places[0] + 1 :]
    page = found[:limit]
    return page, page[-1].recording.recording_token if len(found) > limit else None


def _with_channel(item: DeviceRecording, match: Match, names: dict[int, str], clock: DeviceClock) -> KnownRecording:
    own_name = names.get(match.channel, "") if match.channel is not None else ""
    return KnownRecording(
        recording_token=item.recording_token,
        channel=match.channel,
        matched_by=match.by,
        source_name=item.source_name or own_name,
        earliest=clock.to_true_time_or_none(item.earliest),
        latest=clock.to_true_time_or_none(item.latest),
        tracks=item.tracks,
    )
