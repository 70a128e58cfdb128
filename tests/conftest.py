"""What holds for all tests."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in the main thread from then on."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
