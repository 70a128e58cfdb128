"""The waits of tests last longer on a slow machine."""

from __future__ import annotations

import time

import pytest

from tests import patience
from tests.patience import promised_work, settled, until


def _pace(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Let the machine be slower than a quiet one by this factor."""
    monkeypatch.setattr(patience, "_work_s", lambda: factor * patience._QUIET_S)


def test_a_wait_lasts_longer_on_a_slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _pace(monkeypatch, 100)
    began_s = time.monotonic()
    until(lambda: time.monotonic() - began_s > 2, within_s=0.1)


def test_a_wait_ends_at_its_limit_on_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _pace(monkeypatch, 1)
    with pytest.raises(AssertionError, match="the moon did not come true"):
        until(lambda: False, within_s=0.01, what="the moon")


def test_a_value_that_never_stands_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _pace(monkeypatch, 1)
    monkeypatch.setattr(patience, "LIMIT_S", 0.01)
    with pytest.raises(AssertionError, match="it never stood still for 5 s"):
        settled(time.monotonic, 5)


def test_promised_work_counts_by_the_pace_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _pace(monkeypatch, 1)
    with pytest.raises(AssertionError, match=r"promised are 0\.02 s"), promised_work(0.02):
        _compute(0.1)
    _pace(monkeypatch, 100)
    with promised_work(0.02):
        _compute(0.1)


def _compute(for_s: float) -> None:
    began_s = time.thread_time()
    while time.thread_time() - began_s < for_s:
        pass
