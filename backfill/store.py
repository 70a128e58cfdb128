"""Backfill jobs in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backfill.records import AUTOMATIC, Backfill, BackfillPiece, BackfillState, Stretch
from core.errors import Conflict, LimitReached, NotFound
from core.records import Problem
from core.stored_json import read_items
from database import Database
from tables import BackfillBytesRow, BackfillRow

MAX_BACKFILLS = 500


class BackfillStore:
    """Needs an open database. Safe between threads. Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def jobs(self, camera_id: int | None = None, channel: int | None = None) -> list[Backfill]:
        """Return the jobs, of a channel if one is given, the newest first."""
        wanted = select(BackfillRow).order_by(BackfillRow.id.desc())
        if camera_id is not None:
            wanted = wanted.where(BackfillRow.camera_id == camera_id)
        if channel is not None:
            wanted = wanted.where(BackfillRow.channel == channel)
        with self._database.read() as session:
            return [_job(row) for row in session.scalars(wanted)]

    def get(self, backfill_id: int) -> Backfill:
        """Raise NotFound."""
        with self._database.read() as session:
            return _job(_row(session, backfill_id))

    def waiting(self) -> list[Backfill]:
        """Return the queued jobs, the oldest first. A job that ran when the app ended is one of them."""
        states = [BackfillState.QUEUED.value, BackfillState.RUNNING.value]
        with self._database.read() as session:
            rows = session.scalars(select(BackfillRow).where(BackfillRow.state.in_(states)).order_by(BackfillRow.id))
            return [_job(row) for row in rows]

    def add(
        self,
        camera_id: int,
        channel: int,
        wanted: Stretch,
        pieces: Sequence[BackfillPiece],
        *,
        by: str,
        now: datetime,
    ) -> Backfill:
        """Add a queued job. Raise LimitReached (backfill_limit), or NotFound for a camera that was removed.

        The limit is for the jobs of users.
        """
        row = BackfillRow(
            camera_id=camera_id,
            channel=channel,
            start_at=wanted.start,
            end_at=wanted.end,
            state=BackfillState.QUEUED.value,
            pieces=[_stored(piece) for piece in pieces],
            by=by[:80],
            created_at=now,
        )
        try:
            with self._database.write() as session:
                of_users = select(func.count()).select_from(BackfillRow).where(BackfillRow.by != AUTOMATIC)
                if by != AUTOMATIC and (session.scalar(of_users) or 0) >= MAX_BACKFILLS:
                    raise LimitReached(
                        f"There are {MAX_BACKFILLS} backfills: delete some first.", code="backfill_limit"
                    )
                session.add(row)
                session.flush()
                return _job(row)
        except IntegrityError:
            raise NotFound("There is no such camera.") from None

    def extend(self, backfill_id: int, pieces: Sequence[BackfillPiece]) -> None:
        """Add pieces to a job of a rule, and queue it again if it has ended. A failed job loses its missing pieces.

        Do nothing if it is gone or cancelled. The job must not run.
        """
        with self._database.write() as session:
            row = session.get(BackfillRow, backfill_id)
            if row is None or row.state == BackfillState.CANCELLED.value:
                return
            before = _job(row).pieces
            if row.state == BackfillState.FAILED.value:
                before = tuple(piece for piece in before if piece.is_done)
            joined = sorted([*before, *pieces], key=lambda piece: piece.stretch.start)
            row.pieces = [_stored(piece) for piece in joined]
            row.start_at = min(row.start_at, joined[0].stretch.start)
            row.end_at = max(row.end_at, *(piece.stretch.end for piece in joined))
            if row.state != BackfillState.PAUSED.value:
                row.state, row.ended_at = BackfillState.QUEUED.value, None
                row.problem_code = row.problem_detail = None

    def move(
        self,
        backfill_id: int,
        state: BackfillState,
        *,
        of: Sequence[BackfillState],
        now: datetime,
        problem: Problem | None = None,
    ) -> Backfill:
        """Give a job another state, if its state is one of `of`. Raise NotFound or Conflict (backfill_state)."""
        with self._database.write() as session:
            row = _row(session, backfill_id)
            if row.state not in {one.value for one in of}:
                raise Conflict(f"This backfill is {row.state}.", code="backfill_state")
            row.state = state.value
            row.ended_at = None if state.is_unfinished else now
            row.problem_code, row.problem_detail = (problem.code, problem.detail) if problem else (None, None)
            session.flush()
            return _job(row)

    def note_pieces(self, backfill_id: int, pieces: Sequence[BackfillPiece]) -> None:
        """Store the pieces of a job that still exists."""
        with self._database.write() as session:
            row = session.get(BackfillRow, backfill_id)
            if row is not None:
                row.pieces = [_stored(piece) for piece in pieces]
                row.done_s = sum(piece.stretch.length_s for piece in pieces if piece.is_done)
                row.size_bytes = sum(piece.size_bytes for piece in pieces)

    def note_bytes(self, day: date, size_bytes: int) -> None:
        """Add to the bytes of a day, and forget the days before it."""
        with self._database.write() as session:
            session.execute(delete(BackfillBytesRow).where(BackfillBytesRow.day < day.isoformat()))
            row = session.get(BackfillBytesRow, day.isoformat())
            if row is None:
                session.add(BackfillBytesRow(day=day.isoformat(), size_bytes=size_bytes))
            else:
                row.size_bytes += size_bytes

    def bytes_of(self, day: date) -> int:
        """Return the bytes that all backfills have read in a day."""
        with self._database.read() as session:
            row = session.get(BackfillBytesRow, day.isoformat())
            return row.size_bytes if row is not None else 0

    def fail_unfinished(self, camera_id: int, problem: Problem, now: datetime) -> None:
        """Let the unfinished jobs of a camera fail."""
        states = [state.value for state in BackfillState if state.is_unfinished]
        wanted = select(BackfillRow).where(BackfillRow.camera_id == camera_id, BackfillRow.state.in_(states))
        with self._database.write() as session:
            for row in session.scalars(wanted):
                row.state, row.ended_at = BackfillState.FAILED.value, now
                row.problem_code, row.problem_detail = problem.code, problem.detail

    def remove_automatic(self, before: datetime) -> None:
        """Delete the jobs of rules that ended before this time."""
        with self._database.write() as session:
            session.execute(delete(BackfillRow).where(BackfillRow.by == AUTOMATIC, BackfillRow.ended_at < before))

    def remove(self, backfill_id: int) -> None:
        """Do nothing if it is gone already. Fetched recordings stay in the archive."""
        with self._database.write() as session:
            row = session.get(BackfillRow, backfill_id)
            if row is not None:
                session.delete(row)


def _row(session: Session, backfill_id: int) -> BackfillRow:
    row = session.get(BackfillRow, backfill_id)
    if row is None:
        raise NotFound("There is no such backfill.")
    return row


def _job(row: BackfillRow) -> Backfill:
    return Backfill(
        id=row.id,
        camera_id=row.camera_id,
        channel=row.channel,
        start=row.start_at,
        end=row.end_at,
        state=BackfillState(row.state),
        pieces=read_items(row.pieces, _piece),
        by=row.by,
        created_at=row.created_at,
        ended_at=row.ended_at,
        problem=Problem(row.problem_code, row.problem_detail or "") if row.problem_code else None,
    )


def _stored(piece: BackfillPiece) -> dict[str, Any]:
    return {
        "stretch": _times(piece.stretch),
        "done": piece.is_done,
        "bytes": piece.size_bytes,
        "lacking": [_times(one) for one in piece.lacking],
        "lossy": [_times(one) for one in piece.lossy],
        "frames_lost": piece.frames_lost,
    }


def _piece(stored: Any) -> BackfillPiece:
    return BackfillPiece(
        _stretch(stored["stretch"]),
        bool(stored["done"]),
        int(stored["bytes"]),
        read_items(stored["lacking"], _stretch),
        read_items(stored.get("lossy", []), _stretch),
        int(stored.get("frames_lost", 0)),
    )


def _times(stretch: Stretch) -> list[str]:
    return [stretch.start.isoformat(), stretch.end.isoformat()]


def _stretch(stored: Any) -> Stretch:
    start, end = (datetime.fromisoformat(text) for text in stored)
    return Stretch(start, end)
