"""A package that is made once, and copies of it to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.evidence.packaging import MadePackage, Packaging, made_package, package_of_two_formats
from tests.exports.exporting import decodable_recorder, recorder_of


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> MadePackage:
    """The files are read only."""
    return made_package(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="session")
def two_formats(tmp_path_factory: pytest.TempPathFactory) -> MadePackage:
    """The files are read only."""
    return package_of_two_formats(tmp_path_factory.mktemp("two_formats"))


@pytest.fixture
def copied(package: MadePackage, tmp_path: Path) -> Path:
    """A copy to change."""
    return package.copied(tmp_path / "copy")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Packaging]]:
    """Make packagings over recorders with small frames, each in a new folder unless one is given."""
    made: list[Packaging] = []

    def of(
        spans: list[tuple[float, float]],
        folder: Path | None = None,
        *,
        decodable: bool = False,
        min_free_bytes: int = 0,
    ) -> Packaging:
        recorder = decodable_recorder(spans) if decodable else recorder_of(spans)
        made.append(Packaging(folder or tmp_path / f"data{len(made)}", recorder, min_free_bytes))
        return made[-1]

    yield of
    for packaging in made:
        packaging.close()
