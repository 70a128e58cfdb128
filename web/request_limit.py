"""Limits of requests that wait for a device or a file, so that other requests always find a free thread."""

from __future__ import annotations

import threading

from core.errors import Unavailable


class RequestLimit:
    """A number of slots for requests that may wait: `with limit: ...`. Safe between threads.

    Raises Unavailable immediately if no slot is free. Queueing for a slot would hold the thread that the limit saves.
    """

    def __init__(self, slots: int, waiting_for: str) -> None:
        self._slots = threading.BoundedSemaphore(slots)
        self._waiting_for = waiting_for

    def __enter__(self) -> None:
        if not self._slots.acquire(blocking=False):
            raise Unavailable(f"Too many requests are waiting for {self._waiting_for}.", code="busy", retry_after_s=1)

    def __exit__(self, *_: object) -> None:
        self._slots.release()
