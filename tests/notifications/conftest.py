"""Fixtures that tests of notifications share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notifications.receivers import Authority, Receiver, make_authority, web_server
from tests.notifications.telling import Telling, running


@pytest.fixture
def telling(tmp_path: Path) -> Iterator[Telling]:
    with running(tmp_path) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with web_server() as made:
        yield made


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))
