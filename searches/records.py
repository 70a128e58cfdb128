"""Records of searches. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.archive import Origin
from core.records import Problem

Point = tuple[float, float]


class SearchKind(StrEnum):
    """The question of a search."""

    MOVED = "moved"  # when has something moved here?
    CHANGED = "changed"  # when has this changed for good?


class SearchState(StrEnum):
    """`waiting`: the quick steps are done, and the user decides about the exhaustive one."""

    ESTIMATING = "estimating"  # before the first key frame: waits for its turn, then reads the known movements
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_unfinished(self) -> bool:
        return self in {SearchState.ESTIMATING, SearchState.WAITING, SearchState.RUNNING}


class WaitsFor(StrEnum):
    """The reason why an unfinished search makes no progress."""

    TURN = "turn"  # other searches run
    RECORDER = "recorder"  # viewers use its replay sessions, or it is away
    USER = "user"  # who may continue with the exhaustive step


@dataclass(frozen=True, slots=True)
class SearchDraft:
    """A requested search. `points`: a polygon in fractions of the picture. `source`: None for both places."""

    camera_id: int
    channel: int
    start: datetime
    end: datetime
    points: tuple[Point, ...]
    kind: SearchKind
    source: Origin | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A stretch of time with an answer. `score`: 0 to 1, the strongest first.

    `picture_at`: the moment whose picture shows it. `before_at`: for a lasting change, a picture from before.
    """

    start: datetime
    end: datetime
    score: float
    picture_at: datetime
    before_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SearchEstimate:
    """The cost of the exhaustive step. `size_bytes`: from the recorder; 0 for recordings of this server."""

    key_frames: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """`looked_s` of `total_s` recorded seconds were looked at. `key_frames`, `size_bytes`: fetched so far."""

    looked_s: float = 0.0
    total_s: float = 0.0
    key_frames: int = 0
    size_bytes: int = 0

    @property
    def share(self) -> float:
        """The part of the recorded time that was looked at, 0 to 1."""
        return min(1.0, self.looked_s / self.total_s) if self.total_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Search:
    """A search. `user_id` and `owner` name its user; `user_id` is None without accounts.

    `problem`: why it waits, failed, or is incomplete. `is_small`: the region has fewer than 24 pixels in a direction,
    so that the answers are unsure.
    """

    id: int
    user_id: int | None
    owner: str
    draft: SearchDraft
    state: SearchState
    created_at: datetime
    ended_at: datetime | None = None
    waits_for: WaitsFor | None = None
    problem: Problem | None = None
    progress: SearchProgress = field(default_factory=SearchProgress)
    estimate: SearchEstimate | None = None
    results: tuple[SearchResult, ...] = ()
    is_small: bool = False


class Interrupted(Exception):
    """The search was cancelled, or the app stops."""
