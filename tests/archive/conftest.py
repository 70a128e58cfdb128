"""A recording on one volume, and an archive with files of generated sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive import volume as volume_module
from tests.archive.recording import Recording
from tests.archive.stored import StoredArchive


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
