"""The parts of the app that sessions work with: settings, clock, gateway, managers, processes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from core.clock import Clock
from core.errors import LimitReached
from core.settings import Settings
from media.ffmpeg import find_ffmpeg
from media.process import Spawner
from media.rtsp.gateway import RtspGateway
from onvif_manager import OnvifManager
from recording_manager import RecordingManager


class TranscodeSlots:
    """Limits how many sessions encode video at the same time."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._held: dict[str, object] = {}

    def take(self, stream_id: str, holder: object) -> None:
        """Take a slot for a session, unless it has one. Raises LimitReached (transcode_limit) if all are taken."""
        with self._lock:
            if stream_id in self._held:
                self._held[stream_id] = holder  # the slot of a session that ends goes to the next one of this id
                return
            if len(self._held) >= self._count:
                raise LimitReached(
                    f"Only {self._count} streams can be transcoded at the same time.",
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
    """The same for all sessions of a StreamManager."""

    settings: Settings
    clock: Clock
    spawner: Spawner
    gateway: RtspGateway
    cameras: OnvifManager
    recordings: RecordingManager
    slots: TranscodeSlots

    def find_ffmpeg(self) -> Path:
        """Return the ffmpeg to start. Raise FfmpegMissing if there is none."""
        return find_ffmpeg(self.settings.ffmpeg)
