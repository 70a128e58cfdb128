"""The child that recognizes objects: a real process with a tiny model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.project_files import ROOT
from tests.vision import made_models
from tests.vision.made_models import BOX
from vision.fields import BadMessage
from vision.from_child import Failed
from vision.message_parts import Message
from vision.messages import MessageReader, encode
from vision.models import ModelDescription
from vision.objects import recognize
from vision.objects_detector import Detector
from vision.objects_messages import FROM_OBJECTS, TO_OBJECTS, Detect, Detected, FromObjects, Loaded, Recognized, Refused

# A process in which sockets and new files raise an error, as soon as the model is loaded.
_STRICT = """
import runpy, sys
from resource import RLIMIT_NOFILE
loaded = False
def forbid(event, arguments):
    global loaded
    if event.startswith("socket.") or (event == "open" and loaded):
        raise RuntimeError(event)
    loaded = loaded or (event == "resource.setrlimit" and arguments[0] == RLIMIT_NOFILE)
sys.addaudithook(forbid)
sys.argv = ["objects", *sys.argv[1:]]
runpy.run_module("vision.objects", run_name="__main__", alter_sys=True)
"""
_NO_CELLS, ALL_CELLS = bytes(72), b"\xff" * 72


class Child:
    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._reader = MessageReader(FROM_OBJECTS)
        self._waiting: list[FromObjects | BadMessage] = []

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def answer(self) -> FromObjects | BadMessage:
        assert self.process.stdout is not None
        while not self._waiting:
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, "the child has ended"
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)

    def end(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait()
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    (made / "mine.onnx").write_bytes(made_models.yolox())
    (made / "mine.toml").write_text('labels = ["person", "car", "dog"]\n')
    (made / "wrong.onnx").write_bytes(b"no model")
    return made


@pytest.fixture(scope="module")
def child(folder: Path) -> Iterator[Child]:
    started = Child("-c", _STRICT, str(folder / "mine.onnx"))
    loaded = started.answer()
    assert loaded == Loaded("yolox", 64, 64, 3)
    yield started
    assert started.end() == 0


def jpeg(colour: tuple[int, int, int] = (0, 0, 200)) -> bytes:
    """Return a square picture of one colour (blue, green, red)."""
    picture = np.full((128, 128, 3), colour, np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1])


def cells_with(column: int, row: int) -> bytes:
    bits = np.zeros((18, 32), np.uint8)
    bits[row, column] = 1
    return np.packbits(bits).tobytes()


@pytest.mark.slow
def test_the_child_answers_without_sockets_or_new_files(child: Child) -> None:
    child.send(encode(Detect("a", ALL_CELLS, jpeg())))
    answer = child.answer()
    assert isinstance(answer, Detected)
    (found,) = answer.objects
    assert (answer.id, found.label, found.kind, found.colours) == ("a", "car", "vehicle", ("red",))
    assert len(found.histogram) == 384


@pytest.mark.slow
def test_the_child_survives_pictures_and_messages_that_are_none(child: Child) -> None:
    child.send(encode(Detect("b", b"", b"no jpeg")))
    assert child.answer() == Failed("no_picture", id="b")
    child.send(encode(Detect("c", b"", jpeg()[:100])))
    assert child.answer() == Failed("no_picture", id="c")
    child.send(b"\x00\x00\x00\x02\x00\x00\x00\x00{}")
    assert child.answer() == Failed("bad_message")
    child.send(encode(Detect("d", b"", jpeg())))
    assert isinstance(child.answer(), Detected)


@pytest.mark.slow
def test_a_child_with_an_unusable_model_says_why(folder: Path) -> None:
    child = Child("-m", "vision.objects", str(folder / "wrong.onnx"))
    assert child.answer() == Refused("the file is no ONNX model")
    assert child.end() == 1


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(made_models.yolox(), ModelDescription(labels=("person", "car", "dog")))


def _found(detector: Detector, cells: bytes, picture: bytes | None = None) -> tuple[Recognized, ...]:
    answer = recognize(detector, Detect("x", cells, jpeg() if picture is None else picture))
    assert isinstance(answer, Detected)
    return answer.objects


def test_only_objects_with_a_moving_cell_count(detector: Detector) -> None:
    left, top, right, bottom = BOX
    assert not _found(detector, _NO_CELLS)
    assert not _found(detector, cells_with(int(32 * left) - 1, int(18 * top)))
    assert not _found(detector, cells_with(int(32 * right), int(18 * top)))
    assert _found(detector, cells_with(int(32 * left), int(18 * top)))
    assert _found(detector, cells_with(int(32 * right) - 1, int(18 * bottom) - 1))


def test_other_objects_count_only_without_cells() -> None:
    detector = Detector(made_models.yolox(), ModelDescription(labels=("person", "chair", "dog")))
    assert not _found(detector, ALL_CELLS)
    assert [item.kind for item in _found(detector, b"")] == [""]


def test_an_infrared_picture_has_no_colours(detector: Detector) -> None:
    (found,) = _found(detector, ALL_CELLS, jpeg((90, 90, 90)))
    assert (found.colours, found.histogram) == ((), b"")


def test_the_messages_survive_the_way_through_the_pipe() -> None:
    asked: list[Message] = [Detect("a", ALL_CELLS, b"jpeg", 0.25), Detect("b", b"", b"jpeg")]
    assert list(MessageReader(TO_OBJECTS).feed(b"".join(encode(item) for item in asked))) == asked
    one = Recognized("car", "vehicle", 0.5, (0.0, 0.1, 0.2, 0.3), ("red", "white"), bytes(range(192)) * 2)
    other = Recognized("chair", "", 0.4, (0.0, 0.0, 1.0, 1.0))
    answers: list[Message] = [
        Detected("a", 12.5, (other, one)),
        Detected("b", 0.0, ()),
        Loaded("yolox", 64, 32, 3),
        Refused("no"),
    ]
    assert list(MessageReader(FROM_OBJECTS).feed(b"".join(encode(item) for item in answers))) == answers


def test_a_hostile_answer_is_refused() -> None:
    valid = encode(Detected("a", 1.0, (Recognized("car", "vehicle", 0.5, (0.0, 0.0, 1.0, 1.0), ("red",)),)))
    for before, after in (
        (b'"vehicle"', b'"<script"'),
        (b'["red"]', b'["rad"]'),
        (b'"score":0.5', b'"score":7.5'),
        (b'"has_histogram":false', b'"has_histogram":true '),
    ):
        assert before in valid
        (answer,) = MessageReader(FROM_OBJECTS).feed(valid.replace(before, after))
        assert isinstance(answer, BadMessage)


@pytest.mark.slow
def test_the_app_starts_without_the_packages_of_the_detector() -> None:
    code = (
        "import sys; import object_manager, web.api.detector; "
        "sys.exit(sorted({'cv2', 'numpy', 'onnx', 'onnxruntime'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
