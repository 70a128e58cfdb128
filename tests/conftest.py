"""Fixtures and settings of all tests."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from core.allowed_addresses import allowed_addresses
from media.process import Spawner

# Property tests judge behaviour; a busy machine may take long to make an example.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("any machine"), max_examples=25)  # for `make check`
settings.load_profile("any machine")

allowed_addresses.allow_loopback(True)  # session fixtures connect before the fixture below runs


# `make test` hands whole files to several processes, in this order: a long file that begins last would end alone.
LONGEST = ("tests/browser", "tests/whole_app", "tests/sessions", "tests/simulator", "tests/media/rtsp", "tests/cameras")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders with the longest tests first."""

    def rank(item: pytest.Item) -> int:
        return next((place for place, folder in enumerate(LONGEST) if item.nodeid.startswith(folder)), len(LONGEST))

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Spell out what UTF-8 cannot hold: captured text travels between processes."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


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
