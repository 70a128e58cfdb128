"""The watch of motion shows the detector pictures of movements: about one a second, and only of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from cameras.records import CameraView
from core.clock import SystemClock
from core.settings import Settings
from event_manager import EventManager
from media.process import Spawner
from motion.channel_watch import ChannelWatch
from motion.device_motion import DeviceMotion
from motion.records import MotionMode, MotionSettings, Place, Sensitivity
from motion_manager import MotionManager
from tests.events.logged import OneChannelCameras, stored_camera
from tests.prepared_database import prepared_database
from vision.messages import CELL_BYTES, Blob, Still, StillPicture, Watched, Zone

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
ZONES = (Zone(1, "Mask", "ignore", SQUARE), Zone(2, "Drive", "watch", SQUARE), Zone(3, "Door", "alert", SQUARE))
CELLS = b"\x01" * CELL_BYTES


class Ignored:
    """The log, the index and the process, whose answers do not matter here. It keeps the messages."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: Any, *_: Any, **__: Any) -> bool:
        self.sent.append(message)
        return True

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Pictures:
    """Notes what it is shown."""

    def __init__(self) -> None:
        self.wants_pictures = True
        self.taken: list[tuple[Place, bytes, bytes, list[str]]] = []
        self.ended: list[Place] = []

    def take_picture(self, place: Place, at: datetime, jpeg: bytes, cells: bytes, zones: Sequence[Zone]) -> None:
        self.taken.append((place, jpeg, cells, [zone.name for zone in zones]))

    def end_movement(self, place: Place) -> None:
        self.ended.append(place)


class Channel:
    def __init__(self) -> None:
        self.child, self.pictures = Ignored(), Pictures()
        settings = MotionSettings(MotionMode.EVERY_PICTURE, Sensitivity.HIGH, ZONES)
        nothing = cast(Any, Ignored())
        self.watch = ChannelWatch((1, 2), cast(Any, self.child), nothing, nothing, settings, self.pictures)

    def look(self, at_ms: int, *, is_moving: bool = True) -> int:
        """Judge a picture. Return the number of requests for a picture."""
        before = len(self._asked)
        blobs = (Blob((0.1, 0.1, 0.2, 0.2), (0.2, 0.3), 0.04, (2,)),) if is_moving else ()
        self.watch.take(Watched("1:2", at_ms, 0.04, blobs, (2,), (), False, is_moving, CELLS))
        return len(self._asked) - before

    @property
    def _asked(self) -> list[Any]:
        return [message for message in self.child.sent if isinstance(message, Still)]

    def show(self, at_ms: int) -> None:
        self.watch.take(StillPicture("1:2", at_ms, CELLS, b"jpeg"))


@pytest.fixture
def channel() -> Channel:
    return Channel()


def test_pictures_are_asked_for_about_once_a_second_of_a_movement(channel: Channel) -> None:
    channel.look(10_000)
    assert channel.look(10_200), "the movement has begun"
    asked = [at_ms for at_ms in range(10_400, 13_400, 200) if channel.look(at_ms)]
    assert asked == [11_200, 12_200, 13_200]


def test_a_picture_of_a_movement_is_shown_with_its_cells_and_zones(channel: Channel) -> None:
    channel.show(9_000)
    assert not channel.pictures.taken, "nothing moves"
    channel.look(10_000)
    channel.look(10_200)
    channel.show(10_200)
    assert channel.pictures.taken == [((1, 2), b"jpeg", CELLS, ["Door", "Drive"])]


def test_the_end_of_a_movement_is_told(channel: Channel) -> None:
    channel.look(10_000)
    channel.look(10_200)
    for at_ms in range(12_000, 20_000, 1_000):
        assert not channel.look(at_ms, is_moving=False)
    assert channel.pictures.ended == [(1, 2)]


def test_no_pictures_are_asked_for_without_a_detector(channel: Channel) -> None:
    channel.pictures.wants_pictures = False
    channel.look(10_000)
    channel.look(10_200)
    asked = [at_ms for at_ms in range(10_400, 13_400, 200) if channel.look(at_ms)]
    channel.show(13_400)
    assert (asked, channel.pictures.taken) == ([], [])


class Cameras(OneChannelCameras):
    def list_cameras(self) -> list[CameraView]:
        return []


def test_a_channel_whose_device_tells_motion_is_watched_for_the_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeviceMotion, "is_told", lambda *_: True)
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    with database.write() as session:
        session.add(stored_camera(1))
    settings, cameras, pictures = replace(Settings(), data_dir=tmp_path), Cameras(), Pictures()
    events = EventManager(database, settings, SystemClock(), cameras)
    motion = MotionManager(database, settings, SystemClock(), Spawner(), cameras, events)
    motion.start()
    motion.set_settings(1, 1, MotionSettings(MotionMode.AUTO, Sensitivity.HIGH, ()))
    assert not motion.wanted()
    motion.show_pictures_to(pictures)
    assert set(motion.wanted()) == {(1, 1)}
    pictures.wants_pictures = False
    assert not motion.wanted()
    motion.stop()
    database.close()
