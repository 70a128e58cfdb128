"""The clock that the timeline shows: the recorder's and the browser's, and hours that repeat."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Route, expect

from tests.browser.recordings import (
    PLAYING,
    ROWS,
    click_time,
    look_at,
    recorded_at,
    wait,
)
from tests.browser.replaying import pause, standing_s
from tests.browser.watching import Open
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]


def test_an_unknown_clock_is_not_called_right(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page

    def unknown(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "clock_offset_s": None, "zone_s": None})

    page.route("**/summary", unknown)
    page.goto(f"{app.url}/recordings/{camera_id}")
    expect(page.locator("[data-fact=clock]")).to_have_text("unknown")


def test_the_recorders_clock_is_offered_if_only_its_zone_differs(
    app: App, camera_id: int, recorder: Recorder, open_page: Open
) -> None:
    at = recorded_at(recorder)
    page = open_page(f"{app.url}/recordings/{camera_id}", timezone_id="America/New_York").page
    wait(page, ROWS)
    look_at(page, at - timedelta(minutes=30), at + timedelta(minutes=30))
    click_time(page, at)
    page.wait_for_selector(PLAYING)
    pause(page)
    standing_s(page)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#results tr").first).to_be_visible()
    expect(page.locator("#device-clock-zone")).to_have_text("(UTC+1)")
    began = page.locator("#results tr:first-child td:nth-child(2)")
    before = datetime.strptime(began.inner_text(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo("America/New_York"))
    paused = datetime.fromtimestamp(page.evaluate("Math.floor(document.querySelector('#player').atMs / 1000)"), UTC)
    moment: int = page.evaluate("document.querySelector('#goto-field').atMs")
    page.get_by_label("Show the recorder’s own clock").check()
    own = timezone(timedelta(hours=1))
    expect(page.locator("#player [data-part=clock]")).to_have_text(f"{paused.astimezone(own):%Y-%m-%d %H:%M:%S}")
    expect(began).to_have_text(f"{before.astimezone(own):%Y-%m-%d %H:%M:%S}")
    typed = datetime.fromtimestamp(moment / 1000, own)
    expect(page.locator("#goto-time")).to_have_value(re.compile(f"^{typed:%Y-%m-%dT%H:%M}"))
    assert page.evaluate("document.querySelector('#goto-field').atMs") == moment
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert f"{paused.astimezone(own):%Y-%m-%d %H-%M-%S}" in download.value.suggested_filename


def test_both_times_of_a_repeated_hour_can_be_chosen(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/recordings/{camera_id}", timezone_id="Europe/Berlin").page
    wait(page, ROWS)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    page.locator("#from").fill("2026-10-25T02:30:00")
    page.locator("#to").fill("2026-10-25T02:30:00")
    from_which, to_which = (
        page.locator(f"#{name}-field").get_by_label("First or second time") for name in ("from", "to")
    )
    expect(page.locator("#goto-field").get_by_label("First or second time")).to_be_hidden()
    expect(from_which.locator("option")).to_have_text(["CEST", "CET"])
    to_which.select_option("CET")
    with page.expect_request("**/search") as asked:
        page.get_by_role("button", name="Search", exact=True).click()
    document = json.loads(asked.value.post_data or "")
    begins, ends = (datetime.fromisoformat(document[name]) for name in ("start_time", "end_time"))
    assert (begins, ends) == (first, first + timedelta(hours=1))
    look_at(page, first - timedelta(hours=1), first + timedelta(hours=2))
    slider = page.get_by_role("slider", name="Time")
    for at, zone in ((first, "CEST"), (first + timedelta(hours=1), "CET")):
        page.evaluate("(ms) => { document.querySelector('recording-timeline').atMs = ms; }", at.timestamp() * 1000)
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^2026-10-25 02:30:00 {zone},"))
    page.locator("#goto-time").fill("2026-03-29T02:30:00")
    expect(page.locator("#goto-field [role=status]")).to_have_text(
        "This time does not exist on that day. 03:30:00 is used."
    )
