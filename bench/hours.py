"""Full hours that the pretend recorder has recorded without a gap: its channel 1 lacks one hour of each day.

A backfill fetches them into the server's recordings.
"""

from __future__ import annotations

import time
import urllib.parse
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.setting import App, Recorder

_HOUR = timedelta(hours=1)
_LEAD = timedelta(minutes=1)
_POLL_S = 0.5
_LONGEST_S = 1800.0


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


def hour_of(camera_id: int, start: datetime) -> dict[str, Any]:
    """Return the request for an hour of channel 1."""
    times = {"start_time": start.isoformat(), "end_time": (start + _HOUR).isoformat()}
    return {"camera_id": camera_id, "channel": 1, **times}


def fetch_hour(running: App, camera_id: int, start: datetime) -> None:
    """Fetch an hour of channel 1 into the server's recordings. Raise RuntimeError if that fails."""
    path = f"/api/backfills/{running.call('POST', '/api/backfills', hour_of(camera_id, start))['id']}"
    begun_s, state = time.monotonic(), ""
    while state != "done":
        if time.monotonic() - begun_s > _LONGEST_S or state == "failed":
            raise RuntimeError(f"the backfill does not end: {state}")
        time.sleep(_POLL_S)
        state = running.call("GET", path)["state"]
