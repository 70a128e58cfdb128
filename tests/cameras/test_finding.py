"""Discovery of devices in the local network."""

from __future__ import annotations

import threading

from cameras.finding import Finder
from cameras.records import CameraDraft
from cameras.registry import Registry
from core.clock import SystemClock
from core.records import FoundDevice
from core.settings import Settings
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.patience import LIMIT_S, until


def test_discovered_devices_name_the_cameras_that_exist(harness: CameraHarness, manager: OnvifManager) -> None:
    added = manager.add_camera(CameraDraft("10.0.0.5", port=80)).id
    harness.found = [
        FoundDevice("10.0.0.5", 80, "XVR", "XVR5116"),
        FoundDevice("10.0.0.5", 8080, "IPC"),
        FoundDevice("10.0.0.6", 80),
        FoundDevice("10.0.0.6", 80, "again, by another interface"),
    ]
    found = manager.discover()
    assert [(item.host, item.port, item.camera_id) for item in found] == [
        ("10.0.0.5", 80, added),
        ("10.0.0.5", 8080, None),
        ("10.0.0.6", 80, None),
    ]
    assert [item.already_added for item in found] == [True, False, False]


def test_requests_during_a_discovery_share_its_result() -> None:
    started, go_on = threading.Event(), threading.Event()
    searches: list[float] = []

    def search(timeout_s: float) -> list[FoundDevice]:
        searches.append(timeout_s)
        started.set()
        go_on.wait(LIMIT_S)
        return [FoundDevice("10.0.0.5", 80)]

    finder = Finder(Registry(SystemClock()), Settings(discovery_s=1.0), search)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(len(finder.discover()))) for _ in range(5)]
    threads[0].start()
    assert started.wait(LIMIT_S)
    for thread in threads[1:]:
        thread.start()
    until(lambda: finder.waiting == 4)
    go_on.set()
    for thread in threads:
        thread.join()
    assert answers == [1] * 5
    assert len(searches) == 1
    finder.discover()
    assert len(searches) == 2, "a later question is a new search"
