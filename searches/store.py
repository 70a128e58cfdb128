"""Searches in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.archive import Origin
from core.errors import Conflict, LimitReached, NotFound
from core.records import Problem
from core.stored_json import read_items
from database import Database
from searches.records import (
    Search,
    SearchDraft,
    SearchEstimate,
    SearchKind,
    SearchProgress,
    SearchResult,
    SearchState,
)
from tables import SearchRow

MOST_UNFINISHED = 4  # of one user
MOST_SEARCHES = 50  # of one user; the oldest finished ones go

_UNFINISHED = [state.value for state in SearchState if state.is_unfinished]


class SearchStore:
    """Needs an open database. Each call is one transaction. Safe between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def searches(self) -> list[Search]:
        """Return all searches, the newest first."""
        with self._database.read() as session:
            return [_search(row) for row in session.scalars(select(SearchRow).order_by(SearchRow.id.desc()))]

    def get(self, search_id: int) -> Search:
        """Raise NotFound."""
        with self._database.read() as session:
            return _search(_row(session, search_id))

    def add(self, user_id: int | None, owner: str, draft: SearchDraft, now: datetime, *, is_small: bool) -> Search:
        """Add a search. Raise LimitReached (search_limit), or NotFound for a camera that was removed."""
        row = SearchRow(
            user_id=user_id,
            owner=owner[:80],
            camera_id=draft.camera_id,
            channel=draft.channel,
            start_at=draft.start,
            end_at=draft.end,
            points=[list(point) for point in draft.points],
            kind=draft.kind.value,
            source=draft.source.value if draft.source is not None else None,
            state=SearchState.ESTIMATING.value,
            is_small=is_small,
            created_at=now,
            results=[],
        )
        try:
            with self._database.write() as session:
                own = select(SearchRow.id).where(SearchRow.user_id == user_id)
                unfinished = select(func.count()).select_from(own.where(SearchRow.state.in_(_UNFINISHED)).subquery())
                if (session.scalar(unfinished) or 0) >= MOST_UNFINISHED:
                    detail = f"You have {MOST_UNFINISHED} searches that are not finished: cancel one first."
                    raise LimitReached(detail, code="search_limit")
                ended = own.where(SearchRow.state.not_in(_UNFINISHED)).order_by(SearchRow.id.desc())
                old = list(session.scalars(ended.offset(MOST_SEARCHES - MOST_UNFINISHED)))
                if old:
                    session.execute(delete(SearchRow).where(SearchRow.id.in_(old)))
                session.add(row)
                session.flush()
                return _search(row)
        except IntegrityError:
            raise NotFound("There is no such camera.") from None

    def move(
        self,
        search: Search,
        state: SearchState,
        *,
        of: Sequence[SearchState],
        now: datetime,
        problem: Problem | None = None,
    ) -> Search:
        """Give a search another state if its present one is one of `of`, and store its progress and results.

        Raise NotFound or Conflict (search_state).
        """
        with self._database.write() as session:
            row = _row(session, search.id)
            if row.state not in {one.value for one in of}:
                raise Conflict(f"This search is {row.state}.", code="search_state")
            row.state = state.value
            row.ended_at = None if state.is_unfinished else now
            row.problem_code, row.problem_detail = (problem.code, problem.detail) if problem else (None, None)
            progress, estimate = search.progress, search.estimate
            row.looked_s, row.total_s = progress.looked_s, progress.total_s
            row.key_frames, row.size_bytes = progress.key_frames, progress.size_bytes
            row.estimate = None if estimate is None else [estimate.key_frames, estimate.size_bytes, estimate.seconds]
            row.results = [_stored(result) for result in search.results]
            session.flush()
            return _search(row)

    def fail_unfinished(
        self, problem: Problem, now: datetime, camera_ids: Collection[int], *, before: datetime | None = None
    ) -> None:
        """Let the unfinished searches of these cameras fail, or those of them that were made before this time."""
        wanted = select(SearchRow).where(SearchRow.state.in_(_UNFINISHED), SearchRow.camera_id.in_(camera_ids))
        if before is not None:
            wanted = wanted.where(SearchRow.created_at < before)
        with self._database.write() as session:
            for row in session.scalars(wanted):
                row.state, row.ended_at = SearchState.FAILED.value, now
                row.problem_code, row.problem_detail = problem.code, problem.detail

    def remove_ended(self, before: datetime) -> None:
        """Delete the searches that ended before this time."""
        with self._database.write() as session:
            session.execute(delete(SearchRow).where(SearchRow.ended_at < before))


def _row(session: Session, search_id: int) -> SearchRow:
    row = session.get(SearchRow, search_id)
    if row is None:
        raise NotFound("There is no such search.")
    return row


def _search(row: SearchRow) -> Search:
    estimate = row.estimate
    return Search(
        id=row.id,
        user_id=row.user_id,
        owner=row.owner,
        draft=SearchDraft(
            row.camera_id,
            row.channel,
            row.start_at,
            row.end_at,
            read_items(row.points, lambda point: (float(point[0]), float(point[1]))),
            SearchKind(row.kind),
            Origin(row.source) if row.source else None,
        ),
        state=SearchState(row.state),
        created_at=row.created_at,
        ended_at=row.ended_at,
        problem=Problem(row.problem_code, row.problem_detail or "") if row.problem_code else None,
        progress=SearchProgress(row.looked_s, row.total_s, row.key_frames, row.size_bytes),
        estimate=SearchEstimate(*estimate) if isinstance(estimate, list) and len(estimate) == 3 else None,
        results=read_items(row.results, _result),
        is_small=row.is_small,
    )


def _stored(result: SearchResult) -> list[Any]:
    times = (result.start, result.end, result.picture_at, result.before_at)
    return [result.score, *(None if time is None else time.isoformat() for time in times)]


def _result(stored: Any) -> SearchResult:
    score, start, end, picture_at, before_at = stored
    return SearchResult(
        datetime.fromisoformat(start),
        datetime.fromisoformat(end),
        float(score),
        datetime.fromisoformat(picture_at),
        None if before_at is None else datetime.fromisoformat(before_at),
    )
