"""Pauses: users stop the recording of a channel for privacy, until a time or until another user resumes it.

All pauses stay in the database: a backfill never fetches their time, whatever the rule asked for then.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.exc import IntegrityError

from core.archive import RecordingPause
from core.clock import Clock
from core.errors import InvalidRequest, NotFound
from database import Database
from tables import RecordingPauseRow


class PauseStore:
    """Reads come from memory, changes wait for the disk. A pause holds over a restart. Safe between threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changing = threading.Lock()  # held while a change waits for the disk
        self._lock = threading.Lock()  # of `_pauses`
        self._pauses: dict[tuple[int, int], RecordingPause] = {}

    def load(self) -> None:
        """Read the pauses that no user has ended, also after the removal of a camera. The database must be open."""
        with self._changing:
            with self._database.read() as session:
                unended = RecordingPauseRow.ended_at.is_(None)
                rows = session.scalars(select(RecordingPauseRow).where(unended).order_by(RecordingPauseRow.id))
                found = {(row.camera_id, row.channel): _pause(row) for row in rows}
            with self._lock:
                self._pauses = found

    def pauses(self) -> list[RecordingPause]:
        """Return the pauses that hold now."""
        now = self._clock.now_utc()
        with self._lock:
            return [one for _, one in sorted(self._pauses.items()) if one.until is None or now < one.until]

    def pause_of(self, camera_id: int, channel: int) -> RecordingPause | None:
        """Return the pause of a channel that holds now, or None."""
        found = self.last_pause(camera_id, channel)
        return found if found and (found.until is None or self._clock.now_utc() < found.until) else None

    def last_pause(self, camera_id: int, channel: int) -> RecordingPause | None:
        """Return the last pause of a channel that no user has ended, even if its time is over."""
        with self._lock:
            return self._pauses.get((camera_id, channel))

    def ranges(self, camera_id: int, channel: int, start: datetime, end: datetime) -> list[RecordingPause]:
        """Return the pauses of a channel that touch [start, end), with their real ends. Waits for the disk."""
        wanted = (
            select(RecordingPauseRow)
            .where(
                RecordingPauseRow.camera_id == camera_id,
                RecordingPauseRow.channel == channel,
                RecordingPauseRow.since_at < end,
                or_(RecordingPauseRow.until_at.is_(None), RecordingPauseRow.until_at > start),
                or_(RecordingPauseRow.ended_at.is_(None), RecordingPauseRow.ended_at > start),
            )
            .order_by(RecordingPauseRow.since_at, RecordingPauseRow.id)
        )
        with self._database.read() as session:
            return [replace(_pause(row), until=_end(row)) for row in session.scalars(wanted)]

    def pause(self, camera_id: int, channel: int, until: datetime | None, by: str) -> RecordingPause:
        """Pause a channel. A pause that holds already keeps its beginning, and gets this end and name.

        Raise InvalidRequest if `until` is over, or NotFound if the camera was removed.
        """
        now = self._clock.now_utc()
        if until is not None and until <= now:
            raise InvalidRequest.of_field("until", "a time in the future")
        with self._changing:
            before = self.pause_of(camera_id, channel)
            made = RecordingPause(camera_id, channel, before.since if before else now, until, by[:80])
            try:
                with self._database.write() as session:
                    row = session.scalar(_unended(camera_id, channel).limit(1)) if before else None
                    if row is None:
                        row = RecordingPauseRow(camera_id=camera_id, channel=channel, since_at=made.since)
                        session.add(row)
                    row.until_at, row.by = until, made.by
            except IntegrityError:
                raise NotFound("There is no such camera.") from None
            with self._lock:
                self._pauses[camera_id, channel] = made
        return made

    def resume(self, camera_id: int, channel: int) -> None:
        """End the pause of a channel, if there is one."""
        with self._changing:
            with self._database.write() as session:
                for row in session.scalars(_unended(camera_id, channel)):
                    row.ended_at = self._clock.now_utc()
            with self._lock:
                self._pauses.pop((camera_id, channel), None)


def _unended(camera_id: int, channel: int) -> Select[RecordingPauseRow]:
    """Return the pauses of a channel that no user has ended, the newest first."""
    return (
        select(RecordingPauseRow)
        .where(
            RecordingPauseRow.camera_id == camera_id,
            RecordingPauseRow.channel == channel,
            RecordingPauseRow.ended_at.is_(None),
        )
        .order_by(RecordingPauseRow.id.desc())
    )


def _end(row: RecordingPauseRow) -> datetime | None:
    return min((one for one in (row.until_at, row.ended_at) if one is not None), default=None)


def _pause(row: RecordingPauseRow) -> RecordingPause:
    return RecordingPause(row.camera_id, row.channel, row.since_at, row.until_at, row.by)
