"""Makes a package: reads each file of its exports once, and writes all of the ZIP but these files into a folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
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
from evidence.piece_times import piece_times
from evidence.records import Case
from evidence.signing import InstallationKey
from evidence.snapshots import SnapshotMaker
from evidence.texts import export_title, readme, sha256sums
from evidence.zip_outline import Section, ZipOutline, read_sections, stored_sections
from exports.disk import CheckedFile, SpaceCheck
from exports.records import ExportFile, ExportJob
from media.mkv.places import cluster_places
from media.mp4.places import FramePlaces, frame_places

OUTLINE = "outline.json"
REST = "rest"


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


@dataclass(frozen=True, slots=True)
class Outline:
    """A package on the disk. `rest`: the file with all of the ZIP but the exported files."""

    etag: str
    sections: list[Section]
    rest: Path


class PackageMaker:
    """Makes one package. `report` gets the bytes read so far, and may raise an error that ends the work.

    `least_free_bytes` stay free on the disk.
    """

    def __init__(
        self,
        case: Case,
        exports: Sequence[FinishedExport],
        key: InstallationKey,
        snapshots: SnapshotMaker,
        made_at: datetime,
        report: Callable[[int], None],
        least_free_bytes: int,
    ) -> None:
        self._case = case
        self._exports = exports
        self._folders = {export.job.id: export.folder for export in exports}
        self._key = key
        self._snapshots = snapshots
        self._made_at = made_at
        self._report = report
        self._least_free_bytes = least_free_bytes
        self._sums: list[tuple[str, str]] = []
        self._others: list[OtherFile] = []
        self._read_bytes = 0

    def make(self, folder: Path) -> MadePackage:
        """Write the package's folder, which is new or replaced as a whole.

        Raise FileChanged, StorageFull, Unavailable or OSError.
        """
        draft = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        space = SpaceCheck(draft, self._least_free_bytes)
        space.look()
        with CheckedFile(draft / REST, space) as rest, closing(ZipOutline(self._made_at, rest)) as outline:
            self._fill(outline)
            sections = outline.finish()
            rest.flush()
            os.fsync(rest.fileno())
        etag = self._etag(sections)
        (draft / REST).rename(draft / _rest_name(etag))
        with (draft / OUTLINE).open("wb") as file:
            file.write(json.dumps({"etag": etag, "sections": stored_sections(sections)}).encode())
            file.flush()
            os.fsync(file.fileno())
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
        last = sections[-1]
        return MadePackage(last.start + last.size_bytes, etag)

    def _fill(self, outline: ZipOutline) -> None:
        key = self._key.view()
        page = verify_page(key.fingerprint)
        jobs = [export.job for export in self._exports]
        files = [self._pack(outline, path, job, file) for path, job, file in packed_paths(jobs)]
        self._add_snapshots(outline, files)
        self._add_other(outline, "README.txt", "text", readme(self._case, key, rfc3339(self._made_at)))
        self._add_other(outline, "verify.html", "page", page)
        manifest = manifest_json(self._case, jobs, files, self._others, key, _app_version(), self._made_at)
        self._add(outline, "manifest.json", manifest)
        self._add(outline, "manifest.sig", self._key.sign(manifest))
        outline.add("SHA256SUMS", sha256sums(self._sums))

    def _etag(self, sections: Sequence[Section]) -> str:
        """Return a hash of all places, names and contents."""
        return hashlib.sha256(json.dumps(stored_sections(sections)).encode() + sha256sums(self._sums)).hexdigest()

    def _pack(self, outline: ZipOutline, path: str, job: ExportJob, file: ExportFile) -> PackedFile:
        source = f"{job.id}/{file.name}"
        hashes = FileHashes()
        place = self._folders[job.id] / file.name
        try:
            with place.open("rb") as opened:
                blocks = self._counted(read_hashed(opened, hashes))
                outline.add_large(path, source, file.size_bytes, blocks)
        except FileNotFoundError:
            raise FileChanged(f"The file {file.name} of {export_title(job)} is gone.") from None
        if (hashes.size_bytes, hashes.sha256) != (file.size_bytes, file.sha256):
            raise FileChanged(f"The file {file.name} of {export_title(job)} was changed since it was exported.")
        self._sums.append((path, hashes.sha256))
        places = _places(place)
        times = piece_times(file, hashes.size_bytes, places)
        return PackedFile(path, job, file, hashes, times, has_frames=places is not None)

    def _counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._read_bytes += len(block)
            self._report(self._read_bytes)
            yield block

    def _add_snapshots(self, outline: ZipOutline, files: Sequence[PackedFile]) -> None:
        for item in files:
            if not (item.file.is_recording and item.has_frames):
                continue
            self._report(self._read_bytes)
            jpeg = self._snapshots.first_frame(self._folders[item.job.id] / item.file.name, item.file.lead_in_s)
            if jpeg:
                stem = Path(item.path).stem
                self._add_other(outline, f"snapshots/{stem}.jpg", "snapshot", jpeg, item.path)

    def _add_other(self, outline: ZipOutline, path: str, kind: str, content: bytes, derived_from: str = "") -> None:
        hashes = FileHashes()
        for _ in read_hashed(io.BytesIO(content), hashes):
            pass
        self._others.append(OtherFile(path, kind, hashes, derived_from))
        self._add(outline, path, content)

    def _add(self, outline: ZipOutline, path: str, content: bytes) -> None:
        self._sums.append((path, hashlib.sha256(content).hexdigest()))
        outline.add(path, content)


def load_outline(folder: Path) -> Outline:
    """Return the outline of a package. Raise FileNotFoundError or ValueError."""
    stored = json.loads((folder / OUTLINE).read_bytes())
    try:
        return Outline(stored["etag"], read_sections(stored["sections"]), folder / _rest_name(stored["etag"]))
    except (LookupError, TypeError) as error:
        raise ValueError("a damaged outline") from error


def _rest_name(etag: str) -> str:
    """Return a name that no other package has, so that an outline never meets the rest of another one."""
    return f"{etag}.{REST}"


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
