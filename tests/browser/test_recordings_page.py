"""The recordings page: search, timeline, keys and touch, and frames of the requested time."""

from __future__ import annotations

import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.recordings import MODAL_PLAYING, ROWS, assert_shows, click_time, recorded_at
from tests.browser.replaying import BURNT, PLAYING, burnt_s, pause, shows_before, standing_s, wait
from tests.browser.watching import Open, box_at_rest, until_on
from tests.patience import until
from tools.running import App, Recorder, running_recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]


_SPANS = "document.querySelector('recording-timeline').rows.flatMap((row) => row.spans)"


def test_a_search_result_plays_in_the_modal_player(recordings: Page) -> None:
    recordings.get_by_role("button", name="Last 24 h").click()
    recordings.get_by_role("button", name="Search", exact=True).click()
    rows = recordings.locator("#results tr")
    expect(rows.first).to_be_visible()
    expect(recordings.locator("#search-state")).to_have_text(re.compile(r"\d+ spans? on 5 channels"))
    expect(rows.first.locator("td").nth(5)).to_have_text("Device")
    since_s = time.monotonic()
    rows.first.get_by_role("button").click()
    recordings.wait_for_selector(MODAL_PLAYING)
    # The first channel has a gap each day, so its first span may begin later than the search.
    began = rows.first.locator("td").nth(1).inner_text()
    asked_s = recordings.evaluate("(text) => new Date(text.replace(' ', 'T')).getTime() / 1000", began)
    assert_shows(recordings, asked_s, since_s, "modal-player")
    before_s = burnt_s(recordings, "modal-player")
    wait(recordings, f"({BURNT})('modal-player') > {before_s}")
    recordings.keyboard.press("Escape")
    expect(recordings.locator("#play-dialog dialog")).to_be_hidden()


def test_a_click_on_the_timeline_plays_its_time(recordings: Page, recorder: Recorder) -> None:
    now = datetime.now(UTC)
    found = recorder.archive(1, now - timedelta(hours=23), now - timedelta(hours=1))["spans"]
    spans = [[datetime.fromisoformat(span[name]) for name in ("start", "end")] for span in found]
    rng = random.Random(7)
    for _ in range(5):
        start, end = rng.choice([span for span in spans if span[1] - span[0] > timedelta(hours=1)])
        at = start + (end - start) * rng.uniform(0.05, 0.9)
        since_s = time.monotonic()
        click_time(recordings, at)
        asked = "Date.parse(new URLSearchParams(location.search).get('t')) / 1000"
        wait(recordings, f"Math.abs({asked} - {at.timestamp()}) < 180")  # a pixel is a minute and a half
        recordings.wait_for_selector(PLAYING)
        asked_s: float = recordings.evaluate(asked)
        assert_shows(recordings, asked_s, since_s)
    clock = recordings.locator("#player [data-part=clock]")

    def is_right() -> bool:
        earliest_s = burnt_s(recordings)
        clock_s = recordings.evaluate("(text) => new Date(text.replace(' ', 'T')).getTime() / 1000", clock.inner_text())
        return bool(earliest_s - 1.5 <= clock_s <= burnt_s(recordings) + 1.5)

    until_on(recordings, is_right)  # after a pause of the page the clock is late for a moment
    slider = recordings.get_by_role("slider", name="Time")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"1 .+, recorded$"))


def test_the_timeline_and_calendar_show_the_recorded_spans(recordings: Page, recorder: Recorder) -> None:
    wait(recordings, f"{_SPANS}.every((span) => span.state !== 'not_asked' || span.endMs > Date.now() - 60000)")
    expect(recordings.locator("#indexing")).to_be_hidden()
    now = datetime.now(UTC)
    start = now - timedelta(hours=20)
    recorded = [
        (datetime.fromisoformat(span["start"]).timestamp(), datetime.fromisoformat(span["end"]).timestamp())
        for span in recorder.archive(1, start, now - timedelta(minutes=5))["spans"]
    ]
    drawn = recordings.evaluate(
        """([startMs, endMs]) => document.querySelector('recording-timeline').rows[0].spans
          .filter((span) => span.state === 'recorded' && span.endMs > startMs && span.startMs < endMs)
          .map((span) => [Math.max(span.startMs, startMs) / 1000, Math.min(span.endMs, endMs) / 1000])""",
        [start.timestamp() * 1000, (now - timedelta(minutes=5)).timestamp() * 1000],
    )
    assert len(drawn) == len(recorded)
    for (drawn_from, drawn_to), (true_from, true_to) in zip(drawn, recorded, strict=True):
        assert abs(drawn_from - true_from) < 2
        assert abs(drawn_to - true_to) < 2
    this_month = now.astimezone().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    spans = recorder.archive(1, this_month, now)["spans"]
    days = {datetime.fromisoformat(span["start"]).astimezone().date() for span in spans}
    wait(recordings, f"document.querySelectorAll('#calendar [data-state=recorded]').length >= {len(days)}")
    today = recordings.locator("#calendar [aria-current=date]")
    expect(today).to_have_attribute("data-state", "recorded")
    expect(recordings.locator("#calendar button[data-day]:disabled")).to_have_count(_days_left())


def _days_left() -> int:
    today = datetime.now().astimezone().date()
    following = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (following - today).days - 1


def test_the_recordings_page_works_by_keyboard(recordings: Page) -> None:
    slider = recordings.get_by_role("slider", name="Time")
    slider.focus()
    recordings.keyboard.press("End")
    recordings.keyboard.press("ArrowLeft")  # by 29 minutes: the pretend recorder has no gap in its last hour
    recordings.keyboard.press("ArrowDown")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(", 2 "))
    recordings.keyboard.press("ArrowUp")
    recordings.keyboard.press("Enter")
    recordings.wait_for_selector(PLAYING)
    pause(recordings)
    badge = recordings.locator("#player [data-part=badge-text]")
    expect(badge).to_have_text("PAUSED")
    at_s = standing_s(recordings)

    def is_further() -> bool:
        recordings.keyboard.press(".")
        recordings.wait_for_timeout(100)
        return burnt_s(recordings) >= at_s + 0.3

    until_on(recordings, is_further)
    recordings.keyboard.press(">")
    recordings.keyboard.press("k")
    expect(badge).to_have_text("PLAYBACK 2×")
    wait(recordings, "document.querySelector('#player video').playbackRate === 2")
    recordings.keyboard.press("<")
    before_s = burnt_s(recordings)
    recordings.keyboard.press("j")
    shows_before(recordings, before_s - 4)
    recordings.wait_for_selector(PLAYING)
    recordings.keyboard.press("n")
    expect(recordings.locator("#gap-note")).to_have_text(re.compile("^Motion at|^No later event"))
    recordings.wait_for_selector(PLAYING)
    recordings.keyboard.press("[")
    expect(recordings.locator("toast-area")).to_contain_text("Begins at")
    marked_s = burnt_s(recordings)
    wait(recordings, f"document.querySelector('#player').atMs / 1000 > {marked_s + 0.5}")
    recordings.keyboard.press("]")
    expect(recordings.locator("toast-area")).to_contain_text("Ends at")
    recordings.keyboard.press("?")
    expect(recordings.get_by_role("heading", name="Keys")).to_be_visible()


def test_playback_skips_a_gap_and_shows_a_note(app: App, camera_id: int, recorder: Recorder, open_page: Open) -> None:
    now = datetime.now(UTC)
    spans = recorder.archive(1, now - timedelta(days=2), now)["spans"]
    gap = datetime.fromisoformat(spans[0]["end"])
    goes_on = datetime.fromisoformat(spans[1]["start"])
    at = (gap - timedelta(seconds=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = open_page(f"{app.url}/recordings/{camera_id}?channel=1&t={at}").page
    page.wait_for_selector(PLAYING)
    expect(page.locator("#gap-note")).to_contain_text("Skipped")
    wait(page, f"({BURNT})('player') >= {goes_on.timestamp()}")
    in_gap = (gap + (goes_on - gap) / 2).strftime("%Y-%m-%dT%H:%M:%SZ")
    since_s = time.monotonic()
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1&t={in_gap}")
    page.wait_for_selector(PLAYING)
    expect(page.locator("#gap-note")).to_contain_text("Nothing was recorded at")
    assert_shows(page, goes_on.timestamp(), since_s)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-01", 25), ("2026-03-08", 23), ("2026-07-01", 24)], ids=["autumn", "spring", "summer"]
)
def test_days_with_23_and_25_hours_are_complete(
    app: App, camera_id: int, open_page: Open, day: str, hours: int
) -> None:
    page = open_page(f"{app.url}/recordings/{camera_id}", timezone_id="America/New_York").page
    wait(page, ROWS)
    choice = page.locator(f"#calendar button[data-day='{day}']")
    for _ in range(36):
        if choice.count():
            break
        page.locator("#calendar [data-part=before]").click()
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("America/New_York"))

    def is_of_the_day(asked: Request) -> bool:
        query = parse_qs(urlsplit(asked.url).query)
        if "/coverage?" not in asked.url or "events" in query:  # the calendar asks for a month without events
            return False
        start, end = (datetime.fromisoformat(query[name][0]) for name in ("start_time", "end_time"))
        return start <= midnight and midnight + timedelta(days=1) <= end <= midnight + timedelta(days=3)

    with page.expect_request(is_of_the_day):
        choice.click()
    view = page.evaluate("document.querySelector('recording-timeline').view")
    assert (view["endMs"] - view["startMs"]) / 3_600_000 == hours
    with page.expect_request("**/search") as asked:
        page.get_by_role("button", name="Search", exact=True).click()
    document = json.loads(asked.value.post_data or "")
    begins, ends = (datetime.fromisoformat(document[name]) for name in ("start_time", "end_time"))
    assert begins == midnight
    assert ends - begins == timedelta(hours=hours)


def test_a_drag_moves_the_timeline_and_the_wheel_zooms_it(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    watched = open_page(f"{app.url}/recordings/{camera_id}")
    watched.forgive("404")  # segments of an intermediate seek are deleted by the next one
    recordings = watched.page
    wait(recordings, ROWS)
    frame = recordings.locator(".timeline-frame")
    frame.scroll_into_view_if_needed()
    box = box_at_rest(recordings, frame)
    x, y = box["x"] + box["width"] * 0.6, box["y"] + 60

    def view() -> dict[str, float]:
        found: dict[str, float] = recordings.evaluate("document.querySelector('recording-timeline').view")
        return found

    def at(x_px: float) -> float:
        inside: float = recordings.evaluate(
            """(x) => { const timeline = document.querySelector('recording-timeline');
              const box = timeline.canvas.getBoundingClientRect();
              const { startMs, endMs } = timeline.view;
              return startMs + (x - box.left - 148) / (box.width - 148) * (endMs - startMs); }""",
            x_px,
        )
        return inside

    before = at(x)
    recordings.mouse.move(x, y)
    recordings.mouse.wheel(0, -400)
    until_on(recordings, lambda: view()["endMs"] - view()["startMs"] < 20 * 3_600_000)
    assert abs(at(x) - before) < 60_000
    start = view()["startMs"]
    recordings.mouse.down()
    recordings.mouse.move(x + 200, y, steps=5)
    recordings.mouse.up()
    until_on(recordings, lambda: view()["startMs"] < start - 600_000)
    assert recordings.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle", "a drag plays nothing"
    axis_y = box["y"] + 10
    recordings.mouse.move(x, axis_y)
    recordings.mouse.down()
    recordings.mouse.move(x - 150, axis_y, steps=5)
    wanted_s = at(x - 150) / 1000
    since_s = time.monotonic()
    recordings.mouse.up()
    recordings.wait_for_selector(PLAYING)
    wanted = datetime.fromtimestamp(wanted_s, UTC)
    spans = recorder.archive(1, wanted - timedelta(days=1), datetime.now(UTC))["spans"]
    starts, ends = ([datetime.fromisoformat(span[name]) for span in spans] for name in ("start", "end"))
    is_recorded = any(start <= wanted < end for start, end in zip(starts, ends, strict=True))
    plays_from = wanted if is_recorded else min(start for start in starts if start > wanted)

    def plays_it() -> bool:
        lag_s = burnt_s(recordings) - plays_from.timestamp()
        return -1.5 <= lag_s <= 5 + time.monotonic() - since_s

    until_on(recordings, plays_it)
    expect(recordings.locator("#gap-note")).to_have_text("" if is_recorded else re.compile("^Nothing was recorded at"))


def test_a_tap_plays_and_two_fingers_zoom_the_timeline(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/recordings/{camera_id}", 390, 844, is_mobile=True, has_touch=True).page
    wait(page, ROWS)
    frame = page.locator(".timeline-frame")
    frame.scroll_into_view_if_needed()
    box = box_at_rest(page, frame)
    x, y = box["x"] + 84 + (box["width"] - 84) / 2, box["y"] + 43
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: float) -> None:
        points = [{"x": place, "y": y, "id": number} for number, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    view = "document.querySelector('recording-timeline').view"
    length = f"{view}.endMs - {view}.startMs"
    before_ms: float = page.evaluate(length)
    fingers("touchStart", x - 20, x + 20)
    for spread in (30, 45, 60, 80):
        fingers("touchMove", x - spread, x + spread)
    fingers("touchEnd")
    wait(page, f"{length} < {before_ms / 2}")
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"
    page.touchscreen.tap(x, y)
    page.wait_for_selector(PLAYING)


def test_a_device_without_event_search_is_drawn_as_unknown(plain_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", "no-event-search") as recorder:
        camera_id = plain_app.add_camera(recorder, name="Without event search")
        page = open_page(f"{plain_app.url}/recordings/{camera_id}").page
        expect(page.locator("#unknown-note")).to_be_visible()
        states = (
            "document.querySelector('recording-timeline').rows.flatMap((row) => row.spans.map(({ state }) => state))"
        )
        wait(page, f"{states}.includes('unknown')")
        assert "recorded" not in page.evaluate(states)
        expect(page.locator("#calendar [data-state=unknown]").first).to_be_visible()


def test_a_device_without_profile_g_is_recognised_and_offers_live(plain_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", "no-profile-g") as recorder:
        camera_id = plain_app.add_camera(recorder, name="Plain camera")
        watched = open_page(f"{plain_app.url}/recordings/{camera_id}")
        watched.forgive("422")
        page = watched.page
        expect(page.locator("#problem")).to_contain_text("does not list its recordings over ONVIF")
        expect(page.locator("#problem-live")).to_have_attribute("href", f"/viewer/{camera_id}")
        expect(page.locator("#timeline")).to_be_hidden()
        expect(page.locator("#camera")).to_be_visible()
        page.goto(f"{plain_app.url}/viewer/{camera_id}")
        page.wait_for_selector("#stage[data-phase=playing]")
        expect(page.locator("#recorded")).to_be_hidden()


def test_a_wrong_clock_is_shown_and_corrected(plain_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "1", "--profile", "small") as recorder:
        recorder.set_fault("clock_offset", 600)
        camera_id = plain_app.add_camera(recorder, name="Wrong clock")
        page = open_page(f"{plain_app.url}/recordings/{camera_id}", timezone_id="UTC").page
        expect(page.locator("#clock-text")).to_contain_text("10 min ahead")
        click_time(page, recorded_at(recorder))
        page.wait_for_selector(PLAYING)
        shown_s = "document.querySelector('#player').atMs / 1000"
        assert page.evaluate(shown_s) - 1.5 < burnt_s(page) - 600 < page.evaluate(shown_s) + 1.5
        pause(page)
        standing_s(page)
        clock = page.locator("#player [data-part=clock]")
        paused_s: float = page.evaluate("Math.floor(document.querySelector('#player').atMs / 1000)")
        expect(clock).to_have_text(f"{datetime.fromtimestamp(paused_s, UTC):%Y-%m-%d %H:%M:%S}")
        page.get_by_label("Show the recorder’s own clock").check()
        own = datetime.fromtimestamp(paused_s + 600 + 3600, UTC)  # the simulator's time zone is UTC+1
        expect(clock).to_have_text(f"{own:%Y-%m-%d %H:%M:%S}")


def test_a_third_viewer_of_a_recorder_gets_a_message(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    until(lambda: not recorder.control("GET", "/replay")["sessions"], what="both places free")
    at = datetime.now(UTC) - timedelta(minutes=30)  # no channel has a gap in the hour before the recorder's start
    pages: list[Page] = []
    for number, channel in enumerate((1, 3)):
        text = (at - timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        page = open_page(f"{app.url}/recordings/{camera_id}?channel={channel}&t={text}").page
        page.wait_for_selector(PLAYING)
        pages.append(page)
    third = open_page(f"{app.url}/recordings/{camera_id}?channel=5&t={at.strftime('%Y-%m-%dT%H:%M:%SZ')}")
    third.forgive("429")
    expect(third.page.locator("#player")).to_contain_text("cannot play more recordings at the same time")
    for page in pages:
        before_s = burnt_s(page)
        wait(page, f"({BURNT})('player') > {before_s}")
    pages[0].goto("about:blank")
    until_on(third.page, lambda: len(recorder.control("GET", "/replay")["sessions"]) < 2)
    until_on(third.page, lambda: len(app.call("GET", "/api/streams/all")["streams"]) < 2)
    third.page.locator("#player").get_by_role("button", name="Try again").click()
    third.page.wait_for_selector(PLAYING)


def test_a_key_leads_from_live_to_the_recording(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    page.wait_for_selector("#stage[data-phase=playing]")
    now_s = datetime.now(UTC).timestamp()
    page.keyboard.press("b")
    page.wait_for_url(f"**/recordings/{camera_id}?channel=1&t=*")
    page.wait_for_selector(PLAYING)
    shown_s = burnt_s(page)
    assert now_s - 45 < shown_s < datetime.now(UTC).timestamp() - 10


def test_a_snapshot_is_named_after_camera_channel_and_frame_time(
    recordings: Page, recorder: Recorder, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    span = recorder.archive(1, now - timedelta(hours=20), now - timedelta(hours=10))["spans"][0]
    click_time(recordings, datetime.fromisoformat(span["start"]) + timedelta(minutes=20))
    recordings.wait_for_selector(PLAYING)
    pause(recordings)
    standing_s(recordings)
    paused = recordings.evaluate("Math.floor(document.querySelector('#player').atMs / 1000)")
    clock = recordings.locator("#player [data-part=clock]")
    shown = datetime.fromtimestamp(paused).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    expect(clock).to_have_text(shown)
    with recordings.expect_download() as download:
        recordings.keyboard.press("s")
    name = download.value.suggested_filename
    assert re.fullmatch(r"Recorder .+ \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\.jpg", name)
    assert shown.replace(":", "-") in name


def test_a_recorder_that_goes_away_during_indexing_is_reported(plain_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "1", "--profile", "small") as recorder:
        camera_id = plain_app.add_camera(recorder, name="Goes away")
        recorder.set_fault("soap_silent")
        watched = open_page(f"{plain_app.url}/recordings/{camera_id}")
        watched.forgive("504", "503")
        expect(watched.page.locator("#problem")).to_contain_text("does not answer")
        recorder.clear_fault("soap_silent")
        watched.page.get_by_role("button", name="Try again").first.click()
        wait(watched.page, ROWS)
        expect(watched.page.locator("#problem")).to_be_hidden()


def test_indexing_can_be_stopped_and_resumed(plain_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "1", "--profile", "small") as recorder:
        camera_id = plain_app.add_camera(recorder, name="Slow to tell")
        recorder.set_fault("slow", 1.0)
        page = open_page(f"{plain_app.url}/recordings/{camera_id}").page
        stop, resume = (page.get_by_role("button", name=name, exact=True) for name in ("Stop", "Resume"))
        stop.click()
        expect(resume).to_be_visible()
        expect(stop).to_be_hidden()
        left = f"{_SPANS}.filter((span) => span.state === 'not_asked')"
        wait(page, ROWS)
        page.wait_for_timeout(2500)
        assert page.evaluate(f"{left}.length") > 0, "what was stopped is not asked behind the user's back"
        recorder.clear_fault("slow")
        resume.click()
        expect(resume).to_be_hidden()
        wait(page, f"{left}.every((span) => span.endMs > Date.now() - 60000)")


def test_an_empty_app_shows_the_first_step(plain_app: App, empty_app: App, open_page: Open) -> None:
    page = open_page(f"{empty_app.url}/recordings").page
    expect(page.get_by_role("heading", name="No recorder is added yet")).to_be_visible()
    assert_no_overflow(page)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_recordings_page_has_no_horizontal_overflow(app: App, camera_id: int, open_page: Open, width: int) -> None:
    more: dict[str, Any] = {"is_mobile": True, "has_touch": True} if width < 600 else {}
    page = open_page(f"{app.url}/recordings/{camera_id}", width, 844, **more).page
    wait(page, ROWS)
    assert_no_overflow(page)


def assert_no_overflow(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
