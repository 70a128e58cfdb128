"""Concurrent callers share one running call; later callers start another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.single_flight import SingleFlight
from tests.patience import LIMIT_S, until


class SlowCall:
    """A call that runs until the test lets it go on."""

    def __init__(self, answer: Callable[[int], str]) -> None:
        self.count = 0
        self.started = threading.Event()
        self.go_on = threading.Event()
        self._answer = answer

    def __call__(self) -> str:
        self.count += 1
        self.started.set()
        assert self.go_on.wait(LIMIT_S)
        return self._answer(self.count)


def refuse(count: int) -> str:
    raise ValueError(f"call {count}")


def test_callers_during_a_call_get_its_result() -> None:
    flight, call = SingleFlight[str](), SlowCall(lambda count: f"result {count}")
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(flight.run, "key", call, wait_s=LIMIT_S)
        assert call.started.wait(LIMIT_S)
        others = [threads.submit(flight.run, "key", call, wait_s=LIMIT_S) for _ in range(4)]
        until(lambda: flight.waiting == 4)
        call.go_on.set()
        assert {future.result(LIMIT_S) for future in [first, *others]} == {"result 1"}
    assert call.count == 1
    assert flight.waiting == 0
    assert flight.run("key", call, wait_s=LIMIT_S) == "result 2"


def test_callers_during_a_failing_call_get_its_exception() -> None:
    flight, call = SingleFlight[str](), SlowCall(refuse)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flight.run, "key", call, wait_s=LIMIT_S)
        assert call.started.wait(LIMIT_S)
        second = threads.submit(flight.run, "key", call, wait_s=LIMIT_S)
        until(lambda: flight.waiting == 1)
        call.go_on.set()
        for future in (first, second):
            with pytest.raises(ValueError, match="call 1"):
                future.result(LIMIT_S)
    with pytest.raises(ValueError, match="call 2"):
        flight.run("key", call, wait_s=LIMIT_S)


def test_a_caller_waits_only_for_its_time_and_key() -> None:
    flight, call = SingleFlight[str](), SlowCall(lambda count: f"result {count}")
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(flight.run, "key", call, wait_s=LIMIT_S)
        assert call.started.wait(LIMIT_S)
        with pytest.raises(TimeoutError):
            flight.run("key", call, wait_s=0.01)
        assert flight.run("another key", lambda: "another result", wait_s=0.01) == "another result"
        call.go_on.set()
        assert first.result(LIMIT_S) == "result 1"
