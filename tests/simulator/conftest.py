"""A pretend recorder for each test file, and more of them on demand; all share one cache of clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulator.process import Simulator

Start = Callable[..., Simulator]


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir)
    yield simulator
    assert simulator.stop() == 0
    assert "Traceback" not in simulator.errors
    assert "Exception" not in simulator.errors


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """The recorder of the test file, without faults."""
    running.clear()
    return running


@pytest.fixture
def start(cache_dir: Path) -> Iterator[Start]:
    """Start another recorder; it ends with the test."""
    started: list[Simulator] = []

    def begin(*options: str, **more: str) -> Simulator:
        started.append(Simulator(cache_dir, *options, **more))
        return started[-1]

    yield begin
    for simulator in started:
        if simulator.process.stdout and not simulator.process.stdout.closed:
            simulator.kill()
