"""Full hours that the pretend recorder has recorded without a gap: its channel 1 lacks one hour of each day."""

from __future__ import annotations

import urllib.parse
from datetime import UTC, datetime, timedelta

from bench.setting import Recorder

_HOUR = timedelta(hours=1)
_LEAD = timedelta(minutes=1)


def recorded_hours(device: Recorder, channel: int, count: int) -> list[datetime]:
    """Return the starts of the newest hours that ended two hours ago or earlier. Raise RuntimeError for too few."""
    now = datetime.now(UTC)
    times = {"start": f"{now - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}", "end": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    spans = device.control("GET", f"/archive?{urllib.parse.urlencode({'channel': channel, **times})}")["spans"]
    found = [(datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])) for span in spans]
    return whole_hours(found, now - timedelta(hours=2), count)


def whole_hours(spans: list[tuple[datetime, datetime]], before: datetime, count: int) -> list[datetime]:
    """Return the starts of the last full hours before a time that are recorded from a minute before them to their end.

    Raise RuntimeError if a day has too few of them.
    """
    newest = before.replace(minute=0, second=0, microsecond=0) - _HOUR
    hours = (newest - number * _HOUR for number in range(24))
    whole = [hour for hour in hours if any(start <= hour - _LEAD and hour + _HOUR <= end for start, end in spans)]
    if len(whole) < count:
        raise RuntimeError(f"the recorder has recorded {len(whole)} whole hours of a day, not {count}")
    return whole[:count]
