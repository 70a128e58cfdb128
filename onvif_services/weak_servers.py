"""Sends the requests to one device's web server, and repeats those that the web server cuts off.

The web servers of cheap cameras serve one connection at a time and reset the others, or reset some without a reason.
Others refuse the second connection, answer it with 503, or accept it and never answer. After the first such failure,
or the second request without an answer, the device gets one request at a time for a while (slots.py). Each request that
it cuts off, refuses or is too busy for is sent once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import CameraUnreachable, DeviceError
from onvif_services.faults import ConnectionRefused, NoAnswer
from onvif_services.http_answer import BUSY, HttpAnswer, Whole, judge_soap
from onvif_services.slots import CallSlots

_REPEATS = 2  # of a request whose login the device accepted before
_PAUSE_S = 0.2  # before a repetition
_LONGER = 3.0  # a pause after another failure, compared with the one before
_MOST_PAUSE_S = 1.0
_MOST_SILENCES = 2  # beside other requests: one alone may be slow, whatever else is under way


@dataclass(slots=True)
class _Tries:
    """The repetitions of one request (at most `most`), and the logins that the device cut off in them.

    `waits`: the device holds the answer back on purpose, so that neither silence nor a cut tells about its web server.
    """

    most: int
    waits: bool = False
    repeats: int = 0
    cut_logins: int = 0


class RepeatedRequests:
    """Thread-safe. `is_proven` tells if the device has accepted the login; `on_cut` is called at the first failure.

    Some devices close the connection after a wrong password. So an unproven login is repeated once at most: if other
    requests were under way, or if the device has cut off a request without a login and answered its repetition.
    """

    def __init__(
        self, slots: CallSlots, closed: threading.Event, *, is_proven: Callable[[], bool], on_cut: Callable[[], None]
    ) -> None:
        self._slots = slots
        self._closed = closed
        self._is_proven = is_proven
        self._on_cut = on_cut
        self._cuts_at_random = False
        self._silences = 0  # requests beside others without an answer, since the last such request that had one
        self._pause_s = _PAUSE_S  # longer on web servers that need longer between two connections

    def send(
        self, call: Callable[[], HttpAnswer], deadline_s: float, *, runs_once: bool = False, waits: bool = False
    ) -> HttpAnswer:
        """Return the answer of `call`, which sends one request. Raise its DeviceError.

        `NoAnswer.cut_logins` of the error counts the logins of all tries. `runs_once`: a second request would act
        twice, and the device may have carried out the first before it closed the connection, so none is repeated.
        `waits`: the device answers late on purpose, and may close the connection instead (PullMessages).
        """
        tries = _Tries(most=0 if runs_once or waits else _REPEATS, waits=waits)
        if not self._slots.is_serial:
            try:
                with self._slots.taking(deadline_s):
                    answer = self._try(call, tries, was_parallel=True)
                    if answer is not None and self._slots.is_shared:
                        self._silences = 0
            except NoAnswer as error:
                if runs_once and error.is_cut and not self._closed.is_set():
                    self._serialize()
                raise
            if answer is not None:
                return answer
            self._serialize()
            self._closed.wait(self._pause_s)
        # The repetition follows in the same slot, because the web server may reset every second request.
        with self._slots.taking(deadline_s):
            while (answer := self._try(call, tries, was_parallel=False)) is None:
                if tries.repeats > 1:
                    self._pause_s = min(_LONGER * self._pause_s, _MOST_PAUSE_S)
                self._closed.wait(self._pause_s)
        return answer

    @property
    def is_serial(self) -> bool:
        """True if the device gets one request at a time."""
        return self._slots.is_serial

    def _serialize(self) -> None:
        self._slots.serialize()
        self._on_cut()

    def _note_silence(self) -> None:
        """The time of a request beside others is over; later ones profit if it was not the first."""
        self._silences += 1
        if self._silences >= _MOST_SILENCES:
            self._silences = 0
            self._serialize()

    def _try(self, call: Callable[[], HttpAnswer], tries: _Tries, *, was_parallel: bool) -> HttpAnswer | None:
        """Send the request. Return None if the device did not take it and it may be repeated."""
        try:
            answer = call()
        except ConnectionRefused:
            is_weak = tries.repeats > 0 or (was_parallel and self._slots.is_shared)
            if is_weak and tries.repeats < _REPEATS and not self._closed.is_set():
                tries.repeats += 1
                return None
            raise
        except NoAnswer as error:
            if not error.is_cut and was_parallel and self._slots.is_shared and not tries.waits:
                self._note_silence()
            tries.cut_logins += error.cut_logins
            most = min(tries.most, self._most(error, was_parallel=was_parallel))
            if error.is_cut and tries.repeats < most and not self._closed.is_set():
                tries.repeats += 1
                return None
            error.cut_logins = 0 if self._closed.is_set() else tries.cut_logins  # close() cuts calls, too
            raise
        except DeviceError as error:
            self._note_answer(tries, is_answer=not isinstance(error, CameraUnreachable))
            raise
        if _is_busy(answer) and tries.repeats < tries.most and not self._closed.is_set():
            tries.repeats += 1
            return None
        self._note_answer(tries, is_answer=True)
        return answer

    def _most(self, error: NoAnswer, *, was_parallel: bool) -> int:
        """Return how many times a request may be repeated that the device has cut off."""
        if self._is_proven() or not error.cut_logins:
            return _REPEATS
        return int(was_parallel or self._cuts_at_random)

    def _note_answer(self, tries: _Tries, *, is_answer: bool) -> None:
        if tries.repeats and not tries.cut_logins and is_answer:
            self._cuts_at_random = True


def _is_busy(answer: HttpAnswer) -> bool:
    return answer.status in BUSY and judge_soap(answer.body[:2000], answer.body[-2000:]) is not Whole.YES
