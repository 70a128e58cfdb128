"""Half an hour of all kinds of load at a time: memory, descriptors, threads and files of the app do not grow.

`SOAK_MINUTES` (default 30) sets the length; three minutes are enough to try the test. The test checks medians and
slopes of samples under load, after a warm-up, and one sample without viewers before and after.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.whole_app.crowd import CHANNELS, SEEN, Crowd, make_accounts
from tools.growth import Growth, Held, growths, held_by, table
from tools.running import App, Recorder, running_recorder

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
WARM_UP_S = max(45.0, MINUTES * 60 / 6)
EVERY_S = min(10.0, MINUTES)
QUIET_WITHIN_S = 40.0

# The allocator's free lists grow by some 20 MB in the first minutes. Two short visits begin every second, and each
# receives 0.1 to 5 MB: leaked, that would be 1400 MB an hour.
MEMORY_NOISE_MB = 25.0
MEMORY_MB_AN_HOUR = 50.0
# The tolerated rise of medians; one replay has up to 200 files. A leak per short visit, per broken session or per
# segment would be thousands in half an hour.
TOLERATED = {"descriptors": 15, "threads": 8, "children": 3, "files": 150}

pytestmark = [pytest.mark.stress, pytest.mark.cold_start, pytest.mark.timeout(MINUTES * 60 + 900)]


def test_half_an_hour_of_mixed_load_leaks_no_resources(tmp_path: Path) -> None:
    with running_recorder("--channels", str(CHANNELS), "--dead", "none") as recorder:
        _prepare(recorder)
        app = App(tmp_path, IDLE_END_S="3", REQUEST_THREADS="16", RTSP_TIMEOUT_S="4", MAX_SESSIONS="64")
        app.start()
        try:
            crowd = Crowd(app, recorder, app.add_camera(recorder))
            make_accounts(app)
            asyncio.run(crowd.run(WARM_UP_S))
            before = _when_quiet(app, recorder)
            crowd.seen.clear()
            crowd.fragments.clear()
            times_s, samples = asyncio.run(_sampled(app, crowd, MINUTES * 60 - WARM_UP_S))
            after = _when_quiet(app, recorder)
            found = growths(times_s, samples)
            hours = (times_s[-1] - times_s[0]) / 3600
            print(f"\n{len(samples)} samples in {hours * 60:.0f} minutes, under load\n{table(found)}")
            print(f"quiet before: {before}\nquiet after:  {after}")
            print(f"seen: {dict(crowd.seen)}, refused: {dict(crowd.answers)}")
            _check_load(found, hours)
            _check_quiet(before, after, hours)
            _check_crowd(crowd)
        finally:
            app.stop()
        assert "Traceback" not in app.log.read_text()


def _prepare(recorder: Recorder) -> None:
    """Let the recorder encode its clips before the test, unless they are cached."""
    for role in ("main", "sub"):
        recorder.control("POST", f"/prepare?role={role}")
    while recorder.control("GET", "/state")["clips"]["pending"]:
        time.sleep(1)


async def _sampled(app: App, crowd: Crowd, seconds: float) -> tuple[list[float], list[Held]]:
    times_s: list[float] = []
    samples: list[Held] = []
    began_s = time.monotonic()
    everybody = asyncio.create_task(crowd.run(seconds))
    while time.monotonic() - began_s < seconds and not everybody.done():
        times_s.append(time.monotonic() - began_s)
        samples.append(held_by(app.pid, app.folder / "streams"))
        await asyncio.wait({everybody}, timeout=EVERY_S)
    await everybody
    return times_s, samples


def _when_quiet(app: App, recorder: Recorder) -> Held:
    """Return a sample once every session has ended in the app and at the recorder."""
    ends_s = time.monotonic() + QUIET_WITHIN_S
    while app.call("GET", "/api/streams/all")["streams"] or recorder.control("GET", "/state")["connections"]:
        assert time.monotonic() < ends_s, "sessions go on although nobody watches"
        time.sleep(0.5)
    time.sleep(2)
    return held_by(app.pid, app.folder / "streams")


def _check_load(found: dict[str, Growth], hours: float) -> None:
    assert found["memory_mb"].rise < MEMORY_NOISE_MB + MEMORY_MB_AN_HOUR * hours
    for name, tolerated in TOLERATED.items():
        assert found[name].rise <= tolerated, found[name]


def _check_quiet(before: Held, after: Held, hours: float) -> None:
    """Compare the samples without viewers. Request threads and their descriptors are made on demand and then kept."""
    assert after.children == after.files == 0
    assert after.threads <= before.threads + 6
    assert after.descriptors <= before.descriptors + 15
    assert after.memory_mb - before.memory_mb < MEMORY_NOISE_MB + MEMORY_MB_AN_HOUR * hours


def _check_crowd(crowd: Crowd) -> None:
    """Assert that every kind of client ran, and that no client got the state "stopped": no client stops a stream."""
    assert min(crowd.fragments[channel] for channel in range(1, CHANNELS + 1)) > 0.5 * max(crowd.fragments.values())
    for what in SEEN:
        assert crowd.seen[what], what
    assert not crowd.seen["stopped states"]
