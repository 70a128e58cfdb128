"""The command `python -m evidence.verify`: it tells each change of a package."""

from __future__ import annotations

import base64
import io
import json
import random
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

pytestmark = pytest.mark.slow


def fingerprint(package: MadePackage) -> str:
    return check_package(FolderFiles(package.folder)).fingerprint


def test_an_unchanged_package_passes_as_folder_and_zip(
    package: MadePackage, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (package.folder, package.archive):
        assert main([str(place), "--fingerprint", fingerprint(package)]) == UNCHANGED
        assert capsys.readouterr().out.startswith("Unchanged since export by Anna <b>, 20")


def test_a_range_in_two_formats_passes_as_folder_and_zip(two_formats: MadePackage) -> None:
    for place in (two_formats.folder, two_formats.archive):
        assert main([str(place)]) == UNCHANGED


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


@pytest.mark.parametrize("change", ["key", "path"])
def test_a_manifest_with_impossible_values_cannot_be_checked(
    copied: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((copied / "manifest.json").read_bytes())
    if change == "path":
        manifest["files"][0]["path"] = "\ud800"
    else:
        manifest["installation"]["public_key"] = _of_unknown_curve(manifest["installation"]["public_key"])
    replace_file(copied / "manifest.json", json.dumps(manifest).encode())
    assert main([str(copied)]) == CANNOT_CHECK
    assert "cannot be checked" in capsys.readouterr().err


def zipped_again(package: MadePackage, method: int) -> bytes:
    """Return a ZIP as another program makes it, without the videos."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as target:
        for path in ("manifest.json", "manifest.sig", "SHA256SUMS", "README.txt"):
            target.write(package.folder / path, path)
    return packed.getvalue()


def test_a_compressed_zip_with_damaged_content_cannot_be_checked(
    package: MadePackage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(zipped_again(package, zipfile.ZIP_DEFLATED))
    content[60:300] = b"\xff" * 240
    archive = tmp_path / "damaged.zip"
    archive.write_bytes(content)
    assert main([str(archive)]) == CANNOT_CHECK
    assert "cannot be checked: The ZIP is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
def test_no_damage_of_a_zip_ends_the_command_without_a_verdict(
    package: MadePackage, tmp_path: Path, method: int
) -> None:
    whole = zipped_again(package, method)
    chance = random.Random(method)
    archive = tmp_path / "damaged.zip"
    for number in range(100):
        content = bytearray(whole)
        least = 0 if number % 2 else len(content) - 300  # the directory is at the end
        for _ in range(3):
            content[chance.randrange(least, len(content))] ^= 1 << chance.randrange(8)
        if number % 5 == 0:
            del content[chance.randrange(len(content)) :]
        archive.write_bytes(content)
        assert main([str(archive)]) in {CHANGED, CANNOT_CHECK}


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


def _of_unknown_curve(pem: str) -> str:
    """Return the key as one of a curve that no program knows."""
    first, *lines, last = pem.splitlines()
    key = base64.b64decode("".join(lines)).replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030127"))
    return "\n".join([first, base64.b64encode(key).decode(), last])
