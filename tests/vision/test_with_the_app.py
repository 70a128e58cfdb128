"""The real child, started and spoken to by the app's own code."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from core.clock import SystemClock
from media.process import Spawner
from motion.child import ChildListener, VisionChild
from motion.records import ChildState
from tests.patience import until
from tests.vision.encoded import EncodedUnit, encoded
from tests.vision.scenes import street
from tests.vision.watching import look_back
from vision.messages import Began, Failed, FromChild, Message, Open, Still, StillPicture, Unit, Watched

pytestmark = pytest.mark.slow

_KEY = "1:1"


class _Heard(ChildListener):
    def __init__(self) -> None:
        self.messages: list[FromChild] = []
        self.starts = 0

    def on_message(self, message: FromChild) -> None:
        self.messages.append(message)

    def on_start(self) -> None:
        self.starts += 1

    def on_crash(self, key: str | None) -> None:
        pass

    def watched(self) -> list[Watched]:
        return [message for message in self.messages if isinstance(message, Watched)]

    def newest(self) -> FromChild | None:
        return self.messages[-1] if self.messages else None


@pytest.fixture
def heard() -> _Heard:
    return _Heard()


@pytest.fixture
def child(heard: _Heard) -> Iterator[VisionChild]:
    spawner = Spawner()
    spawner.start()
    child = VisionChild(spawner, SystemClock(), heard)
    child.start()
    until(lambda: child.view().state is ChildState.RUNNING)
    yield child
    child.stop()
    spawner.stop()


@pytest.fixture(scope="module")
def units() -> tuple[EncodedUnit, ...]:
    """Return six calm groups of pictures of 0.4 s, and three with an object that moves."""
    drawn = [street() for _ in range(54)]
    for number, picture in enumerate(drawn[36:]):
        picture[200:290, 100 + 12 * number : 150 + 12 * number] = 235
    return tuple(encoded(drawn, gop=6))


def _send(child: VisionChild, message: Message) -> None:
    until(lambda: child.send(message, len(message.body)), what="a place for the message")


def _send_keys(child: VisionChild, units: tuple[EncodedUnit, ...]) -> None:
    for unit in units:
        if unit.is_key:
            _send(child, Unit(_KEY, unit.time_ms, True, unit.data))


def test_a_movement_is_seen_looked_back_at_and_shown(
    child: VisionChild, heard: _Heard, units: tuple[EncodedUnit, ...]
) -> None:
    _send(child, Open(_KEY, "h264", 0.001))
    _send_keys(child, units)
    until(lambda: len(heard.watched()) == 9)
    assert [answer.is_moving for answer in heard.watched()] == [*[False] * 6, *[True] * 3]
    _send(child, look_back(_KEY, 2_400, units[30:]))
    until(lambda: isinstance(heard.newest(), Began))
    began = heard.newest()
    assert isinstance(began, Began)
    assert began.start_ms is not None
    assert 2_200 <= began.start_ms <= 2_600
    _send(child, Still(_KEY))
    until(lambda: isinstance(heard.newest(), StillPicture))


def test_a_killed_child_is_replaced_by_one_that_knows_nothing(
    child: VisionChild, heard: _Heard, units: tuple[EncodedUnit, ...]
) -> None:
    _send(child, Open(_KEY, "h264", 0.001))
    _send_keys(child, units)
    until(lambda: heard.watched())
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: heard.starts == 2)
    _send(child, Still(_KEY))
    until(lambda: heard.newest() == Failed("unknown_key", key=_KEY))
