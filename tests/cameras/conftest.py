from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cameras.connecting import Pace
from core.settings import Settings
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.ipycam_peer import ipycam
from tests.onvif_services.soap_device import SoapDevice

__all__ = ["ipycam"]


@pytest.fixture
def harness(tmp_path: Path) -> CameraHarness:
    return CameraHarness(tmp_path)


@pytest.fixture
def real(harness: CameraHarness) -> CameraHarness:
    """A harness whose devices are reached over ONVIF, with the app's own time limit for a call."""
    harness.is_real = True
    harness.settings = replace(harness.settings, device_timeout_s=Settings().device_timeout_s)
    harness.pace = Pace(check_s=0.3, first_retry_s=0.2, longest_retry_s=0.5, save_again_s=0.0)
    return harness


@pytest.fixture
def device() -> Iterator[SoapDevice]:
    made = SoapDevice()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def manager(harness: CameraHarness) -> Iterator[OnvifManager]:
    with harness.running() as running:
        yield running
