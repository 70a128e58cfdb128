"""A fake recorder: it has the recordings that the test sets, records every request, and fails when the test says so.

The tests in tests/onvif_services and those with the pretend recorder cover the answers of real devices. The tests
here check which requests are repeated, so they need a device that counts requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from archive_manager import ArchiveManager
from backfill_manager import BackfillManager
from cameras.records import CameraView
from core.errors import CameraUnreachable, CameraUnsupported, DeviceError, NotFound
from core.login_gate import LoginGate
from core.recordings import (
    DeviceRecording,
    EventSearch,
    Listed,
    MakersReplay,
    RecordingDevice,
    RecordingEvent,
    RecordingSummary,
    RecordingTrack,
    ReplaySource,
    SpanState,
    TrackType,
    ZoneOfTimes,
)
from core.records import CameraStatus, Channel, ClockOffset, Credential, DeviceInfo, StreamSource
from core.secrets import Secret
from core.settings import Settings
from event_manager import EventManager
from media.rtsp.gateway import RtspGateway
from recording_manager import RecordingManager
from recordings.views import ChannelCoverage, Coverage
from tables import CameraRow, UserRow
from tests.patience import until
from tests.placement.owning import OwningCameras
from tests.prepared_database import prepared_database

_T = TypeVar("_T")

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TRACK = "tns1:RecordingHistory/Track/State"
MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


class HandClock:
    """Wall time is what the test sets. `monotonic_s` runs in real time, `ahead_s` later."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.ahead_s = 0.0

    def now_utc(self) -> datetime:
        return self.now

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s


def recording(number: int, **more: object) -> DeviceRecording:
    tracks = (RecordingTrack(f"V{number}", TrackType.VIDEO, "h264"), RecordingTrack(f"A{number}", TrackType.AUDIO))
    return DeviceRecording(f"Rec{number}", f"Source{number}", f"Gate {number}", tracks=tracks, **more)  # type: ignore[arg-type] # a test's own fields


def channel(number: int, **more: object) -> Channel:
    return Channel(number, f"Cam {number}", f"Source{number}", position=number, **more)  # type: ignore[arg-type] # a test's own fields


@dataclass
class Recorder:
    """`spans` holds the recorded times by recording token. All times are by the recorder's own clock."""

    recordings_: tuple[DeviceRecording, ...] = field(default_factory=lambda: (recording(1), recording(2)))
    listed_by: str = "search"
    spans: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    motion: list[tuple[str, datetime]] = field(default_factory=list)
    start_states: bool = True
    event_search: bool = True
    problem: DeviceError | None = None
    has_summary: bool = False  # despite the problem
    event_problem: DeviceError | None = None
    trouble_before: datetime | None = None  # a search for an earlier time fails
    most_events: int = 10**9  # a search with more events does not finish in time
    searches_endlessly: bool = False  # it never says that a search is complete
    hold: threading.Event | None = None
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    lists: int = 0
    offset_s: float = 0.0
    zone_s: float = 0.0  # in its times of recordings, which it marks as UTC
    zone_name: str = ""  # of a zone with summer time in them
    info: DeviceInfo = DeviceInfo("Dahua", "XVR")

    @property
    def clock_offset(self) -> ClockOffset | None:
        return ClockOffset(self.offset_s, NOON)

    def recordings(self) -> Listed:
        self.lists += 1
        if self.problem is not None:
            raise self.problem
        return self.recordings_, self.listed_by

    def recording_summary(self, listed: Listed) -> RecordingSummary:
        recordings, service = listed
        if self.problem is not None and not self.has_summary:
            return RecordingSummary(None, None, 0, "search")
        return RecordingSummary(NOON - 30 * DAY, NOON, len(recordings), service, zone_s=8 * 3600.0)

    def recording_events(
        self, start: datetime, end: datetime, *, deadline_s: float, should_stop: Callable[[], bool]
    ) -> EventSearch:
        self.asked.append((start, end))
        if not self.event_search:
            raise CameraUnsupported("It searches no events.", service="search")
        if self.event_problem is not None:
            raise self.event_problem
        while self.hold is not None and not self.hold.wait(0.01):
            if should_stop():
                return EventSearch((), complete=False, has_start_states=False)
        if self.trouble_before is not None and start < self.trouble_before:
            raise CameraUnreachable("It broke off.")
        events = [event for token in self.spans for event in self._recording_history(token, start, end)]
        events += [RecordingEvent(at, MOTION, token, "", True) for token, at in self.motion if start <= at <= end]
        if len(events) > self.most_events:
            return EventSearch(tuple(events[: self.most_events]), complete=False, has_start_states=False)
        found = tuple(sorted(events, key=lambda it: it.time))
        return EventSearch(found, not self.searches_endlessly, self.start_states, is_quiet=self.searches_endlessly)

    def _recording_history(self, token: str, start: datetime, end: datetime) -> list[RecordingEvent]:
        track = f"V{token.removeprefix('Rec')}"
        found = []
        if self.start_states:
            is_on = any(begin < start < ended for begin, ended in self.spans[token])
            found.append(RecordingEvent(start, TRACK, token, track, is_on, is_start_state=True))
        for begin, ended in self.spans[token]:
            found += [
                RecordingEvent(at, TRACK, token, track, active)
                for at, active in ((begin, True), (ended, False))
                if start <= at <= end
            ]
        return found

    def replay_uri(self, recording_token: str) -> str:
        if self.problem is not None:
            raise self.problem
        if all(item.recording_token != recording_token for item in self.recordings_):
            raise NotFound("This device has no such recording.")
        return f"rtsp://recorder:8554/recording/{recording_token}"

    def makers_replays(self, channel_number: int, rtsp_port: int) -> tuple[MakersReplay, ...]:
        return (MakersReplay(f"rtsp://recorder:{rtsp_port}/cam/playback?channel={channel_number}", "dahua"),)


class ArchiveCameras(OwningCameras):
    """The one camera of an archive."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def ask_recorder(self, camera_id: int, call: Callable[[RecordingDevice], _T]) -> _T:
        return self.archive.ask(camera_id, call)

    def channels(self, camera_id: int) -> list[Channel]:
        return self.archive.known_channels(camera_id)

    def list_cameras(self) -> list[CameraView]:
        return [self.get_camera(1)]

    def get_camera(self, camera_id: int) -> CameraView:
        self.archive.known_channels(camera_id)
        return CameraView(camera_id, "R", "recorder", None, "u", CameraStatus.ONLINE)

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        raise CameraUnreachable("This recorder has no live video.")

    def recording_offset_s(self, camera_id: int) -> float:
        return (self.clock_offset_s(camera_id) or 0.0) + self.recording_zone(camera_id).zone_s

    def recording_zone(self, camera_id: int) -> ZoneOfTimes:
        recorder, name = self.archive.recorder, self.archive.recorder.zone_name
        if name:
            return ZoneOfTimes.chosen(name, self.archive.clock.now_utc().timestamp())
        return ZoneOfTimes(recorder.zone_s)

    def clock_offset_s(self, camera_id: int) -> float | None:
        return self.archive.recorder.offset_s

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        return self.archive.find_replay(camera_id, recording_token)


class Archive:
    """A RecordingManager on a database in `folder`, with the fake recorder as camera 1 with two channels.

    `server`: the archive on the server, without recordings. `backfills` is not started.
    """

    def __init__(self, folder: Path, **settings: object) -> None:
        self.settings = Settings(data_dir=folder / "data", streams_dir=folder / "streams", **settings)  # type: ignore[arg-type] # a test's own
        self.clock = HandClock()
        self.recorder = Recorder()
        self.channels = [channel(1), channel(2)]
        self.database = prepared_database(self.settings.database_file)
        self.database.open()
        with self.database.write() as session:
            session.add(
                CameraRow(
                    name="R",
                    host="recorder",
                    port_found=False,
                    username="u",
                    password_box=b"",
                    pretend=False,
                    added_at=NOON,
                )
            )
        gateway = RtspGateway(login_gate=LoginGate(self.clock), clock=self.clock, settings=self.settings)  # not started
        cameras = ArchiveCameras(self)
        events = EventManager(self.database, self.settings, self.clock, cameras)
        self.server = ArchiveManager(self.database, self.settings, self.clock, gateway, cameras, events)
        self.server.start()
        self.manager = self.make_manager()
        self.manager.start()
        self.backfills = BackfillManager(
            self.database, self.settings, self.clock, gateway, cameras, self.server, self.manager
        )

    def know_users(self, count: int) -> None:
        """Add accounts with the ids 1 to `count`, as in the database of the app's accounts."""
        with self.database.write() as session:
            for user_id in range(1, count + 1):
                session.add(
                    UserRow(
                        id=user_id,
                        name=f"{user_id}",
                        name_key=f"{user_id}",
                        password_hash="",
                        role="admin",
                        created_at=NOON,
                        password_changed_at=NOON,
                    )
                )

    def make_manager(self) -> RecordingManager:
        return RecordingManager(self.database, self.settings, self.clock, ArchiveCameras(self), self.server)

    def ask(self, camera_id: int, call: Callable[[RecordingDevice], _T]) -> _T:
        self.known_channels(camera_id)
        return call(self.recorder)

    def known_channels(self, camera_id: int) -> list[Channel]:
        if camera_id != 1:
            raise NotFound("There is no such camera.")
        return self.channels

    def find_replay(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        uri = self.ask(camera_id, lambda device: device.replay_uri(recording_token))
        return ReplaySource(camera_id, recording_token, uri, "camera1", Credential("u", Secret("p"))), 0.0

    def close(self) -> None:
        self.manager.stop()
        self.server.stop()
        self.database.close()


def asked(archive: Archive, start: datetime, end: datetime) -> Coverage:
    """Request the coverage of a window and return it when indexing has finished."""
    archive.manager.coverage(1, start, end)
    until(lambda: archive.manager.coverage(1, start, end).indexing is None)
    return archive.manager.coverage(1, start, end)


def states(row: ChannelCoverage) -> list[tuple[float, float, SpanState]]:
    """Return start, end (in hours after noon) and state of each span."""
    return [((span.start - NOON) / HOUR, (span.end - NOON) / HOUR, span.state) for span in row.spans]
