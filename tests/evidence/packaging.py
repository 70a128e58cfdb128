"""A case with finished exports, and its package as a ZIP and as a folder."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.access import LOCAL, Principal, Role
from core.settings import Settings
from evidence.records import Case, PackageState
from evidence_manager import EvidenceManager
from exports.records import WorkingCopy
from tests.exports.exporting import Exporting, decodable_recorder, draft, recorder_of
from tests.patience import until
from tests.sessions.replay.thin_recorder import ThinRecorder


@dataclass
class Packaging:
    """Call close() at the end. `min_free_bytes`: EXPORT_MIN_FREE_BYTES for packages."""

    folder: Path
    recorder: ThinRecorder
    min_free_bytes: int = 0

    def __post_init__(self) -> None:
        key_file = self.folder / "keys" / "secret.key"
        self.exporting = Exporting(self.folder, self.recorder, settings={"secret_key_file": key_file})  # type: ignore[dict-item]
        self.settings = Settings(
            data_dir=self.folder, secret_key_file=key_file, export_min_free_bytes=self.min_free_bytes
        )
        self.manager = EvidenceManager(
            self.exporting.database, self.settings, self.exporting.clock, self.exporting.spawner, self.exporting.manager
        )
        self.manager.start()

    def close(self) -> None:
        self.manager.stop()
        self.exporting.close()

    def export(self, start: float, end: float, *, subtitles: bool = False, **fields: Any) -> int:
        """Return the id of a finished export."""
        job = self.exporting.manager.add(LOCAL, replace(draft(start, end), has_subtitles=subtitles, **fields))
        return self.exporting.done(job.id).id

    def case(self, *export_ids: int, name: str = "Theft", notes: str = "") -> Case:
        return self.manager.add(LOCAL, name, notes, export_ids)

    def made(self, case_id: int, who: Principal = LOCAL) -> Case:
        """Make the package, and wait for it."""
        self.manager.make_package(who, case_id)
        until(lambda: self.get(case_id).package.state is not PackageState.MAKING, what="the package")
        return self.get(case_id)

    def get(self, case_id: int) -> Case:
        return self.manager.get(LOCAL, case_id)

    def content(self, case_id: int) -> bytes:
        _, _, reader = self.manager.open_package(LOCAL, case_id)
        with reader:
            return reader.read()

    def unpacked(self, case_id: int, folder: Path) -> Path:
        with zipfile.ZipFile(io.BytesIO(self.content(case_id))) as archive:
            archive.extractall(folder)
        return folder


@dataclass(frozen=True)
class MadePackage:
    """An unpacked package, and its ZIP."""

    folder: Path
    archive: Path

    def copied(self, target: Path) -> Path:
        """Return a copy of hard links: a test replaces a file instead of writing into it."""
        for source in sorted(self.folder.rglob("*")):
            if source.is_file():
                path = target / source.relative_to(self.folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.hardlink_to(source)
        return target


def made_package(folder: Path) -> MadePackage:
    """Return a package of two videos (42 MB) with a gap between them, by a user and of a case with hostile names."""
    recorder = recorder_of([(0, 60), (70, 80)])
    recorder.picture_bytes = 120_000
    packaging = Packaging(folder / "data", recorder)
    anna = Principal("session", "Anna <b>", Role.ADMIN)
    try:
        export_id = packaging.export(2.5, 76, subtitles=True)
        case = packaging.case(export_id, name="Theft <img src=x>", notes="two\nlines \u202e")
        packaging.made(case.id, anna)
        archive = folder / "package.zip"
        archive.write_bytes(packaging.content(case.id))
        return MadePackage(packaging.unpacked(case.id, folder / "package"), archive)
    finally:
        packaging.close()


def package_of_two_formats(folder: Path) -> MadePackage:
    """Return a package of two exports of one range, as MP4 and as original, each with subtitles, copy and snapshot."""
    packaging = Packaging(folder / "data", decodable_recorder([(0, 20)]))
    try:
        exports = [
            packaging.export(2.4, 6, subtitles=True, format=form, copies=(WorkingCopy(height=90),))
            for form in ("mp4", "original")
        ]
        case = packaging.made(packaging.case(*exports).id)
        archive = folder / "package.zip"
        archive.write_bytes(packaging.content(case.id))
        return MadePackage(packaging.unpacked(case.id, folder / "package"), archive)
    finally:
        packaging.close()
