"""The web layer over stand-ins for the managers. Other tests cover the real wiring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from accounts.passwords import Passwords
from cameras.records import CameraDraft, CameraView
from core.clock import SystemClock
from core.node_link import NodeLink
from core.placement import Placement
from core.records import StreamKind
from core.settings import Settings
from database import Database
from event_manager import EventManager
from evidence_manager import EvidenceManager
from export_manager import ExportManager
from media.process import Spawner
from motion_manager import MotionManager
from notification_manager import NotificationManager
from notifications.web_push import WebPush
from object_manager import ObjectManager
from placement.alone import Alone
from search_manager import SearchManager
from tests.accounts.hashing import CHEAP
from tests.cameras.doubles import CameraHarness
from tests.events.logged import stored_camera
from tests.notifications.push_parts import web_push_of
from tests.prepared_database import prepared_database
from tests.quick_rules import shared_compiled_rules
from tests.quick_templates import shared_compiled_templates
from tests.recordings.recorder import Archive
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_exports import export_manager
from tests.web.stand_in_pictures import StandInPictures
from tests.web.stand_in_ptz import StandInPtz
from tests.web.stand_in_searches import search_manager
from tests.web.stand_in_streams import StandInStreams, session
from tests.web.web_harness import PASSWORD, WebHarness
from walls.walls import WallManager
from web.flask_app import build_web
from web.services import Managers, Services


@pytest.fixture(scope="session", autouse=True)
def _shared_rules() -> Iterator[None]:
    with shared_compiled_rules(), shared_compiled_templates():
        yield


def settings_in(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data",
        streams_dir=folder / "streams",
        secret_key_file=folder / "keys" / "secret.key",
        request_threads=8,
        playlist_wait_s=5,
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def cameras() -> StandInCameras:
    return StandInCameras()


@pytest.fixture
def streams(settings: Settings, cameras: StandInCameras) -> StandInStreams:
    return StandInStreams(settings.streams_dir, cameras)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """The real recording manager over a recorder with scripted answers, which is camera 1."""
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = prepared_database(settings.database_file)
    yield made
    made.close()


@pytest.fixture
def walls(database: Database) -> WallManager:
    return WallManager(database)


@pytest.fixture
def ptz() -> StandInPtz:
    return StandInPtz()


@pytest.fixture
def pictures() -> StandInPictures:
    return StandInPictures()


@pytest.fixture
def exports(
    database: Database, settings: Settings, cameras: StandInCameras, archive: Archive, accounts: AccountManager
) -> ExportManager:
    """Depends on `accounts`, which open the database."""
    del accounts
    return export_manager(database, settings, cameras, archive)


@pytest.fixture
def evidence(
    database: Database, settings: Settings, archive: Archive, exports: ExportManager
) -> Iterator[EvidenceManager]:
    """Its worker is not started."""
    manager = EvidenceManager(database, replace(settings, export_min_free_bytes=0), archive.clock, Spawner(), exports)
    yield manager
    manager.stop()


@pytest.fixture
def accounts(settings: Settings, database: Database) -> Iterator[AccountManager]:
    """The real account manager over SQLite, with cheap hashes. No account exists; "only on this machine" is chosen."""
    manager = AccountManager(database, settings, SystemClock(), passwords=Passwords(CHEAP))
    manager.start()
    manager.postpone()
    yield manager
    manager.stop()


@pytest.fixture
def events(
    database: Database, settings: Settings, cameras: StandInCameras, accounts: AccountManager
) -> Iterator[EventManager]:
    """The real log of events; no device is asked. Depends on `accounts`, which open the database."""
    del accounts
    manager = EventManager(database, settings, SystemClock(), cameras)
    manager.start()
    yield manager
    manager.stop()


@pytest.fixture
def motion(
    database: Database, settings: Settings, cameras: StandInCameras, events: EventManager
) -> Iterator[MotionManager]:
    """The real manager of motion. No channel is watched, so its process does not start."""
    manager = MotionManager(database, settings, SystemClock(), Spawner(), cameras, events)
    manager.start()
    yield manager
    manager.stop()


@pytest.fixture
def notifications(
    database: Database,
    settings: Settings,
    cameras: StandInCameras,
    events: EventManager,
    accounts: AccountManager,
) -> Iterator[NotificationManager]:
    """The real manager; nothing works off its queues."""
    manager = NotificationManager(database, settings, SystemClock(), cameras, events, accounts)
    manager.start()
    yield manager
    manager.stop()


@pytest.fixture
def web_push(database: Database, accounts: AccountManager) -> WebPush:
    """Depends on `accounts`, which open the database."""
    del accounts
    return web_push_of(database)


@pytest.fixture
def searches(
    database: Database,
    cameras: StandInCameras,
    archive: Archive,
    pictures: StandInPictures,
    motion: MotionManager,
    events: EventManager,
) -> Iterator[SearchManager]:
    """The real manager, without the packages that compare pictures: the index of cells and events answer."""
    manager = search_manager(database, cameras, archive, pictures, motion, events)
    manager.start()
    yield manager
    manager.stop()


@pytest.fixture
def placement() -> Placement:
    """A single process. A test module may replace it by a FakePlacement."""
    return Alone()


@pytest.fixture
def managers(
    cameras: StandInCameras,
    streams: StandInStreams,
    archive: Archive,
    accounts: AccountManager,
    walls: WallManager,
    ptz: StandInPtz,
    pictures: StandInPictures,
    exports: ExportManager,
    evidence: EvidenceManager,
    events: EventManager,
    motion: MotionManager,
    web_push: WebPush,
    notifications: NotificationManager,
    searches: SearchManager,
    database: Database,
    settings: Settings,
    placement: Placement,
) -> Managers:
    return Managers(
        cameras=cameras,
        streams=streams,
        recordings=archive.manager,
        accounts=accounts,
        walls=walls,
        ptz=ptz,
        pictures=pictures,
        exports=exports,
        evidence=evidence,
        archive=archive.server,
        backfills=archive.backfills,
        events=events,
        motion=motion,
        objects=ObjectManager(database, settings, SystemClock(), Spawner(), events),
        web_push=web_push,
        notifications=notifications,
        searches=searches,
        placement=placement,
        node_link=NodeLink(cameras, SystemClock()),
    )


@pytest.fixture
def web_app(settings: Settings, managers: Managers) -> OpenAPI:
    return build_web(Services(settings, managers, is_ready=lambda: True))


@pytest.fixture
def network(tmp_path: Path) -> CameraHarness:
    """Simulated devices for the real camera manager. A generated request waits for a camera that never connects."""
    made = CameraHarness(tmp_path / "network")
    made.settings = replace(made.settings, device_timeout_s=3.0)
    return made


@pytest.fixture
def real_app(
    network: CameraHarness,
    settings: Settings,
    database: Database,
    streams: StandInStreams,
    archive: Archive,
    managers: Managers,
) -> Iterator[OpenAPI]:
    """The app over the real camera, recording and account managers; "only on this machine" is chosen."""
    with network.running() as manager:
        network.device("10.0.0.9")
        streams.ready.set()
        streams.snapshot = network.snapshot  # type: ignore[method-assign]  # of the real manager's cameras
        streams.health = manager.health  # type: ignore[method-assign]
        exports = export_manager(database, settings, manager, archive)
        evidence = EvidenceManager(
            database, replace(settings, export_min_free_bytes=0), archive.clock, Spawner(), exports
        )
        events = EventManager(manager._database, settings, SystemClock(), manager)  # its switches refer to cameras
        events.start()
        motion = MotionManager(manager._database, settings, SystemClock(), Spawner(), manager, events)
        motion.start()
        with database.write() as session:  # rules refer to users and cameras
            session.add(stored_camera(1))
        notifications = NotificationManager(database, settings, SystemClock(), manager, events, managers.accounts)
        notifications.start()
        searches = search_manager(database, manager, archive, managers.pictures, motion, events)
        searches.start()
        real = replace(
            managers,
            cameras=manager,
            exports=exports,
            evidence=evidence,
            events=events,
            notifications=notifications,
            motion=motion,
            objects=ObjectManager(manager._database, settings, SystemClock(), Spawner(), events),
            searches=searches,
        )
        yield build_web(Services(settings, real, is_ready=lambda: True))
        searches.stop()
        notifications.stop()
        events.stop()


@pytest.fixture
def client(web_app: OpenAPI) -> FlaskClient:
    return web_app.test_client()


@pytest.fixture(scope="session")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAPI]:
    """One app for all requests that change nothing: building an app takes longer than most requests."""
    folder = tmp_path_factory.mktemp("web")
    settings = settings_in(folder)
    cameras, archive = StandInCameras(), Archive(folder / "archive")
    streams = StandInStreams(settings.streams_dir, cameras)
    database = prepared_database(settings.database_file)
    accounts = AccountManager(database, settings, SystemClock(), passwords=Passwords(CHEAP))
    accounts.start()
    accounts.postpone()
    walls, ptz, pictures = WallManager(database), StandInPtz(), StandInPictures()
    exports = export_manager(database, settings, cameras, archive)
    evidence = EvidenceManager(database, replace(settings, export_min_free_bytes=0), archive.clock, Spawner(), exports)
    events = EventManager(database, settings, SystemClock(), cameras)
    events.start()
    motion = MotionManager(database, settings, SystemClock(), Spawner(), cameras, events)
    motion.start()
    notifications = NotificationManager(database, settings, SystemClock(), cameras, events, accounts)
    notifications.start()
    searches = search_manager(database, cameras, archive, pictures, motion, events)
    searches.start()
    managers = Managers(
        cameras=cameras,
        streams=streams,
        recordings=archive.manager,
        accounts=accounts,
        walls=walls,
        ptz=ptz,
        pictures=pictures,
        exports=exports,
        evidence=evidence,
        archive=archive.server,
        backfills=archive.backfills,
        events=events,
        motion=motion,
        objects=ObjectManager(database, settings, SystemClock(), Spawner(), events),
        web_push=web_push_of(database),
        notifications=notifications,
        searches=searches,
        placement=Alone(),
        node_link=NodeLink(cameras, SystemClock()),
    )
    yield build_web(Services(settings, managers, is_ready=lambda: True))
    searches.stop()
    notifications.stop()
    events.stop()
    accounts.stop()
    database.close()
    archive.close()


@pytest.fixture
def reader(shared_app: OpenAPI) -> FlaskClient:
    """A client for requests that the app refuses, or that only read."""
    return shared_app.test_client()


@pytest.fixture
def camera(cameras: StandInCameras) -> CameraView:
    """A camera that was added before the test."""
    return cameras.add_camera(CameraDraft("127.0.0.9"))


@pytest.fixture
def assert_problem() -> Callable[..., dict[str, Any]]:
    """Check that a response is a complete problem document, and return the document."""

    def check(response: Any, status: int, code: str) -> dict[str, Any]:
        assert response.status_code == status, response.get_data(as_text=True)
        assert response.content_type == "application/problem+json"
        document: dict[str, Any] = response.get_json()
        assert (document["status"], document["code"]) == (status, code)
        assert document["title"]
        assert document["detail"]
        return document

    return check


@pytest.fixture
def harness(web_app: OpenAPI, accounts: AccountManager, cameras: StandInCameras, streams: StandInStreams) -> WebHarness:
    accounts.create_first("Anna", PASSWORD)
    cameras.add_camera(CameraDraft("127.0.0.8"))
    cameras.add_camera(CameraDraft("127.0.0.9"))
    streams.ready.set()
    for camera_id in (1, 2):
        for number in (1, 2):
            stream_id = f"camera{camera_id}_MediaProfile{number - 1:03}00"
            streams.sessions[stream_id] = session(stream_id, camera_id, f"MediaProfile{number - 1:03}00")
            (streams.folder / stream_id).mkdir(parents=True, exist_ok=True)
            (streams.folder / stream_id / "s1.ts").write_bytes(b"segment")
        replay = f"replay{camera_id}_{camera_id:016x}"
        streams.sessions[replay] = replace(
            session(replay, camera_id, ""), kind=StreamKind.REPLAY, recording_token="Recording1"
        )
    return WebHarness(web_app, accounts)


@pytest.fixture
def browser(harness: WebHarness) -> FlaskClient:
    return harness.app.test_client()
