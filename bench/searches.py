"""Searches in the picture: an hour of 1920x1080 in H.264, a lasting change, and the seeks of a viewer meanwhile.

The recorder takes as long as a real one to open a session and to seek. Each run has another hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bench.figures import Figure
from bench.hours import recorded_hours
from bench.meter import app_cpu_s
from bench.recordings import set_delays
from bench.setting import App, Recorder, app, recorder

_BOX = [0.1, 0.3, 0.4, 0.5]
_POLL_S = 0.1
_LONGEST_S = 600.0
_SEEKS = 8
_MOST_SLOWER_MS = 50.0
_CELL = 8 / 320  # of the recorder's burnt-in bits of the time, in the picture's width
_FLIPPED_BIT = 15  # of the time in tenths of a second: it flips each 55 minutes


class _Searches:
    """The searches of one camera's first channel."""

    def __init__(self, running: App, camera_id: int) -> None:
        self._running = running
        self._camera_id = camera_id

    def begin(self, start: datetime, end: datetime, box: list[float] | None = None, kind: str = "moved") -> int:
        times = {"start_time": start.isoformat(), "end_time": end.isoformat()}
        where = {"camera_id": self._camera_id, "channel": 1, "box": box or _BOX}
        return int(self._running.call("POST", "/api/searches", {**where, **times, "kind": kind})["id"])

    def at(self, search_id: int, *states: str) -> dict[str, Any]:
        """Return a search as soon as it has one of these states. Raise RuntimeError if it has failed."""
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < _LONGEST_S:
            found: dict[str, Any] = self._running.call("GET", f"/api/searches/{search_id}")
            if found["state"] in states:
                return found
            if found["state"] in ("failed", "cancelled"):
                raise RuntimeError(f"the search is {found['state']}: {found['problem']}")
            time.sleep(_POLL_S)
        raise RuntimeError("the search does not end")

    def go_on(self, search_id: int) -> None:
        self._running.call("POST", f"/api/searches/{search_id}/continue")

    def cancel(self, search_id: int) -> None:
        self._running.call("DELETE", f"/api/searches/{search_id}")


def figures(runs: int) -> Iterator[Figure]:
    options = ("--channels", "1", "--dead", "none", "--scene", "yard")
    with recorder(*options, "--replay-clip") as device, app(DEVICE_REPLAY_SESSIONS="2") as running:
        device.prepare("main")
        set_delays(device)
        yield from _of_hours(device, running, runs)
    with recorder(*options) as device, app() as running:
        set_delays(device)
        yield from _of_changes(device, running, runs)


def _of_hours(device: Recorder, running: App, runs: int) -> Iterator[Figure]:
    camera_id = running.add_recorder(device)
    searches = _Searches(running, camera_id)
    hours = recorded_hours(device, 1, runs + 1)
    first_s, quick_s, whole_s, cpu_s, mb, frames, again_s = ([] for _ in range(7))
    for hour in hours[:runs]:
        begun_s, cpu_before_s = time.monotonic(), app_cpu_s(running.pid)
        search_id = searches.begin(hour, hour + timedelta(hours=1))
        first_s.append(_first_result_s(running, search_id, begun_s))
        searches.at(search_id, "waiting")
        quick_s.append(time.monotonic() - begun_s)
        searches.go_on(search_id)
        found = searches.at(search_id, "done")
        whole_s.append(time.monotonic() - begun_s)
        cpu_s.append(app_cpu_s(running.pid) - cpu_before_s)
        mb.append(found["bytes"] / 1e6)
        frames.append(float(found["key_frames"]))
        begun_s = time.monotonic()
        searches.at(searches.begin(hour, hour + timedelta(hours=1)), "done")
        again_s.append(time.monotonic() - begun_s)
    what = "search of a recorded hour, H.264"
    yield Figure(f"{what}: the first result", "s", first_s)
    yield Figure(f"{what}: the quick steps", "s", quick_s)
    yield Figure(f"{what}: all of it", "s", whole_s)
    yield Figure(f"{what}: CPU of app and comparison", "s", cpu_s)
    yield Figure(f"{what}: from the recorder", "MB", mb)
    yield Figure(f"{what}: key frames", "", frames)
    yield Figure(f"{what}: the same question again", "s", again_s, goal=1)
    alone_ms, beside_ms = _seeks(running, searches, camera_id, hours[-1])
    yield Figure("seek of a viewer without a search", "ms", alone_ms)
    yield Figure("seek of a viewer while a search runs", "ms", beside_ms)
    slower_ms = [beside - alone for alone, beside in zip(alone_ms, beside_ms, strict=True)]
    yield Figure("viewer's seek during a search: difference", "ms", slower_ms, goal=_MOST_SLOWER_MS)


def _first_result_s(running: App, search_id: int, begun_s: float) -> float:
    while time.monotonic() - begun_s < _LONGEST_S:
        found = running.call("GET", f"/api/searches/{search_id}")
        if found["results"] or found["state"] == "waiting":
            return time.monotonic() - begun_s
        time.sleep(_POLL_S)
    raise RuntimeError("the search finds nothing")


def _seeks(running: App, searches: _Searches, camera_id: int, hour: datetime) -> tuple[list[float], list[float]]:
    """Return the times of a viewer's seeks in ms, without and with a search that runs."""
    recordings = running.call("GET", f"/api/cameras/{camera_id}/recordings/summary")["recordings"]
    body = {"camera_id": camera_id, "recording_token": recordings[0]["recording_token"], "start_time": hour.isoformat()}
    stream_id = running.call("POST", "/api/playback/start", body)["stream_id"]
    _seek_ms(running, stream_id, hour)
    alone, beside = [], []
    for number in range(_SEEKS):  # in turns, because the load of the machine changes
        moment = hour + timedelta(minutes=5 + number)
        alone.append(_seek_ms(running, stream_id, moment))
        # each of an hour that no search has looked at: the index of cells would answer
        begin = hour - timedelta(hours=8, minutes=20 * number)
        search_id = searches.begin(begin, begin + timedelta(minutes=19))
        while not searches.at(search_id, "estimating", "running")["key_frames"]:
            time.sleep(0.02)
        beside.append(_seek_ms(running, stream_id, moment + timedelta(seconds=30)))
        if searches.at(search_id, "running", "done")["state"] == "running":
            searches.cancel(search_id)
    running.stop_streams()
    return alone, beside


def _seek_ms(running: App, stream_id: str, moment: datetime) -> float:
    begun_s = time.monotonic()
    running.call("POST", "/api/playback/seek", {"stream_id": stream_id, "time": moment.isoformat()})
    return 1000 * (time.monotonic() - begun_s)


def _of_changes(device: Recorder, running: App, runs: int) -> Iterator[Figure]:
    """A bit of the burnt-in time flips once in each range, which is a lasting change at a known second."""
    searches = _Searches(running, running.add_recorder(device))
    length = timedelta(seconds=2 * (1 << _FLIPPED_BIT) / 10)
    newest = recorded_hours(device, 1, 1)[0].timestamp() + 3600
    last = newest // length.total_seconds() * length.total_seconds()
    box = [(2 + 35 - _FLIPPED_BIT - 3) * _CELL, 0.0, 4 * _CELL - 2 / 320, 8 / 180]  # the next bit flips, too
    took_s, frames, wrong_s = [], [], []
    for number in range(runs):
        start = datetime.fromtimestamp(last - number * length.total_seconds(), tz=datetime.now().astimezone().tzinfo)
        begun_s = time.monotonic()
        begin, end = start - length + timedelta(seconds=2), start - timedelta(seconds=2)
        found = searches.at(searches.begin(begin, end, box, "changed"), "done")
        took_s.append(time.monotonic() - begun_s)
        frames.append(float(found["key_frames"]))
        flip_s = (start - length / 2).timestamp()
        ends = [datetime.fromisoformat(result["end_time"]).timestamp() for result in found["results"]]
        wrong_s.append(min((abs(end_s - flip_s) for end_s in ends), default=length.total_seconds()))
    what = f"when did it change for good, {length.total_seconds() / 3600:.1f} h"
    yield Figure(f"{what}: time", "s", took_s)
    yield Figure(f"{what}: key frames", "", frames, goal=60)
    yield Figure(f"{what}: error", "s", wrong_s, goal=1.1)
