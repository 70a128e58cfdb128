"""Tiny ONNX models with constant outputs: one object, written as each format writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
SIDE = 64
LABELS = ("person", "car", "dog")
COUNT = len(LABELS)
CELLS = (SIDE // 8) ** 2 + (SIDE // 16) ** 2 + (SIDE // 32) ** 2
BOX = (0.25, 0.125, 0.75, 0.5)  # left, top, right, bottom of the model's input
CAR, SCORE = 1, 0.9


def constant_model(
    outputs: Mapping[str, Array], *, sides: tuple[Any, Any] = (SIDE, SIDE), asks_size: bool = False
) -> bytes:
    """Return a model whose outputs are the same for each picture."""
    inputs = [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, *sides])]
    if asks_size:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [1, 2]))
    nodes, described = [], []
    for name, value in outputs.items():
        nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name)))
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        described.append(helper.make_tensor_value_info(name, kind, value.shape))
    graph = helper.make_graph(nodes, "constant", inputs, described)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def nanodet() -> bytes:
    """One cell of stride 8 at (3, 2) of 8 x 8; the distances of 8 bins are exact numbers."""
    output = np.full((1, CELLS, COUNT + 4 * 8), 0.001, np.float32)
    cell, centre = 2 * 8 + 3, (3.5 * 8, 2.5 * 8)
    output[0, cell, CAR] = SCORE
    left, top, right, bottom = (side * SIDE for side in BOX)
    for place, away in enumerate((centre[0] - left, centre[1] - top, right - centre[0], bottom - centre[1])):
        output[0, cell, COUNT + 8 * place : COUNT + 8 * place + 8] = _between_bins(away / 8)
    return constant_model({"output": output})


def _between_bins(value: float) -> Array:
    """Return logits whose softmax has the mean `value`."""
    low = int(value)
    shares = np.full(8, 1e-12, np.float32)
    shares[low], shares[low + 1] = max(1e-12, 1 - (value - low)), max(1e-12, value - low)
    return np.log(shares)


def yolox(score: float = SCORE, label: int = CAR) -> bytes:
    output = np.zeros((1, CELLS, 5 + COUNT), np.float32)
    x, y, width, height = _centred()
    cell = 64 + 2 * 4 + 1  # stride 16, column 1, row 2
    output[0, cell, :2] = x / 16 - 1, y / 16 - 2
    output[0, cell, 2:4] = np.log(width / 16), np.log(height / 16)
    output[0, cell, 4], output[0, cell, 5 + label] = 1.0, score
    return constant_model({"output": output})


def yolov8() -> bytes:
    output = np.zeros((1, 4 + COUNT, 200), np.float32)
    output[0, :4, 11] = _centred()
    output[0, 4 + CAR, 11] = SCORE
    return constant_model({"output0": output})


def detr() -> bytes:
    """The boxes are in the pixels of the size that the second input names."""
    labels, boxes = np.zeros((1, 30), np.int64), np.zeros((1, 30, 4), np.float32)
    scores = np.zeros((1, 30), np.float32)
    labels[0, 4], boxes[0, 4], scores[0, 4] = CAR, np.array(BOX) * 1000, SCORE
    return constant_model({"labels": labels, "boxes": boxes, "scores": scores}, asks_size=True)


def rf_detr() -> bytes:
    boxes, logits = np.zeros((1, 30, 4), np.float32), np.full((1, 30, COUNT), -9.0, np.float32)
    boxes[0, 7] = np.array(_centred()) / SIDE
    logits[0, 7, CAR] = np.log(SCORE / (1 - SCORE))
    return constant_model({"dets": boxes, "labels": logits})


def ssd() -> bytes:
    boxes, classes = np.zeros((1, 10, 4), np.float32), np.ones((1, 10), np.float32)
    scores = np.zeros((1, 10), np.float32)
    left, top, right, bottom = BOX
    boxes[0, 0], classes[0, 0], scores[0, 0] = (top, left, bottom, right), CAR + 1, SCORE
    outputs = {"boxes": boxes, "classes": classes, "scores": scores, "count": np.array([1.0], np.float32)}
    return constant_model(outputs)


def _centred() -> tuple[float, float, float, float]:
    left, top, right, bottom = (side * SIDE for side in BOX)
    return ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
