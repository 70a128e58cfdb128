"""The commands to one head: one queue and one thread, so that the device gets them in their order.

- A newer move replaces a waiting one, and a newer way to a position (preset, home, centre) another waiting way. A stop
  of a user drops both. A stop and other commands are never dropped, and keep their order.
- A stop does not wait for a command that the device has not answered yet: it is sent beside it, and once more after it,
  because the device may carry out a slow move last. Only stops overtake a stop that is sent beside a command.
- Dead man: a move that is not renewed within its time is stopped, whatever became of the page, the login or the
  network between them.
- A stop that fails is repeated until the device has accepted it, or has refused it for some time. Meanwhile the head
  takes no other commands than moves and stops.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from core.backoff import growing_wait_s
from core.clock import Clock
from core.errors import (
    AppError,
    CameraUnreachable,
    NotFound,
    Unavailable,
)
from core.ptz import HeadPlace, PtzDevice, Velocity
from core.records import Problem
from ptz.axes import after_failure, change_velocity, is_refusal, stop_axes
from ptz.command_queue import Command, CommandQueue
from ptz.motion import DEVICE_MARGIN_S, HeadMotion

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_MOST_WAITING = 32
_IDLE_S = 20.0  # a thread without commands ends after this
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.25, 15.0
_MOST_REFUSED_STOPS = 3
_REFUSING_S = 10.0  # the shortest time of refusals after which a stop is given up
_LATE_MOVE_S = 2.0  # a move without an answer may still arrive so much later
_STOP_WAIT_S = 5.0  # for a device that is not connected
_COMMAND_WAIT_S = 20.0
_NO_THREAD_S = 0.5  # the wait after the system had no thread left
_CALLER_MARGIN_S = 1.0
_ENDED = "The app is stopping, or the camera was changed."


class AskDevice(Protocol):
    """Returns the result of `call` to the open device, or raises the DeviceError; waits `wait_s` until it is open."""

    def __call__(self, call: Callable[[PtzDevice], _T], *, wait_s: float) -> _T: ...


class Head:
    """The queue of one head. Thread-safe.

    `on_motion(place)` is called when it begins to move, `on_motion(None)` when it stands, and `on_time()` when look()
    must be called earlier than it said. All of them return immediately.

    The thread starts with the first command, and ends when there are none.
    """

    def __init__(
        self,
        ask: AskDevice,
        clock: Clock,
        on_motion: Callable[[HeadPlace | None], None],
        on_time: Callable[[], None],
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._motion = HeadMotion(clock, on_motion, on_time)
        self._changed = threading.Condition()
        self._waiting = CommandQueue()
        self._running: Command | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._refuses_moves = False
        self._is_stopping_beside = False
        self._stop_fails = False  # the thread repeats a stop
        self.error: Problem | None = None
        """The problem of the last command, None if it succeeded."""

    # ---- commands

    def move(self, place: HeadPlace, velocity: Velocity, timeout_s: float) -> Future[Any]:
        """Move until `timeout_s` from now, unless the move is renewed by then. The result may be SUPERSEDED."""
        with self._changed:
            self._check_free()
            self._motion.renew(place, timeout_s)
            if (known := self._same_move(velocity, timeout_s)) is not None:
                return known
            self._waiting.drop_move()
            self._motion.begin()
            return self._put(Command(velocity=velocity, timeout_s=timeout_s))

    def stop(self, place: HeadPlace | None = None) -> Future[Any]:
        """Stop all axes. Drop what waits and would move the head. `place` is needed unless the head moves."""
        with self._changed:
            self._check_open()
            self._waiting.drop_travel()
            self._motion.place = place or self._motion.place
            return self._put_stop().done

    def run(
        self, call: Callable[[PtzDevice], object], *, stands_before: bool = False, wait_s: float = _COMMAND_WAIT_S
    ) -> Future[Any]:
        """Run a command in its turn. Raise Unavailable if too many wait.

        `stands_before`: the command takes the head to a position, so the head is stopped first if it moves. The result
        is CameraUnreachable while a stop fails, and if the turn comes later than `wait_s`: the caller no longer waits.
        """
        with self._changed:
            self._check_free()
            if self._stop_fails:
                refused: Future[Any] = Future()
                refused.set_exception(CameraUnreachable("The device does not stop the head yet."))
                return refused
            if len(self._waiting) >= _MOST_WAITING:
                raise Unavailable("Too many commands are waiting for this camera.", code="busy")
            if stands_before:
                self._waiting.drop_travel()
                if self._may_move():
                    self._put_stop()
            until_s = self._clock.monotonic_s() + wait_s + _CALLER_MARGIN_S
            return self._put(Command(run=call, travels=stands_before, until_s=until_s))

    def stop_after_restart(self, place: HeadPlace) -> None:
        """Make Stop the first request: the head was moving when the app ended."""
        with self._changed:
            self._motion.assume_everything(place)
            self._put_stop()

    def look(self) -> float:
        """Stop the head if its time is over. Return the time (monotonic_s) of the next look; infinite if it stands."""
        with self._changed:
            if self._is_closed:
                return math.inf
            if self._motion.take_due_stop():
                self._put_stop()
            return self._motion.next_stop_s

    @property
    def is_moving(self) -> bool:
        """True if the device may move the head."""
        with self._changed:
            return self._may_move()

    @property
    def may_turn(self) -> bool:
        """True if the head may move, or be on its way to a preset: what its camera sees changes."""
        with self._changed:
            return self._may_move() or self._motion.may_travel

    def refuse_moves(self, *, is_refusing: bool) -> None:
        """Take no other commands than stops: the connection is about to end, and a later stop could not be sent."""
        with self._changed:
            self._refuses_moves = is_refusing

    def close(self) -> Future[Any] | None:
        """Take no more commands, drop those that wait, and stop the head if it moves. Return the stop's future."""
        with self._changed:
            if self._is_closed:
                return None
            is_needed = self._may_move()
            self._drop_all()
            stopping = self._put_stop().done if is_needed else None
            self._is_closed = True
            self._changed.notify_all()
            return stopping

    def discard(self) -> None:
        """End without a request: the camera was changed or removed."""
        with self._changed:
            self._is_closed = True
            self._drop_all()
            self._changed.notify_all()

    # ---- with the lock held

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable(_ENDED)

    def _check_free(self) -> None:
        self._check_open()
        if self._refuses_moves:
            raise Unavailable("The camera is being changed.")

    def _same_move(self, velocity: Velocity, timeout_s: float) -> Future[Any] | None:
        """Return the result of the newest command if it is a move at this velocity, which needs no other request.

        None if the newest command is another one, or if the device will stop by itself soon.
        """
        newest = self._waiting.last or self._running
        if newest is not None:
            return newest.done if newest.velocity == velocity else None
        if not self._motion.goes_on_at(velocity, timeout_s):
            return None
        accepted: Future[Any] = Future()
        accepted.set_result(None)
        return accepted

    def _may_move(self) -> bool:
        running = self._running is not None and self._running.velocity is not None
        waits = self._waiting.has_move or self._waiting.has_stop
        return running or waits or self._motion.may_go_on

    def _drop_all(self) -> None:
        self._waiting.fail_all(Unavailable(_ENDED))

    def _put_stop(self) -> Command:
        """Queue a stop, unless the last command is one. Send it beside a command that has no answer yet."""
        self._waiting.drop_move()
        last = self._waiting.last
        if last is not None and last.stops:
            command = last
            self._wake_thread()
        else:
            command = Command(stops=True)
            self._put(command)
        self._motion.stop_is_queued()
        running = self._running
        is_unanswered = running is not None and not running.stops and not running.done.done()
        if is_unanswered and not self._is_stopping_beside:
            self._is_stopping_beside = _has_started(
                threading.Thread(target=self._stop_beside, name="ptz-stop", daemon=True)
            )
        return command

    def _put(self, command: Command) -> Future[Any]:
        self._waiting.put(command)
        self._wake_thread()
        return command.done

    def _wake_thread(self) -> None:
        """Let the thread run the commands. Without one, the dead man tries again."""
        if self._thread is None:
            thread = threading.Thread(target=self._serve, name="ptz-head", daemon=True)
            if _has_started(thread):
                self._thread = thread
            else:
                self._motion.stop_again_within(_NO_THREAD_S)
        self._changed.notify_all()

    # ---- in the head's thread

    def _serve(self) -> None:
        while (command := self._take()) is not None:
            try:
                if command.stops:
                    self._run_stop(command)
                elif command.velocity is not None:
                    self._run_move(command, command.velocity)
                elif command.run is not None:
                    self._run_call(command, command.run)
            except AppError as error:
                self.error = Problem(error.code, error.detail)
                command.fail(error)
            except Exception as error:  # the top of a thread
                log.exception("a command to a head failed")
                command.fail(error)
            finally:
                with self._changed:
                    self._running, self._stop_fails = None, False
                    self._changed.notify_all()

    def _take(self) -> Command | None:
        with self._changed:
            while True:
                while not self._is_next_due():
                    is_idle = not self._waiting
                    if is_idle and (self._is_closed or not self._changed.wait(_IDLE_S)) and not self._waiting:
                        self._thread = None
                        return None
                    if not is_idle:
                        self._changed.wait(_IDLE_S)
                command = self._waiting.take()
                if not command.done.set_running_or_notify_cancel():
                    continue
                if self._clock.monotonic_s() > command.until_s:
                    late = CameraUnreachable("The device was not ready for this command in time.")
                    self.error = Problem(late.code, late.detail)
                    command.fail(late)
                    continue
                self._running = command
                return command

    def _is_next_due(self) -> bool:
        """True if the next command may be sent: none but a stop overtakes a stop beside another command.

        The device may get that stop late, and it would break off the new movement.
        """
        first = self._waiting.first
        return first is not None and (first.stops or not self._is_stopping_beside)

    def _run_call(self, command: Command, call: Callable[[PtzDevice], object]) -> None:
        if command.travels:
            with self._changed:
                self._motion.travel()
        command.finish(self._ask(call, wait_s=_STOP_WAIT_S))
        self.error = None

    def _run_move(self, command: Command, velocity: Velocity) -> None:
        with self._changed:
            before, place = self._motion.change(velocity), self._motion.place
        limit_s = command.timeout_s + DEVICE_MARGIN_S
        has_begun = False

        def change(device: PtzDevice) -> None:
            nonlocal has_begun
            has_begun = True
            change_velocity(device, place, before, velocity, limit_s)

        try:
            self._ask(change, wait_s=0.0)
        except AppError as error:
            with self._changed:
                self._after_failed_move(error, before, velocity, has_begun=has_begun)
            raise
        self.error = None
        command.finish(None)

    def _after_failed_move(self, error: AppError, before: Velocity, wanted: Velocity, *, has_begun: bool) -> None:
        """Stop the head after a move that failed: the device may have got it, or get it later."""
        if has_begun:
            self._running = None  # nothing to stop beside it
            if isinstance(error, CameraUnreachable):
                self._motion.stop_again_after(_LATE_MOVE_S)
            else:
                self._motion.velocity = after_failure(error, before, wanted)
            self._put_stop()
            return
        self._motion.was_not_sent(before, moves_next=self._waiting.has_move)

    def _run_stop(self, command: Command) -> None:
        """Send a stop until the device has accepted it. Raise its last error if it is given up."""
        failures = refusals = 0
        first_s = math.inf
        while True:
            with self._changed:
                sent, place, is_guess = self._motion.velocity, self._motion.place, self._motion.is_guess
            has_begun = False

            def stop(device: PtzDevice) -> None:
                nonlocal has_begun
                has_begun = True
                stop_axes(device, place, sent, is_guess=is_guess, tries=failures)  # noqa: B023 # called immediately

            try:
                self._ask(stop, wait_s=_STOP_WAIT_S)
            except NotFound:  # the camera was removed
                self._stopped()
                raise
            except Exception as error:  # a lost stop leaves the head turning
                now_s = self._clock.monotonic_s()
                failures, first_s = failures + 1, min(first_s, now_s)
                refusals += has_begun and is_refusal(error)
                self._note_failed_stop(error)
                is_over = (sent.is_zero and not self._motion.may_travel) or (
                    refusals >= _MOST_REFUSED_STOPS and now_s - first_s >= _REFUSING_S
                )
                if is_over:
                    self._stopped(is_accepted=False)
                if is_over or not self._pause(failures):
                    raise
                continue
            self.error = None
            self._stopped()
            command.finish(None)
            return

    def _note_failed_stop(self, error: Exception) -> None:
        self._stop_fails = True
        if isinstance(error, AppError):
            self.error = Problem(error.code, error.detail)
            log.warning("a head could not be stopped (%s)", error.code)
        else:
            log.error("a head could not be stopped", exc_info=error)

    def _pause(self, failures: int) -> bool:
        """Wait before the next attempt to stop; a new command ends the wait. Return False if the head is closed."""
        wait_s = growing_wait_s(failures, _FIRST_RETRY_S, _LONGEST_RETRY_S)
        with self._changed:
            if not self._is_closed:
                self._changed.wait(wait_s)
            return not self._is_closed

    def _stopped(self, *, is_accepted: bool = True) -> None:
        with self._changed:
            self._stop_fails = False  # before the result of the stop: its caller may send the next command immediately
            self._motion.stopped(is_accepted=is_accepted, moves_next=self._waiting.has_move)

    def _stop_beside(self) -> None:
        """Send a stop while a command has no answer. The queue sends another one after that command."""
        with self._changed:
            place, sent = self._motion.place, self._motion.velocity
        try:
            self._ask(lambda device: stop_axes(device, place, sent), wait_s=0.0)
        except AppError as error:
            log.info("a stop beside a slow command failed (%s)", error.code)
        except Exception:  # the top of a thread
            log.exception("a stop beside a slow command failed")
        finally:
            with self._changed:
                self._is_stopping_beside = False
                self._changed.notify_all()


def _has_started(thread: threading.Thread) -> bool:
    """Start a thread. False if the system has none left."""
    try:
        thread.start()
    except RuntimeError:
        log.exception("a head gets no thread")
        return False
    return True
