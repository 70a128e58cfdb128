"""Finds the changes of a package since its export. The page verify.html does the same (static/js/verify)."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from evidence.hashes import FileHashes, read_hashed
from evidence.manifest import FORMAT, VERSION
from evidence.place import MANIFEST, NoPackage, PackageFiles, find_package, split_ignored
from evidence.signing import fingerprint_of
from evidence.texts import sha256sums

SIGNATURE = "manifest.sig"
SUMS = "SHA256SUMS"
_MOST_MANIFEST_BYTES = 256_000_000
_LEAST_PIECE_BYTES = 65_536  # smaller ones would only fill the memory


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: changed, missing, added, renamed, signature, key, or outside: a file beside the package."""

    kind: str
    path: str
    text: str


@dataclass(slots=True)
class Report:
    """`findings` is empty if nothing was changed. `ignored`: files that file managers add to a folder."""

    exported_by: str
    made_at: str
    fingerprint: str = ""
    findings: list[Finding] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def add(self, kind: str, path: str, text: str) -> None:
        self.findings.append(Finding(kind, path, text))


class FolderFiles(PackageFiles):
    """The files of an unpacked package."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def paths(self) -> list[str]:
        files = (path for path in self._folder.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(self._folder).as_posix() for path in files)

    def open(self, path: str) -> BinaryIO:
        return (self._folder / path).open("rb")


class ZipFiles(PackageFiles):
    """The files of a package that was not unpacked."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def paths(self) -> list[str]:
        return [entry.filename for entry in self._archive.infolist() if not entry.is_dir()]

    def open(self, path: str) -> BinaryIO:
        opened: Any = self._archive.open(path)
        opened._expected_crc = None  # the hashes tell more than zipfile's error
        return cast(BinaryIO, opened)


def check_package(files: PackageFiles, fingerprint: str = "") -> Report:
    """Return what differs. `fingerprint`: of the wanted key, "" for any. Raise NoPackage or OSError."""
    package = find_package(files)
    paths = package.paths()
    content = _small(package, paths, MANIFEST)
    manifest = _read_manifest(content or b"")
    report = Report(manifest["exported_by"], manifest["made_at"])
    signature = _small(package, paths, SIGNATURE)
    _check_signature(manifest, content or b"", signature, fingerprint, report)
    _check_files(package, paths, manifest["files"], manifest["piece_bytes"], report)
    _check_sums(manifest, content or b"", signature, _small(package, paths, SUMS), report)
    outside, ignored = split_ignored(package.outside)
    report.ignored += ignored
    for path in outside:
        report.add("outside", path, "This file lies beside the package: it is not part of the package.")
    return report


def _check_signature(
    manifest: Mapping[str, Any], content: bytes, signature: bytes | None, wanted: str, report: Report
) -> None:
    try:
        key = serialization.load_pem_public_key(manifest["installation"]["public_key"].encode())
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        report.add("signature", MANIFEST, "It has no public key.")
        return
    report.fingerprint = fingerprint_of(key)
    named = wanted or manifest["installation"]["key_fingerprint"]
    if _plain(named) != _plain(report.fingerprint):
        report.add("key", MANIFEST, "It is signed by another key than the expected one.")
    if signature is None:
        report.add("missing", SIGNATURE, "This file is missing.")
        return
    try:
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        report.add("signature", SIGNATURE, "The signature is wrong: the manifest or the signature was changed.")


def _check_files(
    files: PackageFiles, paths: list[str], listed: list[dict[str, Any]], piece_bytes: int, report: Report
) -> None:
    known = {item["path"] for item in listed} | {MANIFEST, SIGNATURE, SUMS}
    added, ignored = split_ignored(path for path in paths if path not in known)
    report.ignored += ignored
    doubled = sorted({path for path in paths if paths.count(path) > 1})
    sums = {path: _hashed(files, path, piece_bytes) for path in added}
    for item in listed:
        if item["path"] in paths:
            _check_pieces(item, _hashed(files, item["path"], piece_bytes), report)
            continue
        renamed = next((path for path in added if sums[path].sha256 == item["sha256"]), None)
        if renamed is None:
            report.add("missing", item["path"], "This file is missing.")
        else:
            added.remove(renamed)
            report.add("renamed", item["path"], f"This file was renamed to {renamed}.")
    for path in [*added, *doubled]:
        report.add("added", path, "This file was added: it is not part of the package.")


def _check_pieces(item: Mapping[str, Any], found: FileHashes, report: Report) -> None:
    path, pieces = item["path"], item["pieces"]
    if found.size_bytes != item["bytes"]:
        report.add("changed", path, f"This file has {found.size_bytes} bytes instead of {item['bytes']}.")
    for index, piece in enumerate(pieces):
        if index < len(found.pieces) and found.pieces[index] == piece["sha256"]:
            continue
        span = ""
        if "start_time" in piece:
            span = f", which shows {_span(piece['start_time'], piece['end_time'])}"
        report.add("changed", path, f"This file was changed in piece {index + 1} of {len(pieces)}{span}.")


def _check_sums(
    manifest: Mapping[str, Any], content: bytes, signature: bytes | None, sums: bytes | None, report: Report
) -> None:
    if sums is None:
        report.add("missing", SUMS, "This file is missing.")
        return
    wanted = [(item["path"], item["sha256"]) for item in manifest["files"]]
    wanted.append((MANIFEST, hashlib.sha256(content).hexdigest()))
    lines = sums.splitlines()
    if signature is None:
        lines = [line for line in lines if not line.endswith(f"  {SIGNATURE}".encode())]
    else:
        wanted.append((SIGNATURE, hashlib.sha256(signature).hexdigest()))
    if sorted(lines) != sorted(sha256sums(wanted).splitlines()):
        report.add("changed", SUMS, "This file does not fit the other files.")


def _hashed(files: PackageFiles, path: str, piece_bytes: int) -> FileHashes:
    found = FileHashes()
    with files.open(path) as file:
        for _ in read_hashed(file, found, piece_bytes):
            pass
    return found


def _small(files: PackageFiles, paths: Iterable[str], path: str) -> bytes | None:
    if path not in paths:
        return None
    with files.open(path) as file:
        return file.read(_MOST_MANIFEST_BYTES + 1)


def _read_manifest(content: bytes) -> dict[str, Any]:
    if len(content) > _MOST_MANIFEST_BYTES:
        raise NoPackage(f"{MANIFEST} is too large: this program reads {_MOST_MANIFEST_BYTES:,} bytes at most.")
    try:
        manifest = json.loads(content)
        if _is_manifest(manifest):
            return cast(dict[str, Any], manifest)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise NoPackage(f"{MANIFEST} is no manifest that this program can read.")


def _is_manifest(it: Any) -> bool:
    installation = it["installation"]
    texts = (it["exported_by"], it["made_at"], installation["public_key"], installation["key_fingerprint"])
    return (
        (it["format"], it["version"]) == (FORMAT, VERSION)
        and isinstance(it["piece_bytes"], int)
        and it["piece_bytes"] >= _LEAST_PIECE_BYTES
        and all(isinstance(text, str) for text in texts)
        and all(_is_listed_file(item) for item in it["files"])
    )


def _is_listed_file(it: Any) -> bool:
    texts = [it["path"], it["sha256"], *(piece["sha256"] for piece in it["pieces"])]
    texts += [piece[name] for piece in it["pieces"] if "start_time" in piece for name in ("start_time", "end_time")]
    return isinstance(it["bytes"], int) and all(isinstance(text, str) for text in texts)


def _plain(fingerprint: str) -> str:
    return "".join(char for char in fingerprint.upper() if char in "0123456789ABCDEF")


def _span(start: str, end: str) -> str:
    """Return `2026-11-22 10:00:00 to 10:00:34 UTC`."""
    begins, ends = (text.split(".")[0].replace("T", " ").removesuffix("Z") for text in (start, end))
    return f"{begins} to {ends[11:] if begins[:10] == ends[:10] else ends} UTC"
