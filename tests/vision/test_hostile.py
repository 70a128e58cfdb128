"""Hostile bitstreams: the child answers `failed`, and the other channels go on."""

from __future__ import annotations

import random
from collections.abc import Iterator

import cv2
import numpy as np
import psutil
import pytest

from tests.patience import LIMIT_S
from tests.vision.child import Child, running_child
from tests.vision.encoded import EncodedUnit, encoded
from tests.vision.scenes import street
from tests.vision.watching import look_back
from vision.messages import (
    Began,
    BufferedUnit,
    Cost,
    Failed,
    LookBack,
    Open,
    RegionOpen,
    RegionPicture,
    Still,
    StillPicture,
    Unit,
    Watched,
    encode,
)

pytestmark = pytest.mark.slow

_GOOD, _BAD = "1:1", "2:1"


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with running_child() as running:
        running.send(Open(_GOOD, "h264", 0.001))
        yield running


@pytest.fixture(scope="module")
def good() -> tuple[EncodedUnit, ...]:
    return tuple(encoded([street()] * 4, gop=2))


def _survives(child: Child, good: tuple[EncodedUnit, ...], hostile: list[bytes], codec: str = "h264") -> None:
    """Check that the other channel is still watched, and that each hostile unit has an answer."""
    failed, watched = _answers(child, _BAD), _answers(child, _GOOD)
    child.send(Open(_BAD, codec, 0.001))
    for number, data in enumerate(hostile):
        child.send(Unit(_BAD, number, True, data))
    child.send(Unit(_GOOD, 1, True, good[0].data), Still(_GOOD))
    child.wait_for(StillPicture, 1 + len([a for a in child.answers if isinstance(a, StillPicture)]))
    assert _answers(child, _GOOD) == watched + 1
    assert _answers(child, _BAD) == failed + len(hostile)


def _answers(child: Child, key: str) -> int:
    return sum(isinstance(answer, Watched | Failed) and answer.key == key for answer in child.answers)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_random_bytes_harm_no_other_channel(child: Child, good: tuple[EncodedUnit, ...], codec: str) -> None:
    chance = random.Random(3)
    begins = [b"", b"\0\0\0\1\x65", b"\0\0\0\1\x67\x42\x00\x1e", b"\0\0\0\1\x26\x01", b"\0\0\0\1\x40\x01"]
    hostile = [chance.choice(begins) + chance.randbytes(chance.randint(1, 3000)) for _ in range(60)]
    _survives(child, good, hostile, codec)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_truncated_and_damaged_pictures_harm_no_other_channel(
    child: Child, good: tuple[EncodedUnit, ...], codec: str
) -> None:
    (whole, *_) = encoded([street()], codec=codec)
    chance = random.Random(4)
    hostile = [whole.data[: len(whole.data) * part // 12] for part in range(1, 12)]
    for _ in range(30):
        damaged = bytearray(whole.data)
        for _ in range(chance.randint(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        hostile.append(bytes(damaged))
    _survives(child, good, hostile, codec)


def test_pictures_of_many_sizes_harm_no_other_channel(child: Child, good: tuple[EncodedUnit, ...]) -> None:
    hostile = []
    for width, height in ((16, 16), (1920, 1080), (64, 480), (4096, 2160), (8192, 4320), (640, 360)):
        (unit, *_) = encoded([np.full((height, width), 90, np.uint8)])
        hostile.append(unit.data)
    _survives(child, good, hostile)
    too_large = [answer for answer in child.answers if isinstance(answer, Failed) and answer.time_ms == 4]
    assert too_large, "a picture of 8192 x 4320 is refused"


def test_a_key_frame_of_10_mb_harms_no_other_channel(child: Child, good: tuple[EncodedUnit, ...]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (2160, 3840)).astype(np.uint8)
    (unit, *_) = encoded([noise], crf=8)
    _survives(child, good, [unit.data, random.Random(1).randbytes(10_000_000)])
    assert len(unit.data) > 7_000_000


def test_hostile_units_of_looking_back_and_searching_are_answered(child: Child, good: tuple[EncodedUnit, ...]) -> None:
    for number in range(6):
        child.send(Unit(_GOOD, number, True, good[0].data))
    before = len(child.answers)
    data = random.Random(2).randbytes(5000)
    child.send(LookBack(_GOOD, 3, (BufferedUnit(1, True, 2000), BufferedUnit(2, False, 3000)), data))
    child.send(look_back(_GOOD, 3, good[1:]))
    child.send(RegionOpen("7", "h264", ((0, 0), (1, 0), (1, 1)), "moved"), RegionPicture("7", 3, data))
    child.send(Still(_GOOD))
    child.wait_for(StillPicture, 1 + sum(isinstance(answer, StillPicture) for answer in child.answers))
    answers = [a for a in child.answers[before:] if isinstance(a, Began) or (isinstance(a, Failed) and a.time_ms == 3)]
    assert len(answers) == 3


def test_an_invalid_message_is_answered_and_wrong_lengths_end_the_child() -> None:
    with running_child() as child:
        child.send_bytes(b"\0\0\0\2\0\0\0\0{}")
        assert child.wait_for(Failed)[0].reason == "bad_message"
        child.send_bytes(b"\xff" * 8)
        assert child.process.wait(LIMIT_S) == 2


def test_the_child_opens_no_file_and_tells_its_cost() -> None:
    with running_child("--cost-interval", "0.2") as child:
        child.send(Open(_GOOD, "h264", 0.001))
        cost = child.wait_for(Cost, 2)[-1]
        assert 20_000_000 < cost.rss_bytes < 200_000_000
        limits = _limits(child.process.pid)
        assert limits["Max open files"] == "0"
        assert limits["Max file size"] == "0"
        assert limits["Max address space"] == str(1 << 30)


def _limits(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/limits", encoding="ascii") as lines:  # noqa: PTH123 - a file of the kernel
        return {line[:26].strip(): line[26:].split()[0] for line in lines}


def test_64_channels_with_large_pictures_take_less_than_300_mb() -> None:
    large = np.asarray(cv2.resize(street(), (1920, 1080)), np.uint8)
    units = tuple(encoded([large, large], codec="h265", gop=1))
    with running_child() as child:
        for number in range(64):
            child.send(Open(f"1:{number}", "h265", 0.001))
            child.send(*(Unit(f"1:{number}", unit.time_ms, True, unit.data) for unit in units))
        child.wait_for(Watched, 2 * 64)
        assert psutil.Process(child.process.pid).memory_info().rss < 300_000_000


def test_65_channels_are_one_too_many() -> None:
    with running_child() as child:
        child.send_bytes(b"".join(encode(Open(f"1:{number}", "h264", 0.001)) for number in range(65)))
        (failed,) = child.wait_for(Failed)
        assert (failed.reason, failed.key) == ("too_many", "1:64")
