"""Recordings on the devices' own disks and in the archive of this server: the interface of the package `recordings`.

If both have a channel's time, the archive's recording plays.

`coverage` and `recorded_from` answer from the index and let the device be asked in the background. `search`, `summary`,
`playback_uri` and `replay_source` wait for the device, each with a time limit. Arguments and results are true UTC;
inside, times are by the device's clock. Errors are those of core.errors: a device without Profile G raises
CameraUnsupported, which names the missing service, if the archive has no recording of it either.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from archive_manager import ArchiveManager
from core.archive import Origin, StreamKey, origin_of
from core.clock import Clock
from core.errors import AppError, CameraBadAnswer, CameraUnsupported, DeviceError, InvalidRequest, NotFound
from core.recordings import (
    ChannelDetections,
    Detections,
    DetectionsState,
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
from media.rtsp.gateway import RtspGateway
from media.rtsp.replay.interface import ReplayConnection, ReplayRank
from onvif_manager import OnvifManager
from onvif_services.faults import SoapFault
from recordings.archived import ArchivedRecordings
from recordings.device_clock import DeviceClock, RepeatedHours, range_clock
from recordings.found import found_recordings, page_of, with_archived
from recordings.indexing import Indexer, missing_intervals
from recordings.intervals import Interval, clipped
from recordings.joined import joined_coverage, joined_found, joined_places
from recordings.known import KnownRecordings
from recordings.matching import match_channels
from recordings.server import ServerRecordings, own_source, without_forged_tokens
from recordings.store import RecordingStore
from recordings.views import Coverage, Playback, SearchPage, Summary

__all__ = ["RecordingManager"]

LONGEST_WINDOW = timedelta(days=400)
SEARCH_WAIT_S = 25.0
_NEXT_WINDOWS = (timedelta(days=2), LONGEST_WINDOW)
_OPEN_END = timedelta(hours=1)
_SOON = timedelta(seconds=1)
_SHIFTED = timedelta(seconds=3)
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
        archive: ArchiveManager,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._cameras = cameras
        self._archive = archive
        self.archived = ArchivedRecordings(archive)
        self._server = ServerRecordings(archive, flush_s=settings.archive_flush_s)
        self._store = RecordingStore(database)
        self._indexer = Indexer(self._store, clock, cameras)
        self._repeated = RepeatedHours()
        self._known = KnownRecordings(cameras, self._store, self._indexer, self._server, clock)

    def start(self) -> None:
        self._indexer.start()

    def stop(self) -> None:
        """End the indexing within 3 s. May be called twice."""
        self._indexer.stop()

    def forget_camera(self, camera_id: int) -> None:
        """Forget the device's recordings of a camera that was deleted, or has another address or credential."""
        self._indexer.forget(camera_id)
        self._store.forget(camera_id)

    def release_camera(self, camera_id: int) -> None:
        """Ask the device of a camera nothing more, because another node connects it. The index stays."""
        self._indexer.forget(camera_id)

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
        only_sure: bool = False,
        source: Origin | None = None,
    ) -> Coverage:
        """Return the coverage of [start, end) as indexed so far: a row per channel with recordings, or only `channel`.

        `prefers_sub`: spans name the archive's recording of the sub stream, if it has one at that time, and otherwise
        the device's. `only_sure`: a row with recordings whose channel is only guessed has no recording of the device.
        `source`: only the recordings of this place.

        The rest of the window is indexed in the background. Raise InvalidRequest for a window that is empty or longer
        than 400 days, NotFound for an unknown camera, and the device's error (CameraUnsupported, CameraUnreachable,
        ...) if no recording of the device is known yet and the archive has none of the camera.
        """
        clock = self._known.device_clock(camera_id)
        window = _window(clock, start, end)
        self._request(camera_id, window, clock)
        # Read progress before the recordings, so that a finished indexing always comes with everything that it indexed.
        indexing = self._indexer.progress(camera_id)
        recordings = self._known.recordings(camera_id)
        problem = self._indexer.problem(camera_id)
        if not recordings and not self.has_archived(camera_id) and problem is not None:
            raise problem.with_traceback(None)
        is_all_archived = not recordings and isinstance(problem, CameraUnsupported)
        limit = MOST_EVENTS if with_events else 0
        parts = [
            self._known.channel_coverage(
                camera_id,
                self._known.coverage_rows(
                    camera_id,
                    part_clock,
                    channel=channel,
                    prefers_sub=prefers_sub,
                    only_sure=only_sure,
                    source=source,
                ),
                (part_clock.to_device_time(first), part_clock.to_device_time(last)),
                part_clock.to_device_time(self._clock.now_utc()),
                part_clock,
                limit=limit,
            )
            for first, last, part_clock in clock.parts(start, end)
        ]
        return Coverage(
            channels=tuple(joined_coverage(parts, limit)),
            indexing=indexing,
            is_stopped=self._indexer.is_paused(camera_id),
            event_search=is_all_archived or self._indexer.has_event_search(camera_id),
            clock_offset_s=self._cameras.clock_offset_s(camera_id),
            problem=None if is_all_archived else problem,
        )

    def detections(self, camera_id: int, start: datetime, end: datetime) -> Detections:
        """Return the recorded events of a window, such as motion. The device is asked in the background.

        Raise NotFound, InvalidRequest for a window that is empty or longer than 400 days, or the device's error if no
        recording is known.
        """
        if self._is_asking(camera_id, start, end):
            return Detections(DetectionsState.PENDING)
        found = self.coverage(camera_id, start, end)
        if not found.event_search:
            return Detections(DetectionsState.REFUSED)
        if found.is_stopped or found.problem is not None:
            return Detections(DetectionsState.FAILED)
        spans = [span for row in found.channels for span in row.spans]
        if found.indexing is not None or any(span.state is SpanState.NOT_ASKED for span in spans):
            return Detections(DetectionsState.PENDING)
        channels = [ChannelDetections(row.channel, row.matched_by.is_sure, row.events) for row in found.channels]
        is_truncated = any(row.events_truncated for row in found.channels)
        return Detections(DetectionsState.READY, tuple(channels), is_truncated)

    def _is_asking(self, camera_id: int, start: datetime, end: datetime) -> bool:
        """Request a window. True if the device is being asked, and nothing is wrong: its index need not be read yet."""
        clock = self._known.device_clock(camera_id)
        self._request(camera_id, _window(clock, start, end), clock)
        is_running = self._indexer.progress(camera_id) is not None
        return is_running and self._indexer.problem(camera_id) is None and self._indexer.has_event_search(camera_id)

    def stop_indexing(self, camera_id: int) -> None:
        """Stop indexing a camera until `resume_indexing` or the search of a user. Raise NotFound."""
        self._cameras.channels(camera_id)
        self._indexer.pause(camera_id)

    def resume_indexing(self, camera_id: int) -> None:
        """Allow indexing again; it goes on with the next `coverage`. Raise NotFound."""
        self._cameras.channels(camera_id)
        self._indexer.resume(camera_id)

    def channel_of(self, camera_id: int, recording_token: str) -> int | None:
        """Return the channel of a recording if the device itself names it and the recording is indexed, otherwise None.

        The token of an archive's recording names it. Access rights depend on the result, so a channel that is only
        guessed by name or order does not count.
        """
        if (stream := StreamKey.of_token(camera_id, recording_token)) is not None:
            return stream.channel
        match = self._known.matches(camera_id).get(recording_token)
        return match.channel if match is not None and match.by.is_sure else None

    def has_sure_recordings(self, camera_id: int, channel: int) -> bool:
        """True if the device itself names this channel for each of the channel's indexed recordings.

        False without any: a recording that is indexed later may be a guess. Only the archive's recordings count for a
        camera that is known to record nothing itself. Access rights depend on it, as on channel_of().
        """
        matches = self._known.matches(camera_id).values()
        own = [match for match in matches if match.channel == channel]
        if not own and self._known.records_nothing(camera_id):
            return any(it.channel == channel for it in self._server.of_camera(camera_id, DeviceClock(0)))
        return bool(own) and all(match.by.is_sure for match in own)

    def recorded_from(
        self,
        camera_id: int,
        recording_token: str,
        moment: datetime,
        *,
        prefers_sub: bool = False,
        only_sure: bool = False,
        avoids_archive: bool = False,
    ) -> tuple[RecordedPlace, ...]:
        """Return the places from `moment` on that play the channel of a recording, in order of time.

        They may lie in several recordings. If several have data, the archive's plays, and among the device's that of
        `recording_token`; with `prefers_sub` one of the sub stream, for a thin link. `only_sure`: no recordings whose
        channel is only guessed, for users limited to channels. `avoids_archive`: only the device's, because a disk of
        the archive fails. The answer comes from the index, and is empty if that has none, or no recording of the sub
        stream for `prefers_sub`. If `moment` is less than an hour ago, the newest time is indexed in the background.
        """
        clock, now = self._known.device_clock(camera_id), self._clock.now_utc()
        if now - moment < _OPEN_END:
            self._request(camera_id, clock.window(min(moment, now) - _OPEN_END, now), clock)
        for length in _NEXT_WINDOWS:
            until = min(now, moment + length)
            if moment >= until:
                break
            parts = clock.parts(moment, until)
            found = [
                self._known.places(
                    camera_id,
                    recording_token,
                    part,
                    prefers_sub=prefers_sub,
                    only_sure=only_sure,
                    avoids_archive=avoids_archive,
                )
                for part in parts
            ]
            if any(found):
                return joined_places(found, [*clock.changes(moment - _SHIFTED, moment), *(it[0] for it in parts[1:])])
        return ()

    def channel_places(self, camera_id: int, channel: int, moment: datetime) -> tuple[RecordedPlace, ...]:
        """Return the places from `moment` on that play a channel, as recorded_from().

        Wait at most 25 s for the device if none of its recordings is known. Raise the device's error if it does not
        list them and the archive has none of the channel, or NotFound if the channel has no recording.
        """
        clock = self._known.device_clock(camera_id)
        if not self._known.recordings(camera_id):
            now = self._clock.now_utc()
            self._index_window(camera_id, clock.window(now - _OPEN_END, now), clock)
        row = next((row for row in self._known.rows(camera_id, clock) if row.channel == channel), None)
        problem = self._indexer.problem(camera_id)
        if row is None and problem is not None and not self._known.recordings(camera_id):
            raise problem.with_traceback(None)
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
        resumes: bool = True,
        again: bool = False,
    ) -> SearchPage:
        """Return the recordings with data in [start, end), by channel and time; wait at most 25 s for the indexing.

        Return indexed recordings even if the device fails; `problem` is set if the result is incomplete. Raise the
        device's error only if nothing of the window is indexed. `cursor` is a `next_cursor` of an earlier page. Raise
        InvalidRequest for an unknown cursor or an impossible window, and NotFound for an unknown camera or recording.
        `resumes` False: an indexing that a user has stopped stays so. `again`: also ask for time that is indexed.
        """
        clock = self._known.device_clock(camera_id)
        window, now = _window(clock, start, end), clock.latest(self._clock.now_utc())
        is_archived = recording_token is not None and origin_of(recording_token) is Origin.SERVER
        is_done = is_archived or self._index_window(camera_id, window, clock, resumes=resumes, again=again)
        recordings = [] if is_archived else self._known.recordings(camera_id)
        archived = self._known.archived(camera_id, clock.at(start), recording_token, channel)
        problem = None if is_archived else self._indexer.problem(camera_id)
        tokens = {item.recording_token for item in recordings} | {item.recording.recording_token for item in archived}
        if recording_token is not None and recording_token not in tokens:
            raise problem.with_traceback(None) if problem else NotFound("This camera has no such recording.")
        is_archived = is_archived or bool(archived and not recordings and isinstance(problem, CameraUnsupported))
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
        is_nothing_known = not archived and (not recordings or (has_event_search and not is_known))
        if problem is not None and is_nothing_known:
            raise problem.with_traceback(None)
        # The time that has passed during the wait does not count as missing.
        until = now - timedelta(seconds=SEARCH_WAIT_S)
        is_asked = has_event_search and not is_archived
        missing = missing_intervals(wanted or recordings, asked, window, until) if is_asked else []
        names, found = self._known.names(camera_id, matches), []
        for first, last, part_clock in clock.parts(start, end):
            own = self._known.archived(camera_id, part_clock, recording_token, channel)
            both = [*(item.recording for item in own), *wanted]
            part = part_clock.to_device_time(first), part_clock.to_device_time(last)
            index = self._known.read_index(camera_id, both, part, part_clock)
            present = part_clock.to_device_time(self._clock.now_utc())
            found.append(found_recordings(both, names.with_archived(own), index, part, present, part_clock, clock))
        page, next_cursor = page_of(joined_found(found), limit, cursor)
        complete = is_archived or (is_done and not missing)
        return SearchPage(tuple(page), complete, next_cursor, None if complete else problem)

    def summary(self, camera_id: int) -> Summary:
        """Read the list of recordings and the summary from the device, and add the archive's recordings.

        The summary of a device that refuses the list comes without its recordings. Raise NotFound, or the DeviceError
        if the archive has no recordings of the camera.
        """
        archived = self._server.of_camera(camera_id, DeviceClock(0))
        try:
            summary = self._device_summary(camera_id)
        except DeviceError as error:
            if not archived:
                raise
            offset_s = self._cameras.clock_offset_s(camera_id)
            problem = None if isinstance(error, CameraUnsupported) else error
            summary = Summary(None, None, 0, "server", (), offset_s, None, problem)
        return with_archived(summary, archived, self._known.names(camera_id, {}), DeviceClock(0))

    def _device_summary(self, camera_id: int) -> Summary:
        refusal: DeviceError | None = None
        listed: Listed = ((), "search")
        try:
            listed = self._indexer.read_list(camera_id)
        except (CameraUnsupported, CameraBadAnswer, SoapFault) as error:
            refusal = error
        summary = self._cameras.ask_recorder(camera_id, lambda device: device.recording_summary(listed))
        if refusal is not None and not summary.has_values:
            raise refusal
        recordings = without_forged_tokens(listed[0])
        clock = self._known.device_clock(camera_id)
        names = self._known.names(camera_id, match_channels(recordings, self._cameras.channels(camera_id)))
        return Summary(
            data_from=clock.to_true_time_or_none(summary.data_from),
            data_until=clock.to_true_time_or_none(summary.data_until, is_end=True),
            number_recordings=summary.number_recordings,
            service=summary.service,
            recordings=tuple(names.known(item, clock) for item in recordings),
            clock_offset_s=self._cameras.clock_offset_s(camera_id),
            zone_s=summary.zone_s,
        )

    def playback_uri(
        self, camera_id: int, recording_token: str, start: datetime | None = None, end: datetime | None = None
    ) -> Playback:
        """Return address and headers for another RTSP client (ONVIF Streaming Specification, "Replay").

        The times in the Range header are by the device's clock. Raise NotFound, InvalidRequest (also for a recording of
        the archive, which has no address), or the DeviceError.
        """
        if origin_of(recording_token) is Origin.SERVER:
            message = "a recording of this server, which has no RTSP address: play it here or export it"
            raise InvalidRequest.of_field("recording_token", message)
        if start is not None and end is not None and end <= start:
            raise InvalidRequest.of_field("end_time", "later than start_time")

        def ask(device: RecordingDevice) -> tuple[str, DeviceRecording | None]:
            uri = device.replay_uri(recording_token)
            known = self._known.recordings(camera_id)
            return uri, next((item for item in known if item.recording_token == recording_token), None)

        uri, recording = self._cameras.ask_recorder(camera_id, ask)
        clock = self._known.device_clock(camera_id)
        earliest = recording.earliest if recording is not None else None
        begins = clock.to_device_time(start) if start is not None else earliest or _EPOCH
        until = range_clock(clock.to_device_time(end)) if end is not None else ""
        return Playback(uri, f"clock={range_clock(begins)}-{until}", ("onvif-replay",))

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        """Return the source of a recording, and the seconds to add to true time to get the device's (correction_s).

        If the setting `vendor_replay` allows it, the source can look up the maker's own addresses, for devices that
        cannot replay with ONVIF's headers. Raise NotFound, InvalidRequest, or the DeviceError.
        """
        if origin_of(recording_token) is Origin.SERVER:
            streams = self._server.of_camera(camera_id, DeviceClock(0))
            if all(it.recording.recording_token != recording_token for it in streams):
                raise NotFound("This server has no such recording of the camera.")
            return own_source(camera_id, recording_token), 0.0
        source, correction_s = self._cameras.replay_source(camera_id, recording_token)
        if not self._settings.vendor_replay:
            return source, correction_s
        matches = self._known.matches(camera_id)
        number = matches[recording_token].channel if recording_token in matches else None
        if number is None:
            return source, correction_s
        port = urlsplit(source.uri).port or _RTSP_PORT

        def find_makers_replays() -> tuple[MakersReplay, ...]:
            return self._cameras.ask_recorder(camera_id, lambda device: device.makers_replays(number, port))

        return replace(source, find_makers_replays=find_makers_replays), correction_s

    def open_replay(
        self, gateway: RtspGateway, source: ReplaySource, rank: ReplayRank = ReplayRank.WATCHED
    ) -> ReplayConnection:
        """Return a connection that plays this source: from the archive's files, or by `gateway` from the device.

        Raise Unavailable while the app starts or stops.
        """
        if source.origin is Origin.SERVER:
            return self._archive.open_replay(source)
        return gateway.open_replay(source, rank)

    def has_archived(self, camera_id: int) -> bool:
        """True if the archive has recordings of this camera."""
        return bool(self._archive.streams_of(camera_id))

    def plays_from_archive(self, camera_id: int, recording_token: str, moment: datetime) -> bool:
        """True if the archive has the recording of this channel and time, so that the device is not needed for it."""
        try:
            places = self.recorded_from(camera_id, recording_token, moment)
        except AppError:  # the replay itself shows the error
            return False
        is_there = bool(places) and places[0].start <= moment + _SOON
        return is_there and origin_of(places[0].recording_token) is Origin.SERVER

    # ---- inside ----------------------------------------------------------------------------------

    def _request(self, camera_id: int, window: Interval, clock: DeviceClock, *, again: bool = False) -> None:
        """Let the device be asked for the parts of a window that were not asked yet."""
        now = self._clock.now_utc()
        self._indexer.request(camera_id, window, clock.latest(now), again=again)
        if (hour := self._repeated.due(camera_id, clock, now, self._clock.monotonic_s())) is not None:
            self._indexer.request(camera_id, hour, hour[1], again=True)

    def _index_window(
        self, camera_id: int, window: Interval, clock: DeviceClock, *, resumes: bool = True, again: bool = False
    ) -> bool:
        """Index the window and wait for it; return False if that takes longer than 25 s.

        Try once more if an error at a piece outside the window ended the indexing, because that drops the window, too.
        """
        ends_s = self._clock.monotonic_s() + SEARCH_WAIT_S
        for _ in range(2):
            self._indexer.retry(camera_id, resumes=resumes)
            self._request(camera_id, window, clock, again=again)
            is_done = self._indexer.wait_until_indexed(camera_id, window, max(0.0, ends_s - self._clock.monotonic_s()))
            if not (is_done and self._indexer.failed_outside(camera_id, window)):
                break
        return is_done


def _window(clock: DeviceClock, start: datetime, end: datetime) -> Interval:
    """Return the window by the device's clock. Raise InvalidRequest if it is empty or longer than 400 days."""
    if end <= start:
        raise InvalidRequest.of_field("end_time", "later than start_time")
    if end - start > LONGEST_WINDOW:
        raise InvalidRequest.of_field("end_time", f"at most {LONGEST_WINDOW.days} days after start_time")
    return clock.window(start, end)
