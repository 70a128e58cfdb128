from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.ipycam_peer import ipycam

__all__ = ["ipycam"]


@pytest.fixture
def harness(tmp_path: Path) -> CameraHarness:
    return CameraHarness(tmp_path)


@pytest.fixture
def manager(harness: CameraHarness) -> Iterator[OnvifManager]:
    with harness.running() as running:
        yield running
