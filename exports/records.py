"""Records of exports. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.records import Problem

INCOMPLETE = "incomplete"
"""Code of the problem of a finished job whose recorder did not send all recorded time."""


class ExportState(StrEnum):
    """`queued` includes jobs that wait for their recorder; their `problem` says why."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_unfinished(self) -> bool:
        return self in {ExportState.QUEUED, ExportState.RUNNING, ExportState.PAUSED}


@dataclass(frozen=True, slots=True)
class ExportRange:
    """[start, end) of one channel."""

    camera_id: int
    channel: int
    start: datetime
    end: datetime

    @property
    def length_s(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class ExportDevice:
    """The device of a camera when an export first met it. Unknown texts are empty."""

    camera_id: int
    host: str
    port: int | None = None
    manufacturer: str = ""
    model: str = ""
    serial: str = ""

    def is_same(self, now: ExportDevice) -> bool:
        """Compare the serial numbers, or the addresses if a serial number is missing."""
        if self.serial and now.serial:
            return (self.manufacturer, self.model, self.serial) == (now.manufacturer, now.model, now.serial)
        return self.host == now.host and (self.port == now.port or None in {self.port, now.port})


@dataclass(frozen=True, slots=True)
class ExportDraft:
    """A requested export. `has_subtitles`: each video gets a file with the time of day as text."""

    ranges: tuple[ExportRange, ...]
    format: str = "mp4"
    name: str = ""
    notes: str = ""
    has_subtitles: bool = False


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A finished file of the range with this index. A player shows [start, end). `codec`: subrip for subtitles.

    `frames_lost`: frames that came incomplete from the recorder and are missing. `is_time_confirmed`: the recorder
    confirms the times of the frames.
    """

    name: str
    size_bytes: int
    sha256: str
    camera_id: int
    channel: int
    start: datetime
    end: datetime
    codec: str
    range_index: int = 0
    frames_lost: int = 0
    is_time_confirmed: bool = True

    @property
    def is_video(self) -> bool:
        return self.name.endswith(".mp4")

    @property
    def length_s(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """`done_s` and `total_s`: recorded seconds. `speed`: recorded seconds per second; None while it is not known."""

    done_s: float = 0.0
    total_s: float = 0.0
    size_bytes: int = 0
    speed: float | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end; None while the speed is not known."""
        return max(0.0, self.total_s - self.done_s) / self.speed if self.speed else None


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A job. `user_id` and `owner` name its user; `user_id` is None without accounts.

    `expires_at`: its files are deleted then; None for an unfinished job, and for one that is kept. `problem`: why it
    waits or failed. `devices`: those that it reads from.
    """

    id: int
    user_id: int | None
    owner: str
    draft: ExportDraft
    state: ExportState
    created_at: datetime
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    is_kept: bool = False
    problem: Problem | None = None
    files: tuple[ExportFile, ...] = ()
    progress: ExportProgress = field(default_factory=ExportProgress)
    devices: tuple[ExportDevice, ...] = ()

    @property
    def cameras(self) -> frozenset[int]:
        return frozenset(wanted.camera_id for wanted in self.draft.ranges)

    @property
    def is_incomplete(self) -> bool:
        """True if it is done and lacks recorded time, so that a retry may find more."""
        return self.state is ExportState.DONE and self.problem is not None and self.problem.code == INCOMPLETE


@dataclass(frozen=True, slots=True)
class ExportEstimate:
    """`seconds`: recorded ones. `is_about`: `size_bytes` follows from a typical bit rate. `free_bytes`: for exports."""

    seconds: float
    size_bytes: int
    is_about: bool
    free_bytes: int


class Interrupted(Exception):
    """The job was paused, cancelled or deleted, or the app stops. Its whole pieces stay."""


class GaveWay(Interrupted):
    """Another job has its turn now. This one goes on later."""
