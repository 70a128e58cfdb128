"""The default detector on a real scene: the walkers of Debian's opencv-doc.

The truth is an independent judgement of movement, on every picture: OpenCV's mixture of Gaussians. Of its blobs, those
of a walker's size and shape count.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.project_files import ROOT
from vision.from_child import Failed
from vision.models import read_description
from vision.models_file import read_model
from vision.objects import recognize
from vision.objects_detector import Detector, Picture
from vision.objects_messages import Detect

MODEL = ROOT / "data" / "models" / "nanodet-g.onnx"
VIDEO = Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi")

pytestmark = pytest.mark.stress


@dataclass(frozen=True)
class Scene:
    """A picture, 640 pixels wide, and the middles of the walkers that move in it, as shares."""

    picture: Picture
    walkers: list[tuple[float, float]]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Return every 20th picture from the 100th."""
    assert VIDEO.exists(), "install Debian's opencv-doc"
    subtractor = cv2.createBackgroundSubtractorMOG2(200, 25, True)
    found = []
    for place, picture in enumerate(_pictures()):
        mask = subtractor.apply(picture)
        if place >= 100 and place % 20 == 0:
            small = np.asarray(cv2.resize(picture, (640, 480), interpolation=cv2.INTER_AREA), np.uint8)
            found.append(Scene(small, _walkers(mask)))
    return found


def _pictures() -> Iterator[Any]:
    video = cv2.VideoCapture(str(VIDEO))
    while True:
        is_read, picture = video.read()
        if not is_read:
            return
        yield picture


def _walkers(mask: Any) -> list[tuple[float, float]]:
    moving = (mask == 255).astype(np.uint8)  # 127 is a shadow
    moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    moving = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 9)))
    _, _, blobs, _ = cv2.connectedComponentsWithStats(moving)
    height, width = mask.shape
    return [
        ((x + w / 2) / width, (y + h / 2) / height)
        for x, y, w, h, area in blobs[1:].tolist()
        if h >= 40 and area >= 400 and h >= 1.2 * w
    ]


@pytest.fixture(scope="module")
def detector() -> Detector:
    assert MODEL.exists(), "call `make detector`"
    return Detector(read_model(MODEL), read_description(MODEL.with_suffix(".toml")))


def _persons(detector: Detector, picture: Picture) -> list[tuple[float, float, float, float]]:
    return [item.box for item in detector.detect(picture, 0.4) if item.label == "person"]


def test_the_default_detector_finds_moving_persons(scenes: list[Scene], detector: Detector) -> None:
    walkers = found = 0
    started_s = time.process_time()
    boxes = [_persons(detector, scene.picture) for scene in scenes]
    ms = 1000 * (time.process_time() - started_s) / len(scenes)
    for scene, persons in zip(scenes, boxes, strict=True):
        walkers += len(scene.walkers)
        found += sum(
            any(left <= x <= left + width and top <= y <= top + height for left, top, width, height in persons)
            for x, y in scene.walkers
        )
    print(f"\n{found} of {walkers} moving persons in {len(scenes)} pictures, {ms:.0f} ms of processor time each")
    assert len(scenes) == 35
    assert found >= 150 / 169 * walkers > 130
    assert ms <= 60


def test_the_default_detector_finds_nobody_in_an_empty_scene(scenes: list[Scene], detector: Detector) -> None:
    """The median of all pictures has no walker. It gets other light and noise, and all cells move."""
    empty = np.median([scene.picture for scene in scenes], axis=0)
    random = np.random.default_rng(7)
    persons = []
    for _ in range(40):
        noisy = empty * random.uniform(0.6, 1.2) + random.normal(0, 4, empty.shape)
        jpeg = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8))[1].tobytes()
        answer = recognize(detector, Detect("a", b"\xff" * 72, jpeg))
        assert not isinstance(answer, Failed)
        persons += [item for item in answer.objects if item.kind == "person"]
    assert not persons
