"""The README's calls about recordings, run unchanged by bash and curl against the app with a recorder."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.settings import ROOT
from tests.patience import LIMIT_S
from tools.running import App, running_recorder

Run = Callable[[str], dict[str, Any]]
SUMMARY, SEARCH, PLAYBACK_URI = "recordings/summary", "recordings/search", "playback-uri"
TRACK = {"track_token", "type", "codec"}


def call_of(what: str) -> str:
    """Return the README's curl line that contains `what`."""
    [line] = [
        line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("curl") and what in line
    ]
    return line


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Return a function that runs a shell line; curl's connections to port 5001 go to the app's own port."""
    folder = tmp_path_factory.mktemp("readme")
    with running_recorder("--channels", "2", "--profile", "small") as recorder:
        app = App(folder)
        app.start()
        assert app.add_camera(recorder) == 1
        (folder / ".curlrc").write_text(f'connect-to = "localhost:5001:127.0.0.1:{app.port}"\nsilent\nshow-error\n')
        environ = {**os.environ, "CURL_HOME": str(folder), "NO_PROXY": "localhost"}

        def run(line: str) -> dict[str, Any]:
            done = subprocess.run(
                ["bash", "-c", line], env=environ, cwd=ROOT, capture_output=True, timeout=LIMIT_S, check=True
            )
            document: dict[str, Any] = json.loads(done.stdout)
            return document

        yield run
        app.stop()


def at_yesterday(line: str) -> str:
    """Return the call with its days replaced by yesterday and today, which the recorder has."""
    days = {"2026-11-22": 1, "2026-11-23": 0}
    now = datetime.now(UTC)
    return re.sub(r"\d{4}-\d\d-\d\d(?=T)", lambda day: f"{now - timedelta(days=days[day[0]]):%Y-%m-%d}", line)


def test_the_summary_call_lists_the_recordings(run: Run) -> None:
    document = run(call_of(SUMMARY))
    assert document.keys() >= {"data_from", "data_until", "number_recordings", "recordings", "clock_offset_s"}
    assert document["number_recordings"] == len(document["recordings"]) == 2
    for item in document["recordings"]:
        assert item.keys() >= {"recording_token", "channel", "source_name", "earliest", "latest", "tracks"}
        assert item["tracks"]
        assert all(track.keys() >= TRACK for track in item["tracks"])


def test_the_search_call_works_unchanged_and_for_a_recorded_day(run: Run) -> None:
    assert run(call_of(SEARCH)).keys() >= {"recordings", "complete"}
    document = run(at_yesterday(call_of(SEARCH)))
    assert document["complete"] is True
    assert [item["channel"] for item in document["recordings"]] == [1, 2]
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    for item in document["recordings"]:
        assert item["start_time"].startswith(yesterday)
        assert item["coverage"] == "known"
        assert item["tracks"]
        assert all(track.keys() >= TRACK for track in item["tracks"])
        assert item["spans"][0]["start_time"] == item["start_time"]
        assert item["spans"][-1]["end_time"] == item["end_time"]
        assert {"recording_token", "source_name"} <= item.keys()


def test_the_playback_uri_call_returns_an_rtsp_address(run: Run) -> None:
    assert run(call_of(PLAYBACK_URI))["code"] == "not_found"  # "..." is a placeholder in the README
    [token, *_] = [item["recording_token"] for item in run(call_of(SUMMARY))["recordings"]]
    document = run(call_of(PLAYBACK_URI).replace('"..."', f'"{token}"'))
    assert re.fullmatch(r"rtsp://127\.0\.0\.1:\d+/\S+", document["uri"])
    assert (document["range"], document["requires"]) == ("clock=20261122T100000Z-", ["onvif-replay"])


def test_the_readme_has_the_calls_that_scripts_rely_on() -> None:
    for what, address in (
        (SUMMARY, "http://localhost:5001/api/cameras/1/recordings/summary"),
        (SEARCH, "http://localhost:5001/api/cameras/1/recordings/search"),
        (PLAYBACK_URI, "http://localhost:5001/api/recordings/playback-uri"),
    ):
        assert address in call_of(what).split()
