"""The recording of an event begins before the event: motion of the pretend recorder, through the app as a program."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import rfc3339
from tests.patience import LIMIT_S, until
from tools.running import App, Recorder, running_recorder

NEWS_S = 3.0  # the memory holds so much more than the pre-roll, because the news of an event takes time
LONGEST_GOP_S = 2.0
LONG_GOP_CHANNEL = 3  # its groups of frames last 10 s


@pytest.mark.parametrize(
    ("channels", "rounds", "pre_s"),
    [
        pytest.param(3, 1, 3.0, marks=pytest.mark.slow),
        pytest.param(11, 2, 10.0, marks=pytest.mark.stress),
    ],
)
def test_every_recording_of_an_event_begins_before_its_pre_roll(
    tmp_path: Path, channels: int, rounds: int, pre_s: float
) -> None:
    options = ("--channels", str(channels), "--profile", "small", "--make", "conformant", "--dead", "none")
    with running_recorder(*options) as recorder:
        recorder.control("POST", "/motion", {"active": False})
        app = App(tmp_path, ARCHIVE_FLUSH_S="1")
        app.start()
        try:
            assert app.add_camera(recorder) == 1
            recorded = [number for number in range(1, channels + 1) if number != LONG_GOP_CHANNEL]
            for number in recorded:
                rule = {"mode": "events", "quality": "main", "pre_s": pre_s, "post_s": 0}
                app.call("PUT", f"/api/cameras/1/channels/{number}/recording-rule", rule)
            begins = [begin for _ in range(rounds) for begin in before_events(app, recorder, recorded, pre_s)]
        finally:
            app.stop()
    assert len(begins) == rounds * len(recorded)
    print("\nfirst frames before their events:", ", ".join(f"{begin:.1f} s" for begin in sorted(begins)))
    assert min(begins) >= pre_s
    # An early picture costs space, and nothing else.
    assert sorted(begins)[len(begins) // 2] <= pre_s + LONGEST_GOP_S + NEWS_S


def before_events(app: App, recorder: Recorder, channels: list[int], pre_s: float) -> list[float]:
    """Let all channels have an event. Return the seconds from the first frame of each recording to its event."""
    ready_s = pre_s + LONGEST_GOP_S + NEWS_S
    wait(app, channels, lambda state: state["reason"] == "no_event" and lasts_s(state) > ready_s, "the full memory")
    events = {}
    for number in channels:
        events[number] = datetime.now(UTC)
        recorder.control("POST", "/motion", {"channel": number, "active": True})
    wait(app, channels, lambda state: state["state"] == "recording", "the recordings")
    recorder.control("POST", "/motion", {"active": False})
    wait(app, channels, lambda state: state["reason"] == "no_event", "the ends of the recordings")
    return [
        until(lambda number=number: begin_before(app, number, events[number], pre_s), what="the recording")  # type: ignore[misc] # mypy knows no lambda with a default
        for number in channels
    ]


def begin_before(app: App, channel: int, event: datetime, pre_s: float) -> float | None:
    """Return the seconds from the first frame of the stretch that holds an event, or None before its end is known."""
    window = {"start_time": rfc3339(event - timedelta(seconds=4 * pre_s)), "end_time": rfc3339(datetime.now(UTC))}
    found = app.call("POST", "/api/cameras/1/recordings/search", {**window, "channel": channel})["recordings"]
    spans = [span for item in found if item["recording_token"].startswith("server-") for span in item["spans"]]
    for span in spans:
        start, end = datetime.fromisoformat(span["start_time"]), datetime.fromisoformat(span["end_time"])
        if start <= event <= end:
            return (event - start).total_seconds()
    return None


def wait(app: App, channels: list[int], claim: Callable[[dict[str, Any]], bool], what: str) -> None:
    def holds() -> bool:
        states = app.call("GET", "/api/cameras/1/recording-states")["channels"]
        return all(claim(state) for state in states if state["channel"] in channels)

    until(holds, 2 * LIMIT_S, what)


def lasts_s(state: dict[str, Any]) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(state["since"])).total_seconds()
