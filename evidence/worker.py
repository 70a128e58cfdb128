"""Makes the packages of cases one after the other, in one thread. One that a restart interrupts is made again."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from core.clock import Clock
from core.errors import AppError, NotFound
from core.records import Problem
from core.settings import Settings
from evidence.maker import FinishedExport, PackageMaker
from evidence.records import Case, Package, PackageState
from evidence.signing import InstallationKey
from evidence.snapshots import SnapshotMaker
from evidence.store import CaseStore
from evidence.texts import export_title
from export_manager import ExportManager
from exports.records import ExportState

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 30.0
_STOP_S = 4.0


class PackagingEnded(Exception):
    """The case was deleted, or the app stops."""


@dataclass(frozen=True, slots=True)
class PackagingContext:
    """The parts of the app that make packages."""

    settings: Settings
    clock: Clock
    exports: ExportManager
    key: InstallationKey
    snapshots: SnapshotMaker


class PackageWorker:
    """start() and stop() may be called twice."""

    def __init__(self, store: CaseStore, context: PackagingContext, folder: Path) -> None:
        self._store = store
        self._context = context
        self._folder = folder
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._done: tuple[int, int] | None = None  # case and bytes of the package that is being made
        self._dropped: set[int] = set()

    def start(self) -> None:
        if self._thread is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._is_stopping = False
            self._thread = threading.Thread(target=self._serve, name="evidence", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End within 4 s; an unfinished package is made after the next start."""
        self._is_stopping = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def wake(self) -> None:
        """A package is to be made, or has ended."""
        self._wake.set()

    def done_bytes(self, case_id: int) -> int:
        """Return the progress of the package that is being made; 0 for others."""
        done = self._done
        return done[1] if done is not None and done[0] == case_id else 0

    def folder_of(self, case_id: int) -> Path:
        return self._folder / str(case_id)

    def drop(self, case_id: int) -> None:
        """End the making of a package whose case was deleted, and delete what there is of it."""
        with self._lock:
            self._dropped.add(case_id)
            self._remove(case_id)

    # ---- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping:
            try:
                self._tidy()
                case = self._store.next_to_make()
                if case is not None:
                    self._make(case)
                    continue
            except AppError as error:
                log.warning("evidence packages wait: %s", error.detail)
            except Exception:  # the top of a thread
                log.exception("evidence packages failed")
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()

    def _make(self, case: Case) -> None:
        context = self._context
        made_at = context.clock.now_utc()

        def report(done_bytes: int) -> None:
            if self._is_stopping or case.id in self._dropped:
                raise PackagingEnded
            self._done = (case.id, done_bytes)

        exports: list[FinishedExport] = []
        try:
            exports = [self._finished(export_id) for export_id in case.export_ids]
            least_free_bytes = context.settings.export_min_free_bytes // 2  # as for the files of exports
            maker = PackageMaker(case, exports, context.key, context.snapshots, made_at, report, least_free_bytes)
            made = maker.make(self.folder_of(case.id))
            package = Package(PackageState.READY, case.package.made_by, made_at, made.size_bytes, made.etag)
        except PackagingEnded:
            return
        except AppError as error:
            log.warning("the package of case %d failed: %s (%s)", case.id, error.detail, error.code)
            package = _failed(error.code, error.detail)
        except OSError as error:
            log.warning("the package of case %d failed: %s", case.id, error)
            package = _failed("storage_failed", "The disk refused to read or write a file of this package.")
        except Exception:
            log.exception("the package of case %d failed", case.id)
            package = _failed("internal_error", "This package failed; the log has the reason.")
        finally:
            self._done = None
        with self._lock:
            if case.id in self._dropped:
                self._remove(case.id)
        self._store.end_package(case.id, package, [export.job for export in exports])

    def _finished(self, export_id: int) -> FinishedExport:
        """Raise NotFound for an export that was deleted or is made again."""
        job, folder = self._context.exports.files_of(export_id)
        if job.state is not ExportState.DONE:
            raise NotFound(f"This export is not finished: {export_title(job)}.")
        return FinishedExport(job, folder)

    def _remove(self, case_id: int) -> None:
        folder = self.folder_of(case_id)
        for path in (folder, folder.with_name(f"{folder.name}.part")):
            shutil.rmtree(path, ignore_errors=True)

    def _tidy(self) -> None:
        """Delete drafts that a killed app left, and packages that have ended: they have snapshots of the videos."""
        kept = {PackageState.READY, PackageState.MAKING}
        known = {str(case.id) for case in self._store.cases() if case.package.state in kept}
        for path in self._folder.iterdir():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)


def _failed(code: str, detail: str) -> Package:
    return Package(PackageState.FAILED, problem=Problem(code, detail))
