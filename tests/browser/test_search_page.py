"""The page that searches in a part of the picture, by mouse, finger and keys, with all states of a search.

The answers about searches are pretended, see pretend_searches.py; the pictures and recordings are the recorder's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.pretend_searches import PretendSearches, result, search_answer
from tests.browser.storyboard import Thumbnails
from tests.browser.watching import Open, box_at_rest, until_on
from tests.patience import stays
from tools.running import App
from web.api import search_models

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHANNEL = 2
STAGE = ".zone-stage"
TITLE = "#job-title"
HOSTILE = "<img src=x onerror='window.hacked=1'>"


def open_search(
    app: App, open_page: Open, query: str, width: int = 1280, **options: Any
) -> tuple[Page, PretendSearches]:
    page = open_page("about:blank", width, 844 if width < 800 else 800, **options).page
    Thumbnails(page)
    searches = PretendSearches(page)
    page.goto(f"{app.url}/search{query}")
    return page, searches


def of_channel(camera_id: int) -> str:
    return f"?camera={camera_id}&channel={CHANNEL}"


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Drag with the mouse over places of the picture, in parts of it."""
    box = box_at_rest(page, page.locator(STAGE))
    for step, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if step == 0:
            page.mouse.down()
    page.mouse.up()


def flat(points: list[list[float]]) -> list[float]:
    return [part for point in points for part in point]


def test_the_pretended_answers_have_the_shape_of_the_api() -> None:
    answer = search_answer(1) | {"results": [result(1, 0.5)], "estimate": {"key_frames": 1, "bytes": 1, "seconds": 1.0}}
    assert answer.keys() == search_models.Search.model_fields.keys()
    assert answer["results"][0].keys() == search_models.SearchResult.model_fields.keys()
    assert {"can_compare", "install_command", "searches"} == search_models.SearchList.model_fields.keys()
    search_models.Search.model_validate(answer)


def test_a_search_by_mouse_from_the_box_to_the_recording(app: App, camera_id: int, open_page: Open) -> None:
    page, searches = open_search(app, open_page, of_channel(camera_id))
    expect(page.locator("#picture")).to_be_visible()
    drag(page, (0.2, 0.2), (0.5, 0.5), (0.6, 0.6))
    drag(page, (0.6, 0.6), (0.7, 0.7), (0.8, 0.9))  # its lower right corner
    drag(page, (0.2, 0.5), (0.15, 0.6), (0.1, 0.6))  # its left edge
    expect(page.get_by_role("spinbutton", name="Left")).to_have_value(re.compile(r"^(9\.\d|10(\.\d)?)$"))
    page.get_by_role("button", name="Last 24 hours").click()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(TITLE)).to_have_text("Reads the known recordings")
    [asked] = searches.requests
    assert (asked["camera_id"], asked["channel"], asked["kind"], asked["source"]) == (camera_id, CHANNEL, "moved", None)
    assert flat(asked["points"]) == pytest.approx([0.1, 0.2, 0.8, 0.2, 0.8, 0.9, 0.1, 0.9], abs=0.02)
    start, end = (datetime.fromisoformat(asked[name]) for name in ("start_time", "end_time"))
    assert (end - start).total_seconds() == pytest.approx(86_400, abs=2)
    assert abs((datetime.now(UTC) - end).total_seconds()) < 600

    found = [result(10, 0.3), result(30, 0.9)]
    searches.now.update(state="running", recorded_s=7200.0, progress=0.25, key_frames=214, bytes=12_000_000)
    searches.now["results"] = found
    expect(page.locator(TITLE)).to_have_text("Searching")
    expect(page.locator("#job-progress-text")).to_have_text(
        "The server looked at 25 % of the 2 h that are recorded. 214 pictures, 12 MB from the recorder"
    )
    rows = page.locator(".search-result")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("20 s, strong")
    expect(rows.first.locator("img[src]").last).to_be_visible()
    page.get_by_role("button", name="Newest").click()
    expect(rows.first).to_contain_text("strong")
    searches.now["results"] = [*found, result(60, 0.1)]
    expect(rows.first).to_contain_text("weak")

    searches.now.update(state="waiting", waits_for="user")
    searches.now["estimate"] = {"key_frames": 5400, "bytes": 1_500_000_000, "seconds": 372.0}
    expect(page.locator("#job-text")).to_contain_text("about 6 min: 5400 pictures, 1.5 GB from the recorder")
    page.get_by_role("button", name="Look at the rest").click()
    expect(page.locator(TITLE)).to_have_text("Searching")
    searches.now.update(state="done", waits_for=None, progress=1.0)
    expect(page.locator(TITLE)).to_have_text("Done")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.locator(".search-earlier-row a[aria-current]")).to_contain_text("Something moved here")
    expect(page).to_have_url(re.compile(r"/search\?search=1$"))
    link = rows.first.get_by_role("link")
    expect(link).to_have_attribute("href", re.compile(r"^/recordings/1\?channel=1&t="))
    link.click()
    expect(page).to_have_url(re.compile(r"/recordings/1"))


def test_a_real_search_shows_movements_and_plays_one(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/search?camera={camera_id}&channel=1").page
    page.get_by_role("button", name="Box").click()
    for name, value in (("Width", 96), ("Height", 60), ("Left", 2), ("Top", 30)):
        page.get_by_role("spinbutton", name=name).fill(str(value))
    page.get_by_role("button", name="Last hour").click()
    page.get_by_role("button", name="Search", exact=True).click()
    rows = page.locator(".search-result")
    expect(rows.first.locator("img").last).to_be_visible()
    expect(page.locator(TITLE)).to_have_text(re.compile("^(Done|The quick search is done)$"))
    page.reload()
    expect(rows.first.locator("img").last).to_be_visible()
    rows.first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"/recordings/{camera_id}\?channel=1&t="))
    expect(page.locator("#player [data-part=stage]")).to_have_attribute("data-phase", "playing")


def test_a_search_with_the_keyboard_alone(app: App, camera_id: int, open_page: Open) -> None:
    page, searches = open_search(app, open_page, of_channel(camera_id))
    go = page.get_by_role("button", name="Search", exact=True)
    go.press("Enter")
    expect(page.locator("#area-error")).to_have_text("Draw an area on the picture first.")
    expect(page.get_by_role("button", name="Box")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=re.compile("^Area, point 1 of 4"))).to_be_focused()
    expect(page.locator("#area-error")).to_be_hidden()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Escape")
    left = page.get_by_role("spinbutton", name="Left")
    expect(left).to_be_focused()
    expect(left).to_have_value("30")
    page.get_by_role("spinbutton", name="Width").fill("50")
    page.get_by_role("spinbutton", name="Height").fill("20")
    page.get_by_label("Something changed for good here").check()
    go.press("Enter")
    expect(page.locator(TITLE)).to_be_focused()
    [asked] = searches.requests
    assert asked["kind"] == "changed"
    assert flat(asked["points"]) == pytest.approx([0.3, 0.3, 0.8, 0.3, 0.8, 0.5, 0.3, 0.5], abs=0.001)
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page.locator(TITLE)).to_have_text("Ended early")
    expect(page.locator(TITLE)).to_be_focused()
    asked_until = searches.count("GET", "/api/searches/1")
    searches.now["state"] = "running"
    # page.title() lets the requests of the page arrive here; the page asks once a second for a search that runs.
    stays(lambda: page.title() and searches.count("GET", "/api/searches/1") == asked_until, 1.5)


def test_a_finger_draws_the_box_and_moves_it(app: App, camera_id: int, open_page: Open) -> None:
    page, searches = open_search(app, open_page, of_channel(camera_id), 390, has_touch=True)
    expect(page.locator("#picture")).to_be_visible()
    page.locator(STAGE).scroll_into_view_if_needed()
    box = box_at_rest(page, page.locator(STAGE))
    cdp = page.context.new_cdp_session(page)

    def swipe(*places: tuple[float, float]) -> None:
        for step, (x, y) in enumerate(places):
            point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            cdp.send(
                "Input.dispatchTouchEvent", {"type": "touchMove" if step else "touchStart", "touchPoints": [point]}
            )
        cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe((0.2, 0.2), (0.3, 0.4), (0.5, 0.7))
    expect(page.locator(".zone-point")).to_have_count(4)
    swipe((0.3, 0.3), (0.4, 0.3), (0.5, 0.4))  # the inside of the box
    over_px = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert over_px <= 0
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(TITLE)).to_be_visible()
    [asked] = searches.requests
    assert flat(asked["points"]) == pytest.approx([0.4, 0.3, 0.7, 0.3, 0.7, 0.8, 0.4, 0.8], abs=0.03)


def test_problems_are_told_with_what_helps(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("429", "404")
    page = watched.page
    Thumbnails(page)
    searches = PretendSearches(page)
    searches.can_compare = False
    page.goto(f"{app.url}/search?search=99")
    expect(page.locator("#problem-text")).to_have_text("This search is gone: searches are kept for a day.")
    expect(page.locator("#install-command")).to_have_text("make motion")
    page.get_by_role("button", name="Outline").click()
    go = page.get_by_role("button", name="Search", exact=True)
    page.get_by_role("textbox", name="From").fill("2026-11-22T12:00:00")
    page.get_by_role("textbox", name="Until").fill("2026-11-22T11:00:00")
    go.click()
    expect(page.locator("#range-error")).to_have_text("The end is before the begin.")
    page.get_by_role("button", name="Last hour").click()
    detail = "You have 4 searches that are not finished: cancel one first."
    searches.refusal = (429, {"code": "search_limit", "detail": detail})
    go.click()
    expect(page.locator("#form-error")).to_have_text(detail)
    go.click()
    expect(page.locator("#problem")).to_be_hidden()
    for fields, words in (
        ({"waits_for": "turn"}, "Another search runs."),
        ({"state": "running", "waits_for": "recorder"}, "users come first"),
        (
            {
                "state": "running",
                "waits_for": "recorder",
                "problem": {"code": "camera_unreachable", "detail": "No answer."},
            },
            "The device does not answer.",
        ),
        (
            {"state": "failed", "waits_for": None, "problem": {"code": "vision_missing", "detail": HOSTILE}},
            HOSTILE,
        ),
    ):
        searches.now.update(fields)
        expect(page.locator("#job-text")).to_contain_text(words)
    assert page.locator("img[src=x]").count() == 0


def test_an_earlier_search_is_opened_with_its_question(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    Thumbnails(page)
    searches = PretendSearches(page)
    before = {"before_picture_url": result(5, 0.4)["picture_url"]}
    searches.add(camera_id=camera_id, state="done", progress=1.0, recorded_s=7200.0, channel=CHANNEL)
    fields = {"kind": "changed", "points": [[0.1, 0.1], [0.5, 0.2], [0.3, 0.7]], "is_small": True}
    change = result(30, 0.8, 4, **before)
    searches.add(camera_id=camera_id, state="running", recorded_s=7200.0, progress=0.5, results=[change], **fields)
    page.goto(f"{app.url}/search?search=2")
    expect(page.locator(TITLE)).to_have_text("Searching")
    expect(page.locator("#job-small")).to_be_visible()
    expect(page.locator(".search-result")).to_contain_text("within 4 s, strong")
    expect(page.locator(".search-frame:visible")).to_have_count(2)
    expect(page.get_by_label("Something changed for good here")).to_be_checked()
    expect(page.get_by_role("button", name="Outline")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".zone-point")).to_have_count(3)
    page.locator(".search-earlier-row").last.get_by_role("link").click()
    expect(page.locator(TITLE)).to_have_text("Nothing moved here")
    expect(page.locator("#job-text")).to_contain_text("The server looked at all 2 h that are recorded.")
    expect(page.get_by_label("Something moved here")).to_be_checked()
    expect(page.get_by_role("combobox", name="Channel")).to_have_value(str(CHANNEL))
    expect(page).to_have_url(re.compile(r"\?search=1$"))


def test_the_source_is_asked_for_if_both_places_have_recordings(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    Thumbnails(page)
    searches = PretendSearches(page)

    def both(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        spans = body["channels"][0]["spans"]
        recorded = next(span for span in spans if span["state"] == "recorded")
        spans.append({**recorded, "source": "server"})
        route.fulfill(response=answer, json=body)

    page.route("**/recordings/coverage?*", both)
    page.goto(f"{app.url}/search{of_channel(camera_id)}")
    page.get_by_role("button", name="Last 24 hours").click()
    expect(page.locator("#recorded")).to_contain_text("recorded")
    page.get_by_role("combobox", name="Recordings").select_option("The recordings of this server")
    page.get_by_role("button", name="Box").click()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(TITLE)).to_be_visible()
    assert searches.requests[0]["source"] == "server"


def test_other_pages_lead_to_a_search_of_their_channel(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/recordings/{camera_id}?channel={CHANNEL}").page
    link = page.locator("#to-search")
    expect(page.locator("#timeline-title")).to_be_visible()
    until_on(page, lambda: page.locator("#indexing").is_hidden())
    link.hover()
    expect(link).to_have_attribute("href", re.compile(rf"^/search\?camera={camera_id}&channel={CHANNEL}&from=.*&to="))
    page.goto(f"{app.url}/events?camera={camera_id}&channel={CHANNEL}")
    page.get_by_role("link", name="Search in the picture of this channel").click()
    expect(page.get_by_role("combobox", name="Channel")).to_have_value(str(CHANNEL))
    expect(page.locator("#picture")).to_be_visible()
