"""Which stretches of a range a backfill fetches, and in which pieces. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from backfill.records import Backfill, BackfillPiece, BackfillState, Stretch
from core.archive import ArchiveGap, GapReason, RecordingRule
from core.records import Problem

PIECE_S = 600.0
CAMERA_CHANGED = Problem(
    "camera_changed", "The address or the login of the camera was changed, so it may be another device now."
)
_RETRY_AFTER = timedelta(days=1)
SETTLED = timedelta(minutes=2)
"""Recorders write late: a gap that ended later may not be one."""
SHORTEST_S = 10.0
"""A shorter gap is left alone: a fetched stretch begins with a key frame, so a few seconds of each gap may stay."""

# The archive was to record these, and could not. A user asks for a pause, so its time is never fetched.
_FILLED = frozenset(
    {
        GapReason.DEVICE_AWAY,
        GapReason.NO_SIGNAL,
        GapReason.REFUSED,
        GapReason.STALLED,
        GapReason.DISK_FULL,
        GapReason.DISK_TOO_SLOW,
        GapReason.DISK_GONE,
        GapReason.SERVER_OFF,
        GapReason.CLOCK_STEPPED,
        GapReason.DAMAGED,
        GapReason.UNKNOWN,
    }
)


def is_filled(gap: ArchiveGap) -> bool:
    """True if a rule may fetch this gap without a question."""
    return gap.reason in _FILLED


def oldest_lasting(rule: RecordingRule, now: datetime) -> datetime | None:
    """Return the time before which the archive deletes footage by its age; None if it does not."""
    days = [value for value in (rule.keep_days, rule.limit_days) if value is not None]
    return now - timedelta(days=min(days)) if days else None


def united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, with those that touch or overlap joined."""
    found: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda it: it.start):
        if found and stretch.start <= found[-1].end:
            found[-1] = Stretch(found[-1].start, max(found[-1].end, stretch.end))
        elif stretch.start < stretch.end:
            found.append(stretch)
    return found


def without(stretches: Iterable[Stretch], taken: Iterable[Stretch]) -> list[Stretch]:
    """Return the parts of stretches that none of `taken` covers."""
    left = united(stretches)
    for one in united(taken):
        left = [
            part
            for stretch in left
            for part in (
                Stretch(stretch.start, min(stretch.end, one.start)),
                Stretch(max(stretch.start, one.end), stretch.end),
            )
            if part.start < part.end
        ]
    return left


def common(one: Iterable[Stretch], other: Iterable[Stretch]) -> list[Stretch]:
    """Return the parts that are in both."""
    second = united(other)
    parts = (Stretch(max(a.start, b.start), min(a.end, b.end)) for a in united(one) for b in second)
    return [part for part in parts if part.start < part.end]


def wanted_stretches(
    wanted: Iterable[Stretch],
    on_device: Iterable[Stretch],
    archived: Iterable[Stretch],
    refused: Iterable[Stretch] = (),
) -> list[Stretch]:
    """Return what to fetch: wanted, on the device, not in the archive, and not in vain before (`refused`)."""
    left = without(without(common(wanted, on_device), archived), refused)
    return [stretch for stretch in left if stretch.length_s >= SHORTEST_S]


def pieces_of(stretches: Iterable[Stretch]) -> tuple[BackfillPiece, ...]:
    """Cut stretches into pieces of at most ten minutes, at borders of UTC, so that all jobs have the same pieces."""
    pieces = []
    for stretch in stretches:
        start = stretch.start
        while start < stretch.end:
            end = min(stretch.end, _next_border(start))
            if (stretch.end - end).total_seconds() < SHORTEST_S:
                end = stretch.end
            pieces.append(BackfillPiece(Stretch(start, end)))
            start = end
    return tuple(pieces)


def _next_border(moment: datetime) -> datetime:
    number = moment.timestamp() // PIECE_S + 1
    border = datetime.fromtimestamp(number * PIECE_S, UTC)
    return border if (border - moment).total_seconds() >= SHORTEST_S else border + timedelta(seconds=PIECE_S)


def tried_in_vain(jobs: Iterable[Backfill]) -> list[Stretch]:
    """Return the stretches that the recorder did not send: it has them neither, whatever it lists."""
    return united(stretch for job in jobs for piece in job.pieces for stretch in piece.lacking)


def may_retry(job: Backfill, now: datetime) -> bool:
    """True if a rule may try a failed job of its own again, a day after the failure.

    Never after a change of the camera: it may be another device now.
    """
    is_own_failure = job.is_automatic and job.state is BackfillState.FAILED and not is_of_changed_camera(job)
    return is_own_failure and job.ended_at is not None and now - job.ended_at >= _RETRY_AFTER


def is_of_changed_camera(job: Backfill) -> bool:
    """True if the address or the login of the camera was changed before the end of the job."""
    return job.problem is not None and job.problem.code == CAMERA_CHANGED.code


def taken_by_jobs(jobs: Iterable[Backfill], now: datetime) -> list[Stretch]:
    """Return the stretches that a rule leaves to their jobs: unfinished, cancelled or failed ones, and done pieces.

    A failed job of a rule counts for a day only.
    """
    return united(
        piece.stretch
        for job in jobs
        for piece in job.pieces
        if piece.is_done or not (job.state is BackfillState.DONE or may_retry(job, now))
    )


def lacking_in(stretch: Stretch, fetched: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return the parts of a piece that were not fetched, without those that are too short to count."""
    return tuple(part for part in without([stretch], fetched) if part.length_s >= SHORTEST_S)
