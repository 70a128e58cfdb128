"""Web servers that fail at several requests at a time: in which cases a request is repeated."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.message import Message

import pytest

from core.errors import DeviceError
from onvif_services.faults import ConnectionRefused, NoAnswer, NotSent
from onvif_services.http_answer import HttpAnswer
from onvif_services.slots import CallSlots
from onvif_services.weak_servers import RepeatedRequests
from tests.media.recording import HandClock
from tests.patience import LIMIT_S, until

pytestmark = pytest.mark.usefixtures("short_pauses")
ANSWER = HttpAnswer(200, Message(), b"<Envelope><Body/></Envelope>")
BUSY = HttpAnswer(503, Message(), b"<html>busy</html>")


class _Server:
    """Fails as often as `failures` has entries, then answers."""

    def __init__(self, *failures: DeviceError | HttpAnswer) -> None:
        self.failures = list(failures)
        self.calls = 0
        self.clock = HandClock()
        self.slots = CallSlots(self.clock)
        self.repeated = RepeatedRequests(
            self.slots, threading.Event(), is_proven=lambda: True, on_cut=lambda: self.notes.append("weak")
        )
        self.notes: list[str] = []

    def call(self) -> HttpAnswer:
        self.calls += 1
        failure = self.failures.pop(0) if self.failures else ANSWER
        if isinstance(failure, DeviceError):
            raise failure
        return failure

    def send(self, *, runs_once: bool = False) -> HttpAnswer:
        return self.repeated.send(self.call, time.monotonic() + LIMIT_S, runs_once=runs_once)

    def fits(self) -> int:
        """Return the number of requests that may be under way together."""
        with ExitStack() as held:
            for number in range(10):
                try:
                    held.enter_context(self.slots.taking(time.monotonic()))
                except NotSent:
                    return number
        return 10

    @contextmanager
    def beside_another(self) -> Iterator[None]:
        """Hold another request until the failure of this one has been judged."""
        begun, judged = threading.Event(), threading.Event()

        def other() -> HttpAnswer:
            begun.set()
            until(lambda: self.repeated.is_serial or judged.is_set())
            return ANSWER

        thread = threading.Thread(target=lambda: self.repeated.send(other, time.monotonic() + LIMIT_S))
        thread.start()
        assert begun.wait(LIMIT_S)
        yield
        judged.set()
        thread.join(LIMIT_S)


def test_a_connection_that_is_refused_beside_another_is_repeated() -> None:
    server = _Server(ConnectionRefused("refused"), ConnectionRefused("refused"))
    with server.beside_another():
        assert server.send() is ANSWER
    assert server.repeated.is_serial
    assert server.notes == ["weak"]


def test_a_connection_that_is_refused_alone_is_not_repeated() -> None:
    server = _Server(ConnectionRefused("refused"))
    with pytest.raises(ConnectionRefused):
        server.send()
    assert (server.calls, server.repeated.is_serial) == (1, False)


def test_two_silences_beside_other_requests_end_parallel_requests() -> None:
    server = _Server(*(NoAnswer("silent") for _ in range(2)))
    with server.beside_another():
        with pytest.raises(NoAnswer):
            server.send()
        assert not server.repeated.is_serial, "one request may be slow by itself"
        with pytest.raises(NoAnswer):
            server.send()
    assert (server.calls, server.repeated.is_serial) == (2, True)


def test_an_answer_beside_another_request_excuses_an_earlier_silence() -> None:
    server = _Server(NoAnswer("silent"))
    with server.beside_another():
        for failure in (NoAnswer("silent"), ANSWER, NoAnswer("silent")):
            server.failures = [failure]
            if failure is ANSWER:
                server.send()
                continue
            with pytest.raises(NoAnswer):
                server.send()
        assert not server.repeated.is_serial


def test_a_weak_web_server_gets_more_requests_again_after_a_while() -> None:
    """The device was short of breath once; it must not be slow for months because of that."""
    server = _Server()
    assert server.fits() == 4
    server.slots.serialize()
    assert server.fits() == 1
    for more in (2, 4):
        server.clock.seconds += 599
        assert server.fits() < more
        server.clock.seconds += 2
        assert server.fits() == more
    server.slots.serialize()
    server.slots.serialize()
    server.clock.seconds += 1199
    assert server.fits() == 1, "the second time lasts longer"
    server.clock.seconds += 2
    assert server.fits() == 2


def test_silence_alone_says_nothing_about_parallel_requests() -> None:
    server = _Server(NoAnswer("silent"))
    with pytest.raises(NoAnswer):
        server.send()
    assert not server.repeated.is_serial


def test_a_busy_server_is_asked_at_most_three_times() -> None:
    assert _Server(BUSY).send() is ANSWER
    assert _Server(BUSY, BUSY, BUSY).send() is BUSY
    with_fault = HttpAnswer(503, Message(), ANSWER.body)
    assert _Server(with_fault).send() is with_fault


def test_a_command_that_acts_twice_is_not_repeated_at_a_busy_server() -> None:
    server = _Server(BUSY)
    assert server.send(runs_once=True) is BUSY
    assert server.calls == 1


def test_a_web_server_that_needs_a_longer_pause_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    server = _Server(*(NoAnswer("cut", is_cut=True) for _ in range(3)))
    monkeypatch.setattr(server.repeated._closed, "wait", pauses.append)
    server.repeated._serialize()
    with pytest.raises(NoAnswer):
        server.send()
    server.failures = [NoAnswer("cut", is_cut=True)]
    assert server.send() is ANSWER
    assert pauses == pytest.approx([0.01, 0.03, 0.03])


def test_a_request_that_gets_no_turn_was_not_sent() -> None:
    """It is one without an answer: other channels must not fail because of it."""
    slots = CallSlots(HandClock())
    slots.serialize()
    with slots.taking(time.monotonic() + LIMIT_S), pytest.raises(NotSent), slots.taking(time.monotonic()):
        pass
    assert issubclass(NotSent, NoAnswer)
