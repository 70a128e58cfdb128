"""The command `python -m evidence.verify`: it tells each change of a package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from evidence import check
from evidence.check import FolderFiles, check_package
from evidence.verify import CANNOT_CHECK, CHANGED, OTHER_KEY, UNCHANGED, main
from tests.evidence.packaging import MadePackage
from tests.evidence.tampering import TAMPERINGS, VIDEO, Tampering, bury, flip, replace_file, sign_with_another_key
from tests.project_files import ROOT


def fingerprint(package: MadePackage) -> str:
    return check_package(FolderFiles(package.folder)).fingerprint


def test_an_unchanged_package_passes_as_folder_and_zip(
    package: MadePackage, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (package.folder, package.archive):
        assert main([str(place), "--fingerprint", fingerprint(package)]) == UNCHANGED
        assert capsys.readouterr().out.startswith("Unchanged since export by Anna <b>, 20")


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda one: one.name)
def test_a_change_is_told(tampering: Tampering, copied: Path) -> None:
    tampering.change(copied)
    kind, path, text = tampering.finding
    findings = check_package(FolderFiles(copied)).findings
    assert any(it.kind == kind and it.path == path and text in it.text for it in findings), findings
    assert main([str(copied)]) == CHANGED


def test_a_flipped_bit_is_all_that_differs(copied: Path) -> None:
    flip(copied / VIDEO, 20_000_000)
    (finding,) = check_package(FolderFiles(copied)).findings
    assert finding.text == ("This file was changed in piece 2 of 3, which shows 2026-09-21 14:13:49 to 14:14:18 UTC.")


def test_a_flipped_bit_in_the_zip_is_told(package: MadePackage, tmp_path: Path) -> None:
    archive = tmp_path / "changed.zip"
    archive.write_bytes(package.archive.read_bytes())
    flip(archive, 20_000_000)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() == VIDEO
    assert main([str(archive)]) == CHANGED


def test_another_key_is_told_only_by_its_fingerprint(package: MadePackage, copied: Path) -> None:
    sign_with_another_key(copied)
    assert main([str(copied)]) == UNCHANGED
    assert main([str(copied), "--fingerprint", fingerprint(package)]) == OTHER_KEY
    assert main([str(copied), "--fingerprint", fingerprint(package).lower().replace(":", " ")]) == OTHER_KEY


@pytest.mark.parametrize("text", ["", ":", "AB:CD", "A" * 63, "A" * 65, "X" * 64])
def test_a_text_that_is_no_whole_fingerprint_is_refused(
    package: MadePackage, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(package.folder), "--fingerprint", text])
    assert ended.value.code == CANNOT_CHECK
    assert "A fingerprint has 64 digits" in capsys.readouterr().err


def test_files_of_file_managers_are_named_and_no_change(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (".DS_Store", "video/._a.mp4", "video/thumbs.DB"):
        (copied / name).write_bytes(b"x")
    assert main([str(copied)]) == UNCHANGED
    told = capsys.readouterr().out
    assert "Not checked, because file managers add such files: .DS_Store, video/._a.mp4, video/thumbs.DB" in told
    bury(copied)
    (copied / "desktop.ini").write_bytes(b"x")
    assert main([str(copied)]) == UNCHANGED
    assert "desktop.ini" in capsys.readouterr().out


def test_a_package_in_a_folder_of_the_zip_is_checked(copied: Path, tmp_path: Path) -> None:
    bury(copied)
    archive = tmp_path / "again.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for path in sorted(copied.rglob("*")):
            made.write(path, path.relative_to(copied))
    assert main([str(archive)]) == UNCHANGED


def test_one_of_two_packages_is_not_chosen(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(bury(copied, "one"), copied / "two")
    assert main([str(copied)]) == CANNOT_CHECK
    assert "Check one package: one, two" in capsys.readouterr().err


def test_a_manifest_that_is_too_large_is_named_so(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "_MOST_MANIFEST_BYTES", 1000)
    assert main([str(copied)]) == CANNOT_CHECK
    assert "manifest.json is too large: this program reads 1,000 bytes at most" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"files": 5}', b"[" * 100_000, b"\xff"])
def test_a_folder_without_a_manifest_cannot_be_checked(
    copied: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_file(copied / "manifest.json", content)
    assert main([str(copied)]) == CANNOT_CHECK
    assert "cannot be checked" in capsys.readouterr().err


def test_a_name_cannot_control_the_terminal(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "\x1b[2J\u202ename").write_bytes(b"x")
    assert main([str(copied)]) == CHANGED
    assert "?[2J?name" in capsys.readouterr().out


def test_the_command_runs_by_its_name(package: MadePackage) -> None:
    command = [sys.executable, "-m", "evidence.verify", str(package.folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == UNCHANGED, ended.stderr
