"""Backfill jobs, and the stretches that they fetch. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.records import Problem

AUTOMATIC = ""
"""The value of `by` for a job that a rule has made."""


class BackfillState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_unfinished(self) -> bool:
        return self in (BackfillState.QUEUED, BackfillState.RUNNING, BackfillState.PAUSED)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time [start, end)."""

    start: datetime
    end: datetime

    @property
    def length_s(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class BackfillPiece:
    """A part of a job, at most ten minutes. A job that is interrupted repeats one piece at most.

    `lacking`: the stretches that the recorder listed and did not send. They are not requested again. `lossy`: stretches
    that lost frames on the way and wait for a second try. `frames_lost`: frames that are missing after it.
    """

    stretch: Stretch
    is_done: bool = False
    size_bytes: int = 0
    lacking: tuple[Stretch, ...] = ()
    lossy: tuple[Stretch, ...] = ()
    frames_lost: int = 0


@dataclass(frozen=True, slots=True)
class Backfill:
    """A job. `by`: the name of the user, AUTOMATIC for a job of a rule. `done_s`: the fetched time."""

    id: int
    camera_id: int
    channel: int
    start: datetime
    end: datetime
    state: BackfillState
    pieces: tuple[BackfillPiece, ...]
    by: str
    created_at: datetime
    ended_at: datetime | None = None
    problem: Problem | None = None

    @property
    def is_automatic(self) -> bool:
        return self.by == AUTOMATIC

    @property
    def total_s(self) -> float:
        return sum(piece.stretch.length_s for piece in self.pieces)

    @property
    def done_s(self) -> float:
        return sum(piece.stretch.length_s for piece in self.pieces if piece.is_done)

    @property
    def lacking_s(self) -> float:
        return sum(stretch.length_s for piece in self.pieces for stretch in piece.lacking)

    @property
    def frames_lost(self) -> int:
        return sum(piece.frames_lost for piece in self.pieces)

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class BackfillProposal:
    """A gap of a channel that the recorder can fill, and whose rule does not."""

    camera_id: int
    channel: int
    stretch: Stretch
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BackfillEstimate:
    """Time and size of the fetchable part of a range. `is_certain` False: the recorder cannot tell exactly.

    `missing_s`: time of the range that neither the archive nor the recorder has, as far as it is known.
    """

    seconds: float
    size_bytes: int
    is_certain: bool
    missing_s: float
    stretches: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptPart:
    """How much of a kept range the archive has (`on_server_s`) and lacks (`missing_s`), in seconds.

    The last two minutes never count as missing: the archive and recorders write late. `job`: fetches the missing part;
    None if the channel's rule does not fill gaps, or nothing can be fetched.
    """

    on_server_s: float
    missing_s: float
    job: Backfill | None = None
