"""The start of the archive with an index or an app's database that are newer than its files."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from archive.records import VolumeState
from archive.volume import MARKER
from archive_manager import ArchiveManager
from cameras.records import CameraView
from core.login_gate import LoginGate
from core.records import CameraStatus
from core.settings import Settings
from database import Database
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from tests.hand_clock import HandClock
from tests.patience import until
from tests.prepared_database import prepared


class KnownCameras(OnvifManager):
    """Cameras that only have ids."""

    def __init__(self, *camera_ids: int) -> None:
        self.camera_ids = camera_ids

    def list_cameras(self) -> list[CameraView]:
        return [CameraView(number, "Gate", "10.0.0.1", 80, "", CameraStatus.ONLINE) for number in self.camera_ids]


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
    clock, database = HandClock(), Database(prepared(settings.database_file))
    database.open()
    gateway = RtspGateway(login_gate=LoginGate(clock), clock=clock, settings=settings)  # not started

    def start(*camera_ids: int) -> VolumeState:
        return state_at_start(ArchiveManager(database, settings, clock, gateway, KnownCameras(*camera_ids)))

    assert start(*camera_ids) is state
    assert start(1) is state  # also after the first camera was added
    assert ArchiveManager(database, settings, clock, gateway, KnownCameras(1)).reindex().missing_volumes == ()
    assert start(1) is VolumeState.OK
    database.close()
