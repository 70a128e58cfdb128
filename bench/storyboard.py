"""Pictures of a recorded hour, in H.264 and H.265 with 1920x1080, from a recorder with the delays of a real one.

Each run has another hour, without a gap. The session with the recorder is open: a single picture comes before the
clock starts.
"""

from __future__ import annotations

import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bench.figures import Figure
from bench.hours import recorded_hours
from bench.meter import app_cpu_s
from bench.recordings import set_delays
from bench.setting import App, Recorder, app, recorder

_STEP_S = 10
_FIRST = 23  # of 360: every sixteenth
_POLL_S = 0.25
_LONGEST_S = 300.0
_HOVERS = 10
_NAMES = {"h264": "H.264", "hevc": "H.265", "h265": "H.265"}


class _Hour:
    """The pictures of one recorded hour."""

    def __init__(self, running: App, camera_id: int, channel: int, start: datetime) -> None:
        self._running = running
        self._camera_id = camera_id
        self._channel = channel
        self.start = start

    def pictures(self) -> list[dict[str, Any]]:
        """Ask for the hour once."""
        end = self.start + timedelta(hours=1)
        times = {"start_time": self.start.isoformat(), "end_time": end.isoformat()}
        query = urllib.parse.urlencode({**times, "channel": self._channel, "step_s": _STEP_S})
        found: list[dict[str, Any]] = self._running.call("GET", f"{self._path}s?{query}")["pictures"]
        return found

    def single_ms(self, moment: datetime) -> float:
        """Return the time until the picture of a moment is there, as for a pointer over the timeline."""
        query = urllib.parse.urlencode({"channel": self._channel, "time": moment.isoformat()})
        begun_s = time.monotonic()
        while True:
            with urllib.request.urlopen(f"{self._running.url}{self._path}?{query}", timeout=60) as answer:
                if answer.status == 200:
                    answer.read()
                    return 1000 * (time.monotonic() - begun_s)
            if time.monotonic() - begun_s > _LONGEST_S:
                raise RuntimeError("no picture comes")

    @property
    def _path(self) -> str:
        return f"/api/cameras/{self._camera_id}/recordings/picture"


def figures(runs: int) -> Iterator[Figure]:
    """Measure hours of the day before, each once, of a channel of each codec."""
    with recorder("--channels", "2", "--dead", "none", "--replay-clip") as device, app() as running:
        device.prepare("main")
        set_delays(device)
        camera_id = running.add_recorder(device)
        for channel, _, codec in running.profiles(camera_id, "main"):
            hours = [_Hour(running, camera_id, channel, start) for start in recorded_hours(device, channel, runs)]
            yield from _of_channel(device, running, _NAMES.get(codec, codec), hours)


def _of_channel(device: Recorder, running: App, codec: str, hours: list[_Hour]) -> Iterator[Figure]:
    first_s, all_s, cpu_s, sent_mb, again_ms, cold_ms, cached_ms = ([] for _ in range(7))
    for hour in hours:
        hour.single_ms(hour.start - timedelta(seconds=7))
        sent_before = _sent_bytes(device)
        took = _until_ready(hour, running)
        sent_mb.append((_sent_bytes(device) - sent_before) / 1_000_000)
        first_s.append(took[0])
        all_s.append(took[1])
        cpu_s.append(took[2])
        begun_s = time.monotonic()
        hour.pictures()
        again_ms.append(1000 * (time.monotonic() - begun_s))
        for hover in range(_HOVERS):
            moment = hour.start + timedelta(seconds=300 * hover + 3)  # not on the grid
            cold_ms.append(hour.single_ms(moment))
            cached_ms.append(hour.single_ms(moment))
    what = f"pictures of a recorded hour, {codec}"
    yield Figure(f"{what}: the first {_FIRST} of 360", "s", first_s, goal=1.5)
    yield Figure(f"{what}: all 360", "s", all_s, goal=20)
    yield Figure(f"{what}: CPU of app and ffmpeg", "s", cpu_s, goal=13)
    yield Figure(f"{what}: fetched from the recorder", "MB", sent_mb, goal=60)
    yield Figure(f"{what}: the second look", "ms", again_ms, goal=100)
    yield Figure(f"picture under the pointer, {codec}: new", "ms", cold_ms, goal=400)
    yield Figure(f"picture under the pointer, {codec}: the slowest new one", "ms", [max(cold_ms)], goal=400)
    yield Figure(f"picture under the pointer, {codec}: from the cache", "ms", cached_ms, goal=50)


def _sent_bytes(device: Recorder) -> int:
    """Return what the recorder has sent in its open replay sessions."""
    sessions: list[dict[str, int]] = device.control("GET", "/replay")["sessions"]
    return sum(session["sent_bytes"] for session in sessions)


def _until_ready(hour: _Hour, running: App) -> tuple[float, float, float]:
    """Return the seconds until the first and all pictures are ready, and the CPU seconds of the app and its ffmpeg."""
    begun_s, cpu_before_s, first_s = time.monotonic(), app_cpu_s(running.pid), 0.0
    while True:
        pictures = hour.pictures()
        took_s = time.monotonic() - begun_s
        ready = sum(picture["state"] == "ready" for picture in pictures)
        first_s = first_s or (took_s if ready >= _FIRST else 0.0)
        if all(picture["state"] != "pending" for picture in pictures):
            if ready < len(pictures):
                raise RuntimeError(f"only {ready} of {len(pictures)} pictures are ready")
            return first_s, took_s, app_cpu_s(running.pid) - cpu_before_s
        if took_s > _LONGEST_S:
            raise RuntimeError("the pictures do not come")
        time.sleep(_POLL_S)
