"""Fixtures of the tests of pictures: recorders of the simulator in every make, and a picture manager over one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from media.process import Spawner
from tests.patience import until
from tests.pictures.simulated_camera import PicturesHarness
from tests.simulator.process import Makes


@pytest.fixture
def open_pictures(recorders: Makes, tmp_path: Path, spawner: Spawner) -> Iterator[Callable[..., PicturesHarness]]:
    """Return a function that opens a picture manager over the recorder of a make."""
    opened: list[PicturesHarness] = []

    def make(make: str = "conformant", **changed: Any) -> PicturesHarness:
        recorder = recorders[make]
        until(lambda: recorder.get("/replay")["sessions"] == [], what="the end of earlier sessions")
        opened.append(PicturesHarness(recorder, tmp_path / "data", spawner, **changed))
        return opened[-1]

    yield make
    for harness in opened:
        harness.stop()
        harness.recorder.clear()


@pytest.fixture
def pictures(open_pictures: Callable[..., PicturesHarness]) -> PicturesHarness:
    return open_pictures()
