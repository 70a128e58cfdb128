"""A recording on one volume, an archive with files of generated sizes, and two nodes on one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive import volume as volume_module
from database import Database
from tests.archive.nodes import ArchiveNode, Network
from tests.archive.recording import Recording
from tests.archive.stored import StoredArchive
from tests.placement.nodes import add_cameras
from tests.prepared_database import prepared_database


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    made = Recording(tmp_path)
    yield made
    made.close()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., StoredArchive]]:
    made: list[StoredArchive] = []

    def build(**options: int) -> StoredArchive:
        archive = StoredArchive(tmp_path, **options)
        monkeypatch.setattr(volume_module, "_space", archive.disks.space)
        made.append(archive)
        return archive

    yield build
    for archive in made:
        archive.close()


@pytest.fixture
def archive(make: Callable[..., StoredArchive]) -> StoredArchive:
    return make()


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    add_cameras(made, 1)
    yield made
    made.close()


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def north(tmp_path: Path, database: Database, network: Network) -> Iterator[ArchiveNode]:
    made = ArchiveNode("north", tmp_path / "north", database, network)
    yield made
    made.close()


@pytest.fixture
def south(tmp_path: Path, database: Database, network: Network, north: ArchiveNode) -> Iterator[ArchiveNode]:
    made = ArchiveNode("south", tmp_path / "south", database, network)
    made.knows(north)
    yield made
    made.close()
