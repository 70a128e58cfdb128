from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ptz.bench import PtzBench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PtzBench]:
    """The PTZ manager over the real camera manager, with one camera of two channels."""
    made = PtzBench(tmp_path)
    with made.running():
        yield made
