"""A separate process decodes and compares key frames: devices may send anything.

One process serves all searches, and ends when none runs. After a crash it starts again: a search for movements goes on
with a new background, and one for a lasting change begins anew, because its probes are lost.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.clock import Clock
from core.errors import AppError
from media.still_decoder import KeyFrameData
from searches.records import Point, SearchKind
from vision.messages import (
    Failed,
    FromChild,
    Message,
    Region,
    RegionClose,
    RegionCompare,
    RegionOpen,
    RegionPair,
    RegionPicture,
)

_CODECS = {"h264": "h264", "hevc": "h265"}
_TICK_S = 0.05  # how often a wait looks for an interruption
_ANSWER_S = 20.0
_START_S = 20.0
_LINGER_S = 20.0
_MOST_CRASHES = 3


class JudgeLost(AppError):
    """The process that compares pictures has ended, with everything that it knew of this search."""

    code = "vision_failed"


class JudgeProcess(Protocol):
    """Implemented by motion.child.VisionChild."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def send(self, message: Message, size: int = 0) -> bool: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The judgement of a key frame. `cells`: of the whole picture. `jpeg`: empty unless something moved."""

    share: float
    contrast: float
    is_reset: bool
    cells: bytes
    jpeg: bytes


class Judges:
    """The searches of one process. Takes its answers (motion.child.ChildListener). Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process: JudgeProcess | None = None
        self._lock = threading.Lock()
        self._open: dict[str, RegionJudge] = {}
        self._is_ready = threading.Event()
        self._timer: threading.Timer | None = None

    def use(self, process: JudgeProcess) -> None:
        """Use this process, which tells its answers to this object."""
        self._process = process

    def open(self, search_id: int, points: Sequence[Point], kind: SearchKind, check: Callable[[], None]) -> RegionJudge:
        """Return a judge of one search. `check` is called during waits, and raises to end them."""
        assert self._process is not None  # noqa: S101 - wiring comes before
        judge = RegionJudge(self, f"search{search_id}", points, kind, check)
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._open[judge.key] = judge
            self._process.start()
        return judge

    def stop(self) -> None:
        """End the process, within 2 s. May be called twice."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._is_ready.clear()
        if self._process is not None:
            self._process.stop()

    # ---- for RegionJudge -------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def is_ready(self) -> bool:
        return self._is_ready.is_set()

    def send(self, message: Message) -> bool:
        """Return False if the process does not take the message now."""
        process = self._process
        return process is not None and self._is_ready.is_set() and process.send(message, len(message.body))

    def left(self, judge: RegionJudge) -> None:
        """A search has ended. End the process some time after the last one."""
        self.send(RegionClose(judge.key))
        with self._lock:
            self._open.pop(judge.key, None)
            if not self._open and self._timer is None:
                self._timer = threading.Timer(_LINGER_S, self._end_if_idle)
                self._timer.daemon = True
                self._timer.start()

    def _end_if_idle(self) -> None:
        with self._lock:
            self._timer = None
            if self._open or self._process is None:
                return
            self._is_ready.clear()
            self._process.stop()

    # ---- the process: see motion.child.ChildListener ---------------------------------------------

    def on_start(self) -> None:
        self._is_ready.set()

    def on_message(self, message: FromChild) -> None:
        key = getattr(message, "id", None)
        with self._lock:
            judge = self._open.get(str(key)) if key is not None else None
        if judge is not None:
            judge.take(message)

    def on_crash(self, key: str | None) -> None:
        self._is_ready.clear()
        with self._lock:
            judges = list(self._open.values())
        for judge in judges:
            judge.lose(is_suspect=key == judge.key)


class RegionJudge:
    """Judges the key frames of one search, in one thread. take() and lose() are for the threads of the process."""

    def __init__(
        self, judges: Judges, key: str, points: Sequence[Point], kind: SearchKind, check: Callable[[], None]
    ) -> None:
        self.key = key
        self._judges = judges
        self._points = tuple(points)
        self._kind = kind
        self._check = check
        self._changed = threading.Condition()
        self._answers: deque[FromChild] = deque()
        self._crashes = 0  # while it waited for an answer to a frame of this search
        self._is_lost = False
        self._codec = ""  # of the search that is open in the process; "" for none

    def look(self, frame: KeyFrameData, time_ms: int, *, is_after_gap: bool) -> Seen | None:
        """Judge the next key frame of a search for movements. None if it cannot be decoded. Raise JudgeLost."""
        self._open_for(frame)
        answer = self._ask(RegionPicture(self.key, time_ms, frame.annex_b(), is_after_gap=is_after_gap))
        return _seen(answer)

    def keep(self, frame: KeyFrameData, time_ms: int, probe_ms: int) -> Seen | None:
        """Add a key frame to a probe. None if it cannot be decoded. Raise JudgeLost if earlier probes are lost."""
        self._open_for(frame)
        answer = self._ask(RegionPicture(self.key, time_ms, frame.annex_b(), probe_ms=probe_ms))
        if answer is None:
            raise JudgeLost("The process that compares pictures has ended.")
        return _seen(answer)

    def difference(self, a_ms: int, b_ms: int) -> float:
        """Compare two probes. Raise JudgeLost."""
        answer = self._ask(RegionCompare(self.key, a_ms, b_ms))
        if not isinstance(answer, RegionPair):
            raise JudgeLost("The process that compares pictures has lost a probe.")
        return answer.difference

    def close(self) -> None:
        self._judges.left(self)

    # ---- the threads of the process --------------------------------------------------------------

    def take(self, message: FromChild) -> None:
        with self._changed:
            self._answers.append(message)
            self._changed.notify_all()

    def lose(self, *, is_suspect: bool) -> None:
        """The process has ended. `is_suspect`: at a frame of this search."""
        with self._changed:
            self._is_lost = True
            self._crashes += is_suspect
            self._changed.notify_all()

    # ---- inside ----------------------------------------------------------------------------------

    def _open_for(self, frame: KeyFrameData) -> None:
        """Open the search in the process, for the codec of this frame, unless it is open."""
        codec = _CODECS[frame.codec]
        with self._changed:
            if self._is_lost:
                self._is_lost, self._codec = False, ""
                self._answers.clear()
            if self._crashes >= _MOST_CRASHES:
                raise JudgeLost("The process that compares pictures ends again and again at this recording.")
        if codec != self._codec:
            self._send(RegionOpen(self.key, codec, self._points, self._kind.value))
            self._codec = codec

    def _send(self, message: Message) -> None:
        """Wait for the process if it starts. Raise JudgeLost."""
        ends_s = self._judges.clock.monotonic_s() + _START_S
        while not self._judges.send(message):
            self._check()
            if self._judges.clock.monotonic_s() > ends_s:
                raise JudgeLost("The process that compares pictures does not start.")
            with self._changed:
                self._changed.wait(_TICK_S)

    def _ask(self, message: RegionPicture | RegionCompare) -> FromChild | None:
        """Return the answer to a message; None if the process has ended instead. Raise JudgeLost without an answer."""
        with self._changed:
            self._answers.clear()
        self._send(message)
        ends_s = self._judges.clock.monotonic_s() + _ANSWER_S
        while True:
            self._check()
            with self._changed:
                self._changed.wait_for(lambda: self._answers or self._is_lost, _TICK_S)
                while self._answers:
                    answer = self._answers.popleft()
                    if _answers(answer, message):
                        return answer
                if self._is_lost:
                    return None
            if self._judges.clock.monotonic_s() > ends_s:
                raise JudgeLost("The process that compares pictures does not answer.")


def _answers(answer: FromChild, message: RegionPicture | RegionCompare) -> bool:
    """True if this is the answer, and not one to a message of before an interruption."""
    if isinstance(answer, Failed):
        return answer.time_ms in (None, getattr(message, "time_ms", None))
    if isinstance(message, RegionPicture):
        return isinstance(answer, Region) and answer.time_ms == message.time_ms
    return isinstance(answer, RegionPair) and (answer.a_ms, answer.b_ms) == (message.a_ms, message.b_ms)


def _seen(answer: FromChild | None) -> Seen | None:
    if not isinstance(answer, Region):
        return None
    return Seen(answer.share, answer.contrast, answer.is_reset, answer.cells, answer.thumb)
