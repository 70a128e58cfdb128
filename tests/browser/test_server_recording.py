"""A channel that the server records itself: the recordings page finds its footage and plays it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.browser.recordings import ROWS, click_time, look_at, wait
from tests.browser.replaying import NUMBER, PLAYING
from tests.browser.watching import Open, until_on
from tests.patience import until
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LENGTH = timedelta(seconds=14)  # two files
TOKEN = "server-1-main"


@pytest.fixture(scope="module")
def recording_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that soon has its recordings on the disk, in short files."""
    folder = tmp_path_factory.mktemp("recording")
    running = App(folder, SEGMENT_S="1", ARCHIVE_FLUSH_S="1", ARCHIVE_FILE_S="10", ARCHIVE_MIN_FREE_BYTES="0")
    running.start()
    yield running
    running.stop()


def server_spans(app: App, camera_id: int) -> list[tuple[datetime, datetime]]:
    """Return the stretches of the last minutes that the server has recorded of the first channel."""
    now = datetime.now(UTC)
    window = {"start_time": (now - timedelta(minutes=10)).isoformat(), "end_time": now.isoformat(), "channel": "1"}
    found: dict[str, Any] = app.call("GET", f"/api/cameras/{camera_id}/recordings/coverage?{urlencode(window)}")
    return [
        (datetime.fromisoformat(span["start_time"]), datetime.fromisoformat(span["end_time"]))
        for row in found["channels"]
        for span in row["spans"]
        if span["source"] == "server"
    ]


def shown_s(page: Page, timing: dict[str, Any], near_s: float) -> float:
    """Return the time at which the simulator has sent the frame in the player, in the loop around `near_s`."""
    number: int = page.evaluate(NUMBER)
    loop_s: float = timing["frames"] / timing["fps"]
    sent_s: float = (number - timing["offset"] + timing["phase"]) / timing["fps"]
    return sent_s + loop_s * round((near_s - sent_s) / loop_s)


def test_a_click_plays_what_the_server_has_recorded(recording_app: App, recorder: Recorder, open_page: Open) -> None:
    app, camera_id = recording_app, recording_app.add_camera(recorder, name="Recorder")
    app.call("PUT", f"/api/cameras/{camera_id}/channels/1/recording-rule", {"mode": "continuous"})
    until(
        lambda: [span for span in server_spans(app, camera_id) if span[1] - span[0] >= LENGTH],
        what="some seconds of a recording",
    )
    ((start, _), *_) = server_spans(app, camera_id)
    page = open_page(f"{app.url}/recordings/{camera_id}").page
    wait(page, ROWS)
    look_at(page, start - timedelta(seconds=20), start + timedelta(seconds=40))
    asked = start + timedelta(seconds=4)
    since_s = time.monotonic()
    click_time(page, asked)
    page.wait_for_selector(PLAYING)
    timing = recorder.frames(1, "main")
    first_s = shown_s(page, timing, asked.timestamp())
    gop_s = timing["gop_frames"] / timing["fps"]
    assert asked.timestamp() - gop_s - 1.5 <= first_s <= asked.timestamp() + 1.5 + (time.monotonic() - since_s)
    streams = app.call("GET", "/api/streams/all")["streams"]
    assert [stream["recording_token"] for stream in streams if stream["kind"] == "replay"] == [TOKEN]
    until_on(page, lambda: shown_s(page, timing, first_s) > first_s + 1)
