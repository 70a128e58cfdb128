"""The subscription of one camera: a stop while it begins, and what an earlier run has left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cameras.device import DeviceAddress
from cameras.onvif_device import OnvifDevice, OnvifNetwork
from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.errors import Unavailable
from core.events import SubscriptionAddress
from core.login_gate import LoginGate
from core.login_protection import LoginProtection
from core.records import Credential
from core.secrets import Secret
from core.settings import Settings
from database import Database
from events.store import SubscriptionStore
from events.subscription import CameraSubscription
from tests.events.logged import NOON, OneChannelCameras, stored_camera
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database

ADDRESS = SubscriptionAddress("http://10.0.0.1/onvif/subscription?Idx=1")


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    with made.write() as session:
        session.add(stored_camera(1))
    yield made
    made.close()


class _Device(OneChannelCameras):
    """A camera that notes each request. A test may stop the listener while the camera answers."""

    def __init__(self, is_stopping: threading.Event) -> None:
        self.asked: list[str] = []
        self.is_stopping = is_stopping
        self.stops_at = ""
        self.is_subscribed = False

    def ask_events(self, camera_id: int, call: Callable[[Any], Any], *, wait_s: float = 0.0) -> Any:
        return call(self)

    def _note(self, name: str) -> None:
        self.asked.append(name)
        if name == self.stops_at:
            self.is_stopping.set()

    def subscribe(self) -> SubscriptionAddress:
        self._note("subscribe")
        self.is_subscribed = True
        return ADDRESS

    def keep(self) -> None:
        self._note("keep")

    def unsubscribe(self, timeout_s: float | None = None) -> bool:
        self._note("unsubscribe")
        self.is_subscribed = False
        return True


def test_a_stop_while_it_begins_ends_the_subscription(database: Database) -> None:
    is_stopping = threading.Event()
    device = _Device(is_stopping)
    device.stops_at = "subscribe"
    store = SubscriptionStore(database)
    subscription = CameraSubscription(1, device, store, HandClock(), None)
    with pytest.raises(Unavailable):
        subscription.begin(is_stopping)
    assert device.asked == ["subscribe", "unsubscribe"]
    assert not subscription.is_stored
    assert store.load() == {}


def test_a_subscription_of_an_earlier_run_holds_its_place(database: Database) -> None:
    """Otherwise the first reading of the video signals would open a second one."""
    store = SubscriptionStore(database)
    store.save(1, ADDRESS, NOON)
    clock = SystemClock()
    protection = LoginProtection(LoginGate(clock), PinnedCertificates(clock))
    network = OnvifNetwork(Settings(), protection, clock, store)
    places = []
    for camera_id, host in ((1, "10.0.0.1"), (2, "10.0.0.2"), (3, "10.0.0.1")):
        address = DeviceAddress(camera_id, host, 80, Credential("admin", Secret("word")), f"camera{camera_id}")
        device = network.connect(address)
        assert isinstance(device, OnvifDevice)
        places.append(device._events._place)
    assert [place.is_held for place in places] == [True, False, True]
    assert places[0] is places[2], "the place belongs to the address"
    places[0].give_back(ADDRESS)
    network.connect(address)
    assert not places[0].is_held
