"""The start of the archive with an index or an app's database that are newer than its files."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from archive.records import EPOCH, IndexedFile, VolumeState
from archive.volume import MARKER
from archive_manager import ArchiveManager
from cameras.records import CameraView
from core.archive import StreamKey
from core.login_gate import LoginGate
from core.records import CameraStatus
from core.settings import Settings
from database import Database
from media.rtsp.gateway import RtspGateway
from tests.archive.hand_events import HandEvents
from tests.archive.recorded import MAIN, Footage
from tests.hand_clock import HandClock
from tests.patience import until
from tests.placement.owning import OwningCameras
from tests.prepared_database import prepared_database


class KnownCameras(OwningCameras):
    """Cameras that only have ids."""

    def __init__(self, *camera_ids: int) -> None:
        self.camera_ids = camera_ids

    def list_cameras(self) -> list[CameraView]:
        return [CameraView(number, "Gate", "10.0.0.1", 80, "", CameraStatus.ONLINE) for number in self.camera_ids]


class Server:
    """An app with a data folder and an archive on a disk of its own, which starts and stops again and again."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "disk"
        self.settings = Settings(data_dir=folder / "data", archive_dirs=str(self.disk))
        self.clock = HandClock()
        self.gateway = RtspGateway(login_gate=LoginGate(self.clock), clock=self.clock, settings=self.settings)
        self.database = self._opened_database()

    def name_node(self, name: str) -> None:
        """Be another machine from the next start on: one node of several, with its own data folder."""
        folder = self.settings.data_dir.with_name(f"data-{name}")
        self.settings = replace(self.settings, node_name=name, data_dir=folder)

    def close(self) -> None:
        self.database.close()

    def lose_database(self) -> None:
        self.database.close()
        for part in self.settings.data_dir.glob(f"{self.settings.database_file.name}*"):
            part.unlink()
        self.database = self._opened_database()

    def lose_index(self) -> None:
        for part in self.settings.data_dir.glob(f"{self.settings.archive_index_file.name}*"):
            part.unlink()

    def unmount(self) -> Path:
        away = self.disk.rename(self.disk.with_name("unmounted"))
        self.disk.mkdir()
        return away

    def manager(self, *camera_ids: int) -> ArchiveManager:
        return ArchiveManager(
            self.database, self.settings, self.clock, self.gateway, KnownCameras(*camera_ids), HandEvents()
        )

    def state_at_start(self, *camera_ids: int) -> VolumeState:
        return state_at_start(self.manager(*camera_ids))

    def footage(self, *camera_ids: int) -> list[str]:
        """Start, record nothing, and return the files of these cameras in the index."""
        manager = self.manager(*camera_ids)
        manager.start()
        until(lambda: looked_at(manager), what="the volume was looked at")
        found = [file.key.path for camera_id in camera_ids for file in files_of(manager, camera_id)]
        manager.stop()
        return found

    def record(self, camera_id: int) -> Path:
        manager = self.manager(camera_id)
        manager.start()
        until(lambda: looked_at(manager), what="the volume was looked at")
        Footage(manager.index, self.disk, volume=manager.volumes.all()[0].uuid).record(
            self.clock.now.timestamp() - 3600, self.clock.now.timestamp() - 3590, StreamKey(camera_id, 1, MAIN.quality)
        )
        (file,) = files_of(manager, camera_id)
        manager.stop()
        return self.disk / file.key.path

    def _opened_database(self) -> Database:
        database = prepared_database(self.settings.database_file)
        database.open()
        return database


def looked_at(manager: ArchiveManager) -> bool:
    (volume,) = manager.volumes.all()
    return bool(volume.id or volume.detail)


def files_of(manager: ArchiveManager, camera_id: int) -> list[IndexedFile]:
    found = [manager.index.files_of(it, EPOCH, HandClock().now) for it in manager.index.streams(camera_id)]
    return [file for files in found for file in files]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def state_at_start(manager: ArchiveManager) -> VolumeState:
    manager.start()
    (volume,) = manager.volumes.all()
    until(lambda: volume.id or volume.detail, what="the volume was looked at")
    manager.stop()
    assert ("reindex" in volume.detail) == (volume.state is VolumeState.GONE)
    return volume.state


@pytest.mark.parametrize(("camera_ids", "state"), [((), VolumeState.GONE), ((1,), VolumeState.OK)])
def test_an_old_archive_is_refused_by_an_app_without_cameras(
    tmp_path: Path, camera_ids: tuple[int, ...], state: VolumeState
) -> None:
    """Its footage would be that of the cameras which get the first ids."""
    settings = Settings(data_dir=tmp_path / "data", archive_dirs=str(tmp_path / "disk"))
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / MARKER).write_text(json.dumps({"uuid": str(uuid.uuid4())}))
    clock, database = HandClock(), prepared_database(settings.database_file)
    database.open()
    gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings)  # not started

    def start(*camera_ids: int) -> VolumeState:
        return state_at_start(
            ArchiveManager(database, settings, clock, gateway, KnownCameras(*camera_ids), HandEvents())
        )

    assert start(*camera_ids) is state
    assert start(1) is state  # also after the first camera was added
    assert (
        ArchiveManager(database, settings, clock, gateway, KnownCameras(1), HandEvents()).reindex().missing_volumes
        == ()
    )
    assert start(1) is VolumeState.OK
    database.close()


def test_a_new_database_does_not_get_the_footage_of_the_old_one(server: Server) -> None:
    path = server.record(1)
    assert server.footage(1) != []
    server.lose_database()
    assert server.footage(1, 3) == []
    assert server.state_at_start(1, 3) is VolumeState.GONE
    assert path.exists()
    assert server.manager(1, 3).reindex().files == 1
    assert server.footage(1, 3) != []
    assert server.state_at_start(1, 3) is VolumeState.OK


def test_reindexing_before_the_first_start_takes_over_the_old_footage(server: Server) -> None:
    path = server.record(1)
    server.lose_database()
    assert server.manager(2).reindex().files == 1
    assert server.footage(1, 2) != []
    assert server.footage(2, 3) == []
    assert path.exists(), "camera 1 was never one of this database"


def test_a_new_database_makes_no_volume_below_an_empty_mount_point(server: Server) -> None:
    server.record(1)
    server.unmount()
    server.lose_database()
    assert server.state_at_start(1) is VolumeState.GONE
    assert list(server.disk.iterdir()) == []


def test_a_lost_index_makes_no_volume_below_an_empty_mount_point(server: Server) -> None:
    server.record(1)
    away = server.unmount()
    server.lose_index()
    assert server.state_at_start(1) is VolumeState.GONE
    assert list(server.disk.iterdir()) == []
    server.disk.rmdir()
    away.rename(server.disk)
    manager = server.manager(1)
    manager.start()
    until(lambda: files_of(manager, 1), what="the footage is in the new index")
    manager.stop()


def test_an_empty_disk_is_taken_over_by_reindexing(server: Server) -> None:
    server.record(1)
    server.unmount()
    server.lose_index()
    assert server.state_at_start(1) is VolumeState.GONE
    server.manager(1).reindex()
    assert server.state_at_start(1) is VolumeState.OK


def test_each_node_has_a_volume_of_its_own_at_the_same_folder(server: Server) -> None:
    server.name_node("north")
    assert server.state_at_start(1) is VolumeState.OK
    server.unmount()  # the folder of the other machine is empty
    server.name_node("south")
    assert server.state_at_start(1) is VolumeState.OK
    assert (server.disk / MARKER).exists()


def test_a_lost_index_of_a_node_makes_no_volume_below_an_empty_mount(server: Server) -> None:
    server.name_node("north")
    server.record(1)
    server.unmount()
    server.lose_index()
    assert server.state_at_start(1) is VolumeState.GONE
    assert list(server.disk.iterdir()) == []


def test_the_node_with_the_index_takes_over_the_folders_of_before(server: Server) -> None:
    server.record(1)
    server.settings = replace(server.settings, node_name="north")
    assert server.state_at_start(1) is VolumeState.OK
    server.unmount()
    server.lose_index()
    assert server.state_at_start(1) is VolumeState.GONE
    assert list(server.disk.iterdir()) == []
    server.name_node("south")
    assert server.state_at_start(1) is VolumeState.OK
