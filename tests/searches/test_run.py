"""One search at work: how often it counts its results."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from searches.records import Search, SearchDraft, SearchKind, SearchState
from searches.run import SearchRun
from tests.hand_clock import HandClock

BOX = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))


def test_results_that_take_long_to_count_are_counted_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    draft = SearchDraft(1, 1, clock.now, clock.now + timedelta(days=31), BOX, SearchKind.MOVED)
    search = Search(1, None, "", draft, SearchState.RUNNING, clock.now)
    run = SearchRun(cast(Any, SimpleNamespace(clock=clock, replays=None)), search)
    counted: list[float] = []

    def count(_: object) -> tuple[()]:
        counted.append(clock.passed_s)
        clock.move(seconds=0.4)
        return ()

    monkeypatch.setattr("searches.hits.Hits.results", count)
    began_s = clock.passed_s
    while clock.passed_s < began_s + 20:
        run.note()
        clock.move(seconds=0.1)
    assert len(counted) == 3
    run.note(is_final=True)
    assert len(counted) == 4
