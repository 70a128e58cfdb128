"""An exported hour of a channel of 4 Mbit/s with G.711, from a recorder with the delays of a real one, and from the
server's own files, into which a backfill has fetched it: the backfill is measured, too.

Each run has another hour, without a gap. The CPU includes the ffmpeg that encodes the audio, unless the row says more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psutil

from bench.figures import Figure
from bench.hours import fetch_hour, hour_of, recorded_hours
from bench.meter import app_cpu_s
from bench.recordings import set_delays
from bench.setting import App, app, recorder

_POLL_S = 0.5
_LONGEST_S = 1800.0
_MB = 1_000_000


def figures(runs: int) -> Iterator[Figure]:
    """Export hours of the day before, each once."""
    took_s: list[float] = []
    cpu_s: list[float] = []
    grown_mb: list[float] = []
    copied_cpu_s: list[float] = []
    own_cpu_s: list[float] = []
    fetched_s: list[float] = []
    fetched_cpu_s: list[float] = []
    with (
        recorder("--channels", "1", "--dead", "none", "--replay-clip") as device,
        app(ARCHIVE_MIN_FREE_BYTES="1") as running,
    ):
        device.prepare("main")
        set_delays(device)
        camera_id = running.add_recorder(device)
        for start in recorded_hours(device, 1, runs):
            begun_s, cpu_before_s, memory = time.monotonic(), app_cpu_s(running.pid), _memory(running)
            most = _export(running, camera_id, start)
            took_s.append(time.monotonic() - begun_s)
            cpu_s.append(app_cpu_s(running.pid) - cpu_before_s)
            grown_mb.append((most - memory) / _MB)
            cpu_before_s = app_cpu_s(running.pid)
            _export(running, camera_id, start, "original")
            copied_cpu_s.append(app_cpu_s(running.pid) - cpu_before_s)
            begun_s, cpu_before_s = time.monotonic(), app_cpu_s(running.pid)
            fetch_hour(running, camera_id, start)
            fetched_s.append(time.monotonic() - begun_s)
            fetched_cpu_s.append(app_cpu_s(running.pid) - cpu_before_s)
            own_before_s = _without_ffmpeg_s(running)
            _export(running, camera_id, start)
            own_cpu_s.append(_without_ffmpeg_s(running) - own_before_s)
    what = "an exported hour of 4 Mbit/s"
    yield Figure(what, "s", took_s, goal=180)
    yield Figure(f"{what}: CPU of app and ffmpeg, with its audio as AAC", "s", cpu_s, goal=60)
    yield Figure(f"{what}: CPU of app and ffmpeg, with its audio as recorded", "s", copied_cpu_s, goal=20)
    yield Figure(f"{what}: memory of the app, more than before", "MB", grown_mb, goal=60)
    yield Figure("backfill of an hour of 4 Mbit/s", "s", fetched_s, goal=180)
    yield Figure("backfill of an hour of 4 Mbit/s: CPU of the app", "s", fetched_cpu_s, goal=21.6)
    yield Figure(f"{what} from the server's files: CPU of the app without ffmpeg", "s", own_cpu_s, goal=6)


def _export(running: App, camera_id: int, start: datetime, form: str = "mp4") -> int:
    """Export an hour and delete it. Return the most memory of the app meanwhile, in bytes."""
    body = {"ranges": [hour_of(camera_id, start)], "format": form}
    path = f"/api/exports/{running.call('POST', '/api/exports', body)['id']}"
    begun_s, most = time.monotonic(), 0
    job: dict[str, Any] = {}
    while job.get("state") not in {"done", "failed"}:
        if time.monotonic() - begun_s > _LONGEST_S:
            raise RuntimeError("the export does not end")
        time.sleep(_POLL_S)
        most = max(most, _memory(running))
        job = running.call("GET", path)
    if job["error"] is not None:
        raise RuntimeError(f"the export failed, or lacks something: {job['error']}")
    running.call("DELETE", path)
    return most


def _without_ffmpeg_s(running: App) -> float:
    times = [process.cpu_times() for process in _own_processes(running)]
    return sum(each.user + each.system for each in times)


def _memory(running: App) -> int:
    return sum(process.memory_info().rss for process in _own_processes(running))


def _own_processes(running: App) -> list[psutil.Process]:
    whole = psutil.Process(running.pid)
    return [each for each in (whole, *whole.children(recursive=True)) if "ffmpeg" not in each.name()]
