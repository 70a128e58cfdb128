"""Records of the archive that its parts exchange. Times are integers: milliseconds since 1970, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from core.archive import GapReason, Origin, StreamKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
DAMAGED = ".damaged"
"""The ending of files that nothing can be read from."""


def to_ms(moment: datetime) -> int:
    """Return an aware time in milliseconds since 1970, rounded down."""
    return (moment - EPOCH) // _MS


def from_ms(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


class VolumeState(StrEnum):
    """The state of a volume. Files are written to it only if it is OK or SLOW."""

    OK = "ok"
    SLOW = "slow"
    FULL = "full"
    READ_ONLY = "read_only"
    GONE = "gone"  # unmounted, exchanged or failing


class FileState(IntEnum):
    """The state of an archive file in the index. Only open and closed files can be played."""

    OPEN = 0  # being written, or left open by a crash
    CLOSED = 1
    LOST = 2  # vanished from its volume, not by the app
    DAMAGED = 3  # still there, but nothing can be read from it


@dataclass(frozen=True, slots=True)
class FileKey:
    """Identifies an archive file: its recorded stream, its volume, its first picture's time, and a number that tells
    files of the same time apart."""

    stream: StreamKey
    volume_id: int
    start_ms: int
    suffix: int = 0

    @property
    def path(self) -> str:
        """The file's path on its volume: `<camera>/<channel>-<quality>/<date>/<time>.mp4`, in UTC."""
        begin = from_ms(self.start_ms)
        number = f"-{self.suffix}" if self.suffix else ""
        name = f"{begin:%H%M%S}_{self.start_ms % 1000:03d}{number}.mp4"
        return f"{stream_folder(self.stream)}/{begin:%Y-%m-%d}/{name}"


def stream_folder(stream: StreamKey) -> str:
    """Return the folder of a recorded stream on each volume."""
    return f"{stream.camera_id}/{stream.channel}-{stream.quality}"


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """An archive file as the index knows it: all of its first `size_bytes` bytes are on the disk.

    `epoch`: the number of the camera's lease under which it was recorded; 0 if that is not known, or without leases.
    """

    key: FileKey
    end_ms: int
    size_bytes: int
    stretch_id: int
    state: FileState = FileState.OPEN
    epoch: int = 0

    @property
    def stream(self) -> StreamKey:
        return self.key.stream

    @property
    def start_ms(self) -> int:
        return self.key.start_ms

    @property
    def is_playable(self) -> bool:
        return self.state in (FileState.OPEN, FileState.CLOSED)

    @property
    def path(self) -> str:
        """The file's path on its volume."""
        return f"{self.key.path}{DAMAGED}" if self.state is FileState.DAMAGED else self.key.path


@dataclass(frozen=True, slots=True)
class IndexedStretch:
    """A stretch as the index knows it. `end_reason`: None while it is being recorded.

    `clock_correction_s`: seconds added to the device's times, if the stretch was fetched from the device.
    """

    id: int
    stream: StreamKey
    start_ms: int
    end_ms: int
    origin: Origin = Origin.SERVER
    end_reason: GapReason | None = None
    clock_correction_s: float = 0.0


@dataclass(frozen=True, slots=True)
class IndexedVolume:
    """A volume as the index knows it: the UUID of its marker file, and its folder when it was last in use."""

    id: int
    uuid: str
    folder: str


@dataclass(frozen=True, slots=True)
class TrashItem:
    """A file that is deleted from the index, and perhaps still on its volume."""

    id: int
    volume_id: int
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StreamTotal:
    """The files of a recorded stream on a volume."""

    stream: StreamKey
    volume_id: int
    size_bytes: int
    files: int
