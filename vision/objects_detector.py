"""A detector: a model in ONNX Runtime, and what surrounds it. One thread, no network, no file after the model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vision.models import Fit, ModelDescription, ModelFormat, ModelInput
from vision.models_file import ModelError
from vision.objects_decode import decode, format_of, without_overlaps

MOST_OBJECTS = 20
_MOST_OVERLAP = 0.6
_USUAL_SIDE = 640  # of a model that takes any size
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DetectedObject:
    """`box`: x, y, width, height in the picture, 0 to 1."""

    label: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of the picture in the model's input, as shares of it."""

    left: float
    top: float
    width: float
    height: float


class Detector:
    """For one thread."""

    def __init__(self, content: bytes, described: ModelDescription) -> None:
        """Raise ModelError."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = 4  # its texts must not reach the pipe
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the classes of ONNX Runtime's errors have no common base
            raise ModelError(f"ONNX Runtime refuses the model: {error}") from error
        self._described = described
        self._inputs = {item.name: item for item in self._session.get_inputs()}
        self._picture = self._picture_input()
        self.format, self.input = self._prepare()

    @property
    def labels(self) -> Sequence[str]:
        return self._described.labels

    def detect(self, picture: Picture, least_score: float) -> list[DetectedObject]:
        """Return the objects of a picture (blue, green, red), the best first. Raise ModelError."""
        values, place = self._fit(picture)
        outputs = self._run(values, self.input)
        found = decode(self.format, outputs, self.input, self._described)
        found = without_overlaps(found, _MOST_OVERLAP, 4 * MOST_OBJECTS)
        objects = []
        for box, score, index in zip(found.boxes, found.scores, found.classes, strict=True):
            label = self._described.labels[int(index)]
            if score >= least_score and label and (inside := _in_picture(box, place)) is not None:
                objects.append(DetectedObject(label, min(float(score), 1.0), inside))
        return objects[:MOST_OBJECTS]

    def measure(self, picture: Picture) -> float:
        """Return the milliseconds of processor time that one picture takes."""
        started_s = time.process_time()
        self.detect(picture, 0.5)
        return 1000 * (time.process_time() - started_s)

    # ---- inside ----------------------------------------------------------------------------------

    def _picture_input(self) -> Any:
        pictures = [item for item in self._inputs.values() if len(item.shape) == 4]
        if len(pictures) != 1 or set(self._inputs) - {pictures[0].name} - {"orig_target_sizes"}:
            raise ModelError("the model must take one picture, and nothing else")
        if pictures[0].type not in _TYPES:
            raise ModelError(f"the model's input has the type {pictures[0].type}")
        return pictures[0]

    @property
    def _has_channels_last(self) -> bool:
        return bool(self._picture.shape[3] == 3 and self._picture.shape[1] != 3)

    def _prepare(self) -> tuple[ModelFormat, ModelInput]:
        """Return the format and the input; one run tells shapes that the model does not name."""
        guess = self._described.format or ModelFormat.YOLOX
        used = self._sized(self._described.input_of(guess))
        empty = np.zeros((used.height, used.width, 3), np.float32)
        shapes = [list(output.shape) for output in self._run(empty, used)]
        if self._described.format is not None:
            return self._described.format, used
        found = format_of(list(self._inputs), shapes, len(self._described.labels))
        return found, self._sized(self._described.input_of(found))

    def _sized(self, used: ModelInput) -> ModelInput:
        shape = self._picture.shape
        height, width = (shape[1], shape[2]) if self._has_channels_last else (shape[2], shape[3])
        own_height = height if isinstance(height, int) and height > 0 else used.height or _USUAL_SIDE
        own_width = width if isinstance(width, int) and width > 0 else used.width or _USUAL_SIDE
        if max(own_height, own_width) > _MOST_SIDE:
            raise ModelError(f"the model wants pictures of {own_width} x {own_height}, which is too large")
        return ModelInput(
            own_width, own_height, used.colour, used.most, used.mean, used.std, used.fit, used.filled_with
        )

    def _fit(self, picture: Picture) -> tuple[NDArray[np.float32], _Place]:
        used = self.input
        height, width = picture.shape[:2]
        if used.fit is Fit.STRETCH:
            placed, place = _resized(picture, used.width, used.height), _Place(0.0, 0.0, 1.0, 1.0)
        else:
            factor = min(used.width / width, used.height / height)
            new_width, new_height = max(1, round(width * factor)), max(1, round(height * factor))
            is_centred = used.fit is Fit.CENTRE
            left = (used.width - new_width) // 2 if is_centred else 0
            top = (used.height - new_height) // 2 if is_centred else 0
            placed = np.full((used.height, used.width, 3), used.filled_with, np.uint8)
            placed[top : top + new_height, left : left + new_width] = _resized(picture, new_width, new_height)
            place = _Place(left / used.width, top / used.height, new_width / used.width, new_height / used.height)
        if used.colour == "rgb":
            placed = placed[:, :, ::-1]
        factors = (used.most / 255.0 / np.array(used.std)).astype(np.float32)
        offsets = (np.array(used.mean) / np.array(used.std)).astype(np.float32)
        return placed * factors - offsets, place

    def _run(self, values: NDArray[np.float32], used: ModelInput) -> list[NDArray[Any]]:
        ordered = values if self._has_channels_last else values.transpose(2, 0, 1)
        kind = _TYPES[self._picture.type]
        given: dict[str, NDArray[Any]] = {self._picture.name: np.ascontiguousarray(ordered[None]).astype(kind)}
        if "orig_target_sizes" in self._inputs:
            given["orig_target_sizes"] = np.array([[1000, 1000]], np.int64)
        try:
            return [np.asarray(output) for output in self._session.run(None, given)]
        except Exception as error:  # the classes of ONNX Runtime's errors have no common base
            raise ModelError(f"the model fails on a picture of {used.width} x {used.height}: {error}") from error


_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_MOST_SIDE = 2_048


def _resized(picture: Picture, width: int, height: int) -> Picture:
    how = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _in_picture(box: NDArray[Any], place: _Place) -> tuple[float, float, float, float] | None:
    """Return x, y, width, height in the picture; None if nothing is left inside."""
    x0, x1 = ((float(box[side]) - place.left) / place.width for side in (0, 2))
    y0, y1 = ((float(box[side]) - place.top) / place.height for side in (1, 3))
    x0, x1, y0, y1 = (min(1.0, max(0.0, value)) for value in (x0, x1, y0, y1))
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None
