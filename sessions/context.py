"""What every session is given: settings, clock, and the ways to devices and processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.clock import Clock
from core.errors import CameraUnsupported, LimitReached
from core.recordings import RecordedPlace, ReplaySource
from core.records import Problem, StreamSource, VideoFormat
from core.settings import Settings
from media.process import Spawner
from media.rtsp.live.feed import Feed
from media.rtsp.replay.interface import ReplayConnection
from sessions.replay_segments import MakeSegments

OpenFeed = Callable[[StreamSource], Feed]
ResolveSource = Callable[[int, str], StreamSource]
RequestKeyFrame = Callable[[int, str], None]
NoteStream = Callable[[int, str, Problem | None], None]
FindReplay = Callable[[int, str], tuple[ReplaySource, float]]
FindRecorded = Callable[[int, str, datetime], Sequence[RecordedPlace]]
OpenReplay = Callable[[ReplaySource], ReplayConnection]
KnownVideo = Callable[[int, str], VideoFormat | None]


def no_replay_source(_camera_id: int, _recording_token: str) -> tuple[ReplaySource, float]:
    """Where nobody knows recordings."""
    raise CameraUnsupported("Recordings are not looked for.", service="replay")


def nothing_known(_camera_id: int, _recording_token: str, _moment: datetime) -> Sequence[RecordedPlace]:
    """Where nobody knows what is recorded when."""
    return ()


def no_replay_connection(_source: ReplaySource) -> ReplayConnection:
    """Where nobody can play recordings."""
    raise CameraUnsupported("Recordings cannot be played.", service="replay")


class TranscodeSlots:
    """How many sessions may encode video at once, and which do."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._held: dict[str, object] = {}

    def take(self, stream_id: str, holder: object) -> None:
        """Once a session; LimitReached (transcode_limit) when all are taken."""
        with self._lock:
            if stream_id in self._held:
                self._held[stream_id] = holder  # a session that ends makes room for its successor
                return
            if len(self._held) >= self._places:
                raise LimitReached(
                    f"Only {self._places} streams can be transcoded at once.",
                    code="transcode_limit",
                    used_by=tuple(self._held),
                )
            self._held[stream_id] = holder

    def give_back(self, stream_id: str, holder: object) -> None:
        with self._lock:
            if self._held.get(stream_id) is holder:
                del self._held[stream_id]


@dataclass(frozen=True, slots=True)
class SessionContext:
    """`find_ffmpeg` raises FfmpegMissing; `resolve_source` and `request_key_frame` may block.

    `find_replay` gives a recording's source and what the device's clock is ahead of true time, in
    seconds; it may block. `find_recorded` answers at once where a recording's channel goes on from a moment,
    as far as that is known. `note_stream` is told how a channel fares: a problem, or None when its pictures are there.
    """

    settings: Settings
    clock: Clock
    spawner: Spawner
    open_feed: OpenFeed
    resolve_source: ResolveSource
    request_key_frame: RequestKeyFrame
    note_stream: NoteStream
    find_ffmpeg: Callable[[], Path]
    slots: TranscodeSlots
    find_replay: FindReplay
    find_recorded: FindRecorded
    open_replay: OpenReplay
    make_segments: MakeSegments
