"""Checks of an ONNX file before a library loads it: its size, and that all weights are inside.

ONNX may name other files for its weights. A model from elsewhere could name any file of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

MOST_MODEL_BYTES = 500_000_000
_DEEPEST = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Messages of ONNX (onnx.proto): field number -> message that it holds. The rest is skipped.
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


class ModelError(Exception):
    """The model cannot be used. The text is for the admin."""


def read_model(path: Path) -> bytes:
    """Return the content of an ONNX file. Raise ModelError if it is too large, no ONNX, or not complete in itself."""
    try:
        size = path.stat().st_size
        if size > MOST_MODEL_BYTES:
            raise ModelError(f"{path.name} has more than {MOST_MODEL_BYTES // 1_000_000} MB")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}") from error
    check_model(content)
    return content


def check_model(content: bytes) -> None:
    """Raise ModelError if the content is no ONNX, or keeps weights in other files."""
    try:
        has_graph = any(number == 7 for number, _, _ in _fields(memoryview(content)))
        is_complete = has_graph and not _has_external(memoryview(content), "model", 0)
    except (IndexError, ValueError, RecursionError) as error:
        raise ModelError("the file is no ONNX model") from error
    if not has_graph:
        raise ModelError("the file is no ONNX model")
    if not is_complete:
        raise ModelError("the model keeps weights in other files; save it as one file")


def _has_external(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    for number, wire, value in _fields(message):
        if kind == "tensor":
            if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                return True
        elif (inner := _FIELDS[kind].get(number)) is not None:
            if wire != _BYTES or not isinstance(value, memoryview):
                raise ValueError("a message is expected")
            if _has_external(value, inner, depth + 1):
                return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Return number, wire type and value of each field of a message. Raise ValueError or IndexError."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield number, wire, value
            continue
        if wire == _BYTES:
            size, place = _varint(message, place)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("an unknown wire type")
        if place + size > len(message):
            raise ValueError("the message is cut off")
        yield number, wire, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
