"""Cases in the database."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.access import Permission, Principal
from core.errors import Conflict, LimitReached, NotFound
from core.records import Problem
from core.stored_json import read_items
from database import Database
from evidence.records import Case, Package, PackageState
from exports.records import ExportFile, ExportJob
from exports.stored import read_file
from tables import CaseExportRow, CaseRow, ExportRow

MOST_CASES = 500
MOST_EXPORTS = 100


class CaseStore:
    """Needs an open database. Each call is one transaction. Safe between threads."""

    def __init__(self, database: Database, node: str = "") -> None:
        """`node`: the name of this node, "" for a single process."""
        self._database = database
        self._node = node

    def cases(self) -> list[Case]:
        """Return all cases, the newest first."""
        with self._database.read() as session:
            rows = session.scalars(select(CaseRow).order_by(CaseRow.id.desc())).all()
            return [_case(session, row) for row in rows]

    def get(self, case_id: int) -> Case:
        """Raise NotFound."""
        with self._database.read() as session:
            return _case(session, _row(session, case_id))

    def next_to_make(self) -> Case | None:
        """Return the oldest case whose package is to be made; also one that was being made when the app ended.

        The files of all its exports are at this node.
        """
        wanted = select(CaseRow).where(CaseRow.package_state == PackageState.MAKING.value)
        if self._node:
            elsewhere = select(CaseExportRow.case_id).join(ExportRow, ExportRow.id == CaseExportRow.export_id)
            wanted = wanted.where(CaseRow.id.not_in(elsewhere.where(ExportRow.node != self._node)))
        with self._database.read() as session:
            row = session.scalars(wanted.order_by(CaseRow.id)).first()
            return _case(session, row) if row is not None else None

    def add(self, who: Principal, name: str, notes: str, export_ids: Sequence[int], now: datetime) -> Case:
        """Raise NotFound for an export that was deleted, or LimitReached (case_limit).

        Users other than admins may have half of all cases.
        """
        with self._database.write() as session:
            count = select(func.count()).select_from(CaseRow)
            if (session.scalar(count) or 0) >= MOST_CASES:
                raise LimitReached(f"There are {MOST_CASES} cases: delete one first.", code="case_limit")
            own = session.scalar(count.where(CaseRow.user_id == who.user_id)) or 0
            if own >= MOST_CASES // 2 and not who.may(Permission.MANAGE):
                raise LimitReached(f"You have {own} cases: delete one first.", code="case_limit")
            row = CaseRow(
                user_id=who.user_id,
                owner=who.name[:80],
                name=name,
                notes=notes,
                created_at=now,
                package_state=PackageState.NONE.value,
                package_by="",
                package_bytes=0,
                package_etag="",
            )
            session.add(row)
            session.flush()
            for export_id in export_ids:
                _add_export(session, row, export_id)
            return _case(session, row)

    def change(self, case_id: int, *, name: str | None, notes: str | None) -> Case:
        """Change the fields that are not None, and drop the package. Raise NotFound or Conflict (package_state)."""
        with self._database.write() as session:
            row = _row_to_change(session, case_id)
            row.name = row.name if name is None else name
            row.notes = row.notes if notes is None else notes
            session.flush()
            return _case(session, row)

    def add_export(self, case_id: int, export_id: int) -> Case:
        """Do nothing if the case has it. Raise NotFound, Conflict (package_state) or LimitReached (case_limit)."""
        with self._database.write() as session:
            case = _case(session, _row(session, case_id))
            if export_id in case.export_ids:
                return case
            row = _row_to_change(session, case_id)
            _add_export(session, row, export_id)
            return _case(session, row)

    def remove_export(self, case_id: int, export_id: int) -> Case:
        """Raise NotFound, also for an export that is not in the case, or Conflict (package_state)."""
        with self._database.write() as session:
            row = _row_to_change(session, case_id)
            link = session.get(CaseExportRow, (case_id, export_id))
            if link is None:
                raise NotFound("This export is not in the case.")
            session.delete(link)
            session.flush()
            return _case(session, row)

    def remove(self, case_id: int) -> None:
        """Do nothing if it is gone already."""
        with self._database.write() as session:
            session.execute(delete(CaseRow).where(CaseRow.id == case_id))

    def begin_package(self, case_id: int, made_by: str) -> Case:
        """Mark the package as being made. Raise NotFound or Conflict (package_state)."""
        with self._database.write() as session:
            row = _row_to_change(session, case_id)
            row.package_state = PackageState.MAKING.value
            row.package_by = made_by[:80]
            session.flush()
            return _case(session, row)

    def end_package(self, case_id: int, package: Package, jobs: Sequence[ExportJob]) -> None:
        """Store the result for a case that still exists and whose package is being made. `jobs`: the packed ones."""
        with self._database.write() as session:
            row = session.get(CaseRow, case_id)
            if row is None or row.package_state != PackageState.MAKING.value:
                return
            row.package_state = package.state.value
            row.package_exports = [_content(job.id, job.files) for job in jobs]
            row.package_made_at = package.made_at
            row.package_bytes = package.size_bytes
            row.package_etag = package.etag
            problem = package.problem
            row.problem_code, row.problem_detail = (problem.code, problem.detail) if problem else (None, None)


def _row(session: Session, case_id: int) -> CaseRow:
    row = session.get(CaseRow, case_id)
    if row is None:
        raise NotFound("There is no such case.")
    return row


def _row_to_change(session: Session, case_id: int) -> CaseRow:
    """Return the row, whose package is dropped. Raise NotFound or Conflict (package_state)."""
    row = _row(session, case_id)
    if row.package_state == PackageState.MAKING.value:
        raise Conflict("The package of this case is being made.", code="package_state")
    row.package_state = PackageState.NONE.value
    row.package_exports = row.package_made_at = row.problem_code = row.problem_detail = None
    row.package_bytes, row.package_etag = 0, ""
    return row


def _add_export(session: Session, row: CaseRow, export_id: int) -> None:
    if session.get(ExportRow, export_id) is None:
        raise NotFound("There is no such export.")
    position = 1 + (
        session.scalar(select(func.max(CaseExportRow.position)).where(CaseExportRow.case_id == row.id)) or 0
    )
    if len(_export_ids(session, row.id)) >= MOST_EXPORTS:
        raise LimitReached(f"A case has at most {MOST_EXPORTS} exports.", code="case_limit")
    session.add(CaseExportRow(case_id=row.id, export_id=export_id, position=position))
    session.flush()


def _export_ids(session: Session, case_id: int) -> tuple[int, ...]:
    return tuple(
        session.scalars(
            select(CaseExportRow.export_id).where(CaseExportRow.case_id == case_id).order_by(CaseExportRow.position)
        )
    )


def _contents(session: Session, export_ids: Sequence[int]) -> list[list[Any]]:
    rows = (session.get(ExportRow, export_id) for export_id in export_ids)
    return [_content(row.id, read_items(row.files, read_file)) for row in rows if row is not None]


def _content(export_id: int, files: Sequence[ExportFile]) -> list[Any]:
    """Return the id of an export and a hash of its files."""
    listed = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    return [export_id, hashlib.sha256(listed.encode()).hexdigest()]


def _case(session: Session, row: CaseRow) -> Case:
    export_ids = _export_ids(session, row.id)
    package = Package(
        PackageState(row.package_state),
        row.package_by,
        row.package_made_at,
        row.package_bytes,
        row.package_etag,
        Problem(row.problem_code, row.problem_detail or "") if row.problem_code else None,
    )
    if package.state is PackageState.READY and _contents(session, export_ids) != row.package_exports:
        package = Package()  # one of its exports was deleted, or has other files now
    return Case(row.id, row.user_id, row.owner, row.name, row.notes, row.created_at, export_ids, package)
