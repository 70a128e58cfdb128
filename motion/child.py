"""The process that decodes and judges pictures (`python -m vision`): its start, its pipe, its end.

Devices may send anything, so pictures are decoded in a process that may end at any time. It starts again after a short
pause. A process that does not read for ten seconds, or says nothing for half a minute, is ended.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from core.backoff import Backoff
from core.clock import Clock
from core.errors import AppError
from core.settings import ROOT
from media.child_shim import ChildLimits
from media.process import Spawner, SupervisedProcess
from motion.outbox import Outbox
from motion.records import ChildState, ChildView
from vision.messages import FROM_CHILD, BadMessage, Cost, Forget, FromChild, Message, MessageReader, encode

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "vision")
PACKAGES = ("av", "cv2", "numpy")  # of requirements-motion.txt
SILENT_S = 30.0
_LIMITS = ChildLimits(nice=10, address_space_bytes=2_000_000_000)
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
_LOOK_S = 0.25  # how often an idle writer looks for the end of the process
_WRITE_S = 10.0
_STOP_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 60.0
_MOST_UNREAD = 512  # pieces of output of at most 64 kB
_MOST_IN_FLIGHT = 10_000


def is_available() -> bool:
    """True if the packages of the watching process are installed. They are not imported here."""
    return all(find_spec(name) is not None for name in PACKAGES)


class ChildListener(Protocol):
    """Takes the answers of a child. All calls but on_start() come from a thread that reads for this child."""

    def on_message(self, message: FromChild) -> None:
        """Take an answer. May wait for the disk, not for a device."""
        ...

    def on_start(self) -> None:
        """A new process takes messages, and knows nothing yet. Called in the thread that writes; must not wait."""
        ...

    def on_crash(self, key: str | None) -> None:
        """The process has ended by itself. `key`: of the message that it did not answer, None if it answered all."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """A message that the process answers, one after the other."""

    answer: str  # its type
    key: str
    time_ms: int | None


_ANSWERS = {
    "unit": "watched",
    "look_back": "began",
    "still": "still",
    "region_picture": "region",
    "region_compare": "region_pair",
}
_WITH_TIME = frozenset({"watched", "region"})


class VisionChild:
    """Keeps one process running between start() and stop(). Safe between threads; send() never waits."""

    def __init__(
        self,
        spawner: Spawner,
        clock: Clock,
        listener: ChildListener,
        *,
        name: str = "vision",
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._spawner = spawner
        self._clock = clock
        self._listener = listener
        self._name = name
        self._command = tuple(command)
        self.outbox = Outbox()
        self._lock = threading.Lock()
        self._asked: deque[_Asked] = deque()
        self._costs: tuple[Cost, Cost] | None = None  # the last two
        self._heard_s = 0.0
        self._process: SupervisedProcess | None = None
        self._state = ChildState.OFF
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None  # the last one that stop() has ended

    # ---- any thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process soon. Without effect if it runs."""
        with self._lock:
            if self._thread is not None:
                return
            self._state = ChildState.RESTARTING
            name = f"{self._name}-writer"
            self._thread = threading.Thread(target=self._serve, args=(self._ending,), name=name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the process within two seconds. May be called twice."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            self._ending = thread
            self._is_stopping.set()
        self.outbox.wake()
        thread.join(2 * _STOP_S)
        if thread.is_alive():  # it writes to a process that does not read
            process = self._process
            if process is not None:
                process.kill()
            thread.join(_STOP_S)
        self.outbox.clear()
        self._state = ChildState.OFF
        self._costs = None

    @property
    def is_started(self) -> bool:
        with self._lock:
            return self._thread is not None

    @property
    def pid(self) -> int | None:
        """The id of the process; None while none runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def send(self, message: Message, size: int = 0, *, newest_of: Hashable = None, slot: Hashable = None) -> bool:
        """Queue a message. Return False if the process does not run, or is too slow (see Outbox.put)."""
        if self._state is not ChildState.RUNNING:
            return False
        return self.outbox.put(message, size, newest_of=newest_of, slot=slot)

    def forget(self, key: str) -> None:
        """Let the process forget a channel, if it runs."""
        self.send(Forget(key))

    def view(self) -> ChildView:
        """Return the state of the process, and its cost over the last seconds."""
        costs = self._costs
        if costs is None or self._state is not ChildState.RUNNING:
            return ChildView(self._state)
        before, now = costs
        wall_s = max(now.wall_s - before.wall_s, 0.001)
        return ChildView(
            self._state,
            cpu_share=round(max(0.0, now.cpu_s - before.cpu_s) / wall_s, 4),
            memory_bytes=now.rss_bytes,
            pictures_per_s=round(max(0, now.pictures - before.pictures) / wall_s, 2),
            skips=now.skips,
        )

    # ---- the thread that writes ------------------------------------------------------------------

    def _serve(self, before: threading.Thread | None) -> None:
        if before is not None:  # a process that is slow to end: two threads would write to two processes
            before.join()
        with self._lock:
            if self._thread is not threading.current_thread():  # stopped meanwhile
                return
            self._is_stopping.clear()
        backoff = Backoff(first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, healthy_after_s=_HEALTHY_S)
        while not self._is_stopping.is_set():
            began_s = self._clock.monotonic_s()
            try:
                self._run()
            except AppError as error:
                log.warning("%s cannot be started (%s)", self._name, error)
            except Exception:  # the top of a thread
                log.exception("%s: writing to the process failed", self._name)
            if self._is_stopping.is_set():
                return
            self._state = ChildState.RESTARTING
            self._is_stopping.wait(backoff.failed_after(self._clock.monotonic_s() - began_s))

    def _run(self) -> None:
        """Run one process until its end. Raise ProgramMissing."""
        reader = _Reader(self, self._listener)
        process = self._spawner.spawn(
            self._command,
            name=self._name,
            cwd=ROOT,
            stdout=reader.take,
            extra_env=_ONE_THREAD,
            opens_stdin=True,
            limits=_LIMITS,
        )
        self._process = process
        reader.start()
        try:
            with self._lock:
                self._asked.clear()
            self.outbox.clear()
            self._costs = None
            self._heard_s = self._clock.monotonic_s()
            self._state = ChildState.RUNNING
            self._listener.on_start()
            self._write(process, reader)
        finally:
            self._state = ChildState.RESTARTING
            process.close_stdin()
            process.stop(grace_s=_STOP_S if self._is_stopping.is_set() else 0.0)
            reader.end()
            self._process = None
        if not self._is_stopping.is_set():
            self._note_crash(process, reader)

    def _write(self, process: SupervisedProcess, reader: _Reader) -> None:
        while not self._is_stopping.is_set() and process.poll() is None:
            if reader.is_broken or self._is_silent():
                return
            message = self.outbox.take(_LOOK_S)
            if message is None:
                continue
            self._note_asked(message)
            if not process.write_stdin(encode(message), _WRITE_S):
                return

    def _note_crash(self, process: SupervisedProcess, reader: _Reader) -> None:
        with self._lock:
            suspect = self._asked[0].key if self._asked else None
        code = process.poll()
        log.warning(
            "%s ended (%s) at %s: %s",
            self._name,
            "it sent no valid message" if reader.is_broken else f"code {code}",
            suspect or "no message",
            process.stderr_tail()[-300:].strip() or "no text",
        )
        self._listener.on_crash(suspect)

    def _note_asked(self, message: Message) -> None:
        answer = _ANSWERS.get(message.type)
        header = message.header()
        if answer is None or header.get("is_key") is False:  # not each frame between key frames is judged
            return
        key = str(header.get("key") or header.get("id"))
        with self._lock:
            if len(self._asked) < _MOST_IN_FLIGHT:
                self._asked.append(_Asked(answer, key, header["time_ms"] if answer in _WITH_TIME else None))

    def _is_silent(self) -> bool:
        """True if the process has sent nothing for too long, not even its cost."""
        return self._clock.monotonic_s() - self._heard_s > SILENT_S

    # ---- the thread that reads -------------------------------------------------------------------

    def note_answer(self, message: FromChild) -> None:
        """Note that the process has answered a message, and with it those before. For the thread that reads."""
        self._heard_s = self._clock.monotonic_s()
        if isinstance(message, Cost):
            self._costs = (self._costs[1] if self._costs else _NOTHING, message)
            return
        key = str(getattr(message, "key", None) or getattr(message, "id", None))
        time_ms = getattr(message, "time_ms", None)
        with self._lock:
            place = next(
                (
                    place
                    for place, asked in enumerate(self._asked)
                    if asked.key == key
                    and message.type in (asked.answer, "failed")
                    and (asked.time_ms is None or time_ms is None or asked.time_ms == time_ms)
                ),
                -1,
            )
            for _ in range(place + 1):
                self._asked.popleft()


_NOTHING = Cost(cpu_s=0.0, wall_s=0.0, pictures=0, rss_bytes=0)


class _Reader:
    """Reads what one process writes. take() is for the spawner's thread."""

    def __init__(self, child: VisionChild, listener: ChildListener) -> None:
        self._child = child
        self._listener = listener
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_MOST_UNREAD)
        self._messages = MessageReader(FROM_CHILD)
        self._thread = threading.Thread(target=self._serve, name="vision-reader", daemon=True)
        self.is_broken = False

    def start(self) -> None:
        self._thread.start()

    def take(self, data: bytes) -> None:
        try:
            self._pieces.put_nowait(data)
        except queue.Full:
            self.is_broken = True

    def end(self) -> None:
        """Read the rest, and end the thread."""
        try:
            self._pieces.put(None, timeout=_STOP_S)
        except queue.Full:
            self.is_broken = True
        if self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)

    def _serve(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self.is_broken:
                continue
            try:
                for message in self._messages.feed(piece):
                    if isinstance(message, BadMessage):
                        raise message
                    self._take(message)
            except BadMessage as error:
                log.warning("the watching process sent no valid message: %s", error)
                self.is_broken = True

    def _take(self, message: FromChild) -> None:
        self._child.note_answer(message)
        try:
            self._listener.on_message(message)
        except Exception:  # the other channels must be watched despite a fault in one
            log.exception("taking an answer of the watching process failed")
