"""The limit of all waits in tests, and a measure for promised times. Other files hold no pace of a machine.

A wait ends as soon as its condition holds, so a large limit costs time only where a test fails anyway. `until` and
`settled` stretch their limits by the factor by which the machine is slower at the end of the limit than a quiet one.
A promise ("it stops within 5 s") is behaviour and stays as it is, but it is meant for a machine that is not
overloaded. `promised` therefore repeats a small fixed piece of work while the block runs, and stretches the
promise by the factor by which that work is slower than on a quiet machine, and by the time that the machine stood
still meanwhile.

`TEST_PATIENCE=3` multiplies every limit and every promise.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
LIMIT_S = 60.0 * PATIENCE  # for a condition that a quiet machine reaches within seconds
LONG_LIMIT_S = 3 * LIMIT_S  # for waits of browsers, which cannot ask how slow the machine is

_WORK = " ".join(str(number * number) for number in range(8_000)).encode()
_QUIET_S = 0.005  # duration of `_work_s` on an idle core of the machine on which the promises were measured
_REST_S, _LONG_SLOWNESS_REST_S = 0.05, 0.2  # between two pieces of work of `Slowness`
_SHORT_REST_S, _LONG_REST_S = 0.02, 0.2  # between two looks of `until`
_STANDSTILL_S = 0.25  # by which a rest lasts longer than asked for
_LEAST_MEASURES = 20


def until(
    claim: Callable[[], T],
    within_s: float = LIMIT_S,
    what: str = "the condition",
    rest: Callable[[float], object] = time.sleep,
) -> T:
    """Return the first true value of `claim()`; fail the test if there is none within `within_s`.

    The rests between two looks grow to 200 ms, since each look at a page or an app costs 5 ms of processor time. They
    are a tenth of the time waited so far, so that they make no wait much longer.
    """
    began_s = time.monotonic()
    limit = _Limit(within_s)
    while not (value := claim()):
        waited_s = time.monotonic() - began_s
        assert not limit.is_over(waited_s), f"{what} did not come true within {waited_s:.0f} s"
        rest(min(max(_SHORT_REST_S, waited_s / 10), _LONG_REST_S))
    return value


class _Limit:
    """A limit that a slow machine stretches. It measures the pace only after the limit of a quiet one."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._took_s: list[float] = []

    def is_over(self, waited_s: float) -> bool:
        if waited_s < self._within_s:
            return False
        self._took_s.append(_work_s())
        if len(self._took_s) < _LEAST_MEASURES:
            return False
        return waited_s >= self._within_s * _factor(self._took_s)


def stays(claim: Callable[[], object], for_s: float) -> None:
    """Fail the test if `claim()` becomes false within `for_s`. A slow machine looks less often, never wrongly."""
    ends_s = time.monotonic() + for_s
    while time.monotonic() < ends_s:
        assert claim(), f"it did not stay so for {for_s:g} s"
        time.sleep(0.02)


def settled(value: Callable[[], T], for_s: float = 1.0, rest: Callable[[float], object] = time.sleep) -> T:
    """Return the value once it has stood still for `for_s`; fail the test if it never does."""
    began_s, limit = time.monotonic(), _Limit(LIMIT_S)
    last, since_s = value(), time.monotonic()
    while time.monotonic() - since_s < for_s:
        assert not limit.is_over(time.monotonic() - began_s), f"it never stood still for {for_s:g} s"
        rest(min(max(_SHORT_REST_S, for_s / 8), _LONG_REST_S))
        if (now := value()) != last:
            last, since_s = now, time.monotonic()
    return last


@contextmanager
def promised(within_s: float) -> Iterator[None]:
    """Fail the test if the block takes longer than `within_s` on a quiet machine."""
    with Slowness() as machine:
        began_s = time.monotonic()
        yield
        took_s = time.monotonic() - began_s
    _assert_kept(took_s, within_s, machine.allowed_s(within_s))


@contextmanager
def promised_median(within_s: float) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Measure several blocks with the yielded function; fail the test if their median exceeds `within_s`.

    For a promise about every action of a kind: a pause of the machine delays one of them, a slow product all of them.
    """
    took_s: list[float] = []

    @contextmanager
    def measured() -> Iterator[None]:
        began_s = time.monotonic()
        yield
        took_s.append(time.monotonic() - began_s)

    with Slowness() as machine:
        yield measured
    _assert_kept(statistics.median(took_s), within_s, within_s * machine.factor())


@contextmanager
def promised_work(within_s: float) -> Iterator[None]:
    """Fail the test if this thread computes for longer in the block than `within_s` of a quiet machine."""
    with Slowness() as machine:
        began_s = time.thread_time()
        yield
        took_s = time.thread_time() - began_s
    _assert_kept(took_s, within_s, within_s * machine.factor())


def _assert_kept(took_s: float, within_s: float, allowed_s: float) -> None:
    allowed_s *= PATIENCE
    assert took_s < allowed_s, f"{took_s:.2f} s, promised are {within_s:g} s, here {allowed_s:.2f} s"


class Slowness:
    """Measures in a thread how much slower this machine is at the moment than a quiet one."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._took_s = [_work_s()]
        self.stood_still_s = 0.0  # so far
        self._thread = threading.Thread(target=self._measure, name="slowness", daemon=True)

    def factor(self) -> float:
        """1.0 on a quiet machine, or on a faster one."""
        return _factor(self._took_s)

    def allowed_s(self, within_s: float) -> float:
        """Return how long one action may take now that takes `within_s` on a quiet machine.

        For the median of several actions the factor is enough.
        """
        return within_s * self.factor() + self.stood_still_s

    def __enter__(self) -> Slowness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _measure(self) -> None:
        began_s = time.monotonic()
        rest_s = _REST_S
        while not self._is_over.wait(rest_s):
            longer_s = time.monotonic() - began_s - rest_s
            if longer_s > _STANDSTILL_S:
                self.stood_still_s += longer_s
            self._took_s.append(_work_s())
            rest_s = min(1.1 * rest_s, _LONG_SLOWNESS_REST_S)
            began_s = time.monotonic()


def _factor(took_s: list[float]) -> float:
    """1.0 on a quiet machine, or on a faster one."""
    return max(1.0, statistics.fmean(took_s) / _QUIET_S)


def _work_s() -> float:
    """Compress a text. zlib releases the interpreter's lock meanwhile, so other threads of the test continue."""
    began_s = time.perf_counter()
    zlib.compress(_WORK, 6)
    return time.perf_counter() - began_s
