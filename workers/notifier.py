"""Send notifications about events: one thread decides, and the queue of each sink sends."""

from __future__ import annotations

import logging
import threading

from core.errors import AppError
from core.stop_signal import StopSignal
from notification_manager import NotificationManager

log = logging.getLogger(__name__)

_AFTER_ERROR_S = 2.0


class Notifier:
    """start() and stop() may be called twice. An error does not end the thread."""

    def __init__(self, notifications: NotificationManager) -> None:
        self._notifications = notifications
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping.begin()
            serve = self._is_stopping.bound(self._serve)
            self._thread = threading.Thread(target=serve, name="notifier", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        self._notifications.wake()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(1.0)

    def _serve(self) -> None:
        while not self._is_stopping.is_set():
            try:
                self._notifications.work()
            except AppError as error:
                log.warning("notifications: %s (%s)", error.detail, error.code)
                self._is_stopping.wait(_AFTER_ERROR_S)
            except Exception:  # the top of a thread
                log.exception("deciding about notifications failed")
                self._is_stopping.wait(_AFTER_ERROR_S)
