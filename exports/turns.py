"""Which job runs next: one per recorder and a few in all, and each user in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exports.records import ExportJob

MOST_RUNNING = 2
TURN_S = 120.0
"""A job that has run so long gives way to one that waits for its recorder or for a free thread."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """`run_s`: since it began."""

    job: ExportJob
    run_s: float


class Turns:
    """One thread only."""

    def __init__(self) -> None:
        self._count = 0
        self._of_users: dict[int | str, int] = {}  # the last turn of each user
        self._of_jobs: dict[int, int] = {}

    def began(self, job: ExportJob) -> None:
        self._count += 1
        self._of_users[_user(job)] = self._of_jobs[job.id] = self._count

    def choose(self, due: Sequence[ExportJob], running: Sequence[ExportJob]) -> ExportJob | None:
        """Return the job to begin now; None if no due one may.

        Users with fewer running jobs come first, then those whose last job began earlier. A user's jobs keep their
        order.
        """
        if len(running) >= MOST_RUNNING:
            return None
        used = frozenset(camera_id for job in running for camera_id in job.cameras)
        users = [_user(job) for job in running]
        return min(
            (job for job in due if not job.cameras & used),
            key=lambda job: (
                users.count(_user(job)),
                self._of_users.get(_user(job), 0),
                self._of_jobs.get(job.id, 0),
                job.id,
            ),
            default=None,
        )

    def choose_to_end(self, due: Sequence[ExportJob], running: Sequence[RunningJob]) -> ExportJob | None:
        """Return the running job that has to give way to a due one; None if none has to."""
        for one in sorted(running, key=lambda one: one.run_s, reverse=True):
            if one.run_s < TURN_S:
                return None
            others = [other.job for other in running if other is not one]
            next_one = self.choose([*due, one.job], others)
            if next_one is not None and next_one.id != one.job.id and not _follows(next_one, one.job):
                return one.job
        return None


def _follows(job: ExportJob, running: ExportJob) -> bool:
    """True if the job would only take turns with another one of the same user at the same recorder."""
    return _user(job) == _user(running) and bool(job.cameras & running.cameras)


def _user(job: ExportJob) -> int | str:
    return job.owner if job.user_id is None else job.user_id
