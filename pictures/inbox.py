"""Takes the key frames of one play() from the gateway's thread to a worker's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import DeviceError
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.interface import ReplayConnection, ReplayConsumer
from media.still_decoder import KeyFrameData

_MOST_BYTES = 16_000_000
_DECODED = frozenset({"h264", "hevc"})


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """`device_s`: the device's time. `is_confirmed`: the device tells it; otherwise it is counted."""

    data: KeyFrameData
    device_s: float
    is_confirmed: bool


class KeyFrameInbox(ReplayConsumer):
    """Pauses the connection while too much waits here."""

    def __init__(self, connection: ReplayConnection) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._frames: deque[KeyFrame] = deque()
        self._bytes = 0
        self._is_paused = False
        self._is_retired = False
        self._is_over = False
        self._error: DeviceError | None = None
        self._format = VideoFormat("")
        self._sets: tuple[bytes, ...] = ()
        self.other_frames = 0
        """Number of frames that are no key frames."""

    # ---- the gateway's thread --------------------------------------------------------------------

    def on_description(
        self,
        video: VideoFormat,
        audio: AudioFormat | None,  # noqa: ARG002 - pictures have none
        parameter_sets: tuple[bytes, ...],
        audio_config: bytes,  # noqa: ARG002
        audio_left_out: str = "",  # noqa: ARG002
    ) -> None:
        self._format, self._sets = video, parameter_sets

    def on_units(self, units: Sequence[AccessUnit]) -> None:
        with self._changed:
            for unit in units:
                if unit.track != VIDEO or unit.device_s is None:
                    continue
                if not unit.is_key:
                    self.other_frames += 1
                elif self._format.codec in _DECODED:
                    self._frames.append(self._key_frame(unit, unit.device_s))
                    self._bytes += self._frames[-1].data.size
            if self._bytes > _MOST_BYTES and not (self._is_paused or self._is_retired):
                self._is_paused = True
                self._connection.pause()
            self._changed.notify_all()

    def on_end(self, reason: str) -> None:  # noqa: ARG002 - without a key frame, a time has no picture
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def on_failed(self, error: DeviceError) -> None:
        with self._changed:
            self._is_over, self._error = True, error
            self._changed.notify_all()

    def _key_frame(self, unit: AccessUnit, device_s: float) -> KeyFrame:
        width, height = self._format.width, self._format.height
        shape = width / height if width and height else None
        data = KeyFrameData(self._format.codec, shape, unit.parameter_sets or self._sets, unit.parts)
        return KeyFrame(data, device_s, unit.is_time_confirmed)

    # ---- the worker's thread ---------------------------------------------------------------------

    def take(self, timeout_s: float) -> KeyFrame | None:
        """Return the next key frame; None if none comes in time, or after the end. Raise the play's DeviceError."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._is_over, timeout_s)
            if not self._frames:
                if self._error is not None:
                    raise self._error
                return None
            frame = self._frames.popleft()
            self._bytes -= frame.data.size
            if self._is_paused and not self._is_retired and 2 * self._bytes < _MOST_BYTES:
                self._is_paused = False
                self._connection.resume()
            return frame

    def retire(self) -> None:
        """Leave the connection to the next play(): a pause from here would hold that one back."""
        with self._changed:
            self._is_retired = True

    @property
    def is_over(self) -> bool:
        """True if nothing more comes. Frames may still wait here."""
        return self._is_over
