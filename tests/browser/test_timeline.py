"""The timeline and what belongs to it: what it claims, where it looks, how it is moved, which clock it shows."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.browser.recordings import BURNT, GOP_S, PLAYING, ROWS, SEEN, burnt_s, click_time, look_at, place_of, wait
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
    assert json.loads(asked.value.post_data or "")["recording_token"] == "AnOlderOne"


VIEW = "document.querySelector('recording-timeline').view"
SHOWS_NEEDLE = (
    "(({ view, atMs }) => view.startMs <= atMs && atMs <= view.endMs)(document.querySelector('recording-timeline'))"
)


def test_what_plays_does_not_take_back_where_one_looks_until_one_goes_back_to_it(
    recordings: Page, recorder: Recorder
) -> None:
    click_time(recordings, recorded_at(recorder))
    recordings.wait_for_selector(PLAYING)
    back = recordings.get_by_role("button", name="To the playhead")
    expect(back).to_be_hidden()
    recordings.get_by_role("button", name="Yesterday").click()
    now = datetime.now(UTC)
    look_at(recordings, now - timedelta(days=4), now - timedelta(days=3))
    looked_at = recordings.evaluate(VIEW)
    before_s = burnt_s(recordings)
    wait(recordings, f"document.querySelector('#player').atMs / 1000 > {before_s + 1}")
    assert recordings.evaluate(VIEW) == looked_at, "it plays on, and one still sees what one chose"
    back.click()
    assert recordings.evaluate(SHOWS_NEEDLE)
    expect(back).to_be_hidden()
    x, y = place_of(recordings, recorded_at(recorder), row=2)
    recordings.mouse.move(x, y)
    recordings.mouse.down()
    recordings.mouse.move(x + 3000, y, steps=8)
    recordings.mouse.move(x, y)
    recordings.mouse.up()
    recordings.mouse.wheel(-2500, 0)
    expect(back).to_be_visible()
    recordings.keyboard.press("h")
    expect(back).to_be_hidden()
    assert recordings.evaluate(SHOWS_NEEDLE)


def test_a_seek_takes_the_timeline_along_again(recordings: Page, recorder: Recorder) -> None:
    click_time(recordings, recorded_at(recorder))
    recordings.wait_for_selector(PLAYING)
    now = datetime.now(UTC)
    look_at(recordings, now - timedelta(days=4), now - timedelta(days=3))
    expect(recordings.get_by_role("button", name="To the playhead")).to_be_visible()
    click_time(recordings, now - timedelta(days=3, hours=12))
    expect(recordings.get_by_role("button", name="To the playhead")).to_be_hidden()


def test_a_drag_of_the_playhead_shows_pictures_while_the_pointer_moves(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    watched = open_page(f"{app.url}/recordings/{camera_id}")
    watched.forgive("404")  # of the place before: its segments are gone with the next seek but one
    recordings = watched.page
    wait(recordings, ROWS)
    at = recorded_at(recorder)
    look_at(recordings, at - timedelta(minutes=12), at + timedelta(minutes=12))
    start, end = at - timedelta(minutes=9), at + timedelta(minutes=9)
    (x, y), (last, _) = place_of(recordings, start, -1), place_of(recordings, end, -1)
    recordings.mouse.move(x, y)
    recordings.mouse.down()
    seen: set[float] = set()
    step = (last - x) / 160
    for number in range(1, 161):
        recordings.mouse.move(x + number * step, y)
        recordings.wait_for_timeout(40)  # a hand takes its time; it never rests
        if (shown := recordings.evaluate(SEEN)) is not None:
            seen.add(round(shown / 60))
    assert len(seen) >= 4, f"minutes of which a picture was seen: {seen}"
    assert all(start.timestamp() - 60 <= 60 * minute <= end.timestamp() + 60 for minute in seen)
    recordings.mouse.up()
    recordings.wait_for_selector(PLAYING)
    wait(recordings, f"({BURNT})('player') > {end.timestamp() + 1}")
    assert burnt_s(recordings) - end.timestamp() < 15
