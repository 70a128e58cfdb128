"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.allowed_addresses import allowed_addresses
from media.process import Spawner

allowed_addresses.allow_loopback(True)  # fixtures of a whole session connect before the one below


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in the main thread from then on."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def _devices_on_loopback() -> Iterator[None]:
    """The devices of the tests run on this machine; a test about the rule sets it itself."""
    allowed_addresses.allow_loopback(True)
    yield
    allowed_addresses.allow_loopback(True)


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()
