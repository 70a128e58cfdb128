"""The child that recognizes objects: `python -m vision.objects MODEL [DESCRIPTION]`.

It reads `detect` from its standard input and answers on its standard output, until the input ends. After the model is
loaded it opens no file, and it never opens a socket.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.from_child import Failed
from vision.message_parts import CELL_COLUMNS, CELL_ROWS, Message
from vision.messages import BadFrame, BadMessage, MessageReader, encode
from vision.models import read_description
from vision.models_file import ModelError, read_model
from vision.objects_colours import colours_of, histogram_of, is_without_colour, to_hsv
from vision.objects_detector import DetectedObject, Detector
from vision.objects_labels import kind_of
from vision.objects_messages import MOST_OBJECTS, TO_OBJECTS, Detect, Detected, Loaded, Recognized, Refused

_READ_BYTES = 1 << 16
_MOST_PIXELS = 4_000_000
_MEMORY_BYTES = 1_500_000_000  # of addresses, with the model three times


def main(arguments: Sequence[str]) -> int:
    # Messages of libraries go to standard error: between two frames they would break the pipe.
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    model = Path(arguments[0])
    described = Path(arguments[1]) if len(arguments) > 1 else model.with_suffix(".toml")
    cv2.setNumThreads(1)
    try:
        detector = load(model, described)
    except (ModelError, MemoryError) as error:
        _send(pipe, Refused(str(error)[:500] or "the model needs too much memory"))
        return 1
    _send(pipe, Loaded(detector.format.value, detector.input.width, detector.input.height, len(detector.labels)))
    _limit_files()
    _serve(detector, pipe)
    return 0


def load(model: Path, described: Path) -> Detector:
    """Raise ModelError."""
    content = read_model(model)
    with suppress(ValueError, OSError):  # a lower limit may be set already
        most = _MEMORY_BYTES + 3 * len(content)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return Detector(content, read_description(described))


def recognize(detector: Detector, asked: Detect) -> Detected | Failed:
    """Return the objects of a picture that move; all objects if the question has no cells."""
    started_s = time.process_time()
    picture = _decoded(asked.body)
    if picture is None:
        return Failed("no_picture", id=asked.id)
    try:
        found = detector.detect(picture, asked.least_score)
    except ModelError:
        return Failed("internal", id=asked.id)
    moving = _moving(asked.cells)
    hsv = to_hsv(picture)
    has_colour = not is_without_colour(hsv)
    objects = []
    for item in found:
        kind = kind_of(item.label)
        if moving is None or (kind is not None and _moves(item, moving)):
            objects.append(_recognized(item, kind or "", hsv, has_colour=has_colour))
    return Detected(asked.id, 1000 * (time.process_time() - started_s), tuple(objects[:MOST_OBJECTS]))


def _recognized(item: DetectedObject, kind: str, hsv: NDArray[np.uint8], *, has_colour: bool) -> Recognized:
    if not has_colour:
        return Recognized(item.label, kind, item.score, item.box)
    return Recognized(
        item.label, kind, item.score, item.box, colours_of(hsv, item.box, kind), histogram_of(hsv, item.box)
    )


def _decoded(jpeg: bytes) -> NDArray[np.uint8] | None:
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if picture is None or not 0 < picture.shape[0] * picture.shape[1] <= _MOST_PIXELS:
        return None
    return np.asarray(picture, np.uint8)


def _moving(cells: bytes) -> NDArray[np.bool_] | None:
    """Return the moving cells as rows of columns; None if the question has none."""
    if not cells:
        return None
    bits = np.unpackbits(np.frombuffer(cells, np.uint8))
    return bits.reshape(CELL_ROWS, CELL_COLUMNS).astype(bool)


def _moves(item: DetectedObject, moving: NDArray[np.bool_]) -> bool:
    """True if a moving cell is inside the box."""
    x, y, width, height = item.box
    columns = slice(int(x * CELL_COLUMNS), max(int(x * CELL_COLUMNS) + 1, int(np.ceil((x + width) * CELL_COLUMNS))))
    rows = slice(int(y * CELL_ROWS), max(int(y * CELL_ROWS) + 1, int(np.ceil((y + height) * CELL_ROWS))))
    return bool(moving[rows, columns].any())


def _serve(detector: Detector, pipe: int) -> None:
    reader = MessageReader(TO_OBJECTS)
    while data := os.read(sys.stdin.fileno(), _READ_BYTES):
        try:
            for message in reader.feed(data):
                if isinstance(message, BadMessage):
                    _send(pipe, Failed("bad_message"))
                else:
                    _send(pipe, recognize(detector, message))
        except BadFrame:
            return


def _send(pipe: int, message: Message) -> None:
    rest = memoryview(encode(message))
    while rest:
        rest = rest[os.write(pipe, rest) :]


def _limit_files() -> None:
    """Open no more files: the next descriptor would be over the limit."""
    most = max((int(one.name) for one in Path("/proc/self/fd").glob("*")), default=63) + 1
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
