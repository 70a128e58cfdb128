"""The manager of motion over a child that a test answers for, and cameras that are always there."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cameras.records import CameraView
from core.errors import NotFound
from core.events import Box, ChannelActivity, EventKind, LoggedEvent
from core.records import CameraStatus, Channel, MediaProfile, ProfileRole, VideoFormat
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.log_query import EventQuery
from media.codecs.access_unit import VIDEO, AccessUnit
from media.process import Spawner
from media.units import UnitDescription
from motion.channel_watch import ChannelWatch
from motion.child import VisionChild
from motion.records import ChildState, ChildView, MotionMode, MotionSettings, Place
from motion_manager import MotionManager
from tables import CameraRow
from tests.hand_clock import HandClock
from tests.placement.owning import OwningCameras
from vision.messages import CELL_BYTES, Began, Blob, LookBack, Message, Still, StillPicture, Unit, Watched

SETS = (b"\x67sps", b"\x68pps")
DESCRIPTION = UnitDescription(VideoFormat("h264", 640, 360), SETS)
JPEG = b"\xff\xd8 seen \xff\xd9"
PLACE = (1, 1)


def camera_row(database: Database, camera_id: int) -> None:
    """Store a camera that settings can refer to."""
    with database.write() as session:
        session.add(
            CameraRow(
                id=camera_id,
                name="",
                host=f"camera{camera_id}",
                port_found=False,
                username="",
                password_box=b"",
                pretend=False,
                added_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
            )
        )


def profile(token: str, role: ProfileRole) -> MediaProfile:
    return MediaProfile(token, token, "Source", VideoFormat("h264", 640, 360), role=role)


class ThinCameras(OwningCameras):
    """Cameras 1 and 2 with two channels each, without devices."""

    def __init__(self) -> None:
        self.numbers: tuple[int, ...] = (1, 2)
        self.status = CameraStatus.ONLINE
        self.ids = [1, 2]

    def channels(self, camera_id: int) -> list[Channel]:
        self.get_camera(camera_id)
        return [
            Channel(
                number,
                f"Channel {number}",
                f"Source{number}",
                (profile(f"Main{number}", ProfileRole.MAIN), profile(f"Sub{number}", ProfileRole.SUB)),
            )
            for number in self.numbers
        ]

    def list_cameras(self) -> list[CameraView]:
        return [self.get_camera(camera_id) for camera_id in self.ids]

    def get_camera(self, camera_id: int) -> CameraView:
        if camera_id not in self.ids:
            raise NotFound("There is no such camera.")
        return cast(CameraView, _View(camera_id, self.status))

    def clock_offset_s(self, camera_id: int) -> float | None:
        return 0.0


@dataclass
class _View:
    """The few fields of a camera that matter here."""

    id: int
    status: CameraStatus
    error: None = None
    onvif: bool = True
    services: tuple[str, ...] = ("events",)


class ThinChild(VisionChild):
    """Keeps the sent messages. The test answers."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.is_on = False

    def start(self) -> None:
        self.is_on = True

    def stop(self) -> None:
        self.is_on = False

    @property
    def is_started(self) -> bool:
        return self.is_on

    def send(self, message: Message, size: int = 0, *, newest_of: Hashable = None, slot: Hashable = None) -> bool:
        if self.is_on:
            self.sent.append(message)
        return self.is_on

    def view(self) -> ChildView:
        return ChildView(ChildState.RUNNING if self.is_on else ChildState.OFF)

    def of_type(self, kind: str) -> list[Message]:
        return [message for message in self.sent if message.type == kind]


@dataclass
class Watching:
    """The parts together. `activities`: what a recorder would get."""

    database: Database
    folder: Path
    clock: HandClock = field(default_factory=HandClock)
    child: ThinChild = field(default_factory=ThinChild)
    cameras: ThinCameras = field(default_factory=ThinCameras)
    activities: list[ChannelActivity] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = Settings(data_dir=self.folder / "data", min_free_bytes=0)
        self.events = EventManager(self.database, settings, self.clock, self.cameras)
        self.manager = MotionManager(
            self.database, settings, self.clock, Spawner(), self.cameras, self.events, self.child
        )
        self.manager._is_available = True  # whether the packages are installed here or not
        self.manager.on_activity(self.activities.append)

    def start(self) -> None:
        self.events.pictures.open([1, 2])
        self.manager.start()

    def stop(self) -> None:
        self.manager.stop()

    # ---- what a test does ------------------------------------------------------------------------

    def watch(self, place: Place = PLACE, settings: MotionSettings | None = None) -> ChannelWatch:
        """Watch a channel, and describe its video."""
        self.manager.set_settings(*place, settings or MotionSettings(MotionMode.KEY_FRAMES))
        watch = self.manager.watch(place)
        watch.feeder.on_description(DESCRIPTION)
        return watch

    def show(
        self,
        watch: ChannelWatch,
        *,
        share: float = 0.0,
        alert: tuple[int, ...] = (),
        is_key: bool = True,
        rest: str = "",
        box: Box = (0.1, 0.2, 0.3, 0.4),
    ) -> int:
        """Let a frame arrive now, and let the child judge it. Return its time."""
        moment_s = self.clock.now.timestamp()
        watch.feeder.on_units((frame(is_key=is_key),), (moment_s,))
        time_ms = round(moment_s * 1000)
        blobs = (Blob(box, (0.25, 0.6), share),) if share else ()
        cells = (bytes([255]) if share else bytes(1)) + bytes(CELL_BYTES - 1)
        key = watch.feeder.key
        self.manager.on_message(Watched(key, time_ms, share, blobs, alert, alert, False, bool(share), cells, rest))
        return time_ms

    def answer_beginning(self, watch: ChannelWatch, start_ms: int | None) -> None:
        """Answer the last question about the beginning of a movement."""
        asked = self.child.of_type("look_back")[-1]
        self.manager.on_message(Began(watch.feeder.key, start_ms, asked.header()["key"] and _hit_of(asked)))

    def answer_still(self, watch: ChannelWatch, time_ms: int, jpeg: bytes = JPEG) -> None:
        self.manager.on_message(StillPicture(watch.feeder.key, time_ms, bytes(CELL_BYTES), jpeg))

    def logged(self) -> list[LoggedEvent]:
        """Return the events in the log, the oldest first."""
        self.events.log.flush()
        return sorted(self.events.log.page(EventQuery(), limit=200).events, key=lambda event: event.start_at)

    def tell_device_motion(self, *, active: bool, place: Place = PLACE) -> None:
        """Let the device tell motion now."""
        self.manager._device_motion.note(
            ChannelActivity(place[0], place[1], EventKind.MOTION, "", active, self.clock.now, is_channel_active=active)
        )


def _hit_of(message: Message) -> int:
    hit_ms: int = message.header()["start_ms"]
    return hit_ms


def frame(*, is_key: bool = True, data: bytes = b"\x65frame") -> AccessUnit:
    return AccessUnit(VIDEO, (data,), 0, 90_000, is_key=is_key, parameter_sets=SETS if is_key else ())


__all__ = ["LookBack", "Still", "Unit", "Watching"]


def movement(watching: Watching, watch: ChannelWatch, *, alert: tuple[int, ...] = ()) -> int:
    """Let a movement begin a second before the second key frame. Return its time of beginning."""
    watching.show(watch)
    watching.clock.move(seconds=2)
    hit_ms = watching.show(watch, share=0.02, alert=alert)
    watching.answer_beginning(watch, hit_ms - 1000)
    return hit_ms - 1000


def calm(watching: Watching, watch: ChannelWatch) -> None:
    for _ in range(3):
        watching.clock.move(seconds=2)
        watching.show(watch)
