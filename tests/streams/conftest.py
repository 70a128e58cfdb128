"""Fixtures of the stream tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from media.process import Spawner


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()
