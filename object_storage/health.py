"""The state of the object storage, as the requests of this process have shown it."""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from core.clock import Clock
from object_storage.problems import ObjectStorageFailed, StorageState
from object_storage.view import LastError

log = logging.getLogger(__name__)

ALERT_AFTER_S = 60.0


class StorageHealth:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failing_since_s: float | None = None
        self._state = StorageState.OK
        self._detail = ""
        self._last_error: LastError | None = None
        self._last_copy_at: datetime | None = None

    @property
    def state(self) -> StorageState:
        return self._state

    @property
    def detail(self) -> str:
        """The reason of the state, for people; empty if it is OK."""
        return self._detail

    @property
    def last_error(self) -> LastError | None:
        return self._last_error

    @property
    def last_copy_at(self) -> datetime | None:
        return self._last_copy_at

    @property
    def is_alert(self) -> bool:
        """True if the storage has failed for a minute."""
        since_s = self._failing_since_s
        return since_s is not None and self._clock.monotonic_s() - since_s >= ALERT_AFTER_S

    def note_copy(self) -> None:
        """Note a finished upload."""
        self._last_copy_at = self._clock.now_utc()
        self.note_success()

    def note_success(self) -> None:
        with self._lock:
            was, self._state, self._detail, self._failing_since_s = self._state, StorageState.OK, "", None
        if was is not StorageState.OK:
            log.info("the object storage works again")

    def note_failure(self, failure: ObjectStorageFailed) -> None:
        with self._lock:
            was, self._state, self._detail = self._state, failure.state, failure.detail
            if self._failing_since_s is None:
                self._failing_since_s = self._clock.monotonic_s()
            self._last_error = LastError(failure.state, failure.detail, self._clock.now_utc())
        if was is not failure.state:
            log.error("%s", failure.detail)
