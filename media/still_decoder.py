"""Small JPEGs of key frames, by one held ffmpeg for each codec: no video is decoded in the app's process.

A start of ffmpeg costs as much as two or three pictures, so one ffmpeg makes many. Devices may send anything, so ffmpeg
may fail in any way: it has little memory and a low priority, and after a wrong answer or silence the next picture gets
a new one.

The decoder holds a key frame back if frames that come later may be shown earlier (B-frames, which few cameras send).
Neither a delimiter nor an end of sequence frees it, only the end of the input. So such a stream gets an ffmpeg for
each picture.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.clock import Clock
from media.child_shim import ChildLimits
from media.commands import still_command
from media.ffmpeg import starting_ffmpeg
from media.process import Spawner, SupervisedProcess

log = logging.getLogger(__name__)

IDLE_END_S = 30.0
_ANSWER_S = 2.0
_START_S = 3.0  # more for the first picture: ffmpeg 5 needs 0.4 s on a quiet machine
_HELD_BACK_S = 0.5  # then the end of the input frees a picture that is held back
_HELD_BACK_TIMES = 2  # until a stream is known to hold its pictures back; one time may be a slow machine
_STREAMS_REMEMBERED = 500
_LIMITS = ChildLimits(nice=10, address_space_bytes=512 * 1024 * 1024)
_SMALLEST_BYTES = 1500  # a damaged key frame becomes a grey JPEG of 600 to 1000 bytes
_LARGEST_BYTES = 1_000_000
_START_CODE = b"\0\0\0\1"
# Behind each key frame: the beginning of a next one ends it for the parser (H.264 7.3.2.4, H.265 7.3.2.5).
_DELIMITERS = {"h264": b"\0\0\0\1\x09\x10", "hevc": b"\0\0\0\1\x46\x01\x10"}


@dataclass(frozen=True, slots=True)
class KeyFrameData:
    """One key frame: its codec (h264 or hevc), and its parameter sets and other NAL units without start codes.

    `shape`: its width divided by its height; None if that is not known.
    """

    codec: str
    shape: float | None
    parameter_sets: tuple[bytes, ...]
    parts: tuple[bytes, ...]

    def annex_b(self) -> bytes:
        """Return it as a byte stream (Annex B), with a delimiter at its end."""
        nal_units = (*self.parameter_sets, *self.parts)
        return b"".join(_START_CODE + nal for nal in nal_units) + _DELIMITERS[self.codec]

    @property
    def size(self) -> int:
        return sum(map(len, self.parts))


class StillDecoder:
    """Safe between threads: callers of one codec take turns. `find_ffmpeg` may raise FfmpegMissing."""

    def __init__(
        self,
        spawner: Spawner,
        find_ffmpeg: Callable[[], Path],
        clock: Clock,
        *,
        idle_end_s: float = IDLE_END_S,
    ) -> None:
        self._held = {
            codec: _HeldDecoder(codec, spawner, find_ffmpeg, clock, idle_end_s=idle_end_s) for codec in _DELIMITERS
        }

    def jpeg(self, frame: KeyFrameData) -> bytes | None:
        """Return the frame, 320 pixels wide; None if it is damaged. Blocks up to 11 s after its turn has come.

        Raises FfmpegMissing.
        """
        return self._held[frame.codec].jpeg(frame)

    def stop(self) -> None:
        """End each ffmpeg. A later picture starts a new one."""
        for held in self._held.values():
            held.stop()


class _NoAnswer(Exception):
    """ffmpeg gave no picture, or no whole one."""


class _HeldDecoder:
    """The ffmpeg of one codec."""

    def __init__(
        self, codec: str, spawner: Spawner, find_ffmpeg: Callable[[], Path], clock: Clock, *, idle_end_s: float
    ) -> None:
        self._codec = codec
        self._spawner = spawner
        self._find_ffmpeg = find_ffmpeg
        self._clock = clock
        self._idle_end_s = idle_end_s
        self._turn = threading.Lock()
        self._process: SupervisedProcess | None = None
        self._answer = _Answer()
        self._shape: float | int | None = None  # of the frames that ffmpeg gets
        self._used_s = 0.0
        self._held_back: OrderedDict[int, int] = OrderedDict()  # times, by the hash of parameter sets
        self._timer: threading.Timer | None = None

    def jpeg(self, frame: KeyFrameData) -> bytes | None:
        with self._turn:
            try:
                is_new = self._start_for(frame)
                try:
                    return self._decode(frame, _START_S if is_new else _ANSWER_S)
                except _NoAnswer:
                    if is_new:
                        return None
                self._start_for(frame)  # the fault may be that of a picture before, or of a signal
                try:
                    return self._decode(frame, _START_S)
                except _NoAnswer:
                    return None
            finally:
                self._used_s = self._clock.monotonic_s()
                self._set_timer()

    def stop(self) -> None:
        with self._turn:
            self._end()

    # ---- with the turn ---------------------------------------------------------------------------

    def _start_for(self, frame: KeyFrameData) -> bool:
        """Start ffmpeg if it has ended, or if it has written JPEGs of another shape: it would keep their size.

        True if it was started now. Raises FfmpegMissing.
        """
        shape = frame.shape or hash(frame.parameter_sets)
        if self._process is not None and self._process.poll() is None and self._shape == shape:
            return False
        self._end()
        self._shape = shape
        self._answer = answer = _Answer()
        command = still_command(self._find_ffmpeg(), self._codec)
        with starting_ffmpeg():
            self._process = self._spawner.spawn(
                command, name=f"ffmpeg stills {self._codec}", stdout=answer.take, opens_stdin=True, limits=_LIMITS
            )
        return True

    def _decode(self, frame: KeyFrameData, patience_s: float) -> bytes | None:
        """Return the JPEG; None for a damaged frame. Raises _NoAnswer. Ends an ffmpeg that must not be used again."""
        process, answer = self._process, self._answer
        is_last = True
        try:
            if process is None or not process.write_stdin(frame.annex_b(), patience_s):
                raise _NoAnswer
            stream = hash(frame.parameter_sets)
            is_last = self._held_back.get(stream, 0) >= _HELD_BACK_TIMES or not answer.wait(_HELD_BACK_S)
            if is_last:
                process.close_stdin()
                process.wait(patience_s)
            jpeg = answer.jpeg() if answer.wait(0.0) else None
            text = process.take_stderr()
            if jpeg is None:
                log.info("ffmpeg gave no picture of a key frame (%s): %s", self._codec, text[:200] or "silence")
                raise _NoAnswer
            if is_last:
                self._note_held_back(stream)
            # Coefficients of a damaged block stay in H.264's decoder: they would spoil the next picture.
            is_damaged = _is_damaged(jpeg, text)
            is_last = is_last or is_damaged
            return None if is_damaged else jpeg
        except _NoAnswer:
            is_last = True
            raise
        finally:
            if is_last:
                self._end()

    def _note_held_back(self, stream: int) -> None:
        self._held_back[stream] = self._held_back.pop(stream, 0) + 1
        while len(self._held_back) > _STREAMS_REMEMBERED:
            self._held_back.popitem(last=False)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close_stdin()
            process.stop(grace_s=0.2)

    # ---- its end after a while without use --------------------------------------------------------

    def _set_timer(self) -> None:
        if self._timer is None and self._process is not None:
            self._timer = threading.Timer(self._idle_end_s, self._end_if_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_if_idle(self) -> None:
        with self._turn:
            self._timer = None
            idle_s = self._clock.monotonic_s() - self._used_s
            if idle_s >= self._idle_end_s - 0.5:
                self._end()
            elif self._process is not None:
                self._timer = threading.Timer(self._idle_end_s - idle_s, self._end_if_idle)
                self._timer.daemon = True
                self._timer.start()


class _Answer:
    """Collects ffmpeg's output, which is one JPEG for each key frame. take() is for the spawner's thread."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._data = bytearray()

    def take(self, data: bytes) -> None:
        with self._condition:
            if len(self._data) <= _LARGEST_BYTES:
                self._data += data
            self._condition.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """True if a JPEG has come, or too much."""
        with self._condition:
            return self._condition.wait_for(self._is_there, timeout_s)

    def jpeg(self) -> bytes | None:
        """Take the JPEG that has come; None if there is something else, or more than one."""
        with self._condition:
            jpeg = bytes(self._data)
            self._data.clear()
        is_one = jpeg.startswith(b"\xff\xd8") and jpeg.find(b"\xff\xd9") == len(jpeg) - 2
        return jpeg if is_one and len(jpeg) <= _LARGEST_BYTES else None

    def _is_there(self) -> bool:
        return self._data.endswith(b"\xff\xd9") or len(self._data) > _LARGEST_BYTES


def _is_damaged(jpeg: bytes, text: str) -> bool:
    """True if ffmpeg has complained about the frame and shows it as grey, repaired or in part.

    Not by the size alone: a picture of a dark room is as small. Not by "corrupt decoded frame" alone: ffmpeg says that
    of each key frame of cameras whose key frames are no IDR pictures. Damage of H.265 often makes no complaint.
    """
    if "[error]" not in text:
        return False
    return len(jpeg) < _SMALLEST_BYTES or "corrupt decoded frame" in text or "undecodable" in text
