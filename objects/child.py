"""The process that has a model (`python -m vision.objects`): a question at a time, each with a limit of time."""

from __future__ import annotations

import queue
import sys
import threading
from contextlib import suppress
from pathlib import Path

from core.clock import Clock
from core.errors import AppError
from core.settings import ROOT
from media.child_shim import ChildLimits
from media.process import Spawner, SupervisedProcess
from objects.records import ModelUnusable
from vision.messages import BadMessage, MessageReader, encode
from vision.objects_messages import FROM_OBJECTS, Detect, Detected, FromObjects, Loaded, Refused

_LOAD_S = 60.0  # a large model on a slow machine
_ANSWER_S = 20.0
_WRITE_S = 5.0
_LOOK_S = 0.25
_STOP_S = 0.5
_MOST_UNREAD = 512  # pieces of output of at most 64 kB
_LIMITS = ChildLimits(nice=10)  # the process limits its memory itself, by the size of its model
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")


class ObjectsChild:
    """Safe between threads: one asks, the others wait. stop() may be called from any."""

    def __init__(self, spawner: Spawner, clock: Clock, model: Path) -> None:
        self._spawner = spawner
        self._clock = clock
        self._model = model
        self._lock = threading.Lock()
        self._process: SupervisedProcess | None = None
        self._pieces: queue.Queue[bytes] = queue.Queue(_MOST_UNREAD)
        self._reader: MessageReader[FromObjects] = MessageReader(FROM_OBJECTS)
        self._answers: list[FromObjects] = []
        self._loaded: Loaded | None = None
        self._is_stopped = False

    @property
    def pid(self) -> int | None:
        """The id of the process; None while none runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def load(self) -> Loaded:
        """Start the process unless it runs, and wait for its model. Raise ModelUnusable."""
        with self._lock:
            return self._load()

    def detect(self, asked: Detect) -> Detected:
        """Return the objects of a picture; start the process unless it runs. Raise ModelUnusable."""
        with self._lock:
            self._load()
            process = self._process
            if process is None or not process.write_stdin(encode(asked), _WRITE_S):
                raise self._ended("The detector does not take pictures.")
            answer = self._answer(_ANSWER_S)
            if isinstance(answer, Detected) and answer.id == asked.id:
                return answer
            if answer is None or getattr(answer, "id", None) != asked.id:
                raise self._ended("The detector does not answer.")
            raise ModelUnusable("The model cannot be used on this picture.")

    def stop(self) -> None:
        """End the process. May be called twice."""
        self._is_stopped = True
        process = self._process
        if process is not None:
            process.kill()
        if self._lock.acquire(timeout=_STOP_S):  # a thread that asks ends with the process
            self._end()
            self._lock.release()

    # ---- inside ----------------------------------------------------------------------------------

    def _load(self) -> Loaded:
        if self._is_stopped:
            raise ModelUnusable("The detector was stopped.")
        if self._loaded is not None and self.pid is not None:
            return self._loaded
        self._end()
        pieces: queue.Queue[bytes] = queue.Queue(_MOST_UNREAD)
        self._pieces, self._reader, self._answers = pieces, MessageReader(FROM_OBJECTS), []

        def take(data: bytes) -> None:
            with suppress(queue.Full):  # it says more than it was asked; with a piece left out, the rest is invalid
                pieces.put_nowait(data)

        try:
            self._process = self._spawner.spawn(
                [sys.executable, "-m", "vision.objects", str(self._model)],
                name="objects",
                cwd=ROOT,
                stdout=take,
                extra_env=_ONE_THREAD,
                opens_stdin=True,
                limits=_LIMITS,
            )
        except AppError as error:
            raise ModelUnusable(f"The detector cannot be started: {error}") from error
        answer = self._answer(_LOAD_S)
        if isinstance(answer, Refused):
            self._end()
            raise ModelUnusable(f"The model cannot be used: {answer.detail}.")
        if not isinstance(answer, Loaded):
            raise self._ended("The detector ended while it loaded the model.")
        self._loaded = answer
        return answer

    def _answer(self, timeout_s: float) -> FromObjects | None:
        """Return the next answer; None if the process ends, sends no valid message, or takes too long."""
        until_s = self._clock.monotonic_s() + timeout_s
        while not self._answers:
            has_ended = self.pid is None
            try:
                piece = self._pieces.get(timeout=_LOOK_S)
            except queue.Empty:
                if has_ended or self._is_stopped or self._clock.monotonic_s() >= until_s:
                    return None
                continue
            try:
                for message in self._reader.feed(piece):
                    if isinstance(message, BadMessage):
                        return None
                    self._answers.append(message)
            except BadMessage:
                return None
        return self._answers.pop(0)

    def _ended(self, detail: str) -> ModelUnusable:
        self._end()
        return ModelUnusable(detail)

    def _end(self) -> None:
        process, self._process, self._loaded = self._process, None, None
        if process is not None:
            with suppress(OSError):
                process.close_stdin()
            process.stop(_STOP_S)
