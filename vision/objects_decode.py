"""The outputs of detectors as boxes: one function for each format.

All boxes are [left, top, right, bottom] as shares of the model's input, all scores are from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.models import ModelDescription, ModelFormat, ModelInput
from vision.models_file import ModelError

Array = NDArray[Any]
LEAST_SCORE = 0.05  # lower ones are never wanted
_STRIDES = (8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Detected objects. `classes`: places in the list of labels."""

    boxes: Array
    scores: Array
    classes: Array


def format_of(inputs: Sequence[str], shapes: Sequence[Sequence[int]], labels: int) -> ModelFormat:
    """Return the format of a model by the shapes of its outputs. Raise ModelError if they do not tell it."""
    sizes = [tuple(shape) for shape in shapes]
    if len(sizes) == 1 and len(sizes[0]) == 3:
        return _format_of_one(sizes[0], labels)
    with_boxes = [size for size in sizes if len(size) == 3 and size[2] == 4]
    flat = [size for size in sizes if len(size) == 2]
    if len(sizes) == 3 and len(with_boxes) == 1 and len(flat) == 2 and "orig_target_sizes" in inputs:
        return ModelFormat.DETR
    if len(sizes) in (3, 4) and len(with_boxes) == 1 and len(flat) >= 2:
        return ModelFormat.SSD
    if len(sizes) == 2 and len(with_boxes) == 1:
        return ModelFormat.RF_DETR
    raise ModelError(f"the outputs {sizes} are of no known format; name the format in the model's TOML file")


def _format_of_one(size: tuple[int, ...], labels: int) -> ModelFormat:
    _, first, second = size
    found = set()
    if second == 5 + labels:
        found.add(ModelFormat.YOLOX)
    if first == 4 + labels and second > first:
        found.add(ModelFormat.YOLOV8)
    bins, rest = divmod(second - labels, 4)
    if rest == 0 and bins > 4:
        found.add(ModelFormat.NANODET)
    if len(found) != 1:
        raise ModelError(f"an output {list(size)} with {labels} labels fits {len(found)} formats; name the format")
    return found.pop()


def decode(kind: ModelFormat, outputs: Sequence[Array], used: ModelInput, described: ModelDescription) -> Boxes:
    """Return the boxes before overlapping ones are dropped. Raise ModelError for outputs of another format."""
    try:
        found = _DECODERS[kind](outputs, used, described)
    except (IndexError, ValueError, KeyError) as error:
        raise ModelError(f"the outputs are not those of {kind.value}: {error}") from error
    is_valid = np.isfinite(found.boxes).all(axis=1) & np.isfinite(found.scores)
    is_wanted = is_valid & (found.scores >= LEAST_SCORE) & (found.classes >= 0)
    is_wanted &= found.classes < len(described.labels)
    return Boxes(found.boxes[is_wanted], found.scores[is_wanted], found.classes[is_wanted])


def _cells(count: int, used: ModelInput, centre: float) -> tuple[Array, Array]:
    """Return the corner of each cell in the input's pixels, and its size. Raise ValueError."""
    places: list[Array] = []
    sizes: list[Array] = []
    for stride in _STRIDES:
        if sum(len(size) for size in sizes) == count:
            break
        rows, columns = -(-used.height // stride), -(-used.width // stride)
        y, x = np.mgrid[0:rows, 0:columns]
        places.append((np.stack([x.ravel(), y.ravel()], axis=1) + centre) * stride)
        sizes.append(np.full(rows * columns, stride, np.float32))
    if sum(len(size) for size in sizes) != count:
        raise ValueError(f"{count} cells do not fit a picture of {used.width} x {used.height}")
    return np.concatenate(places), np.concatenate(sizes)


def _best(scores: Array) -> tuple[Array, Array]:
    classes = scores.argmax(axis=1)
    return scores[np.arange(len(scores)), classes], classes


def _of_input(boxes: Array, used: ModelInput) -> Array:
    return boxes / np.array([used.width, used.height, used.width, used.height], np.float32)


def _from_centres(boxes: Array) -> Array:
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def _nanodet(outputs: Sequence[Array], used: ModelInput, described: ModelDescription) -> Boxes:
    """Each side of a box is the mean of a distribution over bins, in strides from the centre of the cell."""
    output, labels = outputs[0][0], len(described.labels)
    places, sizes = _cells(len(output), used, described.centre)
    scores, classes = _best(output[:, :labels])
    wanted = np.flatnonzero(scores >= LEAST_SCORE)
    sides = output[wanted, labels:].reshape(len(wanted), 4, -1)
    sides = np.exp(sides - sides.max(axis=2, keepdims=True))
    sides /= sides.sum(axis=2, keepdims=True)
    away = (sides @ np.arange(sides.shape[2], dtype=np.float32)) * sizes[wanted, None]
    centres = places[wanted]
    boxes = np.concatenate([centres - away[:, :2], centres + away[:, 2:]], axis=1)
    return Boxes(_of_input(boxes, used), scores[wanted], classes[wanted])


def _yolox(outputs: Sequence[Array], used: ModelInput, described: ModelDescription) -> Boxes:
    output = outputs[0][0]
    places, sizes = _cells(len(output), used, 0.0)
    scores, classes = _best(output[:, 5 : 5 + len(described.labels)])
    scores = scores * output[:, 4]
    wanted = np.flatnonzero(scores >= LEAST_SCORE)
    centres = output[wanted, :2] * sizes[wanted, None] + places[wanted]
    extents = np.exp(np.minimum(output[wanted, 2:4], 20.0)) * sizes[wanted, None]
    boxes = _from_centres(np.concatenate([centres, extents], axis=1))
    return Boxes(_of_input(boxes, used), scores[wanted], classes[wanted])


def _yolov8(outputs: Sequence[Array], used: ModelInput, described: ModelDescription) -> Boxes:
    output = outputs[0][0].T
    scores, classes = _best(output[:, 4 : 4 + len(described.labels)])
    return Boxes(_of_input(_from_centres(output[:, :4]), used), scores, classes)


def _detr(outputs: Sequence[Array], _used: ModelInput, described: ModelDescription) -> Boxes:
    """The detector asked for boxes in a picture of 1000 x 1000."""
    boxes = next(output for output in outputs if output.ndim == 3)[0] / 1000.0
    classes, scores = _classes_and_scores(outputs)
    return Boxes(boxes, scores, classes - described.first_label)


def _rf_detr(outputs: Sequence[Array], _used: ModelInput, described: ModelDescription) -> Boxes:
    boxes = next(output for output in outputs if output.shape[-1] == 4)[0]
    logits = next(output for output in outputs if output.shape[-1] != 4)[0]
    scores, classes = _best(1.0 / (1.0 + np.exp(-np.clip(logits, -80, 80))))
    return Boxes(_from_centres(boxes), scores, classes - described.first_label)


def _ssd(outputs: Sequence[Array], _used: ModelInput, described: ModelDescription) -> Boxes:
    boxes = next(output for output in outputs if output.ndim == 3)[0]
    classes, scores = _classes_and_scores(outputs)
    if described.boxes == "yxyx":
        boxes = boxes[:, [1, 0, 3, 2]]
    return Boxes(boxes, scores, classes - described.first_label)


def _classes_and_scores(outputs: Sequence[Array]) -> tuple[Array, Array]:
    """Return numbers of classes and scores. Classes are whole numbers; with scores below 1 in the same type, too."""
    flat = [output[0] for output in outputs if output.ndim == 2]
    first, second = flat[0], flat[1]
    is_first = first.dtype.kind in "iu" or (second.dtype.kind not in "iu" and _are_whole(first))
    classes, scores = (first, second) if is_first else (second, first)
    return classes.astype(np.int64), scores.astype(np.float32)


def _are_whole(values: Array) -> bool:
    return bool((values == np.round(values)).all() and values.max(initial=0.0) > 1.0)


_DECODERS = {
    ModelFormat.NANODET: _nanodet,
    ModelFormat.YOLOX: _yolox,
    ModelFormat.YOLOV8: _yolov8,
    ModelFormat.DETR: _detr,
    ModelFormat.RF_DETR: _rf_detr,
    ModelFormat.SSD: _ssd,
}


def without_overlaps(found: Boxes, most_overlap: float, most: int) -> Boxes:
    """Return the best boxes of each class: none overlaps a better one of its class by more than `most_overlap`."""
    order = np.argsort(-found.scores, kind="stable")[:1000]
    kept: list[int] = []
    boxes = found.boxes
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    while len(order) and len(kept) < most:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        begins = np.maximum(boxes[order, :2], boxes[best, :2])
        ends = np.minimum(boxes[order, 2:], boxes[best, 2:])
        shared = np.prod(np.maximum(ends - begins, 0.0), axis=1)
        overlaps = shared / np.maximum(areas[order] + areas[best] - shared, 1e-9)
        order = order[(overlaps <= most_overlap) | (found.classes[order] != found.classes[best])]
    return Boxes(boxes[kept], found.scores[kept], found.classes[kept])
