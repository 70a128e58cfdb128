"""Half an hour of everything at once: what the app holds does not grow.

`SOAK_MINUTES` (30) says how long; three show that it works. Judged are the medians and slopes of what was sampled under
load, after a warm-up, and two quiet moments, before and after, in which nobody watches.
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

# What the allocator keeps in its free lists rises in the first minutes, by some 20 MB. Two come by every second and get
# 0.1 to 5 MB each at once: with that kept it is 1400 MB an hour.
MEMORY_NOISE_MB = 25.0
MEMORY_MB_AN_HOUR = 50.0
# By how much medians of what comes and goes may differ; one replay has up to 200 files. Kept by each who passes by, by
# each session that breaks off or by each segment, it would be thousands in half an hour.
TOLERATED = {"descriptors": 15, "threads": 8, "children": 3, "files": 150}

pytestmark = [pytest.mark.stress, pytest.mark.timeout(MINUTES * 60 + 900)]


def test_nothing_grows_while_all_sorts_of_viewers_come_and_go(tmp_path: Path) -> None:
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
            crowd.pictures.clear()
            times_s, samples = asyncio.run(_sampled(app, crowd, MINUTES * 60 - WARM_UP_S))
            after = _when_quiet(app, recorder)
            found = growths(times_s, samples)
            hours = (times_s[-1] - times_s[0]) / 3600
            print(f"\n{len(samples)} samples in {hours * 60:.0f} minutes, under load\n{table(found)}")
            print(f"quiet before: {before}\nquiet after:  {after}")
            print(f"seen: {dict(crowd.seen)}, refused: {dict(crowd.answers)}")
            _judge(found, hours)
            _judge_quiet(before, after, hours)
            _judge_crowd(crowd)
        finally:
            app.stop()
        assert "Traceback" not in app.log.read_text()


def _prepare(recorder: Recorder) -> None:
    """Has it encode its loops now, where they are not in its cache."""
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
    """What is held once every session has ended, here and at the recorder."""
    ends_s = time.monotonic() + QUIET_WITHIN_S
    while app.call("GET", "/api/streams/all")["streams"] or recorder.control("GET", "/state")["connections"]:
        assert time.monotonic() < ends_s, "sessions go on although nobody watches"
        time.sleep(0.5)
    time.sleep(2)
    return held_by(app.pid, app.folder / "streams")


def _judge(found: dict[str, Growth], hours: float) -> None:
    assert found["memory_mb"].rise < MEMORY_NOISE_MB + MEMORY_MB_AN_HOUR * hours
    for name, tolerated in TOLERATED.items():
        assert found[name].rise <= tolerated, found[name]


def _judge_quiet(before: Held, after: Held, hours: float) -> None:
    """Threads for requests, and what they have open, are made when they are needed first and then kept."""
    assert after.children == after.files == 0
    assert after.threads <= before.threads + 6
    assert after.descriptors <= before.descriptors + 15
    assert after.memory_mb - before.memory_mb < MEMORY_NOISE_MB + MEMORY_MB_AN_HOUR * hours


def _judge_crowd(crowd: Crowd) -> None:
    """That everybody was there, and nobody was told that what they watch was stopped, which nobody does."""
    assert min(crowd.pictures[channel] for channel in range(1, CHANNELS + 1)) > 0.5 * max(crowd.pictures.values())
    for what in SEEN:
        assert crowd.seen[what], what
    assert not crowd.seen["told stopped"]
