"""Encoded scenes, shared by the tests of a process: encoding costs more than watching."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.vision.encoded import Scene, scene


@pytest.fixture(scope="session")
def scene_of() -> Callable[[str], Scene]:
    """Return the scene with a name, a minute long."""
    return cache(lambda name: scene(name))
