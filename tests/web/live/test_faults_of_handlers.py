"""An exception in the handler of one live socket leaves the other sockets alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from core.access import LOCAL, Principal
from tests.hand_clock import HandClock
from tests.patience import until
from tests.web.live.live_peer import Channels, opened
from web.live.sockets import Sockets


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets(80, HandClock(), tick_s=0.02)
    made.start()
    yield made
    made.stop()


def test_a_handler_that_fails_does_not_end_the_ticks(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[str] = []

    def fail() -> None:
        ticks.append("failing")
        raise RuntimeError("can't start new thread")

    with opened(sockets, Channels({}).backend()) as first, opened(sockets, Channels({}).backend()) as second:
        monkeypatch.setattr(first.handler, "on_tick", fail)
        monkeypatch.setattr(second.handler, "on_tick", lambda: ticks.append("other"))
        until(lambda: min(ticks.count("failing"), ticks.count("other")) >= 3)


def test_a_login_check_that_cannot_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, checks = HandClock(), list[str]()
    sockets = Sockets(80, clock, tick_s=0.02)
    work = sockets.work

    def fail_once(job: Callable[[], None]) -> None:
        checks.append("failed" if not checks else "checked")
        if len(checks) == 1:
            raise RuntimeError("can't start new thread")
        work(job)

    def who() -> Principal:
        checks.append("answered")
        return LOCAL

    monkeypatch.setattr(sockets, "work", fail_once)
    sockets.start()
    with contextlib.ExitStack() as stack:
        stack.callback(sockets.stop)
        stack.enter_context(opened(sockets, Channels({}, who).backend()))

        def is_answered() -> bool:
            clock.move(seconds=60)
            return "answered" in checks

        until(is_answered)
    assert checks[:3] == ["failed", "checked", "answered"]


def test_a_handler_learns_of_its_end_although_others_cannot(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def fail(handler: object) -> None:
        ended.append("forget")
        raise RuntimeError("can't start new thread")

    with opened(sockets, Channels({}).backend()) as peer:
        monkeypatch.setattr(sockets, "forget", fail)
        monkeypatch.setattr(peer.handler, "on_closed", lambda: ended.append("handler"))
        peer.sock.close()
        until(lambda: ended == ["handler", "forget"])
        monkeypatch.undo()
