"""Pauses: users stop the recording of a channel for privacy, until a time or until another user resumes it."""

from __future__ import annotations

import threading
from datetime import datetime

from sqlalchemy import delete, select
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
        """Read all pauses, also after a camera was removed with its pauses. The database must be open."""
        with self._changing:
            with self._database.read() as session:
                rows = session.scalars(select(RecordingPauseRow))
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
                    session.merge(
                        RecordingPauseRow(
                            camera_id=camera_id, channel=channel, since_at=made.since, until_at=until, by=made.by
                        )
                    )
            except IntegrityError:
                raise NotFound("There is no such camera.") from None
            with self._lock:
                self._pauses[camera_id, channel] = made
        return made

    def resume(self, camera_id: int, channel: int) -> None:
        """End the pause of a channel, if there is one."""
        with self._changing:
            with self._database.write() as session:
                session.execute(
                    delete(RecordingPauseRow).where(
                        RecordingPauseRow.camera_id == camera_id, RecordingPauseRow.channel == channel
                    )
                )
            with self._lock:
                self._pauses.pop((camera_id, channel), None)


def _pause(row: RecordingPauseRow) -> RecordingPause:
    return RecordingPause(row.camera_id, row.channel, row.since_at, row.until_at, row.by)
