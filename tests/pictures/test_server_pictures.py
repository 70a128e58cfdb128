"""Pictures of recordings of the server: no recorder is asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.login_gate import LoginGate
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from picture_manager import PictureManager
from pictures.views import GridPicture, PictureState
from tests.archive.recorded import FPS, SUB, Footage
from tests.media.encoded import encoded
from tests.patience import until
from tests.pictures.simulated_camera import RecordedCameras
from tests.recordings.recorder import HOUR, NOON, Archive, asked

START = NOON - HOUR
FILM = encoded("h264")


class ServerPictures:
    """Pictures of channel 1 of a camera whose recorder cannot be reached: its gateway does not run."""

    def __init__(self, folder: Path, spawner: Spawner) -> None:
        self.archive = Archive(folder)
        self.archive.recorder.spans = {"Rec1": [], "Rec2": []}
        self.footage = Footage(
            self.archive.server.index, folder / "volume", FILM.sets, gop=FILM.pictures[:FPS], file_s=600
        )
        gateway = RtspGateway(
            login_gate=LoginGate(self.archive.clock), clock=self.archive.clock, settings=self.archive.settings
        )
        self.manager = PictureManager(
            self.archive.settings, self.archive.clock, spawner, gateway, RecordedCameras(), self.archive.manager
        )
        self.manager.start()
        asked(self.archive, START, NOON)

    def close(self) -> None:
        self.manager.stop()
        self.archive.close()

    def finished(self, step_s: int) -> tuple[GridPicture, ...]:
        """Ask for the grid of the hour until nothing is pending, and return it."""

        def done() -> tuple[GridPicture, ...] | None:
            shown = self.manager.grid(1, 1, START, NOON, step_s)
            return None if any(item.state is PictureState.PENDING for item in shown) else shown

        found = until(done, what="the pictures")
        assert found is not None
        return found


@pytest.fixture
def pictures(tmp_path: Path, spawner: Spawner) -> Iterator[ServerPictures]:
    made = ServerPictures(tmp_path, spawner)
    yield made
    made.close()


def test_a_storyboard_has_the_key_frame_before_each_time(pictures: ServerPictures) -> None:
    pictures.footage.record(START.timestamp() + 0.4, START.timestamp() + 400)
    shown = pictures.finished(60)
    assert [item.state for item in shown[1:7]] == [PictureState.READY] * 6
    assert [item.state for item in shown[7:]] == [PictureState.NOT_RECORDED] * 53
    apart_s = [(item.picture_time - item.time).total_seconds() for item in shown[1:7] if item.picture_time]
    assert apart_s == [pytest.approx(-0.6, abs=0.01)] * 6
    picture = pictures.manager.picture(1, 1, shown[5].time)
    assert picture is not None
    assert picture.jpeg.startswith(b"\xff\xd8")


def test_a_picture_is_made_on_request(pictures: ServerPictures) -> None:
    pictures.footage.record(START.timestamp(), START.timestamp() + 60, SUB)
    picture = pictures.manager.picture(1, 1, START + HOUR / 120, wait_s=30.0)
    assert picture is not None
    assert picture.jpeg.startswith(b"\xff\xd8")
