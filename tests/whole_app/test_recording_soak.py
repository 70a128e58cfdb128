"""An hour of recording, with a new file for each channel every ten seconds and the retention always at work.

`SOAK_MINUTES` (default 60) sets the length; four minutes are enough to try the test.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import rfc3339
from tests.patience import LIMIT_S, until
from tools.growth import Growth, Held, growths, held_by, table
from tools.running import App, running_recorder

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
WARM_UP_S = max(60.0, MINUTES * 60 / 6)
CHANNELS = 8
FILE_S = 10
KEPT_BYTES = 20_000_000  # of each channel: four files
MOST_FILES = 12  # of each channel: between two passes of the retention three more come

MEMORY_NOISE_MB = 25.0
MEMORY_MB_AN_HOUR = 50.0
TOLERATED = {"descriptors": 15, "threads": 8, "children": 3}

pytestmark = [pytest.mark.stress, pytest.mark.cold_start, pytest.mark.timeout(MINUTES * 60 + 900)]


def test_an_hour_of_recording_leaks_no_resources(tmp_path: Path) -> None:
    with running_recorder("--channels", str(CHANNELS), "--dead", "none") as recorder:
        app = App(tmp_path, ARCHIVE_FILE_S=str(FILE_S), ARCHIVE_FLUSH_S="2", ARCHIVE_MIN_FREE_BYTES="1", IDLE_END_S="3")
        app.start()
        try:
            camera_id = app.add_camera(recorder)
            for channel in range(1, CHANNELS + 1):
                rule = {"mode": "continuous", "quality": "main", "keep_bytes": KEPT_BYTES}
                app.call("PUT", f"/api/cameras/{camera_id}/channels/{channel}/recording-rule", rule)
            watch(app, camera_id, WARM_UP_S)
            times_s, samples = watch(app, camera_id, MINUTES * 60 - WARM_UP_S)
            found = growths(times_s, samples)
            hours = (times_s[-1] - times_s[0]) / 3600
            print(f"\n{len(samples)} samples in {hours * 60:.0f} minutes\n{table(found)}")
            check_growth(found, hours)
            check_recordings(app, camera_id)
        finally:
            app.stop()
        assert "Traceback" not in app.log.read_text()


def watch(app: App, camera_id: int, for_s: float) -> tuple[list[float], list[Held]]:
    """Play recordings, keep some and release them. Return samples of the app's resources while nobody watches."""
    times_s: list[float] = []
    samples: list[Held] = []
    began_s = time.monotonic()
    while (passed_s := time.monotonic() - began_s) < for_s:
        channel = len(samples) % CHANNELS + 1
        until(lambda: len(spans(app, camera_id, channel)) > 0)  # noqa: B023 - called in this round only
        play(app, camera_id, channel)
        keep_and_release(app, camera_id, channel)
        app.call("GET", "/api/storage")
        until(lambda: not app.call("GET", "/api/streams/all")["streams"])
        times_s.append(passed_s)
        samples.append(held_by(app.pid, app.folder / "streams"))
        time.sleep(2)
    return times_s, samples


def spans(app: App, camera_id: int, channel: int) -> list[dict[str, Any]]:
    """Return the spans of the last minute that the server has recorded."""
    now = datetime.now(UTC)
    window = f"start_time={rfc3339(now - timedelta(minutes=1))}&end_time={rfc3339(now)}&channel={channel}"
    rows = app.call("GET", f"/api/cameras/{camera_id}/recordings/coverage?{window}")["channels"]
    found = [span for row in rows for span in row["spans"]]
    return [span for span in found if span["state"] == "recorded" and span["source"] == "server"]


def play(app: App, camera_id: int, channel: int) -> None:
    start = rfc3339(datetime.now(UTC) - timedelta(seconds=FILE_S + 5))
    body = {"camera_id": camera_id, "recording_token": f"server-{channel}-main", "start_time": start}
    stream_id = app.call("POST", "/api/playback/start", body)["stream_id"]
    until(lambda: app.call("GET", f"/api/streams/status/{stream_id}")["status"] == "running")
    app.call("POST", "/api/streams/stop", {"stream_id": stream_id})


def keep_and_release(app: App, camera_id: int, channel: int) -> None:
    now = datetime.now(UTC)
    times = {"start_time": rfc3339(now - timedelta(seconds=15)), "end_time": rfc3339(now)}
    kept = app.call("POST", "/api/recordings/kept", {"camera_id": camera_id, "channel": channel, "reason": "", **times})
    app.call("DELETE", f"/api/recordings/kept/{kept['id']}")


def check_growth(found: dict[str, Growth], hours: float) -> None:
    assert found["memory_mb"].rise < MEMORY_NOISE_MB + MEMORY_MB_AN_HOUR * hours
    for name, tolerated in TOLERATED.items():
        assert found[name].rise <= tolerated, found[name]


def check_recordings(app: App, camera_id: int) -> None:
    """Check that the retention holds the files back, and that no second of the last minute is missing."""
    folder = app.folder / "data" / "archive"
    until(lambda: len(list(folder.rglob("*.mp4"))) <= MOST_FILES * CHANNELS, within_s=LIMIT_S)
    for channel in range(1, CHANNELS + 1):
        assert len(spans(app, camera_id, channel)) == 1
    alerts = app.call("GET", "/api/recording-alerts")["alerts"]
    assert [alert for alert in alerts if alert["origin"] == "server"] == []
