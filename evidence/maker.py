"""Makes a package: reads each file of its exports once, and writes all but the videos into a folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from core.clock import rfc3339
from core.errors import AppError
from core.settings import ROOT
from evidence.hashes import FileHashes, read_hashed
from evidence.manifest import OtherFile, PackedFile, manifest_json
from evidence.page import verify_page
from evidence.paths import packed_paths
from evidence.records import Case
from evidence.signing import InstallationKey
from evidence.snapshots import SnapshotMaker
from evidence.texts import export_title, readme, sha256sums
from evidence.zip_outline import Section, ZipOutline, read_sections, stored_sections
from exports.records import ExportFile, ExportJob
from media.mkv.places import cluster_places
from media.mp4.places import FramePlaces, frame_places

OUTLINE = "outline.json"


class FileChanged(AppError):
    """A file of an export is gone, or is no longer the one that the export made."""

    code = "file_changed"


@dataclass(frozen=True, slots=True)
class FinishedExport:
    """A finished export and the folder of its files."""

    job: ExportJob
    folder: Path


@dataclass(frozen=True, slots=True)
class MadePackage:
    size_bytes: int
    etag: str


class PackageMaker:
    """Makes one package. `report` gets the bytes read so far, and may raise an error that ends the work."""

    def __init__(
        self,
        case: Case,
        exports: Sequence[FinishedExport],
        key: InstallationKey,
        snapshots: SnapshotMaker,
        made_at: datetime,
        report: Callable[[int], None],
    ) -> None:
        self._case = case
        self._exports = exports
        self._folders = {export.job.id: export.folder for export in exports}
        self._key = key
        self._snapshots = snapshots
        self._made_at = made_at
        self._report = report
        self._outline = ZipOutline(made_at)
        self._sums: list[tuple[str, str]] = []
        self._others: list[OtherFile] = []
        self._read_bytes = 0

    def make(self, folder: Path) -> MadePackage:
        """Write the package's folder, which is new or replaced as a whole.

        Raise FileChanged, Unavailable or OSError.
        """
        key = self._key.view()
        page = verify_page(key.fingerprint)
        jobs = [export.job for export in self._exports]
        files = [self._pack(path, job, file) for path, job, file in packed_paths(jobs)]
        self._add_snapshots(files)
        self._add_other("README.txt", "text", readme(self._case, key, rfc3339(self._made_at)))
        self._add_other("verify.html", "page", page)
        manifest = manifest_json(self._case, jobs, files, self._others, key, _app_version(), self._made_at)
        self._add("manifest.json", manifest)
        self._add("manifest.sig", self._key.sign(manifest))
        self._outline.add("SHA256SUMS", sha256sums(self._sums))
        return self._write(folder, self._outline.finish())

    def _pack(self, path: str, job: ExportJob, file: ExportFile) -> PackedFile:
        source = f"{job.id}/{file.name}"
        hashes = FileHashes()
        place = self._folders[job.id] / file.name
        try:
            with place.open("rb") as opened:
                blocks = self._counted(read_hashed(opened, hashes))
                self._outline.add_large(path, source, file.size_bytes, blocks)
        except FileNotFoundError:
            raise FileChanged(f"The file {file.name} of {export_title(job)} is gone.") from None
        if (hashes.size_bytes, hashes.sha256) != (file.size_bytes, file.sha256):
            raise FileChanged(f"The file {file.name} of {export_title(job)} was changed since it was exported.")
        self._sums.append((path, hashes.sha256))
        return PackedFile(path, job, file, hashes, _places(place))

    def _counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._read_bytes += len(block)
            self._report(self._read_bytes)
            yield block

    def _add_snapshots(self, files: Sequence[PackedFile]) -> None:
        for item in files:
            if not item.file.is_recording or item.places is None:
                continue
            self._report(self._read_bytes)
            jpeg = self._snapshots.first_frame(self._folders[item.job.id] / item.file.name, item.file.lead_in_s)
            if jpeg:
                stem = Path(item.path).stem
                self._add_other(f"snapshots/{stem}.jpg", "snapshot", jpeg, item.path)

    def _add_other(self, path: str, kind: str, content: bytes, derived_from: str = "") -> None:
        hashes = FileHashes()
        for _ in read_hashed(io.BytesIO(content), hashes):
            pass
        self._others.append(OtherFile(path, kind, hashes, derived_from))
        self._add(path, content)

    def _add(self, path: str, content: bytes) -> None:
        self._sums.append((path, hashlib.sha256(content).hexdigest()))
        self._outline.add(path, content)

    def _write(self, folder: Path, sections: Sequence[Section]) -> MadePackage:
        """Write the outline into another folder, which then takes the place of `folder`."""
        stored = stored_sections(sections)
        etag = hashlib.sha256(json.dumps(stored).encode() + sha256sums(self._sums)).hexdigest()
        draft = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        with (draft / OUTLINE).open("wb") as file:
            file.write(json.dumps({"etag": etag, "sections": stored}).encode())
            file.flush()
            os.fsync(file.fileno())
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
        last = sections[-1]
        return MadePackage(last.start + last.size_bytes, etag)


def load_outline(folder: Path) -> tuple[str, list[Section]]:
    """Return ETag and sections of a package. Raise FileNotFoundError or ValueError."""
    outline = json.loads((folder / OUTLINE).read_bytes())
    try:
        return outline["etag"], read_sections(outline["sections"])
    except (LookupError, TypeError) as error:
        raise ValueError("a damaged outline") from error


def _places(path: Path) -> FramePlaces | None:
    """Return None for files without frames, such as subtitles."""
    try:
        return cluster_places(path) if path.suffix == ".mkv" else frame_places(path)
    except (OSError, ValueError):
        return None


@cache
def _app_version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return str(project["project"]["version"])
