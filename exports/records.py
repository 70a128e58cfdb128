"""Records of exports. Times are true UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.records import Problem
from exports.origin import FileOrigin, RangeOrigin

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
class Rectangle:
    """A part of the frame, in fractions of its width and height, from the top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """The changes of a copy. `height`: the most pixels; a copy is never larger than its master."""

    has_burnt_time: bool = False
    blurred: tuple[Rectangle, ...] = ()
    height: int | None = None


@dataclass(frozen=True, slots=True)
class ExportDraft:
    """A requested export. `has_subtitles`: each video gets the time of day as text: a track of an MP4, and a file.

    `copies`: each video gets these working copies.
    """

    ranges: tuple[ExportRange, ...]
    format: str = "mp4"
    name: str = ""
    notes: str = ""
    has_subtitles: bool = False
    copies: tuple[WorkingCopy, ...] = ()


class FileKind(StrEnum):
    """`master` and `original` have the frames of the recorder bit by bit, `working_copy` has encoded ones."""

    MASTER = "master"
    ORIGINAL = "original"
    WORKING_COPY = "working_copy"
    SUBTITLES = "subtitles"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A finished file of the range with this index. A player shows [start, end). `codec`: subrip for subtitles.

    `frames_lost`: frames that came incomplete from the recorder and are missing. `is_time_confirmed`: the recorder
    confirms the times of the frames. `lead_in_s` and `lead_out_s`: seconds that a player shows besides, because the
    file has no edit list. `recorded_audio_codec`: the recorder's, from which that of the file may differ.
    `audio_left_out`: why the file lacks the recorder's audio, as the end of a sentence; otherwise "". `width` and
    `height` are in pixels. `origin`: None for subtitles, and for files of older versions of the app.
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
    kind: FileKind = FileKind.MASTER
    audio_codec: str | None = None
    recorded_audio_codec: str | None = None
    lead_in_s: float = 0.0
    lead_out_s: float = 0.0
    width: int | None = None
    height: int | None = None
    origin: FileOrigin | None = None
    audio_left_out: str = ""

    @property
    def is_derived(self) -> bool:
        """True if the frames were encoded again."""
        return self.kind is FileKind.WORKING_COPY

    @property
    def is_recording(self) -> bool:
        """True if it has the frames of the recorder."""
        return self.kind in {FileKind.MASTER, FileKind.ORIGINAL}

    @property
    def length_s(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """`done_s` and `total_s`: recorded seconds. `speed`: recorded seconds per second; None while it is not known.

    `encoded_s` and `to_encode_s`: seconds of working copies, with a speed of their own.
    """

    done_s: float = 0.0
    total_s: float = 0.0
    size_bytes: int = 0
    speed: float | None = None
    encoded_s: float = 0.0
    to_encode_s: float = 0.0
    encoding_speed: float | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end; None while a speed is not known."""
        parts = ((self.total_s - self.done_s, self.speed), (self.to_encode_s - self.encoded_s, self.encoding_speed))
        if any(left_s > 0 and not speed for left_s, speed in parts):
            return None
        return sum(left_s / speed for left_s, speed in parts if left_s > 0 and speed)


@dataclass(frozen=True, slots=True)
class ExportJob:
    """A job. `user_id` and `owner` name its user; `user_id` is None without accounts.

    `expires_at`: its files are deleted then; None for an unfinished job, and for one that is kept. `problem`: why it
    waits or failed. `devices`: those that it reads from. `posters`: the indexes of the ranges that have a picture.
    `node`: the node with its files; "" for a single process.
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
    origins: Mapping[int, RangeOrigin] = field(default_factory=dict)  # by the index of the range
    posters: frozenset[int] = frozenset()
    devices: tuple[ExportDevice, ...] = ()
    node: str = ""

    @property
    def cameras(self) -> frozenset[int]:
        return frozenset(wanted.camera_id for wanted in self.draft.ranges)

    @property
    def is_incomplete(self) -> bool:
        """True if it is done and lacks recorded time or working copies, so that a retry may add them."""
        return self.state is ExportState.DONE and self.problem is not None


@dataclass(frozen=True, slots=True)
class ExportEstimate:
    """`seconds`: recorded ones. `is_about`: `size_bytes` follows from a typical bit rate. `free_bytes`: for exports."""

    seconds: float
    size_bytes: int
    is_about: bool
    free_bytes: int


@dataclass(frozen=True, slots=True)
class ExportSpace:
    """`used_bytes`: disk space of all exports; `limit_bytes`: most that they may use."""

    used_bytes: int
    limit_bytes: int


class Interrupted(Exception):
    """The job was paused, cancelled or deleted, or the app stops. Its whole pieces stay."""


class GaveWay(Interrupted):
    """Another job has its turn now. This one goes on later."""
