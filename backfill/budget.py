"""The limits of automatic backfills: bytes of a day, and hours of the day."""

from __future__ import annotations

from datetime import datetime, timedelta

from backfill.store import BackfillStore
from core.clock import Clock
from core.errors import Unavailable
from core.settings import Settings

_LOOK_AGAIN_S = 600


class OverBudget(Unavailable):
    """An automatic backfill has to wait. Its code is `backfill_budget`."""

    code = "backfill_budget"


def is_in_hours(hours: str, hour: int) -> bool:
    """True if an hour of the day is within hours such as `22-6`; always if the text is empty."""
    if not hours.strip():
        return True
    begin, end = (int(part) % 24 for part in hours.split("-"))
    if begin == end:
        return True
    return begin <= hour < end if begin < end else hour >= begin or hour < end


class BackfillBudget:
    """Days and hours are those of the server's time zone."""

    def __init__(self, settings: Settings, clock: Clock, store: BackfillStore) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store

    def note(self, size_bytes: int) -> None:
        """Count bytes that a backfill has read from a recorder, whether it needs them or not."""
        if size_bytes > 0:
            self._store.note_bytes(self._local_now().date(), size_bytes)

    def require(self) -> None:
        """Raise OverBudget if automatic backfills have to wait now."""
        now = self._local_now()
        if not is_in_hours(self._settings.backfill_hours, now.hour):
            raise OverBudget("Automatic backfills wait for their hours.", retry_after_s=_LOOK_AGAIN_S)
        limit = self._settings.backfill_day_bytes
        if limit and self._store.bytes_of(now.date()) >= limit:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            left = midnight + timedelta(days=1) - now
            raise OverBudget(
                "Automatic backfills have fetched as much as they may today.", retry_after_s=round(left.total_seconds())
            )

    def _local_now(self) -> datetime:
        return self._clock.now_utc().astimezone()
