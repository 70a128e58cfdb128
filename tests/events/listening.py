"""Cameras, events and their listeners over a real device, also as a program that a test can kill."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cameras.connecting import Pace
from cameras.records import CameraDraft
from core.allowed_addresses import allowed_addresses
from core.clock import SystemClock
from core.events import ChannelActivity
from core.records import CameraStatus
from core.secrets import Secret
from core.settings import Settings
from event_manager import EventManager
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.patience import LIMIT_S
from tests.simulator.process import PASSWORD, USERNAME
from workers.event_listener import EventListeners


@dataclass
class Demand:
    """The cameras whose rules record events."""

    cameras: set[int] = field(default_factory=set)

    def event_cameras(self) -> set[int]:
        return set(self.cameras)


@dataclass
class Listening:
    """The running parts, and the messages to the listeners."""

    harness: CameraHarness
    cameras: OnvifManager
    events: EventManager
    listeners: EventListeners
    demand: Demand
    told: list[ChannelActivity]

    def add(self, onvif_port: int) -> int:
        """Add the device at this port, wait for its connection, and ask for its events."""
        added = self.cameras.add_camera(CameraDraft("127.0.0.1", USERNAME, Secret(PASSWORD), onvif_port))
        self.harness.wait_status(added.id, CameraStatus.ONLINE)
        self.demand.cameras.add(added.id)
        return added.id

    def changes(self, channel: int) -> list[bool]:
        return [item.active for item in list(self.told) if item.channel == channel]


def make_harness(folder: Path) -> CameraHarness:
    harness = CameraHarness(folder)
    harness.is_real = True
    harness.settings = replace(harness.settings, device_timeout_s=Settings().device_timeout_s)
    harness.pace = Pace(check_s=0.5, first_retry_s=0.2, longest_retry_s=0.5, save_again_s=0.0)
    return harness


@contextmanager
def listening(harness: CameraHarness, demand: Demand) -> Iterator[Listening]:
    """Run all parts on the harness's folder, as a start of the app does, and stop them in its order."""
    with harness.running() as cameras:
        database = cameras._database  # a second one in this process would break SQLite's locks on the file
        clock = SystemClock()
        events = EventManager(database, harness.settings, clock, cameras)
        listeners = EventListeners(events, cameras, clock, demand)
        told: list[ChannelActivity] = []
        events.on_motion(told.append)
        cameras.on_closing(listeners.close_camera)
        for subscribe in (cameras.on_kept, cameras.on_delete, cameras.on_change):
            subscribe(listeners.open_camera)
        events.start()
        listeners.start()
        try:
            yield Listening(harness, cameras, events, listeners, demand, told)
        finally:
            listeners.stop()
            events.stop()


def main(folder: str, onvif_port: str) -> None:
    """Listen to the device at this port until the process is killed."""
    allowed_addresses.allow_loopback(True)
    with listening(make_harness(Path(folder)), Demand()) as running:
        running.add(int(onvif_port))
        time.sleep(LIMIT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
