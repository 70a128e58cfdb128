"""A thread that repeats its work, with a wait that the work itself names."""

from __future__ import annotations

import logging
from abc import abstractmethod

from core.errors import AppError
from core.own_thread import OwnThread

log = logging.getLogger(__name__)

_AFTER_ERROR_S = 30.0
_STOP_S = 2.0


class BackgroundWork(OwnThread):
    """stop() returns within 2 s, also if a disk or the storage does not answer. An error does not end the thread."""

    def __init__(self, name: str) -> None:
        super().__init__(name, _STOP_S)

    @abstractmethod
    def work(self) -> float:
        """Do a part of the work. Return the seconds to wait before the next one."""

    def _work(self) -> None:
        wait_s = 0.0
        while not self._is_stopping.wait(wait_s):
            try:
                wait_s = self.work()
            except AppError as error:
                log.warning("%s: %s (%s)", self._thread_name, error.detail, error.code)
                wait_s = _AFTER_ERROR_S
            except Exception:  # the top of a thread
                log.exception("the work of the thread %s failed", self._thread_name)
                wait_s = _AFTER_ERROR_S
