"""Pictures of movements become events with objects: a real process with a tiny model, and the real log."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.clock import SystemClock
from core.errors import NotFound, Unavailable
from core.events import Change, DeviceEvent, EventKind, EventSource, LoggedEvent, Severity
from core.settings import Settings
from event_manager import EventManager
from events.log_query import EventQuery
from media.process import Spawner
from object_manager import ObjectManager
from objects.child import ObjectsChild
from objects.records import DetectorState, Look, ModelUnusable
from tests.events.logged import OneChannelCameras
from tests.patience import until
from tests.prepared_database import prepared_database
from tests.vision import made_models

ALL_CELLS = b"\xff" * 72
NOW = datetime.now(UTC)
TOML = 'labels = ["person", "car", "dog"]\n'


def jpeg(colour: tuple[int, int, int] = (0, 0, 200)) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((128, 128, 3), colour, np.uint8))[1])


class NoCameras(OneChannelCameras):
    def list_cameras(self) -> list[object]:  # type: ignore[override]
        return []


class App:
    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.models.mkdir()
        (self.models / "nanodet-g.onnx").write_bytes(made_models.yolox())
        (self.models / "nanodet-g.toml").write_text(TOML)
        settings = replace(Settings(), data_dir=folder)
        self.database = prepared_database(folder / "cameras.sqlite3")
        self.database.open()
        self.spawner = Spawner()
        self.spawner.start()
        self.events = EventManager(self.database, settings, SystemClock(), NoCameras())
        self.events.start()
        self.objects = ObjectManager(self.database, settings, SystemClock(), self.spawner, self.events)
        self.objects.start()

    def close(self) -> None:
        self.objects.stop()
        self.events.stop()
        self.spawner.stop()
        self.database.close()

    def show(self, channel: int, at_s: float = 0.0, picture: bytes | None = None) -> None:
        at = NOW + timedelta(seconds=at_s)
        self.objects.take_picture((1, channel), at, jpeg() if picture is None else picture, ALL_CELLS, ())

    def logged(self, channel: int) -> list[LoggedEvent]:
        query = EventQuery(camera_ids=(1,), channel=channel)
        return list(self.events.log.page(query, limit=10).events)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    made = App(tmp_path_factory.mktemp("objects"))
    yield made
    made.close()


@pytest.mark.slow
def test_an_object_of_a_movement_becomes_an_event_with_look_and_picture(app: App) -> None:
    app.show(1)
    found = until(lambda: [one for one in app.logged(1) if one.has_picture])
    (event,) = found
    assert (event.kind, event.label, event.severity) == (EventKind.VEHICLE, "car", Severity.ALERT)
    assert event.score == pytest.approx(0.9, abs=0.01)
    assert event.end_at is None
    assert event.box == pytest.approx((0.25, 0.125, 0.5, 0.375), abs=0.01)
    assert app.events.looks.colours([event.id]) == {event.id: (("red",), True)}
    assert app.events.pictures.get(1, event.id) == jpeg()
    app.objects.end_movement((1, 1))
    until(lambda: app.logged(1)[0].end_at is not None)
    assert app.objects.view().state is DetectorState.RUNNING


@pytest.mark.slow
def test_an_event_shows_the_score_of_its_better_picture(app: App) -> None:
    (app.models / "less.onnx").write_bytes(made_models.yolox(0.7))
    (app.models / "less.toml").write_text(TOML)
    app.objects.choose("less")
    app.show(6)
    until(lambda: [one for one in app.logged(6) if one.has_picture])
    app.objects.choose("nanodet-g")
    better = jpeg((200, 0, 0))
    app.show(6, 1, better)
    (event,) = until(lambda: [one for one in app.logged(6) if (one.score or 0) > 0.8])
    until(lambda: app.events.pictures.get(1, event.id) == better)
    until(lambda: app.events.looks.colours([event.id]) == {event.id: (("blue",), True)})
    assert event.end_at is None
    (app.models / "less.onnx").unlink()
    (app.models / "less.toml").unlink()


def _vehicle(active: bool) -> DeviceEvent:
    change = Change.CHANGED
    return DeviceEvent(EventKind.VEHICLE, "RuleEngine/Vehicle", ("V1",), "", "State", change, active, datetime.now(UTC))


@pytest.mark.slow
def test_an_object_that_the_device_tells_is_no_event_of_the_app(app: App) -> None:
    def own() -> int:
        return sum(one.source is EventSource.WATCH for one in app.logged(1))

    before, pictures = own(), app.objects.view().pictures
    app.events.take(1, [_vehicle(active=False), _vehicle(active=True)])
    app.show(1, 100)
    until(lambda: app.objects.view().pictures > pictures)
    app.objects.end_movement((1, 1))
    app.show(5)
    until(lambda: app.logged(5))
    assert own() == before
    app.events.take(1, [_vehicle(active=False)])


@pytest.mark.slow
def test_a_killed_detector_starts_again_with_the_next_picture(app: App) -> None:
    def pids() -> list[int]:
        return [one.pid for one in app.spawner.running() if one.name == "objects"]

    app.show(2)
    until(lambda: app.logged(2))
    (pid,) = pids()
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in pids())
    app.objects.choose("nanodet-g")  # also ends the pause after a failure
    app.show(3)
    until(lambda: app.logged(3))


@pytest.mark.slow
def test_pictures_that_are_none_end_nothing(app: App) -> None:
    app.show(4, picture=b"no jpeg")
    until(lambda: "picture" in app.objects.view().problem)
    app.objects.choose("nanodet-g")
    app.show(4)
    until(lambda: app.logged(4))


def test_a_model_that_is_replaced_leaves_no_failure(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_child: ObjectsChild, _asked: object) -> None:
        app.objects.choose("nanodet-g")
        raise ModelUnusable("The detector does not answer.")

    monkeypatch.setattr(ObjectsChild, "detect", end)
    assert app.objects._ask(Look((1, 9), NOW, jpeg(), ALL_CELLS)) is None
    assert app.objects.view().state is DetectorState.IDLE


def test_without_a_model_no_pictures_are_wanted(app: App) -> None:
    assert app.objects.wants_pictures
    app.objects.choose(None)
    assert not app.objects.wants_pictures
    assert app.objects.view().state is DetectorState.OFF
    app.objects.choose("nanodet-g")
    assert app.objects.view().state is DetectorState.IDLE


def test_the_models_of_the_folder_are_listed_with_their_problems(app: App) -> None:
    (app.models / "mine.onnx").write_bytes(made_models.detr())
    (app.models / "mine.toml").write_text('format = "detr"\nlicence = "Apache-2.0"\n')
    (app.models / "wrong.onnx").write_bytes(b"none")
    (app.models / "wrong.toml").write_text("colour = 5\n")
    (app.models / ".hidden.onnx").write_bytes(b"none")
    found = {one.name: one for one in app.objects.models()}
    assert set(found) == {"mine", "nanodet-g", "wrong"}
    assert (found["mine"].format, found["mine"].licence, found["mine"].problem) == ("detr", "Apache-2.0", "")
    assert found["wrong"].problem.startswith("colour: one of")
    assert [name for name, one in found.items() if one.is_chosen] == ["nanodet-g"]


@pytest.mark.slow
def test_a_model_is_tried_in_a_process_that_ends(app: App) -> None:
    trial = app.objects.try_model("nanodet-g", jpeg())
    assert (trial.format, trial.width, trial.height, trial.labels) == ("yolox", 64, 64, 3)
    assert [item.label for item in trial.objects] == ["car"]
    (app.models / "broken.onnx").write_bytes(b"none")
    with pytest.raises(ModelUnusable, match="no ONNX model"):
        app.objects.try_model("broken", jpeg())
    with pytest.raises(NotFound):
        app.objects.try_model("../cameras", jpeg())


def test_one_model_is_tried_at_a_time(app: App) -> None:
    with app.objects._trial, pytest.raises(Unavailable):
        app.objects.try_model("nanodet-g", jpeg())


def test_of_a_channel_only_the_newest_picture_waits(tmp_path: Path) -> None:
    made = App(tmp_path)
    try:
        made.objects.stop()  # the thread takes nothing
        for second in range(3):
            made.show(1, second)
        for channel in range(2, 40):
            made.show(channel)
        waiting = made.objects._waiting
        assert len(waiting) == 16
        assert (1, 39) in waiting
        assert (1, 1) not in waiting
        assert made.objects.view().dropped == 2 + 39 - 16
    finally:
        made.close()
