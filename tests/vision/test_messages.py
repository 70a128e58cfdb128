"""Messages of the pipe: each one survives the way there, and hostile bytes are refused."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.project_files import ROOT
from vision.messages import (
    CELL_BYTES,
    FROM_CHILD,
    MOST_BODY_BYTES,
    MOST_HEADER_BYTES,
    TO_CHILD,
    BadFrame,
    BadMessage,
    Began,
    Blob,
    BufferedUnit,
    Cost,
    Failed,
    Forget,
    LookBack,
    Message,
    MessageReader,
    Open,
    Region,
    RegionClose,
    RegionCompare,
    RegionOpen,
    RegionPair,
    RegionPicture,
    Still,
    StillPicture,
    Unit,
    Watched,
    Zone,
    encode,
)

TRIANGLE = ((0.0, 0.0), (1.0, 0.25), (0.5, 1.0))
CELLS = bytes(range(CELL_BYTES))
BLOB = Blob((0.25, 0.5, 0.125, 0.25), (0.3125, 0.75), 0.03125, (2,))

MESSAGES_TO_CHILD: list[Message] = [
    Open("1:2", "h265", 0.001, (Zone(2, "gate", "alert", TRIANGLE),), every_picture=True),
    Unit("1:2", 1_790_000_000_000, True, b"\0\0\0\1\x67"),
    LookBack("1:2", 4000, (BufferedUnit(2000, True, 3), BufferedUnit(2066, False, 2)), b"abcde"),
    Forget("1:2"),
    Still("1:2"),
    RegionOpen("7", "h264", TRIANGLE, "moved"),
    RegionPicture("7", -5, b"x", is_after_gap=True),
    RegionPicture("7", 5, b"x", probe_ms=9),
    RegionCompare("7", 9, 10),
    RegionClose("7"),
]
MESSAGES_FROM_CHILD: list[Message] = [
    Watched("1:2", 4000, 0.25, (BLOB,), (1, 2), (2,), False, True, CELLS),
    Watched("1:2", 4000, 0.0, (), (), (), False, False, CELLS, "left", is_settling=True),
    Began("1:2", 3200, 4000),
    Began("1:2", None, 4000),
    StillPicture("1:2", 4000, CELLS, b"\xff\xd8"),
    Region("7", 5, 0.5, 20.5, False, CELLS, b"\xff\xd8"),
    Region("7", 5, 0.0, 0.0, True, CELLS),
    RegionPair("7", 9, 10, 0.125),
    Cost(1.5, 10.0, 80, 90_000_000, skips=True),
    Failed("decoder", key="1:2", time_ms=4000),
    Failed("too_many", id="7"),
]


def _frame(header: object, body: bytes = b"") -> bytes:
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">II", len(data), len(body)) + data + body


def _read(data: bytes) -> list[object]:
    return list(MessageReader(TO_CHILD).feed(data))


def test_each_message_to_the_child_arrives_as_it_was_sent() -> None:
    assert _read(b"".join(map(encode, MESSAGES_TO_CHILD))) == MESSAGES_TO_CHILD
    assert {message.type for message in MESSAGES_TO_CHILD} == set(TO_CHILD)


def test_each_message_from_the_child_arrives_as_it_was_sent() -> None:
    found = list(MessageReader(FROM_CHILD).feed(b"".join(map(encode, MESSAGES_FROM_CHILD))))
    assert found == MESSAGES_FROM_CHILD
    assert {message.type for message in MESSAGES_FROM_CHILD} == set(FROM_CHILD)


def test_messages_arrive_in_pieces_of_any_size() -> None:
    data = b"".join(map(encode, MESSAGES_TO_CHILD))
    for size in (1, 7, 100):
        reader = MessageReader(TO_CHILD)
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert [message for piece in pieces for message in reader.feed(piece)] == MESSAGES_TO_CHILD


def test_lengths_over_the_bounds_end_the_pipe() -> None:
    for lengths in ((MOST_HEADER_BYTES + 1, 0), (2, MOST_BODY_BYTES + 1), (2**32 - 1, 2**32 - 1)):
        with pytest.raises(BadFrame):
            _read(struct.pack(">II", *lengths))


def test_a_message_over_the_bounds_is_not_sent() -> None:
    with pytest.raises(BadMessage):
        encode(Unit("1", 0, True, bytes(MOST_BODY_BYTES + 1)))


OPEN: dict[str, Any] = {"type": "open", **Open("1", "h264", 0.001, (Zone(1, "a", "watch", TRIANGLE),)).header()}
UNIT: dict[str, Any] = {"type": "unit", "key": "1", "time_ms": 0, "is_key": True}
ZONE: dict[str, Any] = {"id": 1, "name": "a", "kind": "watch", "points": [[0, 0], [1, 0], [1, 1]]}
BACK: dict[str, Any] = {"type": "look_back", "key": "1", "start_ms": 0, "units": [[0, True, 1]]}
PICTURE: dict[str, Any] = {"type": "region_picture", "id": "7", "time_ms": 0, "is_after_gap": False, "probe_ms": None}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"", b""),
        (b"\xff\xfe", b""),
        (b"[" * 100_000, b""),
        (b'{"type": "forget", "key": ' + b"9" * 5000 + b"}", b""),
        ([], b""),
        ({}, b""),
        ({"type": ["open"]}, b""),
        ({"type": "watched"}, CELLS),
        ({"type": "forget"}, b""),
        ({"type": "forget", "key": ""}, b""),
        ({"type": "forget", "key": "k" * 65}, b""),
        ({"type": "forget", "key": "1"}, b"body"),
        ({**OPEN, "codec": "mpeg4"}, b""),
        ({**OPEN, "sensitivity": 0}, b""),
        ({**OPEN, "sensitivity": True}, b""),
        ({**OPEN, "sensitivity": float("nan")}, b""),
        ({**OPEN, "sensitivity": float("inf")}, b""),
        ({**OPEN, "every_picture": 1}, b""),
        ({**OPEN, "zones": {}}, b""),
        ({**OPEN, "zones": [ZONE] * 17}, b""),
        ({**OPEN, "zones": [{**ZONE, "kind": "other"}]}, b""),
        ({**OPEN, "zones": [{**ZONE, "points": [[0, 0], [1, 1]]}]}, b""),
        ({**OPEN, "zones": [{**ZONE, "points": [[0, 0]] * 33}]}, b""),
        ({**OPEN, "zones": [{**ZONE, "points": [[0, 0], [1, 1], [0, 1.5]]}]}, b""),
        ({**OPEN, "zones": [{**ZONE, "points": [[0, 0], [1, 1], "ab"]}]}, b""),
        (UNIT, b""),
        ({**UNIT, "time_ms": 1.5}, b"x"),
        ({**UNIT, "time_ms": 2**60}, b"x"),
        ({**UNIT, "is_key": None}, b"x"),
        (BACK, b"xy"),
        ({**BACK, "units": []}, b"x"),
        ({**BACK, "units": [[0, True]]}, b"x"),
        ({**BACK, "units": [[0, True, -1], [0, True, 2]]}, b"x"),
        ({**BACK, "units": [[0, True, 1]] * 4097}, b"x" * 4097),
        ({**PICTURE, "probe_ms": "a"}, b"x"),
        (PICTURE, b""),
    ],
)
def test_an_invalid_message_is_refused_and_the_next_one_is_read(header: object, body: bytes) -> None:
    bad, good = _read(_frame(header, body) + encode(Still("1")))
    assert isinstance(bad, BadMessage)
    assert good == Still("1")


@pytest.mark.parametrize(
    "message",
    [
        Watched("1", 0, 0.0, (BLOB,) * 33, (), (), False, True, CELLS),
        Watched("1", 0, 0.0, (), (), (), False, True, CELLS[1:]),
        Watched("1", 0, 1.5, (), (), (), False, True, CELLS),
        Watched("1", 0, 0.0, (), (), (), False, True, CELLS, "sleeps"),
        Watched("1", 0, 0.0, (Blob((0, 0, 2, 0), (0, 0), 0),), (), (), False, True, CELLS),
        StillPicture("1", 0, b"", b"\xff\xd8"),
        StillPicture("1", 0, CELLS, b""),
        Region("7", 0, 0.0, 300.0, False, CELLS),
        Region("7", 0, 0.0, 0.0, False, CELLS[1:]),
        RegionPair("7", 0, 0, -0.5),
        Cost(-1.0, 0.0, 0, 0),
        Failed("<script>"),
    ],
)
def test_invalid_answers_of_a_child_are_refused(message: Message) -> None:
    (bad,) = MessageReader(FROM_CHILD).feed(encode(message))
    assert isinstance(bad, BadMessage)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_random_bytes_never_become_a_message_or_another_error(pieces: list[bytes]) -> None:
    reader = MessageReader(TO_CHILD)
    try:
        found = [message for piece in pieces for message in reader.feed(piece)]
    except BadFrame:
        return
    assert all(isinstance(message, BadMessage) for message in found)


def test_the_app_gets_no_third_party_package_by_the_messages() -> None:
    script = "import sys, vision.messages; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    found = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    outside = set(found.stdout.split()) - sys.stdlib_module_names - {"vision", "__main__", "distutils-precedence"}
    assert {name for name in outside if not name.startswith(("_", "sitecustomize"))} == set()
