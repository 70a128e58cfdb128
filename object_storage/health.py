"""The state of the object storage, as the requests of this process have shown it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.clock import Clock
from object_storage.problems import ObjectStorageFailed, StorageState
from object_storage.view import LastError

log = logging.getLogger(__name__)

ALERT_AFTER_S = 60.0


class Purpose(StrEnum):
    """The purpose of a request. A full storage still deletes, and a key may have the right to only one of the two."""

    UPLOAD = "upload"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class _Failing:
    """The state of requests with one purpose, and since when they fail."""

    state: StorageState
    detail: str
    since_s: float


class StorageHealth:
    """Thread-safe. The state is that of the uploads or, while they succeed, that of the deletions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failing: dict[Purpose, _Failing] = {}
        self._last_error: LastError | None = None
        self._last_copy_at: datetime | None = None

    @property
    def state(self) -> StorageState:
        failing = self._worst()
        return failing.state if failing is not None else StorageState.OK

    @property
    def detail(self) -> str:
        """The reason of the state, for people; empty if it is OK."""
        failing = self._worst()
        return failing.detail if failing is not None else ""

    @property
    def last_error(self) -> LastError | None:
        return self._last_error

    @property
    def last_copy_at(self) -> datetime | None:
        return self._last_copy_at

    @property
    def alert(self) -> StorageState | None:
        """The state of requests that have failed for a minute; None without such requests."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            found = [self._failing[purpose] for purpose in Purpose if purpose in self._failing]
        return next((it.state for it in found if now_s - it.since_s >= ALERT_AFTER_S), None)

    def note_copy(self) -> None:
        """Note a finished upload."""
        self._last_copy_at = self._clock.now_utc()
        self.note_success(Purpose.UPLOAD)

    def note_success(self, purpose: Purpose) -> None:
        with self._lock:
            was = self._failing.pop(purpose, None)
        if was is not None:
            log.info("the object storage works again (%s)", purpose)

    def note_failure(self, failure: ObjectStorageFailed, purpose: Purpose) -> None:
        with self._lock:
            was = self._failing.get(purpose)
            since_s = was.since_s if was is not None else self._clock.monotonic_s()
            self._failing[purpose] = _Failing(failure.state, failure.detail, since_s)
            self._last_error = LastError(failure.state, failure.detail, self._clock.now_utc())
        if was is None or was.state is not failure.state:
            log.error("%s", failure.detail)

    def _worst(self) -> _Failing | None:
        with self._lock:
            return next((self._failing[purpose] for purpose in Purpose if purpose in self._failing), None)
