"""Cameras and a gateway that tests move by hand, for the recorder: real ones fail at their own times."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.channel_recorder import RecordingState
from archive.gaps import GapStore
from archive.pauses import PauseStore
from archive.pre_roll import PreRollBudget
from archive.recorder import ChannelRecorders
from archive.rules import RuleStore
from archive.signs import SignsOfLife
from archive.stream_recorder import RecorderParts
from cameras.records import CameraView
from core.archive import ArchiveGap, GapReason, RecordedQuality, RecordingMode, RecordingRule, StreamKey
from core.errors import CameraUnreachable, DeviceError, NotFound
from core.records import (
    CameraStatus,
    Channel,
    Credential,
    MediaProfile,
    Problem,
    ProfileRole,
    StreamSource,
    VideoFormat,
)
from core.secrets import Secret
from media.rtsp.gateway import RtspGateway
from media.units import UnitSink
from tables import CameraRow
from tests.archive.collecting import DESCRIPTION, CollectingTarget, CollectingTargets, frame
from tests.archive.hand_events import HandEvents
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until
from tests.placement.owning import OwningCameras
from tests.prepared_database import prepared_database

MAIN = StreamKey(1, 1, RecordedQuality.MAIN)
SUB = StreamKey(1, 1, RecordedQuality.SUB)
CONTINUOUS = RecordingRule(RecordingMode.CONTINUOUS)
ALL_TIME = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
FPS = 10
GOP = 10


class HandFeed:
    """Sends frames when the test says so."""

    def __init__(self, source: StreamSource) -> None:
        self.source = source
        self.sink: UnitSink | None = None
        self.is_closed = False
        self.number = 0

    def open_units(self, sink: UnitSink) -> None:
        self.sink = sink
        sink.on_description(DESCRIPTION)

    def send(self, moment: datetime) -> None:
        assert self.sink
        self.sink.on_units([frame(self.number, is_key=self.number % GOP == 0)], [moment.timestamp()])
        self.number += 1

    def fail(self, reason: GapReason) -> None:
        assert self.sink
        self.sink.on_end(reason)

    def close(self) -> None:
        self.is_closed = True
        if self.sink is not None:
            self.sink.on_end(GapReason.SWITCHED_OFF)


class HandGateway(RtspGateway):
    """Opens feeds that the test moves."""

    def __init__(self) -> None:
        self.feeds: list[HandFeed] = []

    def open_feed(self, source: StreamSource) -> Any:
        self.feeds.append(HandFeed(source))
        return self.feeds[-1]

    @property
    def open_feeds(self) -> list[HandFeed]:
        return [feed for feed in self.feeds if not feed.is_closed]


class HandCameras(OwningCameras):
    """Two cameras with two channels each, of which channel 2 has no sub stream."""

    def __init__(self) -> None:
        self.are_owned = True
        self.away: DeviceError | None = None
        self.searches = 0
        self.kbps: dict[str, int] = {}  # the bit rates that the cameras are set to, by media profile
        self.answers = threading.Event()  # of camera 2
        self.answers.set()

    def owns(self, camera_id: int) -> bool:
        return self.are_owned

    def _view(self, camera_id: int) -> CameraView:
        problem = Problem(self.away.code, self.away.detail) if self.away else None
        status = CameraStatus.OFFLINE if self.away else CameraStatus.ONLINE
        return CameraView(camera_id, f"Camera {camera_id}", "192.0.2.1", 80, "admin", status, problem)

    def list_cameras(self) -> list[CameraView]:
        return [self._view(1), self._view(2)]

    def get_camera(self, camera_id: int) -> CameraView:
        if camera_id > 2:
            raise NotFound("no such camera")
        return self._view(camera_id)

    def channels(self, camera_id: int) -> list[Channel]:
        main, sub = (
            MediaProfile(role.value, role.value, "V", self._video(role.value), role=role)
            for role in (ProfileRole.MAIN, ProfileRole.SUB)
        )
        return [Channel(1, "Gate", "V1", (main, sub)), Channel(2, "Yard", "V2", (main,))]

    def _video(self, profile_token: str) -> VideoFormat | None:
        kbps = self.kbps.get(profile_token)
        return VideoFormat("h264", 1920, 1080, bitrate_kbps=kbps) if kbps else None

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        self.searches += 1
        if camera_id == 2:
            assert self.answers.wait(LIMIT_S)
        if self.away:
            raise self.away
        return StreamSource(camera_id, profile_token, "rtsp://192.0.2.1/", "x", Credential("a", Secret("b")))


@dataclass
class RecorderHarness:
    """The recorder without its thread, over a real database: `pass_s` moves the clock and lets the recorder look.

    `is_node`: one of several nodes. They have the folder and the clock in common.
    """

    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    gateway: HandGateway = field(default_factory=HandGateway)
    cameras: HandCameras = field(default_factory=HandCameras)
    targets: CollectingTargets = field(default_factory=CollectingTargets)
    events: HandEvents = field(default_factory=HandEvents)
    is_node: bool = False

    def __post_init__(self) -> None:
        self.database = prepared_database(self.folder / "cameras.sqlite3")
        self.database.open()
        with self.database.write() as session:
            for camera_id in (1, 2):
                if session.get(CameraRow, camera_id) is None:
                    session.add(camera_row(camera_id, self.clock.now))
        self.rules = RuleStore(self.database, self.clock)
        self.pauses = PauseStore(self.database, self.clock)
        self.gaps = GapStore(self.database, self.clock)
        self.recorders = self.new_recorders()

    def new_recorders(self) -> ChannelRecorders:
        budget = PreRollBudget(max_bytes=64_000_000)
        parts = RecorderParts(self.clock, self.cameras, self.gateway, self.targets, budget, self.events)
        signs = SignsOfLife(self.database) if self.is_node else None
        return ChannelRecorders(parts, self.rules, self.pauses, self.gaps, signs)

    def close(self) -> None:
        self.recorders.stop()
        self.database.close()

    def open_streams(self, count: int) -> None:
        """Let the recorder look until it has opened so many feeds."""

        def are_open() -> bool:
            self.recorders.look()
            return len(self.gateway.open_feeds) >= count

        until(are_open, what="the feeds are open")
        assert len(self.gateway.open_feeds) == count

    def record(self, rule: RecordingRule = CONTINUOUS, streams: int = 1) -> None:
        """Give channel 1 of camera 1 this rule, and wait for its feeds."""
        self.rules.set_rule(1, 1, rule)
        self.open_streams(streams)

    def stored_gaps(self) -> list[ArchiveGap]:
        """Return all gaps of channel 1 of camera 1."""
        return self.gaps.gaps(1, 1, *ALL_TIME)

    def pass_s(self, seconds: float, *, sends: bool = True) -> None:
        """Let time pass; open feeds send their frames, and the recorder looks once a second."""
        for number in range(round(seconds * FPS)):
            self.clock.move(seconds=1 / FPS)
            if sends:
                for feed in self.gateway.open_feeds:
                    feed.send(self.clock.now)
            if number % FPS == 0:
                self.recorders.look()

    def target(self, key: StreamKey = MAIN) -> CollectingTarget:
        return self.targets.of(key)

    def state(self, camera_id: int = 1, channel: int = 1) -> RecordingState:
        return next(one for one in self.recorders.states() if (one.camera_id, one.channel) == (camera_id, channel))


def camera_row(camera_id: int, now: datetime) -> CameraRow:
    """Return the row of a camera in the database."""
    return CameraRow(
        id=camera_id,
        name=f"Camera {camera_id}",
        host="192.0.2.1",
        port=80 + camera_id,
        port_found=False,
        username="admin",
        password_box=b"",
        pretend=False,
        added_at=now,
    )


def unreachable() -> CameraUnreachable:
    return CameraUnreachable("It does not answer.")
