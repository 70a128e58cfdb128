"""Discovery of devices in the local network."""

from __future__ import annotations

import threading

from cameras.finding import Finder
from cameras.records import CameraDraft
from cameras.registry import Registry
from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.records import FoundDevice
from core.settings import Settings
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness, FakeNetwork
from tests.patience import LIMIT_S, until


class SlowNetwork(FakeNetwork):
    """A network whose search lasts until the test lets it go on."""

    def __init__(self, harness: CameraHarness) -> None:
        super().__init__(harness)
        self.started, self.go_on = threading.Event(), threading.Event()
        self.searches = 0

    def search(self, listen_s: float) -> list[FoundDevice]:
        self.searches += 1
        self.started.set()
        self.go_on.wait(LIMIT_S)
        return [FoundDevice("10.0.0.5", 80)]


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


def test_requests_during_a_discovery_share_its_result(harness: CameraHarness) -> None:
    network = SlowNetwork(harness)
    finder = Finder(Registry(SystemClock(), PinnedCertificates(SystemClock())), Settings(discovery_s=1.0), network)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(len(finder.discover()))) for _ in range(5)]
    threads[0].start()
    assert network.started.wait(LIMIT_S)
    for thread in threads[1:]:
        thread.start()
    until(lambda: finder.waiting == 4)
    network.go_on.set()
    for thread in threads:
        thread.join()
    assert answers == [1] * 5
    assert network.searches == 1
    finder.discover()
    assert network.searches == 2, "a later question is a new search"
