"""When the temporary files of a test run go into memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests import memory_folder

MUCH, LITTLE = "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n", "MemAvailable: 900000 kB\n"


@pytest.fixture
def meminfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the test has enough free space."""
    monkeypatch.setattr(memory_folder, "NEEDED_BYTES", 1_000_000_000)
    return tmp_path / "meminfo"


@pytest.mark.parametrize(("text", "is_used"), [(MUCH, True), (LITTLE, False), ("MemTotal: 9000000 kB\n", False)])
def test_files_go_into_memory_if_enough_is_free(meminfo: Path, text: str, is_used: bool) -> None:
    meminfo.write_text(text)
    assert memory_folder.suits(meminfo.parent, meminfo) == is_used


def test_a_missing_folder_is_not_used(meminfo: Path) -> None:
    meminfo.write_text(MUCH)
    assert not memory_folder.suits(meminfo.parent / "none", meminfo)
    assert not memory_folder.suits(meminfo.parent, meminfo.parent / "none")


def test_the_folder_that_the_user_has_chosen_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_folder, "suits", lambda _folder: True)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    memory_folder.use_memory()
    assert tempfile.gettempdir() == str(tmp_path)
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(memory_folder, "MEMORY", tmp_path / "memory")
    memory_folder.use_memory()
    assert tempfile.gettempdir() == str(tmp_path / "memory")
