"""The events page: list, filters, marks as seen, news and keys, by answers that the test gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.logged_events import NOON, StandInEvents, iso, logged, message, some, told
from tests.browser.recordings import BURNT, GOP_S, PLAYING, burnt_s, place_of, recorded_at, stamp, wait
from tests.browser.watching import Open, cut_outlines, settled_on, until_on
from tests.patience import LIMIT_S
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROWS = "event-row"
_TOP_OF_20 = "document.querySelector('[data-id=\"20\"]').getBoundingClientRect().top"
# Pixels of the timeline in the colour of alerts.
_ALERT_INK = """(() => {
  const { canvas } = document.querySelector('recording-timeline');
  const colour = getComputedStyle(canvas).getPropertyValue('--timeline-alert').match(/\\d+/g).map(Number);
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  const isInk = (at) => [0, 1, 2].every((part) => data[at + part] === colour[part]);
  for (let at = 0; at < data.length; at += 4) count += isInk(at);
  return count;
})()"""


def test_the_list_has_days_kinds_places_and_lengths(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = [
        logged(1, NOON, "person", rule="Fence", picture_url="/api/events/1/picture", box=[0.1, 0.2, 0.3, 0.5]),
        logged(2, NOON - timedelta(hours=1), "motion", lasts_s=None, channel=2, channel_name="Yard"),
        logged(3, NOON - timedelta(days=1), "offline", channel=None, channel_name="", source="server", seen=True),
        logged(4, NOON - timedelta(days=1), "other", topic="tnsx:Device/<b>WiperStuck", closed_why="timeout"),
    ]
    events.late_pictures = {1}
    page.goto(f"{app.url}/events")
    rows = page.locator(ROWS)
    expect(rows).to_have_count(4)
    expect(page.locator(".event-day-title")).to_have_text(["Sunday 22 November 2026", "Saturday 21 November 2026"])
    expect(rows.nth(0)).to_contain_text("Person")
    expect(rows.nth(0)).to_contain_text("Alert")
    expect(rows.nth(0)).to_contain_text("Recorder: Front door")
    expect(rows.nth(0)).to_contain_text("12:00:00")
    expect(rows.nth(0)).to_contain_text("12 s")
    expect(rows.nth(0)).to_contain_text("Rule: Fence")
    until_on(page, lambda: rows.nth(0).locator("img").evaluate("(image) => image.naturalWidth") == 320)
    expect(rows.nth(0).locator(".event-box")).to_be_visible()
    expect(rows.nth(1)).to_contain_text("going on for")
    expect(rows.nth(1).locator("[data-part=alert]")).to_be_hidden()
    offline = page.locator("[data-id='3']")
    expect(offline).to_contain_text("Recorder, the whole device")
    expect(offline.locator("[data-part=new]")).to_be_hidden()
    expect(offline.locator("[data-part=export]")).to_be_hidden()
    unknown = page.locator("[data-id='4']")
    expect(unknown).to_contain_text("Device, <b>Wiper stuck")  # the device's text, as text
    expect(unknown).to_contain_text("The device did not report the end.")
    expect(page.locator("#end")).to_be_visible()


def test_an_event_leads_to_its_recording_and_its_marked_range(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = [logged(1, NOON, camera_id=camera_id)]
    page.goto(f"{app.url}/events")
    row = page.locator(ROWS)
    played = f"/recordings/{camera_id}?channel=1&t=2026-11-22T11:59:55Z"
    expect(row.get_by_role("link", name="Motion, Recorder: Front door, 12:00:00, new")).to_have_attribute(
        "href", played
    )
    marked = f"{played}&in=2026-11-22T11:59:55Z&out=2026-11-22T12:00:17Z"
    expect(row.get_by_role("link", name="Export Motion")).to_have_attribute("href", marked)
    row.get_by_role("button", name="Keep Motion").click()
    expect(page.locator("#recording-keep")).to_contain_text("2026-11-22 11:59:55 to 2026-11-22 12:00:17")
    page.keyboard.press("Escape")
    row.get_by_role("link", name="Export Motion").click()
    expect(page.locator("#mark-in-time")).to_have_value("2026-11-22T11:59:55")
    expect(page.locator("#mark-out-time")).to_have_value("2026-11-22T12:00:17")


def test_filters_are_in_the_address_and_in_the_requests(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = [logged(1, NOON, "person"), logged(2, NOON, "motion"), logged(3, NOON, "vehicle", seen=True)]
    page.goto(f"{app.url}/events?severity=alert")
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_label("Seen", exact=True).select_option("New")
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator("#kinds summary").click()
    page.get_by_label("Vehicle").check()
    expect(page.locator("#none-title")).to_have_text("No event matches the filters")
    page.get_by_label("From", exact=True).fill("18:00")
    expect(page).to_have_url(f"{app.url}/events?kind=vehicle&severity=alert&seen=no&from=18:00")
    until_on(page, lambda: events.asked[-1].get("from_time_of_day") == ["18:00"])
    until_on(page, lambda: events.counted[-1].get("from_time_of_day") == ["18:00"])
    assert "day" not in events.counted[-1], "the calendar counts all days of its month"
    assert events.asked[-1]["kind"] == ["vehicle"]
    assert events.asked[-1]["seen"] == ["0"]
    page.reload()
    expect(page.get_by_label("Severity")).to_have_value("alert")
    assert not cut_outlines(page, "#filter select, #filter input[type=time]")
    expect(page.locator("#kinds-text")).to_have_text("Vehicle")
    page.locator("#none-clear").click()
    expect(page.locator(ROWS)).to_have_count(3)
    expect(page).to_have_url(f"{app.url}/events")


def test_the_calendar_counts_and_chooses_days(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    now = datetime.now(UTC)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    events.events = [logged(1, first, "person"), logged(2, first, "motion"), logged(3, first - timedelta(days=3))]
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(3)
    day = page.get_by_role("button", name="2 events, 1 alert")
    expect(day).to_be_visible()
    expect(day).to_have_text("1")  # all of it is in the button's name
    day.click()
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page).to_have_url(f"{app.url}/events?day={first:%Y-%m-%d}")
    expect(day).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="All days").click()
    expect(page.locator(ROWS)).to_have_count(3)


def test_pages_follow_as_the_user_scrolls(app: App, camera_id: int, events_page: tuple[Page, StandInEvents]) -> None:
    page, events = events_page
    events.events = some(120)
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS).nth(49)).to_be_attached()
    assert page.locator(ROWS).count() < 120, "the next pages wait until the user is near"
    page.locator(ROWS).nth(49).scroll_into_view_if_needed()
    expect(page.locator(ROWS).nth(99)).to_be_attached()
    page.locator(ROWS).nth(99).scroll_into_view_if_needed()
    expect(page.locator(ROWS)).to_have_count(120)
    expect(page.locator("#end")).to_be_attached()


def test_only_events_that_were_in_sight_are_marked_as_seen(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = some(40)
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(40)
    button = page.locator("#seen-shown")
    expect(button).to_contain_text("shown as seen")
    page.keyboard.press("a")
    expect(page.locator("#seen-done")).to_contain_text("marked as seen")
    assert 1 in events.seen_ids
    assert 40 not in events.seen_ids, "it is far below"
    assert len(events.seen_ids) < 15
    expect(page.locator("[data-id='1'] [data-part=new]")).to_be_hidden()
    page.locator("#seen-undo").click()
    until_on(page, lambda: not events.seen_ids)
    expect(page.locator("[data-id='1'] [data-part=new]")).to_be_visible()


def test_a_refused_mark_is_taken_back(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank", timezone_id="UTC")
    watched.forgive("403", "503")
    page, events = watched.page, StandInEvents(watched.page, some(2))
    page.goto(f"{app.url}/events")
    row = page.locator("[data-id='1']")
    expect(row).to_be_visible()
    events.refusal, events.refusal_status = (
        {"code": "forbidden", "detail": "You do not have permission to do this."},
        403,
    )
    row.get_by_role("button", name="Mark as seen").click()
    expect(page.locator("toast-area")).to_contain_text("You do not have permission to do this.")
    expect(row.locator("[data-part=new]")).to_be_visible()


def test_new_events_wait_above_what_the_user_reads(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = [*some(40), logged(50, NOON - timedelta(hours=2), lasts_s=None)]
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(41)
    read = page.locator("[data-id='20']")
    read.scroll_into_view_if_needed()
    before = settled_on(page, lambda: page.evaluate(_TOP_OF_20))
    events.tell(logged(100, NOON + timedelta(minutes=1), "person"))
    events.tell(logged(101, NOON + timedelta(minutes=2), "person"))
    events.tell(logged(50, NOON - timedelta(hours=2), lasts_s=90.0))
    expect(page.locator("#news")).to_have_text("2 new events")
    expect(page).to_have_title("(2) Events · ONVIF Web Viewer")
    expect(page.locator(ROWS)).to_have_count(41)
    expect(page.locator("[data-id='50']")).to_contain_text("2 min")
    assert abs(page.evaluate(_TOP_OF_20) - before) < 1
    page.locator("#news").click()
    expect(page.locator(ROWS)).to_have_count(43)
    expect(page.locator("[data-id='101'] a.event-link")).to_be_focused()
    expect(page.locator("#news")).to_be_hidden()
    events.gone = [20]
    expect(read).to_have_count(0)


def test_the_end_of_a_seen_event_comes_with_the_filter_for_new_ones(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = [logged(1, NOON, lasts_s=None)]
    page.goto(f"{app.url}/events?seen=no")
    row = page.locator("[data-id='1']")
    row.get_by_role("button", name="Mark as seen").click()
    until_on(page, lambda: events.seen_ids == {1})
    events.tell(logged(2, NOON + timedelta(minutes=1), seen=True))
    events.tell(logged(3, NOON + timedelta(minutes=2)))
    events.tell(logged(1, NOON, lasts_s=90.0, seen=True))
    expect(row).to_contain_text("2 min")
    expect(page.locator("#news")).to_have_text("1 new event")


def test_very_many_new_events_begin_the_list_anew(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    events.events = some(60)
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(50)
    for number in range(1000, 1250):
        events.tell(logged(number, NOON + timedelta(seconds=number)))
    expect(page.locator("#news")).to_have_text("250 new events")
    page.keyboard.press("n")
    expect(page.locator("[data-id='1249'] a.event-link")).to_be_focused()
    expect(page.locator(ROWS)).to_have_count(50)
    expect(page.locator("#news")).to_be_hidden()


def test_keys_move_and_mark(app: App, camera_id: int, events_page: tuple[Page, StandInEvents]) -> None:
    page, events = events_page
    events.events = some(5, camera_id=camera_id)
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(5)
    for key, focused in (("j", 1), ("j", 2), ("j", 3), ("k", 2)):
        page.keyboard.press(key)
        expect(page.locator(f"[data-id='{focused}'] a.event-link")).to_be_focused()
    page.keyboard.press("Space")
    until_on(page, lambda: events.seen_ids == {2})
    expect(page.locator("[data-id='2'] [data-part=new]")).to_be_hidden()
    expect(page.locator("[data-id='2'] a.event-link")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")


def test_events_are_played_one_after_the_other(
    app: App, camera_id: int, recorder: Recorder, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    at = recorded_at(recorder)
    events.events = [
        logged(1, at, "person", camera_id=camera_id),
        logged(2, at - timedelta(minutes=1), "offline", camera_id=camera_id, channel=None),
        logged(3, at - timedelta(minutes=2), camera_id=camera_id),
    ]
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#play-title")).to_have_text(f"Person, {at:%Y-%m-%d %H:%M:%S}")
    page.wait_for_selector(PLAYING)
    assert -5 - GOP_S - 0.5 <= burnt_s(page) - at.timestamp() <= LIMIT_S
    until_on(page, lambda: events.seen_ids == {1})
    expect(page.locator("#play-before")).to_be_disabled()
    page.keyboard.press("n")
    earlier = at - timedelta(minutes=2)
    expect(page.locator("#play-title")).to_have_text(
        f"Motion, {earlier:%Y-%m-%d %H:%M:%S}"
    )  # the device has no recording
    page.wait_for_selector(PLAYING)
    wait(page, f"({BURNT})('player') < {at.timestamp() - 60}")
    expect(page.get_by_role("link", name="Timeline")).to_have_attribute(
        "href", f"/recordings/{camera_id}?channel=1&t={stamp(earlier - timedelta(seconds=5))}"
    )
    page.keyboard.press("Escape")
    expect(page.locator("[data-id='3'] a.event-link")).to_be_focused()
    until_on(page, lambda: events.seen_ids == {1, 3})
    assert page.url == f"{app.url}/events"


def test_an_empty_list_says_why(app: App, camera_id: int, events_page: tuple[Page, StandInEvents]) -> None:
    page, events = events_page
    events.is_wanted = False
    page.goto(f"{app.url}/events")
    expect(page.locator("#none-title")).to_have_text("No events yet")
    line = page.locator("#none-devices li").filter(has_text="Recorder").first
    expect(line).to_contain_text("Events are switched off.")
    line.get_by_role("button", name="Switch the events of Recorder on").click()
    expect(line).to_contain_text("Events are switched on.")
    assert events.sent == [("PUT", f"/api/cameras/{camera_id}/events", {"listens_wanted": True})]
    expect(line.get_by_role("link", name="What this device tells")).to_be_visible()
    page.goto(f"{app.url}/events?seen=no")
    expect(page.locator("#none-title")).to_have_text("You have seen all events")
    events.tell(logged(1, NOON))
    expect(page.locator(ROWS)).to_have_count(1)  # nothing is there that it could move


def test_a_refusal_is_shown_and_can_be_tried_again(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank", timezone_id="UTC")
    watched.forgive("503")
    page, events = watched.page, StandInEvents(watched.page, some(3))
    events.refusal = {"code": "busy", "detail": "The server is busy."}
    page.goto(f"{app.url}/events")
    expect(page.locator("#problem")).to_contain_text("The server is busy.")
    expect(page.locator("#none")).to_be_hidden()
    events.refusal = None
    page.locator("#problem-retry").click()
    expect(page.locator(ROWS)).to_have_count(3)
    expect(page.locator("#problem")).to_be_hidden()


def test_a_button_that_hides_itself_hands_the_focus_on(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank", timezone_id="Pacific/Chatham")
    watched.forgive("503")
    page, events = watched.page, StandInEvents(watched.page, some(60))
    page.goto(f"{app.url}/events?day=2026-11-22")
    expect(page.locator("#hours-zone")).to_contain_text("By the server’s time zone")
    expect(page.locator("#calendar-zone")).to_be_visible()
    expect(page.locator("#day-clear")).to_be_visible()
    page.locator("#day-clear").press("Enter")
    expect(page.locator("#list-title")).to_be_focused()
    page.get_by_label("Severity").select_option("Notices")
    expect(page.locator("#filter-clear")).to_be_visible()
    page.locator("#filter-clear").press("Enter")
    expect(page.locator("#filter-camera")).to_be_focused()
    events.refusal = {"code": "busy", "detail": "The server is busy."}
    page.get_by_label("Severity").select_option("Notices")
    expect(page.locator("#problem")).to_be_visible()
    events.refusal = None
    page.locator("#problem-retry").press("Enter")
    expect(page.locator("#list-title")).to_be_focused()
    page.get_by_label("Severity").select_option("Alerts and notices")
    expect(page.locator(ROWS)).to_have_count(50)
    page.evaluate("document.getElementById('more').click()")
    expect(page.locator(f"{ROWS}:nth-child(51) a.event-link")).to_be_focused()
    page.get_by_label("Seen", exact=True).select_option("Seen")
    expect(page.locator("#none-clear")).to_be_visible()
    page.locator("#none-clear").press("Enter")
    expect(page.locator("#list-title")).to_be_focused()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_list_fits_the_window(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents], width: int
) -> None:
    page, events = events_page
    long = "W" * 60
    events.events = [logged(1, NOON, "person", label=long, channel_name=long, rule=long, camera_name=long)]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{app.url}/events")
    expect(page.locator(ROWS)).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_device_tells_its_topics_and_a_test_lists_its_messages(
    app: App, camera_id: int, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    last = message(NOON, IsMotion="<i>true</i>")
    motion = {"topic": last["topic"], "kind": "motion", "count": 3, "last_time": iso(NOON), "is_listed": True}
    silent = {"topic": "Device/WiperStuck", "kind": "other", "count": 0, "last_time": None, "is_listed": False}
    topics = [{**motion, "last_message": last}, {**silent, "last_message": None}]
    events.topics = told(topics=topics, recent=[last])
    page.goto(f"{app.url}/events?device={camera_id}")
    expect(page.locator("#device-title")).to_have_text("What Recorder tells")
    expect(page.locator("#device-state")).to_have_text("The app listens to this device.")
    rows = page.locator("#device-topics tr")
    expect(rows.nth(0)).to_contain_text("begins IsMotion=<i>true</i>")
    expect(rows.nth(1)).to_contain_text("Device, Wiper stuck")
    expect(rows.nth(1)).to_contain_text("The device does not list it.")
    page.locator("#device-test").click()
    expect(page.locator("#device-test-state")).to_contain_text("no messages so far")
    events.topics = told(topics=topics, recent=[message(NOON + timedelta(seconds=9), False), last])
    expect(page.locator("#device-messages li")).to_have_count(1)  # the older one is no news
    expect(page.locator("#device-messages li")).to_contain_text("Motion, channel 1")
    expect(page.locator("#device-messages li")).to_contain_text("ends")
    page.get_by_label("Listen to this device").uncheck()
    expect(page.locator("#device-state")).to_have_text("Events are switched off.")
    assert events.sent == [("PUT", f"/api/cameras/{camera_id}/events", {"listens_wanted": False})]


def test_the_health_card_leads_to_what_the_device_tells(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/cameras").page
    page.get_by_role("button", name="Health card").first.click()
    link = page.get_by_role("link", name="What it tells")
    expect(link).to_have_attribute("href", f"/events?device={camera_id}")
    link.click()
    expect(page.locator("#device-title")).to_have_text("What Recorder tells")
    expect(page.locator("#device-topics tr", has_text="VideoSource/MotionAlarm")).to_contain_text("Motion")


def test_events_are_marks_on_the_timeline_and_steps_of_it(
    app: App, camera_id: int, recorder: Recorder, events_page: tuple[Page, StandInEvents]
) -> None:
    page, events = events_page
    at = recorded_at(recorder)
    events.events = [logged(1, at, "licence_plate", lasts_s=60.0, severity="alert", camera_id=camera_id)]
    begin, end = stamp(at - timedelta(minutes=5)), stamp(at + timedelta(minutes=5))
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1&from={begin}&to={end}")
    place = place_of(page, at + timedelta(seconds=30))
    until_on(page, lambda: page.evaluate(_ALERT_INK) > 0)
    page.mouse.move(*place)
    expect(page.locator(".timeline-tip")).to_contain_text("Licence plate (alert)")
    page.evaluate("(ms) => { document.querySelector('recording-timeline').atMs = ms; }", (at.timestamp() - 2.5) * 1000)
    page.keyboard.press("n")
    expect(page.locator("#gap-note")).to_contain_text(f"Licence plate at {at:%Y-%m-%d %H:%M:%S}.")
