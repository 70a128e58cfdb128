"""The events page by words, zones and similar objects, and by the link of a notification."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.logged_events import NOON, StandInEvents, logged, some
from tests.browser.recordings import PLAYING, recorded_at
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ROWS = "event-row"


def test_zones_are_a_filter_in_the_address(app: App, camera_id: int, events_page: tuple[Page, StandInEvents]) -> None:
    page, events = events_page
    events.events = [logged(1, NOON, zone="Gate"), logged(2, NOON, zone="<b>Yard"), logged(3, NOON)]
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(3)
    page.locator("#zones summary").click()
    page.get_by_label("<b>Yard").check()
    expect(page.locator(ROWS)).to_have_count(1)
    page.get_by_label("Gate").check()
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page).to_have_url(f"{app.url}/events?zone=%3Cb%3EYard&zone=Gate")
    page.reload()
    expect(page.locator("#zones-text")).to_have_text("<b>Yard, Gate")
    expect(page.locator(ROWS)).to_have_count(2)


def test_words_that_are_not_understood_are_struck_out(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    nothing: dict[str, Any] = {"labels": [], "zones": [], "camera_ids": [], "channels": [], "start_time": None}
    understood = {**nothing, "end_time": None, "kinds": ["person"], "colours": ["red"]}
    events.words = {"understood": {**understood, "times_of_day": [["18:00", "20:00"]]}, "not_understood": ["sneaky"]}
    events.events = some(2)
    page.goto(f"{app.url}/events")
    page.keyboard.press("/")
    page.get_by_role("searchbox").fill("sneaky red person 18-20")
    page.keyboard.press("Enter")
    expect(page.locator("#words li:not([data-left])")).to_have_text(["Person", "Red", "18:00 to 20:00"])
    expect(page.locator("#words s")).to_have_text("sneaky")
    assert events.asked[-1]["words"] == ["sneaky red person 18-20"]
    expect(page).to_have_url(f"{app.url}/events?words=sneaky+red+person+18-20")
    page.get_by_role("searchbox").fill("")
    expect(page.locator("#words")).to_be_hidden()
    expect(page).to_have_url(f"{app.url}/events")


def test_similar_events_show_in_their_order_and_play(
    app: App, camera_id: int, recorder: Recorder, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    at = recorded_at(recorder)
    alike = [logged(number, at - timedelta(minutes=number), "person", camera_id=camera_id) for number in (2, 3)]
    shown: dict[str, Any] = {"picture_url": "/api/events/1/picture", "box": [0.1, 0.2, 0.3, 0.5], "has_look": True}
    events.events = [logged(1, at, "person", camera_id=camera_id, **shown), *alike]
    events.similar = {1: [2, 3]}
    page.goto(f"{app.url}/events")
    page.get_by_role("button", name="Similar to Person").click()
    dialog = page.get_by_role("dialog", name="Similar to Person")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    dialog.get_by_role("link", name="Person").first.click()
    player = page.locator("#play-dialog dialog")
    expect(player).to_be_visible()
    page.wait_for_selector(PLAYING)
    page.keyboard.press("Escape")
    expect(player).to_be_hidden()
    expect(dialog).to_be_visible()


def test_a_link_of_a_notification_plays_its_event(
    app: App, camera_id: int, recorder: Recorder, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    at = recorded_at(recorder)
    events.events = [*some(2), logged(9, at, "person", camera_id=camera_id)]
    page.goto(f"{app.url}/events?event=9")
    expect(page.locator("#play-title")).to_have_text(f"Person, {at:%Y-%m-%d %H:%M:%S}")
    page.wait_for_selector(PLAYING)
    page.keyboard.press("Escape")
    expect(page.locator("[data-id='9'] a.event-link")).to_be_focused()
