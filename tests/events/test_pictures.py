"""Pictures of events: kept on disk within a limit, taken from memory or from the device, never in a storm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cameras.records import CameraDraft, TimedSnapshot
from core.errors import CameraAuthFailed
from core.events import EventKind, EventSource, LoggedEvent
from core.settings import Settings
from event_manager import EventManager
from events.log_query import EventQuery
from events.pictures import EventPictures
from media.rtsp.gateway import RtspGateway
from media.rtsp.live.feed import HeldKeyFrame
from media.still_decoder import KeyFrameData, StillDecoder
from stream_manager import StreamManager
from tests.events.logged import event
from tests.hand_clock import HandClock
from tests.patience import until
from tests.prepared_database import prepared_database
from tests.web.stand_in_cameras import StandInCameras
from workers.event_pictures import MOST_WAITING, EventPictureTaker

JPEG = b"\xff\xd8\xff picture"


# --- on disk


def kept(folder: Path, most_bytes: int = 1000) -> EventPictures:
    pictures = EventPictures(folder, most_bytes=most_bytes)
    pictures.open({1, 2})
    return pictures


def test_a_picture_survives_a_restart(tmp_path: Path) -> None:
    assert kept(tmp_path).put(1, 7, JPEG)
    assert kept(tmp_path).get(1, 7) == JPEG
    assert kept(tmp_path).get(1, 8) is None
    assert (tmp_path / "camera1_event7.jpg").stat().st_mode & 0o777 == 0o600


def test_the_least_recently_used_pictures_are_deleted_at_the_limit(tmp_path: Path) -> None:
    pictures = kept(tmp_path, most_bytes=3 * len(JPEG))
    for event_id in (1, 2, 3):
        pictures.put(1, event_id, JPEG)
    assert pictures.get(1, 1) == JPEG
    pictures.put(1, 4, JPEG)
    assert [event_id for event_id in (1, 2, 3, 4) if pictures.get(1, event_id)] == [1, 3, 4]
    assert len(list(tmp_path.iterdir())) == 3


def test_pictures_of_deleted_events_and_cameras_are_removed(tmp_path: Path) -> None:
    pictures = kept(tmp_path)
    for camera_id, event_id in ((1, 1), (1, 2), (2, 3)):
        pictures.put(camera_id, event_id, JPEG)
    pictures.drop([(1, 1), (1, 99)])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["camera1_event2.jpg", "camera2_event3.jpg"]
    pictures.drop_camera(1)
    assert [path.name for path in tmp_path.iterdir()] == ["camera2_event3.jpg"]
    (tmp_path / "notes.txt").write_text("x")
    EventPictures(tmp_path, most_bytes=1000).open(set())
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_is_too_large_or_does_not_fit_the_disk_is_refused(tmp_path: Path) -> None:
    assert not kept(tmp_path, most_bytes=10**9).put(1, 1, b"\xff" * 600_000)
    assert not kept(tmp_path).put(1, 1, b"")
    full = EventPictures(tmp_path, most_bytes=1000, min_free_bytes=2**62)
    full.open({1})
    assert not full.put(1, 1, JPEG)


def test_a_picture_that_was_taken_away_is_missing(tmp_path: Path) -> None:
    pictures = kept(tmp_path)
    pictures.put(1, 1, JPEG)
    (tmp_path / "camera1_event1.jpg").unlink()
    assert pictures.get(1, 1) is None
    assert pictures.put(1, 1, JPEG)


# --- taking them


class _Gateway(RtspGateway):
    """A gateway whose running streams a test names; starting real streams takes seconds."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, str], HeldKeyFrame] = {}

    def held_key_frame(self, camera_id: int, profile_token: str) -> HeldKeyFrame | None:
        return self.held.get((camera_id, profile_token))


class _Decoder(StillDecoder):
    """A decoder without ffmpeg."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def jpeg(self, frame: KeyFrameData, stream: object = None) -> bytes | None:
        self.asked.append(stream)
        return JPEG + b" of the stream" if frame.parts else None

    def stop(self) -> None:
        pass


class _Streams(StreamManager):
    def __init__(self) -> None:
        pass

    def small_snapshot(self, taken: TimedSnapshot) -> TimedSnapshot:
        return TimedSnapshot(taken.jpeg + b", small", taken.taken_at)


@dataclass
class _Cameras(StandInCameras):
    asked: list[str] = field(default_factory=list)
    answer: Callable[[], bytes | None] = lambda: JPEG

    def device_snapshot(self, camera_id: int, profile_token: str) -> bytes | None:
        self.asked.append(profile_token)
        return self.answer()


@dataclass
class _Paused:
    channels: set[tuple[int, int]] = field(default_factory=set)

    def is_paused(self, camera_id: int, channel: int) -> bool:
        return (camera_id, channel) in self.channels


@dataclass
class Taking:
    clock: HandClock
    events: EventManager
    cameras: _Cameras
    gateway: _Gateway
    paused: _Paused
    taker: EventPictureTaker

    def log(self, kind: EventKind = EventKind.PERSON, **more: Any) -> LoggedEvent:
        """Log an event that begins now, and return it with its id."""
        begins: dict[str, Any] = {"start_at": self.clock.now_utc(), "end_at": None, "camera_id": 1, **more}
        self.events.log.add(event(kind, **begins))
        self.events.log.flush()
        return self.events.log.page(EventQuery(), limit=1).events[0]

    def picture(self, found: LoggedEvent) -> bytes | None:
        return self.events.pictures.get(found.camera_id or 0, found.id)


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[Taking]:
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    clock, cameras, gateway = HandClock(), _Cameras(), _Gateway()
    cameras.add_camera(CameraDraft("127.0.0.9"))
    settings = Settings(data_dir=tmp_path, min_free_bytes=0)
    events = EventManager(database, settings, clock, cameras)
    events.pictures.open({1})
    paused = _Paused()
    taker = EventPictureTaker(events, cameras, _Streams(), gateway, _Decoder(), paused, clock)
    yield Taking(clock, events, cameras, gateway, paused, taker)
    taker.stop()
    database.close()


def test_a_running_stream_gives_the_picture_without_the_device(taking: Taking) -> None:
    taking.gateway.held[1, "MediaProfile00001"] = HeldKeyFrame("h264", 16 / 9, (b"sps",), (b"key",))
    found = taking.log()
    assert taking.taker.take(found)
    assert taking.picture(found) == JPEG + b" of the stream"
    assert taking.cameras.asked == []
    taking.events.log.flush()
    assert taking.events.log.get(EventQuery(), found.id).has_picture


def test_without_a_stream_the_device_gives_a_snapshot_of_the_sub_stream(taking: Taking) -> None:
    found = taking.log()
    assert taking.taker.take(found)
    assert taking.picture(found) == JPEG + b", small"
    assert taking.cameras.asked == ["MediaProfile00001"]


def test_the_device_is_asked_if_the_frame_in_memory_cannot_be_decoded(taking: Taking) -> None:
    taking.gateway.held[1, "MediaProfile00001"] = HeldKeyFrame("h264", None, (), ())
    taking.gateway.held[1, "MediaProfile00000"] = HeldKeyFrame("mjpeg", None, (), (b"jpeg",))
    assert taking.taker.take(taking.log())
    assert taking.cameras.asked == ["MediaProfile00001"]


def test_a_channel_is_asked_for_at_most_one_snapshot_in_ten_seconds(taking: Taking) -> None:
    assert taking.taker.take(taking.log())
    taking.clock.move(seconds=5)
    assert not taking.taker.take(taking.log())
    assert taking.taker.take(taking.log(channel=2)), "another channel"
    taking.clock.move(seconds=5)
    assert taking.taker.take(taking.log())
    assert len(taking.cameras.asked) == 3


def test_motion_of_many_channels_asks_for_few_snapshots(taking: Taking) -> None:
    taken = [taking.taker.take(taking.log(EventKind.MOTION, channel=channel)) for channel in (1, 2, 3)]
    assert taken == [True, False, False]
    taking.clock.move(seconds=3)
    assert taking.taker.take(taking.log(EventKind.MOTION, channel=2))


def test_an_event_of_long_ago_gets_no_picture_of_now(taking: Taking) -> None:
    found = taking.log()
    taking.clock.move(seconds=21)
    assert not taking.taker.take(found)
    assert taking.cameras.asked == []


def test_a_device_that_fails_leaves_the_event_without_a_picture(taking: Taking) -> None:
    def refuse() -> bytes:
        raise CameraAuthFailed("It refuses.")

    taking.cameras.answer = refuse
    assert not taking.taker.take(taking.log())
    taking.clock.move(seconds=10)
    taking.cameras.answer = lambda: None
    found = taking.log()
    assert not taking.taker.take(found)
    assert not taking.taker.take(taking.log(channel=77)), "an unknown channel"
    taking.events.log.flush()
    assert not taking.events.log.get(EventQuery(), found.id).has_picture


def test_only_events_that_show_something_wait_for_a_picture(taking: Taking) -> None:
    taking.log(EventKind.OFFLINE, channel=None, source=EventSource.SERVER)
    taking.log(EventKind.VIDEO_LOSS)
    taking.log(source=EventSource.IMPORT)
    assert len(taking.taker._waiting) == 0
    for _ in range(MOST_WAITING + 10):
        taking.log()
    assert len(taking.taker._waiting) == MOST_WAITING, "a storm keeps the newest"


def test_the_thread_takes_the_pictures_of_new_events(taking: Taking) -> None:
    taking.taker.start()
    found = taking.log()
    until(lambda: taking.picture(found) is not None, what="the picture")
    taking.taker.stop()
    taking.taker.stop()


def test_a_paused_channel_gives_no_pictures(taking: Taking) -> None:
    taking.paused.channels.add((1, 1))
    taking.gateway.held[1, "MediaProfile00001"] = HeldKeyFrame("h264", 16 / 9, (b"sps",), (b"key",))
    assert not taking.taker.take(taking.log())
    assert taking.cameras.asked == []
    assert taking.taker.take(taking.log(channel=2))


def test_a_pause_while_a_picture_is_taken_drops_it(taking: Taking) -> None:
    def pause() -> bytes:
        taking.paused.channels.add((1, 1))
        return JPEG

    taking.cameras.answer = pause
    found = taking.log()
    assert not taking.taker.take(found)
    assert taking.picture(found) is None


def test_a_limit_by_law_deletes_the_pictures_of_its_channel(taking: Taking) -> None:
    found = [taking.log(channel=channel) for channel in (1, 2)]
    assert [taking.taker.take(one) for one in found] == [True, True]
    taking.events.log.flush()
    limit = taking.clock.now_utc() + timedelta(seconds=1)
    taking.events.forget_pictures_before(1, 1, limit)
    assert [taking.picture(one) is not None for one in found] == [False, True]
    assert [taking.events.log.get(EventQuery(), one.id).has_picture for one in found] == [False, True]
    taking.events.forget_pictures_before(1, 2, taking.clock.now_utc())
    assert taking.picture(found[1]) is not None, "it is not before the limit"


def test_a_picture_is_expected_until_it_is_taken_or_given_up(taking: Taking) -> None:
    taking.paused.channels.add((1, 1))
    wanted = [taking.log(channel=1) for _ in range(MOST_WAITING + 1)]
    assert [taking.events.pictures.is_expected(1, one.id) for one in (wanted[0], wanted[1], wanted[-1])] == [
        False,
        True,
        True,
    ]
    taking.taker.start()
    until(lambda: not taking.events.pictures.is_expected(1, wanted[-1].id), what="the attempt to take the last picture")
    assert not any(taking.events.pictures.is_expected(1, one.id) for one in wanted)
