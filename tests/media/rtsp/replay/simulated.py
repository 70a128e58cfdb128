"""The simulator as a recorder of these tests: its sources, and the spans that it has recorded."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise

from core.recordings import ReplaySource
from tests.media.rtsp.replay.listening import recording
from tests.simulator.process import PASSWORD, Simulator

GOP_S = 1.0
_DAY_S = 86_400


def source_of(recorder: Simulator, channel: int = 1) -> ReplaySource:
    return recording(
        f"rtsp://127.0.0.1:{recorder.rtsp_port}/cam/replay?channel={channel}&proto=Onvif", password=PASSWORD
    )


def spans(recorder: Simulator, channel: int, days: int = 6) -> list[tuple[float, float]]:
    """Return the spans of the last days from the simulator's control interface."""
    now_s = time.time()
    start, end = (
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (now_s - days * _DAY_S, now_s)
    )
    told = recorder.get(f"/archive?channel={channel}&start={start}&end={end}")["spans"]
    return [
        (datetime.fromisoformat(span["start"]).timestamp(), datetime.fromisoformat(span["end"]).timestamp())
        for span in told
    ]


def steps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]
