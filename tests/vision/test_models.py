"""Models of users: their descriptions, and files that are refused before a library loads them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.vision import made_models
from vision import models_file
from vision.models import Fit, ModelDescription, ModelFormat, parse_description, read_description
from vision.models_file import ModelError, check_model, read_model
from vision.objects_labels import COCO, kind_of


def test_a_description_changes_only_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('format = "yolox"\nlabels = ["person", "car"]\nwidth = 320\nrange = 1\nfit = "centre"\n')
    described = read_description(file)
    used = described.input_of(ModelFormat.YOLOX)
    assert (described.format, described.labels) == (ModelFormat.YOLOX, ("person", "car"))
    assert (used.width, used.most, used.fit) == (320, 1.0, Fit.CENTRE)
    assert (used.colour, used.filled_with) == ("bgr", 114)


def test_a_model_without_description_has_the_usual_one(tmp_path: Path) -> None:
    assert read_description(tmp_path / "none.toml") == ModelDescription(labels=COCO)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"formats": "yolox"}, "formats: unknown"),
        ({"format": "yolov5"}, "format: one of"),
        ({"width": 5000}, "width: a whole number from 32 to 2048"),
        ({"width": True}, "width"),
        ({"mean": [1, 2]}, "mean: three numbers"),
        ({"std": [1, 1, 0]}, "std: a number"),
        ({"mean": [1, 2, float("nan")]}, "mean"),
        ({"labels": []}, "labels: a list"),
        ({"labels": ["x" * 65]}, "labels: names"),
        ({"labels": [1]}, "labels: names"),
        ({"colour": ["rgb"]}, "colour: one of"),
        ({"licence": 5}, "licence: a text"),
        ({"first_label": 0.5}, "first_label"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_name(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelError, match=named):
        parse_description(table)


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match=r"mine\.toml is not TOML"):
        read_description(file)


def test_a_complete_model_passes() -> None:
    check_model(made_models.yolox())


def _outside() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(1000, np.float32), "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def _model(graph: Any) -> bytes:
    return bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("place", ["weights", "constant", "inner graph"])
def test_a_model_with_weights_in_other_files_is_refused(place: str) -> None:
    constant = helper.make_node("Constant", [], ["a"], value=_outside())
    if place == "weights":
        graph = helper.make_graph([], "g", [], [], [_outside()])
    elif place == "constant":
        graph = helper.make_graph([constant], "g", [], [])
    else:
        inner = helper.make_graph([constant], "inner", [], [])
        graph = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=inner)], "g", [], [])
    with pytest.raises(ModelError, match="other files"):
        check_model(_model(graph))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_harmless(content: bytes) -> None:
    with suppress(ModelError):
        check_model(content)


@given(st.integers(min_value=7, max_value=200))
def test_a_cut_off_model_is_refused(missing: int) -> None:
    with pytest.raises(ModelError):
        check_model(made_models.yolox()[:-missing])


def test_a_too_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "large.onnx"
    file.write_bytes(made_models.yolox())
    monkeypatch.setattr(models_file, "MOST_MODEL_BYTES", 1000)
    with pytest.raises(ModelError, match="more than 0 MB"):
        read_model(file)


@pytest.mark.parametrize(
    ("label", "kind"), [("person", "person"), ("Truck", "vehicle"), ("dog", "animal"), ("chair", None), ("", None)]
)
def test_labels_fold_to_the_kinds_of_events(label: str, kind: str | None) -> None:
    assert kind_of(label) == kind


def test_coco_has_eighty_different_labels() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    assert (COCO[0], COCO[79]) == ("person", "toothbrush")
