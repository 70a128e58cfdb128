"""The units of a playback on their way from the gateway's thread to the thread of a job: few at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from core.errors import DeviceError
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.rtsp.replay.interface import ReplayConnection, ReplayConsumer
from media.units import UnitDescription

_MOST_BYTES = 12_000_000
_RESUME_BYTES = 6_000_000


class PlaybackEnded:
    """No more units come."""


ReceivedItem = UnitDescription | Sequence[AccessUnit] | PlaybackEnded | DeviceError


class ReceivedUnits(ReplayConsumer):
    """The consumer of one play(). It lets the recorder wait while too much is queued."""

    def __init__(self, connection: ReplayConnection, wake: threading.Event) -> None:
        self._connection = connection
        self._wake = wake
        self._lock = threading.Lock()
        self._items: deque[tuple[ReceivedItem, int]] = deque()
        self._queued_bytes = 0
        self._is_paused = False
        self._is_over = False

    def on_description(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes,
        audio_left_out: str = "",
    ) -> None:
        del audio_left_out
        self._put(UnitDescription(video, parameter_sets, audio, audio_config))

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        self._put(units, sum(len(part) for unit in units for part in unit.parts))

    def on_end(self, reason: str) -> None:
        del reason
        self._put(PlaybackEnded())

    def on_failed(self, error: DeviceError) -> None:
        self._put(error)

    def take(self) -> ReceivedItem | None:
        """Return the next item, None if there is none yet."""
        with self._lock:
            if not self._items:
                return None
            item, size = self._items.popleft()
            self._queued_bytes -= size
            must_resume = self._is_paused and self._queued_bytes <= _RESUME_BYTES and not self._is_over
            if must_resume:
                self._is_paused = False
        if must_resume:
            self._connection.resume()
        return item

    def retire(self) -> None:
        """Drop everything, and take nothing more."""
        with self._lock:
            self._is_over = True
            self._items.clear()
            self._queued_bytes = 0

    def _put(self, item: ReceivedItem, size: int = 0) -> None:
        with self._lock:
            if self._is_over:
                return
            self._items.append((item, size))
            self._queued_bytes += size
            must_pause = self._queued_bytes > _MOST_BYTES and not self._is_paused
            if must_pause:
                self._is_paused = True
        if must_pause:
            self._connection.pause()
        self._wake.set()
