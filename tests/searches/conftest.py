"""Fixtures of the tests of searches: recorders of the simulator in every make, and a search manager over one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from media.process import Spawner
from tests.patience import until
from tests.searches.searched import SearchHarness
from tests.simulator.process import Makes


@pytest.fixture
def open_searches(recorders: Makes, tmp_path: Path, spawner: Spawner) -> Iterator[Callable[..., SearchHarness]]:
    """Return a function that opens a search manager over the recorder of a make."""
    opened: list[SearchHarness] = []

    def make(make: str = "conformant", **changed: Any) -> SearchHarness:
        recorder = recorders[make]
        until(lambda: recorder.get("/replay")["sessions"] == [], what="the end of earlier sessions")
        opened.append(SearchHarness(recorder, tmp_path / "data", spawner, **changed))
        return opened[-1]

    yield make
    for harness in opened:
        harness.stop()
        harness.recorder.clear()


@pytest.fixture
def searched(open_searches: Callable[..., SearchHarness]) -> SearchHarness:
    return open_searches()
