"""The channels in which the app looks for motion get a feed each, and lose it when they should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import CameraBusy, CameraUnreachable
from core.records import CameraStatus, Credential, Problem, StreamSource
from core.secrets import Secret
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import FeedState, FeedStatus
from media.units import UnitSink
from motion.feeder import Feeder
from motion.records import MotionMode, MotionSettings, Place, Reason
from ptz_manager import PtzManager
from tests.motion.watching import DESCRIPTION, Watching, camera_row, frame
from tests.patience import until
from tests.prepared_database import prepared_database
from vision.messages import CELL_BYTES
from workers.motion_watch import MotionWatch, RecordedChannels

KEY_FRAMES = MotionSettings(MotionMode.KEY_FRAMES)


class ThinFeed:
    """As much of GatewayFeed as the worker uses."""

    def __init__(self, source: StreamSource) -> None:
        self.source = source
        self.problem: Problem | None = None
        self.is_closed = False
        self.sink: UnitSink | None = None

    def is_failed(self) -> bool:
        return self.problem is not None

    def status(self) -> FeedStatus:
        return FeedStatus(FeedState.FAILED if self.problem else FeedState.FLOWING, self.problem)

    def open_units(self, sink: UnitSink) -> None:
        self.sink = sink

    def close(self) -> None:
        self.is_closed = True


class ThinGateway(RtspGateway):
    def __init__(self) -> None:
        self.opened: list[ThinFeed] = []
        self.error: CameraBusy | None = None

    def open_feed(self, source: StreamSource) -> Any:
        if self.error is not None:
            raise self.error
        self.opened.append(ThinFeed(source))
        return self.opened[-1]

    @property
    def open_feeds(self) -> list[ThinFeed]:
        return [feed for feed in self.opened if not feed.is_closed]


class ThinPtz(PtzManager):
    def __init__(self) -> None:
        self.moving: frozenset[tuple[int, str]] = frozenset()

    def moving_heads(self) -> frozenset[tuple[int, str]]:
        return self.moving


class ThinRecording(RecordedChannels):
    def __init__(self) -> None:
        self.paused: set[Place] = set()
        self.watched: frozenset[Place] = frozenset()
        self.found: list[tuple[int, int, datetime]] = []

    def limits(self) -> list[tuple[int, int, datetime]]:
        return self.found

    def is_paused(self, camera_id: int, channel: int) -> bool:
        return (camera_id, channel) in self.paused

    def note_watched(self, places: frozenset[Place]) -> None:
        self.watched = places


@dataclass
class Work:
    """The worker over cameras and a gateway without devices."""

    watching: Watching
    gateway: ThinGateway = field(default_factory=ThinGateway)
    ptz: ThinPtz = field(default_factory=ThinPtz)
    recording: ThinRecording = field(default_factory=ThinRecording)
    is_away: bool = False

    def __post_init__(self) -> None:
        cameras = self.watching.cameras
        # One camera of these tests is away, which the shared stand-in cannot be.
        cameras.stream_source = self._source  # type: ignore[method-assign]
        self.worker = MotionWatch(
            self.watching.manager, cameras, self.gateway, self.ptz, self.recording, self.watching.clock
        )

    def _source(self, camera_id: int, profile_token: str) -> StreamSource:
        if self.is_away:
            raise CameraUnreachable("It is off.")
        return StreamSource(camera_id, profile_token, "rtsp://192.0.2.1/", "x", Credential("a", Secret("b")))

    def look_until(self, count: int) -> list[ThinFeed]:
        """Look until so many feeds are open."""

        def has_feeds() -> bool:
            self.worker.look()
            return len(self.gateway.open_feeds) == count

        until(has_feeds)
        return self.gateway.open_feeds

    def reason(self, place: Place = (1, 1)) -> str | None:
        return self.watching.manager.state(*place).reason

    def reason_becomes(self, reason: str | None, place: Place = (1, 1)) -> None:
        def is_so() -> bool:
            self.worker.look()
            return self.reason(place) == reason

        until(is_so, what=f"the reason {reason}")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    for camera_id in (1, 2):
        camera_row(database, camera_id)
    watching = Watching(database, tmp_path)
    watching.start()
    watching.manager.set_settings(1, 1, KEY_FRAMES)
    yield Work(watching)
    watching.stop()
    database.close()


def test_a_watched_channel_gets_a_feed_of_its_sub_stream(work: Work) -> None:
    (feed,) = work.look_until(1)
    assert (feed.source.camera_id, feed.source.profile_token) == (1, "Sub1")
    assert isinstance(feed.sink, Feeder)
    for _ in range(3):
        work.worker.look()
    assert len(work.gateway.opened) == 1
    assert work.recording.watched == {(1, 1)}


def test_a_channel_that_is_switched_off_loses_its_feed_at_the_next_look(work: Work) -> None:
    (feed,) = work.look_until(1)
    work.watching.manager.set_settings(1, 1, MotionSettings())
    work.worker.look()
    assert feed.is_closed
    assert work.recording.watched == frozenset()


def test_a_channel_that_is_switched_off_and_on_gets_its_frames(work: Work) -> None:
    work.look_until(1)
    work.watching.manager.set_settings(1, 1, MotionSettings())
    work.watching.manager.set_settings(1, 1, KEY_FRAMES)
    work.look_until(0)
    (feed,) = work.look_until(1)
    assert feed.sink is not None
    feed.sink.on_description(DESCRIPTION)
    feed.sink.on_units((frame(),), (100.0,))
    assert work.watching.child.sent[-1].type == "unit"


def test_a_changed_or_removed_camera_loses_its_feeds_immediately(work: Work) -> None:
    (feed,) = work.look_until(1)
    work.worker.forget_camera(2)
    assert not feed.is_closed
    work.worker.forget_camera(1)
    assert feed.is_closed
    work.watching.manager.forget_camera(1)
    work.look_until(1)
    work.watching.cameras.ids.remove(1)
    work.look_until(0)


def test_a_removed_channel_loses_its_feed(work: Work) -> None:
    (feed,) = work.look_until(1)
    work.watching.cameras.numbers = (2,)
    work.worker.look()
    assert feed.is_closed
    assert work.reason() == Reason.NO_STREAM


def test_a_device_without_a_session_is_not_asked_for_a_minute(work: Work) -> None:
    (feed,) = work.look_until(1)
    feed.problem = Problem("camera_busy", "All sessions are in use.")
    work.reason_becomes("camera_busy")
    assert feed.is_closed
    for _ in range(10):
        work.watching.clock.move(seconds=5)
        work.worker.look()
    assert len(work.gateway.opened) == 1
    assert work.reason() == "camera_busy"
    work.watching.clock.move(seconds=70)
    work.look_until(1)


def test_a_gateway_that_refuses_is_asked_again(work: Work) -> None:
    work.gateway.error = CameraBusy("All sessions are in use.")
    work.reason_becomes("camera_busy")
    work.gateway.error = None
    work.watching.clock.move(seconds=100)
    work.look_until(1)
    work.reason_becomes(Reason.STARTING)


def test_a_failed_feed_is_opened_again_after_a_pause(work: Work) -> None:
    (feed,) = work.look_until(1)
    feed.problem = Problem("camera_unreachable", "It is off.")
    work.reason_becomes("camera_unreachable")
    assert len(work.gateway.opened) == 1
    work.watching.clock.move(seconds=5)
    work.look_until(1)


def test_a_device_that_does_not_answer_is_the_reason(work: Work) -> None:
    work.is_away = True
    work.reason_becomes("camera_unreachable")
    work.is_away = False
    work.watching.clock.move(seconds=100)
    work.look_until(1)


def test_a_camera_that_is_offline_has_no_feeds(work: Work) -> None:
    (feed,) = work.look_until(1)
    work.watching.cameras.status = CameraStatus.OFFLINE
    work.worker.look()
    assert feed.is_closed
    work.watching.cameras.status = CameraStatus.ONLINE
    work.look_until(1)


def test_a_paused_channel_is_not_watched(work: Work) -> None:
    (feed,) = work.look_until(1)
    work.recording.paused.add((1, 1))
    work.worker.look()
    assert feed.is_closed
    assert work.reason() == Reason.PAUSED
    work.recording.paused.clear()
    work.look_until(1)


def test_a_moving_head_is_not_judged_and_three_seconds_after(work: Work) -> None:
    (feed,) = work.look_until(1)
    assert feed.sink is not None
    feed.sink.on_description(DESCRIPTION)
    work.ptz.moving = frozenset({(1, "Source1")})
    work.worker.look()
    assert work.reason() == Reason.PTZ_MOVES
    feed.sink.on_units((frame(),), (100.0,))
    assert work.watching.child.of_type("unit") == []
    work.ptz.moving = frozenset()
    work.watching.clock.move(seconds=2)
    work.worker.look()
    assert work.reason() == Reason.PTZ_MOVES
    work.watching.clock.move(seconds=2)
    work.worker.look()
    feed.sink.on_units((frame(),), (104.0,))
    assert len(work.watching.child.of_type("unit")) == 1
    assert not feed.is_closed


def test_a_head_that_begins_to_move_between_two_looks_is_not_judged(work: Work) -> None:
    work.look_until(1)
    watching = work.watching
    watch = watching.manager.watch((1, 1))
    watch.feeder.on_description(DESCRIPTION)
    watching.show(watch)
    watching.clock.move(seconds=0.5)
    work.ptz.moving = frozenset({(1, "Source1")})
    watching.show(watch, share=0.02)
    assert watching.child.of_type("look_back") == []
    work.ptz.moving = frozenset()
    watching.clock.move(seconds=0.5)
    work.worker.look()
    assert work.reason() == Reason.PTZ_MOVES
    watching.clock.move(seconds=2.5)
    work.worker.look()
    assert work.reason() == Reason.PTZ_MOVES
    watching.clock.move(seconds=1)
    work.worker.look()
    watching.show(watch)
    assert work.reason() is None
    assert watching.logged() == []


def test_sixteen_channels_get_one_feed_each(work: Work) -> None:
    work.watching.cameras.numbers = tuple(range(1, 17))
    for number in range(1, 17):
        work.watching.manager.set_settings(1, number, KEY_FRAMES)
    feeds = work.look_until(16)
    assert {feed.source.profile_token for feed in feeds} == {f"Sub{number}" for number in range(1, 17)}
    assert len(work.gateway.opened) == 16


def test_the_cells_beyond_a_limit_by_law_are_deleted(work: Work) -> None:
    clock, manager = work.watching.clock, work.watching.manager
    manager.add_cells(1, 1, {clock.now - timedelta(days=days): b"\xff" * CELL_BYTES for days in (1, 3)})
    work.recording.found = [(1, 1, clock.now - timedelta(days=2))]
    work.worker.look()
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    hits = manager.cell_hits(1, 1, whole, clock.now - timedelta(days=9), clock.now).hits
    assert [hit.at for hit in hits] == [clock.now - timedelta(days=1)]


def test_a_stop_closes_all_feeds(work: Work) -> None:
    (feed,) = work.look_until(1)
    work.worker.stop()
    assert feed.is_closed
    assert work.watching.manager.watched() == frozenset()
