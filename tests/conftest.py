"""Fixtures and settings of all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.allowed_addresses import allowed_addresses
from media.process import Spawner

allowed_addresses.allow_loopback(True)  # session fixtures connect before the fixture below runs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright's event loop stays in the main thread once it has started."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def _devices_on_loopback() -> Iterator[None]:
    """Allow devices on loopback, where the devices of the tests run. Tests of the rule change it themselves."""
    allowed_addresses.allow_loopback(True)
    yield
    allowed_addresses.allow_loopback(True)


@pytest.fixture
def spawner() -> Iterator[Spawner]:
    spawner = Spawner()
    spawner.start()
    yield spawner
    spawner.stop()
