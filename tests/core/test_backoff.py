"""Waits between tries: they grow, are jittered, and become short again after a healthy time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.backoff import Backoff, growing_wait_s, jittered


def exact(wait_s: float) -> float:
    return wait_s


def backoff(breaks_after: int | None = None) -> Backoff:
    return Backoff(first_s=0.5, longest_s=30.0, healthy_after_s=60.0, breaks_after=breaks_after, jitter=exact)


def test_waits_double_up_to_the_longest() -> None:
    tried = backoff()
    assert [tried.failed_after(0.0) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert not tried.is_broken


def test_after_several_failures_in_a_row_it_breaks_and_waits_longest() -> None:
    tried = backoff(breaks_after=4)
    assert [tried.failed_after(0.0) for _ in range(5)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert tried.is_broken


def test_a_healthy_try_makes_earlier_failures_forgotten() -> None:
    tried = backoff(breaks_after=4)
    for _ in range(10):
        tried.failed_after(5.0)
    assert tried.failed_after(60.0) == 0.5
    assert not tried.is_broken


def test_forget_begins_with_the_first_wait_again() -> None:
    tried = backoff()
    tried.failed_after(0.0)
    tried.failed_after(0.0)
    tried.forget()
    assert tried.failed_after(0.0) == 0.5


@given(st.integers(0, 10**6))
def test_many_failures_overflow_nothing(failures: int) -> None:
    assert 2.0 <= growing_wait_s(failures, 2.0, 60.0) <= 60.0


def test_a_jittered_wait_stays_near_the_wait() -> None:
    waits = [jittered(100.0) for _ in range(200)]
    assert all(75.0 <= wait_s <= 125.0 for wait_s in waits)
    assert len(set(waits)) > 100
    assert all(100.0 <= jittered(100.0, 1.0, 1.1) <= 110.0 for _ in range(50))
