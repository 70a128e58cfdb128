"""The queue of each sink, and the thread that sends from it."""

from __future__ import annotations

import logging
import threading
from collections import deque

from core.backoff import growing_wait_s, jittered
from core.errors import AppError
from core.stop_signal import StopSignal
from notifications.courier import Courier, Waiting
from notifications.records import DeliveryState, Outcome, SinkState
from notifications.sinks import Notice, Sink, SinkError

log = logging.getLogger(__name__)

MOST_WAITING = 1000
MOST_TRIES = 3
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_STOP_S = 1.0
_AGAIN_S = 5.0  # after a fault of the database


class SinkQueue:
    """start() and stop() may be called twice. Deliveries that wait at stop() are sent after the next start."""

    def __init__(self, sink: Sink, courier: Courier) -> None:
        self._sink = sink
        self._courier = courier
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._dropped = 0
        self._failure = ("", "")
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    @property
    def sink(self) -> Sink:
        return self._sink

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping.begin()
            self._thread = threading.Thread(target=self._is_stopping.bound(self._serve), name="sink", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread and the sink's connections within 2 s."""
        self._is_stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._sink.close()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def put(self, waiting: Waiting) -> Waiting | None:
        """Queue a delivery. Return the oldest one if it had to leave the full queue."""
        with self._changed:
            oldest = self._waiting.popleft() if len(self._waiting) >= MOST_WAITING else None
            self._dropped += oldest is not None
            self._waiting.append(waiting)
            self._changed.notify_all()
            return oldest

    def take_all(self) -> list[Waiting]:
        """Remove and return all deliveries that wait."""
        with self._changed:
            found, self._waiting = list(self._waiting), deque()
            return found

    def state(self) -> SinkState:
        with self._changed:
            code, detail = self._failure
            is_connected = getattr(self._sink, "is_connected", None)
            return SinkState(is_connected, len(self._waiting), self._dropped, code, detail)

    def _serve(self) -> None:
        while (waiting := self._next()) is not None:
            try:
                outcome = self._deliver(waiting)
            except AppError as error:  # the database, which knows the rights: without them nothing is sent
                log.warning("a notification waits for the database (%s)", error.code)
                with self._changed:
                    self._waiting.appendleft(waiting)
                self._is_stopping.wait(_AGAIN_S)
                continue
            except Exception:  # the top of a thread
                log.exception("sending a notification failed")
                outcome = Outcome(DeliveryState.FAILED, 1, "internal_error", "A fault of the app; its log has more.")
            if outcome is None:
                with self._changed:
                    self._waiting.appendleft(waiting)
            else:
                self._note(outcome)
                self._courier.finish(waiting, outcome)

    def _deliver(self, waiting: Waiting) -> Outcome | None:
        """Send a delivery, in up to three tries. Return None if the queue stops meanwhile. Raise Unavailable."""
        if (dropped := self._courier.why_drop(waiting)) is not None:
            return dropped
        notice = self._courier.notice(waiting, self._is_stopping)
        failure: Outcome | None = None
        for attempt in range(1, MOST_TRIES + 1):
            if self._is_stopping.is_set():
                return None
            if (dropped := self._courier.why_drop(waiting)) is not None:  # the picture or the last try took time
                return dropped
            error = self._try(notice)
            if error is None:
                return Outcome(DeliveryState.SENT, attempt)
            failure = Outcome(DeliveryState.FAILED, attempt, error.code, error.detail)
            if error.is_final:
                break
            if attempt < MOST_TRIES:
                self._is_stopping.wait(_wait_s(attempt, error))
        return None if self._is_stopping.is_set() else failure

    def _try(self, notice: Notice) -> SinkError | None:
        try:
            self._sink.send(notice)
        except SinkError as error:
            return error
        return None

    def _note(self, outcome: Outcome) -> None:
        if outcome.state is not DeliveryState.DROPPED:
            with self._changed:
                self._failure = (outcome.code, outcome.detail)

    def _next(self) -> Waiting | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopping.is_set())
            return None if self._is_stopping.is_set() else self._waiting.popleft()


def _wait_s(attempt: int, error: SinkError) -> float:
    """Return the pause after a failed attempt."""
    wait_s = jittered(growing_wait_s(attempt, _FIRST_WAIT_S, _LONGEST_WAIT_S))
    return min(max(wait_s, error.retry_after_s or 0.0), _LONGEST_WAIT_S)
