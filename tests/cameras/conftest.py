from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onvif_manager import OnvifManager
from tests.cameras.doubles import House
from tests.ipycam_peer import ipycam

__all__ = ["ipycam"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def manager(house: House) -> Iterator[OnvifManager]:
    with house.running() as running:
        yield running
