"""Requests of a live session for key frames (SetSynchronizationPoint)."""

from __future__ import annotations

import logging
import math
import threading

from core.errors import AppError
from sessions.context import SessionContext
from sessions.ids import LiveStreamKey

log = logging.getLogger(__name__)

_EVERY_S = 5.0  # each one costs the device a large frame, and the links of all viewers, too


class KeyFrameRequests:
    """Asks the device for a key frame in the background, at most once in _EVERY_S seconds. One per session.

    The device may refuse, ignore or leave the request unanswered. Nothing depends on it.
    """

    def __init__(self, context: SessionContext, key: LiveStreamKey) -> None:
        self._context = context
        self._key = key
        self._is_wanted = False
        self._asked_s = -math.inf
        self._thread: threading.Thread | None = None

    def want(self) -> None:
        """Ask as soon as allowed. From any thread; returns immediately."""
        self._is_wanted = True

    def forget(self) -> None:
        """Ask for none."""
        self._is_wanted = False

    def send_due(self) -> None:
        """Start the request that is wanted, if it is due. Called a few times a second by the session's thread."""
        now_s = self._context.clock.monotonic_s()
        is_asking = self._thread is not None and self._thread.is_alive()
        if not self._is_wanted or is_asking or now_s - self._asked_s < _EVERY_S:
            return
        self._is_wanted = False
        self._asked_s = now_s
        self._thread = threading.Thread(target=self._send, name=f"key-frame-{self._key.stream_id}", daemon=True)
        self._thread.start()

    def _send(self) -> None:
        try:
            self._context.cameras.request_key_frame(self._key.camera_id, self._key.profile_token)
        except AppError as error:
            log.debug("%s: no key frame on demand: %s", self._key.stream_id, error.code)
