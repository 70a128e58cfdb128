"""Detectors of each format: the box of an object, at its place in pictures of any shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.vision import made_models
from tests.vision.made_models import BOX, COUNT, LABELS, SCORE, SIDE, constant_model
from vision.models import Fit, ModelDescription, ModelFormat
from vision.models_file import ModelError
from vision.objects_decode import Boxes, without_overlaps
from vision.objects_detector import Detector

DESCRIBED = ModelDescription(labels=LABELS)
MODELS = {
    ModelFormat.NANODET: made_models.nanodet,
    ModelFormat.YOLOX: made_models.yolox,
    ModelFormat.YOLOV8: made_models.yolov8,
    ModelFormat.DETR: made_models.detr,
    ModelFormat.RF_DETR: made_models.rf_detr,
    ModelFormat.SSD: made_models.ssd,
}
# As shares of the picture, of a square input.
LEFT, TOP, RIGHT, BOTTOM = BOX


def picture(width: int = 2 * SIDE, height: int = SIDE) -> Any:
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize(("kind", "model"), MODELS.items(), ids=[kind.value for kind in MODELS])
def test_a_detector_tells_the_format_by_the_shapes_of_the_outputs(
    kind: ModelFormat, model: Callable[[], bytes]
) -> None:
    assert Detector(model(), DESCRIBED).format is kind


@pytest.mark.parametrize(("kind", "model"), MODELS.items(), ids=[kind.value for kind in MODELS])
def test_a_detector_finds_the_object_in_a_square_picture(kind: ModelFormat, model: Callable[[], bytes]) -> None:
    first = 1 if kind is ModelFormat.SSD else 0
    detector = Detector(model(), ModelDescription(format=kind, labels=LABELS, first_label=first))
    (found,) = detector.detect(picture(SIDE, SIDE), 0.4)
    assert found.label == "car"
    assert found.score == pytest.approx(SCORE, abs=1e-3)
    assert found.box == pytest.approx((LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP), abs=1e-3)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        (Fit.CORNER, (LEFT, 2 * TOP, RIGHT - LEFT, 2 * (BOTTOM - TOP))),  # the picture is the upper half of the input
        (Fit.CENTRE, (LEFT, 0.0, RIGHT - LEFT, 2 * (BOTTOM - 0.25))),  # it is the half in the middle
        (Fit.STRETCH, (LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP)),
    ],
)
def test_the_box_of_a_wide_picture_allows_for_the_letter_box(fit: Fit, expected: tuple[float, ...]) -> None:
    detector = Detector(made_models.yolov8(), ModelDescription(labels=LABELS, given={"fit": fit}))
    (found,) = detector.detect(picture(), 0.4)
    assert found.box == pytest.approx(expected, abs=1e-3)


def test_objects_below_the_asked_score_are_left_out() -> None:
    detector = Detector(made_models.yolox(), DESCRIBED)
    assert detector.detect(picture(), 0.95) == []


def test_objects_without_a_label_are_left_out() -> None:
    detector = Detector(made_models.yolox(), ModelDescription(labels=("person", "", "dog")))
    assert detector.detect(picture(), 0.4) == []


def test_numbers_that_are_no_numbers_make_no_objects() -> None:
    output = np.full((1, 4 + COUNT, 200), np.nan, np.float32)
    detector = Detector(constant_model({"output0": output}), DESCRIBED)
    assert detector.detect(picture(), 0.1) == []


def test_a_model_that_takes_any_size_gets_the_described_one() -> None:
    described = ModelDescription(ModelFormat.YOLOV8, LABELS, given={"width": 96, "height": 64})
    output = np.zeros((1, 4 + COUNT, 200), np.float32)
    detector = Detector(constant_model({"output0": output}, sides=("height", "width")), described)
    assert (detector.input.width, detector.input.height) == (96, 64)


@pytest.mark.parametrize(
    "outputs",
    [
        {"output": np.zeros((1, 10, 10), np.float32)},
        {"output": np.zeros((1, 1000), np.float32)},
        {f"output{place}": np.zeros((1, 3, 4), np.float32) for place in range(5)},
    ],
    ids=["unknown", "classes", "many"],
)
def test_outputs_of_no_known_format_are_refused(outputs: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="format"):
        Detector(constant_model(outputs), DESCRIBED)


def test_a_wrongly_named_format_fails_with_its_name() -> None:
    detector = Detector(made_models.yolov8(), ModelDescription(ModelFormat.SSD, LABELS))
    with pytest.raises(ModelError, match="not those of ssd"):
        detector.detect(picture(), 0.4)


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(ModelError, match="ONNX Runtime refuses"):
        Detector(b"\x08\x0a:\x02ab", DESCRIBED)


def test_of_overlapping_boxes_of_a_class_the_best_stays() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0, 0, 1, 0.95], [0, 0, 0.2, 0.2]], np.float32)
    found = Boxes(boxes, np.array([0.5, 0.9, 0.8, 0.4]), np.array([0, 0, 1, 0]))
    kept = without_overlaps(found, 0.6, 20)
    assert kept.scores.tolist() == [0.9, 0.8, 0.4]
    assert kept.classes.tolist() == [0, 1, 0]
