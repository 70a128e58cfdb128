"""Cases of exports and their evidence packages: the interface of the package `evidence`.

A case belongs to its user, as an export does. Admins see all cases; for other users, the cases of others do not exist,
nor do their own with an export that they may not see any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.access import Permission, Principal
from core.clock import Clock
from core.errors import Conflict, LimitReached, NotFound
from core.settings import Settings
from database import Database
from evidence.maker import load_outline
from evidence.records import Case, KeyView, PackageState
from evidence.signing import KEY_NAME, InstallationKey
from evidence.snapshots import SnapshotMaker
from evidence.store import MOST_EXPORTS, CaseStore
from evidence.texts import export_title
from evidence.worker import PackageWorker, PackagingContext
from evidence.zip_reader import ZipReader
from export_manager import ExportManager
from exports.records import ExportJob, ExportState
from media.process import Spawner

__all__ = ["EvidenceManager"]

MOST_FILES = 10_000
"""Most files of a package: its manifest of about 15 MB must fit into the memory of the app and of a browser."""


class EvidenceManager:
    """Thread-safe. The database must be open between start() and stop()."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, spawner: Spawner, exports: ExportManager
    ) -> None:
        self._clock = clock
        self._exports = exports
        self._store = CaseStore(database, settings.node_name)
        self._key = InstallationKey(settings.key_file.with_name(KEY_NAME), settings.data_dir)
        context = PackagingContext(settings, clock, exports, self._key, SnapshotMaker(spawner, settings))
        folder = settings.data_dir / "packages"
        self._worker = PackageWorker(self._store, context, folder)
        exports.count_folder(folder)

    def start(self) -> None:
        """Start the worker, which goes on with unfinished packages."""
        self._worker.start()

    def stop(self) -> None:
        """End the worker within 4 s. May be called twice."""
        self._worker.stop()

    def key(self) -> KeyView:
        """Return the public part of the installation's key. Raise Unavailable."""
        return self._key.view()

    # ---- cases -----------------------------------------------------------------------------------

    def cases(self, who: Principal) -> list[Case]:
        """Return the cases that this user may see, the newest first."""
        return [self._with_progress(case) for case in self._store.cases() if self._may_see(who, case)]

    def get(self, who: Principal, case_id: int) -> Case:
        """Raise NotFound, also for another user's case."""
        case = self._store.get(case_id)
        if not self._may_see(who, case):
            raise NotFound("There is no such case.")
        return self._with_progress(case)

    def node_of(self, who: Principal, case_id: int) -> str:
        """Return the name of the node with the files of the case; "" if several have some.

        Raise NotFound, also for another user's case.
        """
        case = self._store.get(case_id)
        if not self._is_of(who, case):
            raise NotFound("There is no such case.")
        nodes = {self._exports.node_of(who, export_id) for export_id in case.export_ids}
        return nodes.pop() if len(nodes) == 1 else ""

    def add(self, who: Principal, name: str, notes: str, export_ids: Sequence[int]) -> Case:
        """Make a case. Its exports do not expire. Raise NotFound for an export, or LimitReached (case_limit)."""
        wanted = tuple(dict.fromkeys(export_ids))
        if len(wanted) > MOST_EXPORTS:
            raise LimitReached(f"A case has at most {MOST_EXPORTS} exports.", code="case_limit")
        for export_id in wanted:
            self._exports.get(who, export_id)
        case = self._store.add(who, name, notes, wanted, self._clock.now_utc())
        for export_id in wanted:
            self._exports.change(who, export_id, kept=True)
        return case

    def change(self, who: Principal, case_id: int, *, name: str | None = None, notes: str | None = None) -> Case:
        """Change the fields that are not None, and delete the package. Raise NotFound or Conflict (package_state)."""
        self.get(who, case_id)
        case = self._store.change(case_id, name=name, notes=notes)
        self._worker.wake()
        return case

    def add_export(self, who: Principal, case_id: int, export_id: int) -> Case:
        """Add an export, which does not expire then, and delete the package.

        Raise NotFound, Conflict (package_state, or other_owner if the owner of the case may not see the export), or
        LimitReached (case_limit).
        """
        case = self.get(who, case_id)
        job = self._exports.get(who, export_id)
        if case.user_id not in (job.user_id, who.user_id):
            raise Conflict("This export belongs to another user than the case.", code="other_owner")
        case = self._store.add_export(case_id, export_id)
        self._worker.wake()
        self._exports.change(who, export_id, kept=True)
        return case

    def remove_export(self, who: Principal, case_id: int, export_id: int) -> Case:
        """Take an export out of the case, and delete the package. Raise NotFound or Conflict (package_state)."""
        self.get(who, case_id)
        case = self._store.remove_export(case_id, export_id)
        self._worker.wake()
        return case

    def remove(self, who: Principal, case_id: int) -> None:
        """Delete a case and its package, not its exports. Raise NotFound."""
        self.get(who, case_id)
        self._store.remove(case_id)
        self._worker.drop(case_id)

    # ---- packages --------------------------------------------------------------------------------

    def make_package(self, who: Principal, case_id: int) -> Case:
        """Begin to make the package; one that is being made goes on.

        Raise NotFound, Conflict (case_empty, export_unfinished, several_nodes) or LimitReached (case_limit).
        """
        case = self.get(who, case_id)
        if case.package.state is PackageState.MAKING:
            return case
        jobs = self.exports_of(who, case)
        if not any(job.files for job in jobs):
            raise Conflict("This case has no files: add a finished export.", code="case_empty")
        files = sum(len(job.files) for job in jobs)
        if files > MOST_FILES:
            detail = f"This case has {files} files, and a package at most {MOST_FILES}: divide the case."
            raise LimitReached(detail, code="case_limit")
        unfinished = [f"{export_title(job)} ({job.state})" for job in jobs if job.state is not ExportState.DONE]
        if unfinished:
            named = "; ".join(unfinished)
            raise Conflict(
                f"These exports are not finished: {named}. Wait for them, or take them out of the case.",
                code="export_unfinished",
            )
        if len({job.node for job in jobs}) > 1:
            detail = "The files of these exports are on several servers: make a case for each of them."
            raise Conflict(detail, code="several_nodes")
        case = self._store.begin_package(case_id, who.name)
        self._worker.wake()
        return case

    def open_package(self, who: Principal, case_id: int) -> tuple[Case, str, ZipReader]:
        """Return a case, and ETag and content of its package, which the caller closes. Raise NotFound (no_package)."""
        case = self.get(who, case_id)
        if case.package.state is not PackageState.READY:
            raise NotFound("This case has no package: make one first.", code="no_package")
        paths: dict[str, Path] = {}
        for job in self.exports_of(who, case):
            folder = self._exports.files_of(job.id)[1]
            paths |= {f"{job.id}/{file.name}": folder / file.name for file in job.files}
        try:
            outline = load_outline(self._worker.folder_of(case_id))
            return case, outline.etag, ZipReader(outline.sections, outline.rest, paths)
        except (LookupError, OSError, ValueError):
            raise NotFound("A file of this package is gone: make it again.", code="no_package") from None

    def exports_of(self, who: Principal, case: Case) -> list[ExportJob]:
        """Return the exports of a case. Raise NotFound."""
        return [self._exports.get(who, export_id) for export_id in case.export_ids]

    # ---- inside ----------------------------------------------------------------------------------

    def _may_see(self, who: Principal, case: Case) -> bool:
        if not self._is_of(who, case):
            return False
        try:
            self.exports_of(who, case)
        except NotFound:
            return False
        return True

    @staticmethod
    def _is_of(who: Principal, case: Case) -> bool:
        """True for an own case, or an admin. The exports may still be hidden from the user."""
        return who.may(Permission.MANAGE) or (who.user_id is not None and who.user_id == case.user_id)

    def _with_progress(self, case: Case) -> Case:
        if case.package.state is not PackageState.MAKING:
            return case
        return replace(case, package=replace(case.package, done_bytes=self._worker.done_bytes(case.id)))
