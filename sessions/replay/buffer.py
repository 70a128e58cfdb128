"""What one PLAY brings, on its way from the gateway's thread to the session's.

A recorder asked for `Rate-Control: no` sends an hour in a minute. The buffer is where that is held
back: it counts the playing time that has come, and pauses the line before more than a bound is
ahead of the viewer; the session lets it go on as segments are asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import DeviceError
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.interface import ReplayConnection

_LONGEST_STEP_S = 5.0
_RESUMED_AFTER_S = 15.0  # to pause and go on costs a recorder a request each, some of them a new session


@dataclass(frozen=True, slots=True)
class Description:
    """What the pictures and the sound are from now on."""

    video: VideoFormat
    audio: AudioFormat | None
    parameter_sets: tuple[bytes, ...]
    audio_config: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing follows. `reason`: end_of_recording, or no_data where nothing was found at all."""

    reason: str


News = Description | AccessUnit | Ended | DeviceError


class ReplayBuffer:
    """A ReplayConsumer. `begins_s`: the playing time at which this PLAY goes on; `news` wakes the session.

    `queue_bytes`: how much may wait for the session's thread before the line is paused.
    """

    def __init__(
        self, line: ReplayConnection, *, begins_s: float, allowed_s: float, queue_bytes: int, news: Callable[[], None]
    ) -> None:
        self._line = line
        self._news = news
        self._lock = threading.Lock()
        self._queue: list[News] = []
        self._queued_bytes = 0
        self._queue_bytes = queue_bytes
        self._received_s = begins_s
        self._allowed_s = allowed_s
        self._last_ticks: int | None = None
        self._is_paused = False
        self._is_far = False  # as far as is allowed
        self._is_retired = False

    # ---- the gateway's thread --------------------------------------------------------------------

    def on_description(
        self, video: VideoFormat, audio: AudioFormat | None, parameter_sets: tuple[bytes, ...], audio_config: bytes
    ) -> None:
        self._put([Description(video, audio, parameter_sets, audio_config)])

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        self._put(units)

    def on_end(self, reason: str) -> None:
        self._put([Ended(reason)])

    def on_failed(self, error: DeviceError) -> None:
        self._put([error])

    def _put(self, news: Sequence[News]) -> None:
        with self._lock:
            if self._is_retired:
                return
            self._queue.extend(news)
            for item in news:
                if isinstance(item, AccessUnit):
                    self._count(item)
            self._govern()
        self._news()

    def _count(self, unit: AccessUnit) -> None:
        self._queued_bytes += sum(map(len, unit.parts))
        if unit.track != VIDEO:
            return
        if self._last_ticks is None or unit.is_discontinuous:
            self._last_ticks = unit.ticks
            return
        step_s = (unit.ticks - self._last_ticks) / unit.clock_rate
        if -_LONGEST_STEP_S < step_s <= 0.0:  # sent after one that is shown later, which has counted for it
            return
        if step_s < _LONGEST_STEP_S:  # else a gap, which costs no playing time
            self._received_s += max(0.0, step_s)
        self._last_ticks = unit.ticks

    # ---- the session's thread --------------------------------------------------------------------

    def take(self) -> Sequence[News]:
        """All that has come since the last time."""
        with self._lock:
            news, self._queue = self._queue, []
            self._queued_bytes = 0
            self._govern()
        return news

    def allow(self, allowed_s: float) -> None:
        """Up to which playing time the recorder may send."""
        with self._lock:
            self._allowed_s = allowed_s
            self._govern()

    def retire(self) -> None:
        """Another PLAY takes its place: nothing is taken and nobody held back any more."""
        with self._lock:
            self._is_retired = True
            self._queue = []

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def received_s(self) -> float:
        """The playing time that has come, from the run's beginning."""
        return self._received_s

    def _govern(self) -> None:
        """With the lock held, so that a pause and a resume never overtake each other."""
        if self._is_retired:
            return
        is_full = self._queued_bytes > self._queue_bytes
        self._is_far = self._received_s >= self._allowed_s - (_RESUMED_AFTER_S if self._is_far else 0.0)
        if not self._is_paused and (is_full or self._is_far):
            self._is_paused = True
            self._line.pause()
        elif self._is_paused and not is_full and not self._is_far:
            self._is_paused = False
            self._line.resume()
