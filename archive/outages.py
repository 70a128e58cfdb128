"""The outage of one channel: from the last frame that was recorded to the first one after it. One gap, one alert."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from archive.gaps import GapStore, RecordingGap
from core.archive import GapReason
from core.clock import Clock
from core.errors import AppError

log = logging.getLogger(__name__)

SHORTEST_S = 5.0
ALERT_AFTER_S = 60.0


class Outage:
    """Keeps the gap of a channel in the database. For the recorder's thread.

    A database that fails delays the gap, and loses none that goes on.
    """

    def __init__(self, gaps: GapStore, clock: Clock, camera_id: int, channel: int) -> None:
        self._gaps = gaps
        self._clock = clock
        self._camera_id = camera_id
        self._channel = channel
        self._start: datetime | None = None
        self._start_s = 0.0  # of our monotonic clock
        self._reason = GapReason.UNKNOWN
        self._by = ""
        self._gap: RecordingGap | None = None
        self._is_alerted = False

    @property
    def start(self) -> datetime | None:
        """The beginning of the present outage, or None."""
        return self._start

    def adopt(self, gap: RecordingGap) -> None:
        """Go on with a gap from before a restart of the app."""
        self._begin(gap.start, gap.reason, gap.by)
        self._gap = gap
        self._is_alerted = gap.alerted_at is not None

    def paused(self, since: datetime, by: str) -> None:
        """The channel is not recorded because the user `by` has paused it."""
        if self._start is not None and self._reason is not GapReason.PAUSED:
            self.end(since)
        if self._start is None:
            self._begin(since, GapReason.PAUSED, by)
        self._store()

    def missing(self, since: datetime, reason: GapReason) -> None:
        """The channel should be recorded and is not, since the last frame at `since`."""
        now = self._clock.now_utc()
        if self._start is not None and self._reason is GapReason.PAUSED:
            self.end(now)
        if self._start is None:
            self._begin(min(since, now), reason)
        elif self._reason is GapReason.UNKNOWN and reason is not GapReason.UNKNOWN:
            self._reason = reason
            self._correct_reason()
        if self._lasts_s() >= SHORTEST_S:
            self._store()
        if self._gap is not None and not self._is_alerted and self._lasts_s() >= ALERT_AFTER_S:
            self._alert(self._gap)

    def end(self, end: datetime) -> None:
        """The outage is over: the first frame has come, or the rule asks for no recording any more."""
        if self._start is None:
            return
        if self._gap is not None:
            try:
                self._gaps.end(self._gap.id, end)
            except AppError as error:
                log.warning("camera %d, channel %d: the end of a gap waits for the database (%s)", *self._place, error)
                return
            if self._is_alerted:
                log.warning("camera %d, channel %d: the gap in the recording has ended", *self._place)
        self._start = self._gap = None
        self._is_alerted = False

    @property
    def _place(self) -> tuple[int, int]:
        return self._camera_id, self._channel

    def _begin(self, start: datetime, reason: GapReason, by: str = "") -> None:
        self._start, self._reason, self._by = start, reason, by
        lasted = self._clock.now_utc() - start
        self._start_s = self._clock.monotonic_s() - max(0.0, lasted / timedelta(seconds=1))

    def _lasts_s(self) -> float:
        return self._clock.monotonic_s() - self._start_s

    def _store(self) -> None:
        if self._gap is not None or self._start is None:
            return
        try:
            self._gap = self._gaps.begin(*self._place, self._start, self._reason, by=self._by)
        except AppError as error:
            log.warning("camera %d, channel %d: a gap waits for the database (%s)", *self._place, error)

    def _correct_reason(self) -> None:
        try:
            if self._gap is not None:
                self._gaps.set_reason(self._gap.id, self._reason)
        except AppError as error:
            log.warning("camera %d, channel %d: the reason of a gap is not stored (%s)", *self._place, error)

    def _alert(self, gap: RecordingGap) -> None:
        try:
            self._gaps.alert(gap.id)
        except AppError:
            return  # the next look tries again
        self._is_alerted = True
        log.warning("camera %d, channel %d is not being recorded: %s", *self._place, self._reason)
