"""Export jobs in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from core.errors import Conflict, LimitReached, NotFound
from core.records import Problem
from core.stored_json import read_items
from database import Database
from exports.origin import RangeOrigin, read_range_origins, stored_range_origin
from exports.records import (
    INCOMPLETE,
    ExportDevice,
    ExportDraft,
    ExportFile,
    ExportJob,
    ExportProgress,
    ExportRange,
    ExportState,
)
from exports.stored import read_file, read_options, stored_file, stored_options
from tables import CaseExportRow, ExportRow

_EARLIER = "earlier"  # in the options: code and detail of the problem of a job that was done before its retry
_UNFINISHED = [state.value for state in ExportState if state.is_unfinished]


class ExportStore:
    """Needs an open database. Each call is one transaction. Safe between threads."""

    def __init__(self, database: Database, node: str = "") -> None:
        """`node`: the name of this node, "" for a single process. A node leaves the files of others alone."""
        self._database = database
        self._node = node

    def jobs(self) -> list[ExportJob]:
        """Return all jobs, the newest first."""
        with self._database.read() as session:
            return [_job(row) for row in session.scalars(select(ExportRow).order_by(ExportRow.id.desc()))]

    def get(self, export_id: int) -> ExportJob:
        """Raise NotFound."""
        with self._database.read() as session:
            return _job(_row(session, export_id))

    def waiting(self) -> list[ExportJob]:
        """Return the jobs that are queued, the oldest first. A job that ran when the app ended is one of them."""
        states = [ExportState.QUEUED.value, ExportState.RUNNING.value]
        with self._database.read() as session:
            rows = session.scalars(select(ExportRow).where(ExportRow.state.in_(states)).order_by(ExportRow.id))
            return [_job(row) for row in rows]

    def remove_expired(self, now: datetime) -> list[int]:
        """Remove the jobs of this node that have expired by now, except those in a case. Return their ids."""
        in_cases = select(CaseExportRow.export_id)
        wanted = self._own().where(ExportRow.expires_at <= now, ExportRow.id.not_in(in_cases))
        with self._database.read() as session:  # most looks find none, and should not hold up other threads that write
            if session.scalar(wanted.limit(1)) is None:
                return []
        with self._database.write() as session:
            rows = list(session.scalars(wanted))
            for row in rows:
                session.delete(row)
            return [row.id for row in rows]

    def cancelled_with_files(self) -> list[ExportJob]:
        """Return the cancelled jobs of this node whose files it has not deleted yet: the app ended meanwhile."""
        wanted = self._own().where(ExportRow.state == ExportState.CANCELLED.value)
        with self._database.read() as session:
            return [_job(row) for row in session.scalars(wanted) if row.files or row.size_bytes]

    def adopt(self, export_ids: Collection[int]) -> None:
        """Note that the files of these jobs are here, if a single process made them, before it became a node."""
        made = update(ExportRow).where(ExportRow.id.in_(export_ids), ExportRow.node == "")
        if self._node:
            with self._database.write() as session:
                session.execute(made.values(node=self._node))

    def take_over(self, job: ExportJob) -> ExportJob:
        """Return a job as it is stored now, which begins at this node: anew if another node has made its files.

        Raise NotFound.
        """
        if self.has(job):
            return self.get(job.id)
        with self._database.write() as session:
            row = _row(session, job.id)
            row.node, row.files, row.done_s, row.size_bytes = self._node, [], 0.0, 0
            session.flush()
            return _job(row)

    def is_possible_here(self, job: ExportJob) -> bool:
        """True if this node has the files of the job, or if it has none yet and so can be made by any node."""
        return self.has(job) or not job.files

    def is_retry(self, export_id: int) -> bool:
        """True if the job adds to the files of an export that was done before. Raise NotFound."""
        with self._database.read() as session:
            return _EARLIER in _row(session, export_id).options

    def has(self, job: ExportJob) -> bool:
        """True if this node has the files of the job, or makes them."""
        return not self._node or job.node == self._node

    def add(
        self,
        user_id: int | None,
        owner: str,
        draft: ExportDraft,
        total_s: float,
        now: datetime,
        *,
        devices: Sequence[ExportDevice],
        most: int,
        most_own: int,
    ) -> ExportJob:
        """Add a queued job. Raise LimitReached (export_limit): there are `most`, or the user has `most_own`."""
        with self._database.write() as session:
            count = select(func.count()).select_from(ExportRow)
            if (session.scalar(count) or 0) >= most:
                raise LimitReached(f"There are {most} exports: delete one first.", code="export_limit")
            if (session.scalar(count.where(ExportRow.user_id == user_id)) or 0) >= most_own:
                raise LimitReached(f"You have {most_own} exports: delete one first.", code="export_limit")
            row = ExportRow(
                user_id=user_id,
                owner=owner[:80],
                name=draft.name,
                notes=draft.notes,
                format=draft.format,
                options=stored_options(draft) | {"devices": [asdict(device) for device in devices]},
                ranges=[_stored_range(wanted) for wanted in draft.ranges],
                state=ExportState.QUEUED.value,
                created_at=now,
                total_s=total_s,
                files=[],
                origins={},
                node=self._node,
            )
            session.add(row)
            session.flush()
            return _job(row)

    def move(
        self,
        export_id: int,
        state: ExportState,
        *,
        of: Sequence[ExportState],
        now: datetime,
        expires_at: datetime | None = None,
        problem: Problem | None = None,
    ) -> ExportJob:
        """Give a job another state, if its present state is one of `of`. Raise NotFound or Conflict (export_state).

        A job that fails with finished files is done and incomplete. A retry that fails or is cancelled leaves the state
        that the job had before, with its files.
        """
        with self._database.write() as session:
            row = _row(session, export_id)
            if row.state not in {one.value for one in of}:
                raise Conflict(f"This export is {row.state}.", code="export_state")
            state, problem = _with_earlier_end(row, state, problem)
            row.state = state.value
            row.ended_at = None if state.is_unfinished else now
            row.expires_at = None if state.is_unfinished or row.kept else expires_at
            row.problem_code, row.problem_detail = (problem.code, problem.detail) if problem else (None, None)
            session.flush()
            return _job(row)

    def note_progress(self, export_id: int, progress: ExportProgress, files: Sequence[ExportFile]) -> None:
        """Store the progress of a job that still exists."""

        def note(row: ExportRow) -> None:
            row.done_s, row.total_s, row.size_bytes = progress.done_s, progress.total_s, progress.size_bytes
            row.files = [stored_file(file) for file in files]

        self._change(export_id, note)

    def note_origin(self, export_id: int, index: int, origin: RangeOrigin) -> None:
        """Store the origin of the range with this index, of a job that still exists."""

        def note(row: ExportRow) -> None:
            row.origins = {**(row.origins or {}), str(index): stored_range_origin(origin)}

        self._change(export_id, note)

    def note_device(self, export_id: int, device: ExportDevice) -> None:
        """Store the device of a camera of a job that still exists, instead of an earlier one."""

        def note(row: ExportRow) -> None:
            others = [one for one in _devices(row) if one.camera_id != device.camera_id]
            row.options = {**row.options, "devices": [asdict(one) for one in (*others, device)]}

        self._change(export_id, note)

    def change(
        self, export_id: int, *, name: str | None, notes: str | None, kept: bool | None, expires_at: datetime
    ) -> ExportJob:
        """Change the fields that are not None. `expires_at` is for a finished job that is no longer kept.

        Raise NotFound.
        """
        with self._database.write() as session:
            row = _row(session, export_id)
            row.name = row.name if name is None else name
            row.notes = row.notes if notes is None else notes
            if kept is not None and kept != row.kept:
                row.kept = kept
                row.expires_at = None if kept or row.state in _UNFINISHED else expires_at
            session.flush()
            return _job(row)

    def remove(self, export_id: int) -> None:
        """Do nothing if it is gone already."""
        with self._database.write() as session:
            row = session.get(ExportRow, export_id)
            if row is not None:
                session.delete(row)

    def _own(self) -> Select[ExportRow]:
        wanted = select(ExportRow)
        return wanted.where(ExportRow.node == self._node) if self._node else wanted

    def _change(self, export_id: int, change: Callable[[ExportRow], None]) -> None:
        with self._database.write() as session:
            row = session.get(ExportRow, export_id)
            if row is not None:
                change(row)


def _row(session: Session, export_id: int) -> ExportRow:
    row = session.get(ExportRow, export_id)
    if row is None:
        raise NotFound("There is no such export.")
    return row


def _job(row: ExportRow) -> ExportJob:
    return ExportJob(
        id=row.id,
        user_id=row.user_id,
        owner=row.owner,
        draft=_draft(row),
        state=ExportState(row.state),
        created_at=row.created_at,
        ended_at=row.ended_at,
        expires_at=row.expires_at,
        is_kept=row.kept,
        problem=Problem(row.problem_code, row.problem_detail or "") if row.problem_code else None,
        files=read_items(row.files, read_file),
        progress=ExportProgress(row.done_s, row.total_s, row.size_bytes),
        origins=read_range_origins(row.origins),
        devices=_devices(row),
        node=row.node,
    )


def _with_earlier_end(
    row: ExportRow, state: ExportState, problem: Problem | None
) -> tuple[ExportState, Problem | None]:
    """Note the end of a job with files that is queued again. Return state and problem of its end.

    A job that fails after it has made files is done and incomplete: its files can be used, and a retry adds the rest.
    """
    if state is ExportState.QUEUED and row.state == ExportState.DONE.value:
        row.options = {**row.options, _EARLIER: [row.problem_code, row.problem_detail]}
    if state is ExportState.FAILED and row.files and _EARLIER not in row.options:
        reason = f"{problem.detail} " if problem else ""
        return ExportState.DONE, Problem(INCOMPLETE, f"{reason}The files that were ready before can be used.")
    if state.is_unfinished or _EARLIER not in row.options:
        return state, problem
    code, detail = row.options[_EARLIER]
    row.options = {name: value for name, value in row.options.items() if name != _EARLIER}
    if state is ExportState.DONE:
        return state, problem
    reason = f" The last try failed: {problem.detail}" if problem else ""
    return ExportState.DONE, Problem(code or INCOMPLETE, f"{detail or ''}{reason}".strip())


def _devices(row: ExportRow) -> tuple[ExportDevice, ...]:
    return read_items(row.options.get("devices"), lambda item: ExportDevice(**item))


def _draft(row: ExportRow) -> ExportDraft:
    has_subtitles, copies = read_options(row.options)
    return ExportDraft(read_items(row.ranges, _range), row.format, row.name, row.notes, has_subtitles, copies)


def _stored_range(wanted: ExportRange) -> list[Any]:
    return [wanted.camera_id, wanted.channel, wanted.start.isoformat(), wanted.end.isoformat()]


def _range(item: Any) -> ExportRange:
    camera_id, channel, start, end = item
    return ExportRange(int(camera_id), int(channel), datetime.fromisoformat(start), datetime.fromisoformat(end))
