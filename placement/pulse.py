"""Parts of the app that must answer before the node renews its lease: a hung node has to lose its cameras."""

from __future__ import annotations

from typing import Protocol

from core.loop_thread import LoopThread


class Responsive(Protocol):
    """A part of the app that can hang."""

    def is_responsive(self) -> bool:
        """True if the part has answered since the last call. It may not wait."""
        ...


class LoopPulse(Responsive):
    """The event loop of a thread: each call sends it a beat, and asks for the beat of the last call."""

    def __init__(self, thread: LoopThread) -> None:
        self._thread = thread
        self._sent = 0
        self._answered = 0

    def is_responsive(self) -> bool:
        is_answered = self._answered == self._sent
        if is_answered and self._thread.loop is not None:
            self._sent += 1
            self._thread.call(self._answer, self._sent)
        return is_answered

    def _answer(self, beat: int) -> None:
        self._answered = beat
