"""The end of a lease while each call to the database hangs: the old owner of a camera waits for none of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from backfill.worker import BackfillWorker
from core.clock import SystemClock
from core.events import SubscriptionAddress
from database import Database
from event_manager import EventManager
from events.store import SubscriptionStore
from events.subscription import CameraSubscription
from recordings.indexing import Indexer
from recordings.store import RecordingStore
from tests.backfill.planned import PlannerBench
from tests.events.logged import NOON, OneChannelCameras, stored_camera
from tests.exports.exporting import Exporting, recorder_of
from tests.lost_database import LostDatabase
from tests.patience import promised, until
from tests.prepared_database import prepared
from workers.event_listener import EventListeners

CAMERA_ID = 1


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(prepared(tmp_path / "cameras.sqlite3"))
    made.open()
    with made.write() as session:
        session.add(stored_camera(CAMERA_ID))
    yield made
    made.close()


@pytest.fixture
def lost(database: Database) -> Iterator[LostDatabase]:
    made = LostDatabase(database)
    yield made
    made.find()


def test_the_backfills_release_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = PlannerBench(tmp_path)
    lost = LostDatabase(bench.database)
    worker = BackfillWorker(bench.context(), bench.planner)
    monkeypatch.setattr(bench.planner, "plan", lambda _: lost.lose())  # so that the next call hangs
    worker.start()
    lost.wait_hanging()
    with promised(0.5):
        worker.release_camera(CAMERA_ID)
    worker._is_stopping = True
    lost.find()
    worker.stop()
    bench.database.close()


def test_the_exports_release_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Exporting(tmp_path, recorder_of([(0, 60)]))
    lost = LostDatabase(app.database)
    store, is_asked = app.manager._store, threading.Event()

    def take_over(job: Any) -> Any:
        is_asked.set()
        lost.lose()
        with app.database.write():
            return job

    monkeypatch.setattr(store, "take_over", take_over)
    app.add(10, 20)
    assert is_asked.wait(20)
    lost.wait_hanging()
    with promised(0.5):
        app.manager.release_camera(CAMERA_ID)
    lost.find()
    app.close()


def test_the_index_releases_a_camera(database: Database, lost: LostDatabase) -> None:
    clock = SystemClock()
    indexer = Indexer(RecordingStore(database), clock, OneChannelCameras())
    indexer.start()
    now = clock.now_utc()
    lost.lose()

    def request() -> None:
        with pytest.raises(Exception, match="does not answer"):
            indexer.request(CAMERA_ID, (NOON, now), now)

    asking = threading.Thread(target=request)
    asking.start()
    lost.wait_hanging()
    with promised(0.5):
        indexer.forget(CAMERA_ID)
    lost.find()
    asking.join()


class _Device(OneChannelCameras):
    """A camera that ends subscriptions."""

    def __init__(self) -> None:
        self.is_subscribed = True
        self.ended = threading.Event()

    def ask_events(self, camera_id: int, call: Callable[[Any], Any], *, wait_s: float = 0.0) -> Any:
        return call(self)

    def unsubscribe(self, timeout_s: float | None = None) -> bool:
        self.ended.set()
        return True


class _Events:
    """The parts of the events that the listener of a camera uses."""

    def __init__(self, subscription: CameraSubscription) -> None:
        self._subscription = subscription

    def subscription(self, camera_id: int) -> CameraSubscription:
        return self._subscription

    def left_open(self) -> frozenset[int]:
        return frozenset({CAMERA_ID})

    def end_camera(self, camera_id: int) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""


class _Waiting(_Device):
    """The camera of a listener that waits, because it is not connected."""

    def owned_cameras(self) -> Any:
        return [self.get_camera(CAMERA_ID)]

    def get_camera(self, camera_id: int) -> Any:
        return type("View", (), {"id": camera_id, "status": None})()


def test_a_subscription_ends_and_its_camera_is_released(database: Database, lost: LostDatabase) -> None:
    store, clock, device = SubscriptionStore(database), SystemClock(), _Waiting()
    address = SubscriptionAddress("http://10.0.0.1/onvif/subscription?Idx=1")
    store.save(CAMERA_ID, address, NOON)
    subscription = CameraSubscription(CAMERA_ID, device, store, clock, store.load()[CAMERA_ID])
    listeners = EventListeners(cast(EventManager, _Events(subscription)), device, clock)
    listeners.look()
    lost.lose()
    with promised(2):
        listeners.close_camera(CAMERA_ID)
    assert device.ended.is_set()
    assert lost.hanging == 1
    lost.find()
    until(lambda: not any(one.name == f"events-end-{CAMERA_ID}" for one in threading.enumerate()))
