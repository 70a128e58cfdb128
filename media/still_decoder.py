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
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clock import Clock
from media.child_shim import ChildLimits
from media.commands import still_command
from media.ffmpeg import starting_ffmpeg
from media.process import Spawner, SupervisedProcess

log = logging.getLogger(__name__)

IDLE_END_S = 30.0
_ANSWER_S = 2.0
_START_S = 3.0  # more for the first picture: ffmpeg 5 needs 0.4 s on a quiet machine
_RETRY_S = 5.0  # more again for the one retry, which costs no other stream its turn: the machine may be overloaded
_HELD_BACK_S = 0.5  # then the end of the input frees a picture that is held back
_HELD_BACK_TIMES = 2  # until a stream is known to hold its pictures back; one time may be a slow machine
_REMEMBERED = 500  # streams, and frames without a picture
_PICTURES_UNTIL_TRUST = 8  # of a stream with a silent frame
_REFUSED_S = 600.0
_LOOK_S = 0.05  # how often a wait for a picture looks for the end of ffmpeg
_REAPED_S = 0.5  # from the end of ffmpeg, which a write notices, to the news of it
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
    """Safe between threads: callers of one codec take turns. `find_ffmpeg` may raise FfmpegMissing.

    A frame that makes ffmpeg silent costs its turn two seconds. So streams with such frames take turns of their own,
    at another ffmpeg, and a frame that gave no picture is not tried again for ten minutes.
    """

    def __init__(
        self,
        spawner: Spawner,
        find_ffmpeg: Callable[[], Path],
        clock: Clock,
        *,
        idle_end_s: float = IDLE_END_S,
    ) -> None:
        def made(codec: str) -> _HeldDecoder:
            return _HeldDecoder(codec, spawner, find_ffmpeg, clock, idle_end_s=idle_end_s)

        self._usual = {codec: made(codec) for codec in _DELIMITERS}
        self._of_doubted = {codec: made(codec) for codec in _DELIMITERS}
        self._clock = clock
        self._lock = threading.Lock()
        self._doubted: OrderedDict[Hashable, int] = OrderedDict()  # streams, with the pictures that end the doubt
        self._refused: OrderedDict[int, float] = OrderedDict()  # until when, by the hash of the frame

    def jpeg(self, frame: KeyFrameData, stream: Hashable = None) -> bytes | None:
        """Return the frame, 320 pixels wide; None if it is damaged, or ffmpeg is silent. `stream`: its channel.

        Blocks up to 8 s after its turn has come, and the usual turn up to 3 s of them. Raises FfmpegMissing.
        """
        key = hash((frame.codec, frame.parameter_sets, frame.parts))
        with self._lock:
            if self._refused.get(key, 0.0) > self._clock.monotonic_s():
                return None
            is_doubted = stream in self._doubted
        jpeg = self._decoded(frame, stream, is_doubted=is_doubted)
        with self._lock:
            if jpeg is None:
                self._refused[key] = self._clock.monotonic_s() + _REFUSED_S
                self._refused.move_to_end(key)
                _shorten(self._refused)
            elif stream in self._doubted:
                self._doubted[stream] -= 1
                if not self._doubted[stream]:
                    del self._doubted[stream]
        return jpeg

    def stop(self) -> None:
        """End each ffmpeg. A later picture starts a new one."""
        for held in (*self._usual.values(), *self._of_doubted.values()):
            held.stop()

    def _decoded(self, frame: KeyFrameData, stream: Hashable, *, is_doubted: bool) -> bytes | None:
        """Decode a frame. Try it once more in a new ffmpeg, unless it is the frame's own fault.

        The fault may be that of a frame before, or of a signal. After silence the retry is one of the doubted streams.
        """
        of_doubted = self._of_doubted[frame.codec]
        held = of_doubted if is_doubted else self._usual[frame.codec]
        try:
            return held.jpeg(frame)
        except _NoAnswer as failure:
            if failure.is_silence:
                self._doubt(stream)
                held = of_doubted
            if is_doubted if failure.is_silence else failure.is_of_frame:
                return None
        try:
            return held.jpeg(frame, is_retry=True)
        except _NoAnswer:
            return None

    def _doubt(self, stream: Hashable) -> None:
        with self._lock:
            self._doubted[stream] = _PICTURES_UNTIL_TRUST
            self._doubted.move_to_end(stream)
            _shorten(self._doubted)


class _NoAnswer(Exception):
    """ffmpeg gave no picture, or no whole one.

    `is_silence`: it neither answered nor ended. `is_of_frame`: it was new, so that no other frame is the reason.
    """

    def __init__(self, *, is_silence: bool, is_of_frame: bool) -> None:
        super().__init__("no picture")
        self.is_silence = is_silence
        self.is_of_frame = is_of_frame


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

    def jpeg(self, frame: KeyFrameData, *, is_retry: bool = False) -> bytes | None:
        """Return the JPEG; None for a damaged frame. A retry gets a new ffmpeg. Raises _NoAnswer and FfmpegMissing."""
        with self._turn:
            try:
                if is_retry:
                    self._end()
                is_new = self._start_for(frame)
                patience_s = _RETRY_S if is_retry else _START_S if is_new else _ANSWER_S
                return self._decode(frame, patience_s, is_new=is_new)
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

    def _decode(self, frame: KeyFrameData, patience_s: float, *, is_new: bool) -> bytes | None:
        """Return the JPEG; None for a damaged frame. Raises _NoAnswer. Ends an ffmpeg that must not be used again."""
        process, answer = self._process, self._answer
        assert process is not None  # noqa: S101 - _start_for() came before
        deadline_s = self._clock.monotonic_s() + patience_s
        is_last = True
        try:
            jpeg = None
            stream = hash(frame.parameter_sets)
            if process.write_stdin(frame.annex_b(), self._left_s(deadline_s)):
                waits_for_end = self._held_back.get(stream, 0) >= _HELD_BACK_TIMES
                is_last = waits_for_end or not self._until_answer(process, self._clock.monotonic_s() + _HELD_BACK_S)
                if is_last:
                    process.close_stdin()
                    process.wait(self._left_s(deadline_s))
                jpeg = answer.jpeg() if answer.wait(0.0) else None
            else:
                process.wait(min(_REAPED_S, self._left_s(deadline_s)))
            text = process.take_stderr()
            if jpeg is None:
                log.info("ffmpeg gave no picture of a key frame (%s): %s", self._codec, text[:200] or "silence")
                is_last = True
                raise _NoAnswer(is_silence=process.poll() is None, is_of_frame=is_new)
            if is_last:
                self._note_held_back(stream)
            # Coefficients of a damaged block stay in H.264's decoder: they would spoil the next picture.
            is_damaged = _is_damaged(jpeg, text)
            is_last = is_last or is_damaged
            return None if is_damaged else jpeg
        finally:
            if is_last:
                self._end()

    def _until_answer(self, process: SupervisedProcess, deadline_s: float) -> bool:
        """Wait for a JPEG until the deadline or the end of ffmpeg. True if there is one, or too much."""
        while process.poll() is None and self._left_s(deadline_s) > 0:
            if self._answer.wait(min(_LOOK_S, self._left_s(deadline_s))):
                return True
        return self._answer.wait(0.0)

    def _left_s(self, deadline_s: float) -> float:
        return max(0.0, deadline_s - self._clock.monotonic_s())

    def _note_held_back(self, stream: int) -> None:
        self._held_back[stream] = self._held_back.pop(stream, 0) + 1
        _shorten(self._held_back)

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


def _shorten(remembered: OrderedDict[Any, Any]) -> None:
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)


def _is_damaged(jpeg: bytes, text: str) -> bool:
    """True if ffmpeg has complained about the frame and shows it as grey, repaired or in part.

    Not by the size alone: a picture of a dark room is as small. Not by "corrupt decoded frame" alone: ffmpeg says that
    of each key frame of cameras whose key frames are no IDR pictures. Damage of H.265 often makes no complaint.
    """
    if "[error]" not in text:
        return False
    return len(jpeg) < _SMALLEST_BYTES or "corrupt decoded frame" in text or "undecodable" in text
