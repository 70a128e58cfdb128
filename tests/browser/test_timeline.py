"""The timeline: its claims about recordings, its visible window, dragging and events."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.logged_events import StandInEvents
from tests.browser.recordings import (
    BURNT,
    HAS_SUMMARY,
    MODAL_PLAYING,
    PLAYING,
    ROWS,
    SEEN,
    assert_shows,
    burnt_s,
    change_coverage,
    click_time,
    look_at,
    place_of,
    recorded_at,
    stamp,
    wait,
)
from tests.browser.replaying import pause
from tests.browser.watching import Open, box_at_rest, settled_on, until_on
from tests.patience import promised
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

NOTE = "#gap-note"


def forget(document: dict[str, Any], start: datetime, end: datetime) -> None:
    """Mark [start, end) as not asked yet."""
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


def test_an_unindexed_time_is_looked_up_before_it_plays(
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
    expect(page.locator(NOTE)).to_contain_text("Asking the recorder about its recordings at")
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"
    since_s = time.monotonic()
    told.append(True)
    page.wait_for_selector(PLAYING)
    expect(page.locator(NOTE)).to_have_text("")
    assert_shows(page, at.timestamp(), since_s)


def test_an_unknown_time_is_played_instead_of_called_empty(
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
    since_s = time.monotonic()
    click_time(page, at)
    page.wait_for_selector(PLAYING)
    expect(page.locator(NOTE)).to_contain_text("has not reported yet if it recorded at")
    played_s = time.monotonic() - since_s
    assert abs(burnt_s(page) - at.timestamp()) < 120 + played_s, "a pixel is a minute and a half"


def test_a_time_outside_the_window_plays_from_its_recording(app: App, camera_id: int, open_page: Open) -> None:
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


TIMELINE = "document.querySelector('recording-timeline')"
VIEW = f"{TIMELINE}.view"
SHOWS_NEEDLE = (
    "(({ view, atMs }) => view.startMs <= atMs && atMs <= view.endMs)(document.querySelector('recording-timeline'))"
)


def test_playback_leaves_the_chosen_window_until_the_user_returns(recordings: Page, recorder: Recorder) -> None:
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
    wait(recordings, SHOWS_NEEDLE)
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
    wait(recordings, SHOWS_NEEDLE)


def test_a_seek_makes_the_timeline_follow_again(recordings: Page, recorder: Recorder) -> None:
    click_time(recordings, recorded_at(recorder))
    recordings.wait_for_selector(PLAYING)
    now = datetime.now(UTC)
    look_at(recordings, now - timedelta(days=4), now - timedelta(days=3))
    expect(recordings.get_by_role("button", name="To the playhead")).to_be_visible()
    click_time(recordings, now - timedelta(days=3, hours=12))
    expect(recordings.get_by_role("button", name="To the playhead")).to_be_hidden()


def test_a_drag_of_the_playhead_shows_frames_while_it_moves(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    watched = open_page(f"{app.url}/recordings/{camera_id}")
    watched.forgive("404")  # segments of a seek are deleted by the second next seek
    recordings = watched.page
    wait(recordings, ROWS)
    at = recorded_at(recorder)
    look_at(recordings, at - timedelta(minutes=12), at + timedelta(minutes=12))
    start, end = at - timedelta(minutes=9), at + timedelta(minutes=9)
    (x, y), (last, _) = place_of(recordings, start, -1), place_of(recordings, end, -1)
    recordings.mouse.move(x, y)
    recordings.mouse.down()
    seen: set[float] = set()
    steps = cycle((*range(1, 161), *range(159, -1, -1)))

    def shows_four_minutes() -> bool:
        recordings.mouse.move(x + (last - x) * next(steps) / 160, y)
        recordings.wait_for_timeout(30)  # like a hand that moves slowly without a stop
        if (shown := recordings.evaluate(SEEN)) is not None:
            seen.add(round(shown / 60))
        return len(seen) >= 4

    with promised(7):
        until_on(recordings, shows_four_minutes)
    recordings.mouse.move(last, y)
    since_s = time.monotonic()
    assert all(start.timestamp() - 60 <= 60 * minute <= end.timestamp() + 60 for minute in seen)
    recordings.mouse.up()
    recordings.wait_for_selector(PLAYING)
    wait(recordings, f"({BURNT})('player') > {end.timestamp() + 1}")
    assert burnt_s(recordings) - end.timestamp() < 15 + time.monotonic() - since_s


def motion_of(recorder: Recorder, days: float = 6) -> list[datetime]:
    """Return the starts of motion events of the first channel."""
    now = datetime.now(UTC)
    return [
        datetime.fromisoformat(one["start"]) for one in recorder.archive(1, now - timedelta(days=days), now)["motion"]
    ]


def test_next_and_previous_events_are_found_in_any_window(recordings: Page, recorder: Recorder) -> None:
    at = recorded_at(recorder)
    click_time(recordings, at)
    recordings.wait_for_selector(PLAYING)
    pause(recordings)
    recordings.get_by_role("button", name="Week", exact=True).click()
    expect(recordings.locator("#events-note")).to_be_visible()

    def playhead_s() -> float:
        # The playhead follows the frame five times a second.
        at_s: float = settled_on(recordings, lambda: recordings.evaluate(f"{TIMELINE}.atMs / 1000"), for_s=0.5)
        return at_s

    asked_s = playhead_s()
    motion = [began.timestamp() for began in motion_of(recorder)]
    reached_s = 0.0
    for key in ("n", "n", "p", "p", "n"):
        is_on_one = abs(asked_s - reached_s) <= 2.5
        if key == "n":
            event_s = min(began for began in motion if began > (reached_s if is_on_one else asked_s))
        else:
            event_s = max(began for began in motion if began < (reached_s if is_on_one else asked_s - 2))
        since_s = time.monotonic()
        recordings.keyboard.press(key)
        expect(recordings.locator(NOTE)).to_contain_text(f"Motion at {local_stamp(recordings, event_s)}.")
        recordings.wait_for_selector(PLAYING)
        assert -2 - 1.5 <= burnt_s(recordings) - event_s <= 6 + time.monotonic() - since_s
        pause(recordings)
        reached_s, asked_s = event_s, playhead_s()


def test_a_search_without_a_later_event_shows_its_range(recordings: Page, recorder: Recorder) -> None:
    StandInEvents(recordings)  # otherwise the log may have a later one
    last_s = motion_of(recorder)[-1].timestamp()
    recordings.evaluate("(ms) => { document.querySelector('recording-timeline').atMs = ms; }", last_s * 1000 + 60_000)
    recordings.locator("#event-after").click()
    expect(recordings.locator(NOTE)).to_contain_text("No later event is known up to 20")
    assert recordings.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"


def test_keys_act_on_the_visible_player(recordings: Page) -> None:
    started: list[str] = []
    recordings.on("request", lambda asked: started.append(asked.url) if asked.url.endswith("/playback/start") else None)
    recordings.get_by_role("button", name="Search", exact=True).click()
    recordings.locator("#results tr").first.get_by_role("button").click()
    recordings.wait_for_selector(MODAL_PLAYING)
    recordings.keyboard.press("n")
    expect(recordings.locator("#modal-note")).to_contain_text("Motion at")
    recordings.wait_for_selector(MODAL_PLAYING)
    recordings.keyboard.press("k")
    recordings.wait_for_selector("#modal-player [data-phase=paused]")
    at_ms = settled_on(
        recordings, lambda: recordings.evaluate("document.querySelector('#modal-player').atMs"), for_s=0.5
    )
    shown_s = at_ms / 1000
    view = recordings.evaluate(VIEW)
    recordings.keyboard.press("+")
    recordings.keyboard.press("[")
    expect(recordings.locator("toast-area")).to_contain_text("Begins at")
    marked_s: float = recordings.evaluate("new Date(document.querySelector('#from').value).getTime() / 1000")
    assert abs(marked_s - shown_s) <= 1
    assert recordings.evaluate(VIEW) == view
    assert recordings.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"
    assert len(started) == 1, "the recorder has been asked for one session"


def local_stamp(page: Page, at_s: float) -> str:
    """Return the time as `2026-11-22 02:13:04` in the browser's time zone."""
    text: str = page.evaluate(
        "(ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace('T', ' ')",
        at_s * 1000,
    )
    return text


def test_events_are_named_in_the_tip_and_for_screen_readers(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    at = recorded_at(recorder)
    page = open_page("about:blank").page

    def crossed(document: dict[str, Any]) -> None:
        if document["channels"]:
            line = {"time": stamp(at), "topic": "tns1:RuleEngine/LineDetector/Crossed", "active": None}
            events = [*document["channels"][0]["events"], line]
            document["channels"][0]["events"] = sorted(events, key=lambda event: datetime.fromisoformat(event["time"]))

    change_coverage(page, crossed)
    page.goto(f"{app.url}/recordings/{camera_id}")
    wait(page, ROWS)
    look_at(page, at - timedelta(minutes=5), at + timedelta(minutes=5))
    page.mouse.move(*place_of(page, at))
    expect(page.locator(".timeline-tip")).to_contain_text("Line crossed")
    slider = page.get_by_role("slider", name="Time")
    page.evaluate("(ms) => { document.querySelector('recording-timeline').atMs = ms; }", at.timestamp() * 1000)
    expect(slider).to_have_attribute("aria-valuetext", re.compile("Line crossed"))


def test_the_sources_of_the_recorder_are_listed(recordings: Page) -> None:
    expect(recordings.locator("[data-fact=clock]")).to_have_text("right")
    recordings.get_by_text("Sources and tracks").click()
    expect(recordings.get_by_text("Source: ONVIF Recording Search")).to_be_visible()
    sources = recordings.get_by_role("list", name="Sources and tracks").get_by_role("listitem")
    expect(sources).to_have_count(5)
    expect(sources.first).to_contain_text("RecordMediaProfile00000")
    expect(sources.first).to_contain_text("Video, Sound")
    expect(sources.first).to_contain_text(re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d – "))


def test_a_finger_scrolls_the_page_and_drags_the_timeline_sideways(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/recordings/{camera_id}", 390, 844, is_mobile=True, has_touch=True).page
    wait(page, ROWS)
    wait(page, HAS_SUMMARY)  # its texts may move the timeline
    page.locator(".timeline-frame").scroll_into_view_if_needed()
    box = box_at_rest(page, page.locator(".timeline-frame"))
    touch = page.context.new_cdp_session(page)

    def swipe(x_px: int, y_px: int) -> None:
        x, y = box["x"] + 200, box["y"] + 90
        for step in range(11):
            point = {"x": x + x_px * step / 10, "y": y + y_px * step / 10}
            kind = "touchMove" if step else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
            page.wait_for_timeout(30)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    before = page.evaluate(VIEW), page.evaluate("scrollY")
    page.evaluate("document.addEventListener('scrollend', () => { window.scrollEndedAt = scrollY; })")
    swipe(0, -200)
    wait(page, f"window.scrollEndedAt > {before[1]} + 120")  # the page rolls on after the finger has left
    assert page.evaluate(VIEW) == before[0], "the page was scrolled, not the time"
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"
    page.evaluate("(y) => scrollTo(0, y)", before[1])
    assert page.evaluate("scrollY") == before[1]
    swipe(100, 0)  # a drag to the right shows an earlier time
    wait(page, f"{VIEW}.startMs < {before[0]['startMs'] - 3_600_000}")
    assert page.evaluate("scrollY") == before[1]


def test_the_button_to_the_playhead_fits_on_a_phone(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    at = recorded_at(recorder)
    address = f"{app.url}/recordings/{camera_id}?channel=1&t={stamp(at)}"
    page = open_page(address, 390, 844, is_mobile=True, has_touch=True).page
    page.wait_for_selector(PLAYING)
    page.locator("#timeline").scroll_into_view_if_needed()
    expect(page.locator("#indexing")).to_be_hidden()
    wait(page, HAS_SUMMARY)
    top = box_at_rest(page, page.locator("#timeline canvas"))
    look_at(page, at - timedelta(days=3), at - timedelta(days=2))
    back = page.get_by_role("button", name="To the playhead")
    expect(back).to_be_visible()
    expect(page.locator("#indexing")).to_be_hidden()
    assert page.locator("#timeline canvas").bounding_box() == top, "nothing moves below the finger"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    back.tap()
    expect(back).to_be_hidden()
    wait(page, SHOWS_NEEDLE)
