"""The detector of objects over HTTP: models, their choice, and trials."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient

from core.clock import SystemClock
from core.settings import Settings
from database import Database
from media.process import Spawner
from object_manager import ObjectManager
from tests.vision import made_models
from web.services import Managers


@pytest.fixture
def models(settings: Settings) -> Path:
    folder = settings.data_dir / "models"
    folder.mkdir(parents=True)
    (folder / "mine.onnx").write_bytes(made_models.yolox())
    (folder / "mine.toml").write_text('labels = ["person", "car", "dog"]\nformat = "yolox"\nlicence = "MIT"\n')
    return folder


@pytest.fixture
def objects(managers: Managers) -> Iterator[ObjectManager]:
    """The manager with a running spawner of processes."""
    managers.objects._spawner.start()
    yield managers.objects
    managers.objects._spawner.stop()


def test_models_of_the_folder_are_listed_and_chosen(client: FlaskClient, models: Path) -> None:
    before = client.get("/api/detector").get_json()
    assert (before["state"], before["model"], before["install_command"]) == ("off", "", "make detector")
    assert before["node"] == ""
    (model,) = before["models"]
    assert model.pop("size_bytes") == (models / "mine.onnx").stat().st_size
    expected = {"name": "mine", "format": "yolox", "licence": "MIT", "is_chosen": False, "problem": ""}
    assert model == expected
    after = client.put("/api/detector", json={"model": "mine"}).get_json()
    assert (after["state"], after["model"], after["models"][0]["is_chosen"]) == ("idle", "mine", True)
    assert client.put("/api/detector", json={"model": None}).get_json()["state"] == "off"


def test_a_choice_at_another_node_is_followed(
    client: FlaskClient, models: Path, managers: Managers, database: Database, settings: Settings
) -> None:
    here, told = managers.objects, []
    here.on_chosen(lambda: told.append("chosen"))
    there = ObjectManager(database, settings, SystemClock(), Spawner(), managers.events)
    client.put("/api/detector", json={"model": "mine"})
    assert told == ["chosen"]
    assert there.view().model == ""
    there.read_choice_again()
    assert there.view().model == "mine"
    there.read_choice_again()
    assert told == ["chosen"]


def test_an_unknown_model_cannot_be_chosen_or_tried(client: FlaskClient, models: Path) -> None:
    assert client.put("/api/detector", json={"model": "other"}).status_code == 404
    assert client.post("/api/detector/models/other/trial", json={"picture": "AAAA"}).status_code == 404
    for name in ("..", ".mine", "a/b"):
        assert client.put("/api/detector", json={"model": name}).status_code == 400


@pytest.mark.slow
def test_a_trial_shows_what_a_model_finds(client: FlaskClient, models: Path, objects: ObjectManager) -> None:
    jpeg = cv2.imencode(".jpg", np.full((96, 128, 3), (0, 0, 200), np.uint8))[1].tobytes()
    picture = {"picture": base64.b64encode(jpeg).decode()}
    trial: dict[str, Any] = client.post("/api/detector/models/mine/trial", json=picture).get_json()
    assert (trial["format"], trial["width"], trial["labels"]) == ("yolox", 64, 3)
    (found,) = trial["objects"]
    assert (found["label"], found["kind"], found["colours"]) == ("car", "vehicle", ["red"])
    assert client.post("/api/detector/models/mine/trial", json={"picture": "no base64"}).status_code == 400
    (models / "broken.onnx").write_bytes(b"none")
    answer = client.post("/api/detector/models/broken/trial", json=picture)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "model_unusable")
