"""Fixtures of the replay tests: recorders of the simulator in every make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import until
from tests.simulator.process import Makes, Simulator


@pytest.fixture(scope="session")  # files of other packages run between those of this one
def recorders(cache_dir: Path) -> Iterator[Makes]:
    started = Makes(cache_dir, channels=4)
    yield started
    started.stop()


@pytest.fixture
def recorder(recorders: Makes) -> Iterator[Simulator]:
    conformant = recorders["conformant"]
    until(lambda: conformant.get("/replay")["sessions"] == [], what="the end of earlier sessions")
    yield conformant
    conformant.clear()
