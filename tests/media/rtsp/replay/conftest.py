"""Fixtures of the replay tests: recorders of the simulator in every make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.patience import until
from tests.simulator.process import Makes, Simulator


@pytest.fixture
def recorder(recorders: Makes) -> Iterator[Simulator]:
    conformant = recorders["conformant"]
    until(lambda: conformant.get("/replay")["sessions"] == [], what="the end of earlier sessions")
    yield conformant
    conformant.clear()
