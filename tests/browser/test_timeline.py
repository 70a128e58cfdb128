"""The timeline and what belongs to it: what it claims, where it looks, how it is moved, which clock it shows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.browser.recordings import GOP_S, PLAYING, ROWS, burnt_s, click_time, wait
from tests.browser.watching import Open
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

NOTE = "#gap-note"


def change_coverage(page: Page, change: Callable[[dict[str, Any]], None]) -> None:
    """What a recorder tells cannot be made to come late at will: the answers of the app are changed on their way."""

    def changed(route: Route) -> None:
        with contextlib.suppress(Error):  # the page may be gone before the answer is there
            answer = route.fetch()
            document = answer.json()
            change(document)
            route.fulfill(response=answer, json=document)

    page.route("**/coverage?*", changed)


def forget(document: dict[str, Any], start: datetime, end: datetime) -> None:
    """As if [start, end) had not been asked yet."""
    for channel in document["channels"]:
        kept = []
        for span in channel["spans"]:
            begins, ends = (datetime.fromisoformat(span[name]) for name in ("start_time", "end_time"))
            for first, last in ((begins, min(ends, start)), (max(begins, end), ends)):
                if first < last:
                    kept.append({**span, "start_time": first.isoformat(), "end_time": last.isoformat()})
            first, last = max(begins, start), min(ends, end)
            if first < last:
                times = {"start_time": first.isoformat(), "end_time": last.isoformat()}
                kept.append({**times, "state": "not_asked", "recording_token": None})
        channel["spans"] = kept


def recorded_at(recorder: Recorder, hours_ago: float = 20) -> datetime:
    """A moment well inside of a stretch that the first channel has recorded, on the minute."""
    now = datetime.now(UTC)
    for span in recorder.archive(1, now - timedelta(hours=hours_ago), now - timedelta(hours=2))["spans"]:
        start, end = (datetime.fromisoformat(span[name]) for name in ("start", "end"))
        if end - start > timedelta(minutes=30):
            return (start + (end - start) / 2).replace(second=0, microsecond=0)
    raise AssertionError("nothing long enough is recorded")


def gap_at(recorder: Recorder) -> tuple[datetime, datetime]:
    """From when to when the first channel has a gap."""
    now = datetime.now(UTC)
    spans = recorder.archive(1, now - timedelta(days=3), now)["spans"]
    return datetime.fromisoformat(spans[0]["end"]), datetime.fromisoformat(spans[1]["start"])


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_was_not_asked_is_asked_before_anything_is_claimed_of_it(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    at = recorded_at(recorder)
    page = open_page("about:blank").page
    told: list[bool] = []

    def hold_back(document: dict[str, Any]) -> None:
        if not told:
            forget(document, at - timedelta(hours=2), at + timedelta(hours=2))
            document["indexing"] = {"done": 1, "total": 2}

    change_coverage(page, hold_back)
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1&t={stamp(at)}")
    expect(page.locator(NOTE)).to_contain_text("Asking the recorder what it has recorded at")
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"
    told.append(True)
    page.wait_for_selector(PLAYING)
    expect(page.locator(NOTE)).to_have_text("")
    assert -GOP_S - 0.5 <= burnt_s(page) - at.timestamp() <= 4


def test_what_the_recorder_does_not_tell_is_tried_and_not_called_empty(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    at = recorded_at(recorder)
    page = open_page("about:blank").page

    def stopped(document: dict[str, Any]) -> None:
        forget(document, at - timedelta(hours=2), at + timedelta(hours=2))
        document["indexing"], document["indexing_stopped"] = None, True

    change_coverage(page, stopped)
    page.goto(f"{app.url}/recordings/{camera_id}")
    wait(page, ROWS)
    click_time(page, at)
    page.wait_for_selector(PLAYING)
    expect(page.locator(NOTE)).to_contain_text("has not told whether it recorded at")
    assert abs(burnt_s(page) - at.timestamp()) < 120, "a pixel is a minute and a half"


def test_a_time_that_is_not_loaded_is_played_from_the_recording_it_is_in(
    app: App, camera_id: int, open_page: Open
) -> None:
    watched = open_page("about:blank")
    watched.forgive("404")
    page = watched.page
    long_ago = datetime.now(UTC) - timedelta(days=4)

    def two_recordings(document: dict[str, Any]) -> None:
        for channel in document["channels"]:
            for span in channel["spans"]:
                if span["recording_token"] and datetime.fromisoformat(span["start_time"]) < long_ago:
                    span["recording_token"] = "AnOlderOne"

    change_coverage(page, two_recordings)
    page.goto(f"{app.url}/recordings/{camera_id}")
    wait(page, ROWS)
    text: str = page.evaluate(
        """(ms) => { const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60000);
          return at.toISOString().slice(0, 19); }""",
        (long_ago - timedelta(days=1)).timestamp() * 1000,
    )
    page.locator("#goto-time").fill(text)
    with page.expect_request("**/playback/start") as asked:
        page.get_by_role("button", name="Go", exact=True).click()
    assert asked.value.post_data_json["recording_token"] == "AnOlderOne"
