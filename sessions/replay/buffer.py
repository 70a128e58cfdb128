"""A buffer between the gateway's thread and the session's, for the units of one play() of the connection.

A recorder asked for `Rate-Control: no` sends an hour in a minute. The buffer holds it back: it counts the playing time
that has arrived, and pauses the connection before that is too far ahead of the viewers; the session allows more as
they fetch segments.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import DeviceError
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.interface import ReplayConnection, ReplayConsumer

_LONGEST_STEP_S = 5.0
_RESUMED_AFTER_S = 15.0  # pause and resume cost a recorder a request each, and some recorders a new session


@dataclass(frozen=True, slots=True)
class Description:
    """The formats of video and audio from now on."""

    video: VideoFormat
    audio: AudioFormat | None
    parameter_sets: tuple[bytes, ...]
    audio_config: bytes
    audio_left_out: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing follows. `reason`: end_of_recording, or no_data if nothing was found."""

    reason: str


BufferItem = Description | AccessUnit | Ended | DeviceError


class ReplayBuffer(ReplayConsumer):
    """Queues the units of one play() of the connection for the session's thread.

    `begins_s`: the playing time at which this play() continues the run. `queue_bytes`: how much may wait for the
    session's thread before the connection is paused. `wake` is set when something has arrived.
    """

    def __init__(
        self,
        connection: ReplayConnection,
        *,
        begins_s: float,
        allowed_s: float,
        queue_bytes: int,
        wake: threading.Event,
    ) -> None:
        self._connection = connection
        self._wake = wake
        self._lock = threading.Lock()
        self._queue: list[BufferItem] = []
        self._queued_bytes = 0
        self._queue_bytes = queue_bytes
        self._received_s = begins_s
        self._allowed_s = allowed_s
        self._last_ticks: int | None = None
        self._is_paused = False
        self._is_at_limit = False
        self._is_retired = False

    # ---- the gateway's thread --------------------------------------------------------------------

    def on_description(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes,
        audio_left_out: str = "",
    ) -> None:
        self._put([Description(video, audio, parameter_sets, audio_config, audio_left_out)])

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        self._put(units)

    def on_end(self, reason: str) -> None:
        self._put([Ended(reason)])

    def on_failed(self, error: DeviceError) -> None:
        self._put([error])

    def _put(self, items: Sequence[BufferItem]) -> None:
        with self._lock:
            if self._is_retired:
                return
            self._queue.extend(items)
            for item in items:
                if isinstance(item, AccessUnit):
                    self._count(item)
            self._pause_or_resume()
        self._wake.set()

    def _count(self, unit: AccessUnit) -> None:
        for part in unit.parts:
            self._queued_bytes += len(part)
        if unit.track != VIDEO:
            return
        if self._last_ticks is None or unit.is_discontinuous:
            self._last_ticks = unit.ticks
            return
        step_s = (unit.ticks - self._last_ticks) / unit.clock_rate
        if -_LONGEST_STEP_S < step_s <= 0.0:  # a B-frame: a frame that is shown later has counted already
            return
        if step_s < _LONGEST_STEP_S:  # a longer step is a gap, which has no playing time
            self._received_s += max(0.0, step_s)
        self._last_ticks = unit.ticks

    # ---- the session's thread --------------------------------------------------------------------

    def take(self) -> Sequence[BufferItem]:
        """Return everything that has arrived since the last call."""
        with self._lock:
            items, self._queue = self._queue, []
            self._queued_bytes = 0
            self._pause_or_resume()
        return items

    def allow(self, allowed_s: float) -> None:
        """Let the recorder send up to this playing time."""
        with self._lock:
            self._allowed_s = allowed_s
            self._pause_or_resume()

    def retire(self) -> None:
        """Take nothing more, and leave the connection to the buffer of the next play()."""
        with self._lock:
            self._is_retired = True
            self._queue = []

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    def _pause_or_resume(self) -> None:
        """With the lock held, so that a pause and a resume never overtake each other."""
        if self._is_retired:
            return
        is_full = self._queued_bytes > self._queue_bytes
        self._is_at_limit = self._received_s >= self._allowed_s - (_RESUMED_AFTER_S if self._is_at_limit else 0.0)
        if not self._is_paused and (is_full or self._is_at_limit):
            self._is_paused = True
            self._connection.pause()
        elif self._is_paused and not is_full and not self._is_at_limit:
            self._is_paused = False
            self._connection.resume()
