"""The messages that wait for the watching process: bounded, so that a slow process costs pictures and no memory."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable

from vision.messages import Message

MOST_BYTES = 64_000_000
MOST_MESSAGES = 2_000


class Outbox:
    """Safe between threads. `put` never waits."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Hashable, tuple[Message, int, Hashable]] = OrderedDict()
        self._of_slot: Counter[Hashable] = Counter()
        self._number = 0
        self._bytes = 0
        self._is_woken = False
        self.dropped = 0

    def put(self, message: Message, size: int = 0, *, newest_of: Hashable = None, slot: Hashable = None) -> bool:
        """Queue a message. Return False, and count it as dropped, if too much waits.

        `newest_of`: it takes the place of a waiting message with the same value. `slot`: at most 100 of a slot wait.
        """
        with self._changed:
            if newest_of is not None and newest_of in self._waiting:
                self._forget(newest_of)
                self.dropped += 1
            is_full = self._bytes + size > self._most_bytes or len(self._waiting) >= MOST_MESSAGES
            if is_full or (slot is not None and self._of_slot[slot] >= 100):
                self.dropped += 1
                return False
            self._number += 1
            key: Hashable = ("message", self._number) if newest_of is None else newest_of
            self._waiting[key] = (message, size, slot)
            self._bytes += size
            self._of_slot[slot] += 1
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> Message | None:
        """Return the message that waits longest. None after `timeout_s`, or after wake()."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_woken, timeout_s)
            self._is_woken = False
            if not self._waiting:
                return None
            return self._forget(next(iter(self._waiting)))

    def wake(self) -> None:
        """Let take() return now."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all that waits."""
        with self._changed:
            self._waiting.clear()
            self._of_slot.clear()
            self._bytes = 0

    @property
    def waiting_bytes(self) -> int:
        with self._changed:
            return self._bytes

    def _forget(self, key: Hashable) -> Message:
        message, size, slot = self._waiting.pop(key)
        self._bytes -= size
        self._of_slot[slot] -= 1
        if not self._of_slot[slot]:
            del self._of_slot[slot]
        return message
