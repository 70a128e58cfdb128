"""Pictures of recordings on the recordings page: the strip, the grid, the pointer and the calendar."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.recordings import PLAYING, ROWS, place_of, recorded_at, stamp, wait
from tests.browser.storyboard import Thumbnails
from tests.browser.watching import Open, box_at_rest, settled_on, until_on
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

STRIP = "#storyboard .thumbnail"
SHOWN = f"{STRIP}[data-shown]"
GRID = "#storyboard-grid .thumbnail"
POPUP = ".thumbnail-popup"
VIEW = "document.querySelector('recording-timeline').view"
ASKED = "Date.parse(new URLSearchParams(location.search).get('t')) / 1000"


@pytest.fixture
def page(open_page: Open) -> Page:
    return open_page("about:blank", timezone_id="UTC", pictures=True).page


def open_hour(page: Page, app: App, camera_id: int, recorder: Recorder) -> datetime:
    """Open the page with a recorded hour on the timeline; return the hour's middle."""
    at = recorded_at(recorder)
    start, end = (stamp(at + timedelta(minutes=minutes)) for minutes in (-30, 30))
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1&from={start}&to={end}")
    wait(page, ROWS)
    return at


def time_of(page: Page, selector: str) -> datetime:
    """Return the time of a thumbnail, in the selector's first element."""
    at_ms = page.locator(selector).first.get_attribute("data-at")
    return datetime.fromtimestamp(int(at_ms or "0") / 1000, UTC)


def test_a_click_on_a_picture_of_the_strip_plays_it(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    thumbnails = Thumbnails(page)
    open_hour(page, app, camera_id, recorder)
    page.wait_for_selector(SHOWN)
    until_on(page, lambda: page.locator(SHOWN).count() == page.locator(STRIP).count())
    # The calendar may request shorter steps: during indexing, it may know only some minutes of a day.
    assert 600 in {step_s for _, _, step_s in thumbnails.listed}
    times = page.evaluate(f"[...document.querySelectorAll('{STRIP}')].map((button) => Number(button.dataset.at))")
    assert [at_ms for at_ms in times if at_ms % 600_000] == []
    third = page.locator(STRIP).nth(2)
    at = datetime.fromtimestamp(int(third.get_attribute("data-at") or "0") / 1000, UTC)
    expect(third).to_have_attribute("aria-label", f"{at.day} {at:%B, %H:%M:%S}, play")
    third.click()
    page.wait_for_selector(PLAYING)
    assert abs(page.evaluate(ASKED) - at.timestamp()) < 1


def test_the_recorders_own_pictures_fill_the_strip(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    open_hour(page, app, camera_id, recorder)
    until_on(page, lambda: page.locator(SHOWN).count() == page.locator(STRIP).count() > 0)
    widths = page.evaluate(f"[...document.querySelectorAll('{SHOWN} img')].map((image) => image.naturalWidth)")
    assert set(widths) == {320}
    expect(page.locator("#pictures-note")).to_be_hidden()
    at = time_of(page, SHOWN)
    label = page.locator(SHOWN).first.get_attribute("aria-label") or ""
    shown = datetime.strptime(f"{at.year} {label}", "%Y %d %B, %H:%M:%S, play").replace(tzinfo=UTC)
    assert abs(shown - at) <= timedelta(seconds=2), "the frame's own time is a GOP away at most"


def test_the_strip_moves_and_zooms_with_the_timeline(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    Thumbnails(page)
    open_hour(page, app, camera_id, recorder)
    page.wait_for_selector(SHOWN)
    expect(page.locator("#storyboard [data-part=interval]")).to_have_text("one every 10 min")
    page.get_by_role("button", name="Show less time").click()
    page.get_by_role("button", name="Show less time").click()
    expect(page.locator("#storyboard [data-part=interval]")).to_have_text("one every 3 min")

    def is_aligned() -> bool:
        """True if a thumbnail stands at its time on the axis."""
        off_px: float = page.evaluate(
            """() => {
              const timeline = document.querySelector('recording-timeline');
              const button = document.querySelectorAll('#storyboard .thumbnail')[2];
              const { leftPx, widthPx } = timeline.plot;
              const share = (button.dataset.at - timeline.view.startMs) / (timeline.view.endMs - timeline.view.startMs);
              const x = timeline.getBoundingClientRect().left + leftPx + share * widthPx;
              return Math.abs(button.getBoundingClientRect().left - x);
            }"""
        )
        return off_px < 4

    until_on(page, is_aligned)
    track = page.locator("#storyboard [data-part=track]")
    before = page.evaluate(VIEW)
    track.hover(position={"x": 300, "y": 30})  # waits until the strip stands still
    page.mouse.down()
    track.hover(position={"x": 500, "y": 30})
    page.mouse.up()
    until_on(page, lambda: page.evaluate(VIEW)["startMs"] < before["startMs"])
    after = page.evaluate(VIEW)
    assert after["endMs"] - after["startMs"] == pytest.approx(before["endMs"] - before["startMs"])
    until_on(page, is_aligned)
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle", "a drag is no click"


def test_the_strip_works_by_keyboard(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    Thumbnails(page)
    open_hour(page, app, camera_id, recorder)
    page.wait_for_selector(SHOWN)
    expect(page.locator(f"{STRIP}[tabindex='0']")).to_have_count(1)
    expect(page.get_by_role("group", name=re.compile("^Pictures of 1 .*one every 10 min"))).to_be_visible()
    page.locator(f"{STRIP}[tabindex='0']").focus()
    first = time_of(page, f"{STRIP}:focus")
    page.keyboard.press("ArrowRight")
    assert time_of(page, f"{STRIP}:focus") == first + timedelta(minutes=10)
    expect(page.locator(POPUP)).to_be_visible()
    before = page.evaluate(VIEW)
    for number in range(2, 9):  # beyond the right edge
        page.keyboard.press("ArrowRight")
        assert time_of(page, f"{STRIP}:focus") == first + timedelta(minutes=10 * number)
    assert page.evaluate(VIEW)["startMs"] > before["startMs"]
    page.keyboard.press("ArrowLeft")
    at = time_of(page, f"{STRIP}:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector(PLAYING)
    assert abs(page.evaluate(ASKED) - at.timestamp()) < 1


def test_pictures_follow_while_the_server_makes_them(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    made: list[bool] = []
    thumbnails = Thumbnails(page, lambda _: "ready" if made else "pending")
    open_hour(page, app, camera_id, recorder)
    expect(page.locator(f"{STRIP}[data-state=pending]")).not_to_have_count(0)
    until_on(page, lambda: len(thumbnails.listed) > 2)
    expect(page.locator(SHOWN)).to_have_count(0)
    made.append(True)
    expect(page.locator(SHOWN)).not_to_have_count(0)

    def listed() -> int:
        return len([step_s for _, _, step_s in thumbnails.listed if step_s == 600])  # the calendar has other steps

    count = settled_on(page, listed, for_s=1.5)
    page.wait_for_timeout(1500)  # longer than the page waits between two requests
    assert listed() == count, "everything is there"


@pytest.mark.parametrize(
    ("state", "note"),
    [("missing", "The recorder gave no pictures of this time"), ("not_recorded", "Nothing was recorded in this time")],
)
def test_a_strip_without_pictures_says_so(
    app: App, camera_id: int, recorder: Recorder, page: Page, state: str, note: str
) -> None:
    Thumbnails(page, lambda _: state)
    open_hour(page, app, camera_id, recorder)
    expect(page.locator("#pictures-note")).to_contain_text(note)
    expect(page.locator(f"{STRIP}[data-state={state}]")).not_to_have_count(0)


def test_a_refusal_is_explained_and_ends(app: App, camera_id: int, recorder: Recorder, open_page: Open) -> None:
    watched = open_page("about:blank", timezone_id="UTC", pictures=True)
    watched.forgive("recordings/pictures")
    page = watched.page
    thumbnails = Thumbnails(page)
    thumbnails.refusal = {"code": "camera_busy", "detail": "Too many sessions.", "status": 503, "title": "Busy"}
    open_hour(page, app, camera_id, recorder)
    expect(page.locator("#pictures-note")).to_contain_text("No pictures: refused by the recorder")
    thumbnails.refusal = None
    page.wait_for_selector(SHOWN)
    expect(page.locator("#pictures-note")).to_be_hidden()


def test_the_pointer_shows_the_picture_of_its_time(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    Thumbnails(page)
    at = open_hour(page, app, camera_id, recorder)
    page.wait_for_selector(SHOWN)
    page.mouse.move(*place_of(page, at + timedelta(minutes=3, seconds=20)))
    expect(page.locator(f"{POPUP} img")).to_be_visible()
    expect(page.locator(POPUP)).not_to_have_attribute("data-near", "")
    text = page.locator(POPUP).inner_text()
    shown = datetime.fromisoformat(f"{at:%Y-%m-%d}T{text}Z")
    assert abs(shown - at - timedelta(minutes=3, seconds=20)) <= timedelta(seconds=15)
    page.mouse.move(10, 10)
    expect(page.locator(POPUP)).to_be_hidden()
    page.get_by_role("slider", name="Time").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{POPUP} img")).to_be_visible()


def test_the_grid_shows_all_pictures_of_the_window(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    thumbnails = Thumbnails(page)
    open_hour(page, app, camera_id, recorder)
    page.get_by_role("button", name="Grid", exact=True).click()
    page.wait_for_selector(f"{GRID}[data-shown]")
    expect(page.locator(STRIP).first).to_be_hidden()
    expect(page.locator("#storyboard-grid select")).to_have_value("60")
    expect(page.locator("#storyboard-grid option[value='1']")).to_be_disabled()
    assert 60 <= page.locator(GRID).count() <= 61
    page.locator("#storyboard-grid select").select_option("10")
    until_on(page, lambda: page.locator(GRID).count() >= 360)
    page.wait_for_selector(f"{GRID}[data-shown]")
    settled_on(page, lambda: len(thumbnails.fetched))
    assert page.locator(f"{GRID}[data-shown]").count() < 150, "only those on screen load"
    page.locator(f"{GRID}[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    first, below = (box_at_rest(page, page.locator(GRID).nth(1)), box_at_rest(page, page.locator(f"{GRID}:focus")))
    assert (below["x"], below["y"] > first["y"]) == (first["x"], True)
    at = time_of(page, f"{GRID}:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector(PLAYING)
    assert abs(page.evaluate(ASKED) - at.timestamp()) < 1
    before = page.evaluate(VIEW)
    page.get_by_role("button", name="Earlier pictures").click()
    assert page.evaluate(VIEW)["endMs"] == pytest.approx(before["startMs"])


def test_recorded_days_have_a_picture_each(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    thumbnails = Thumbnails(page)
    thumbnails.holds_images = True
    page.goto(f"{app.url}/recordings/{camera_id}")
    wait(page, ROWS)
    expect(page.locator("#indexing")).to_be_hidden()
    table = page.locator("#calendar table")
    before = box_at_rest(page, table)
    thumbnails.let_go()
    today = page.locator("#calendar [aria-current=date]")
    expect(today.locator("img")).to_be_visible()
    days = page.locator("#calendar button[data-state=recorded]")
    pictures = page.locator("#calendar button img")
    until_on(page, lambda: pictures.count() >= days.count() - 1)  # a day may have other channels only
    assert table.bounding_box() == before, "the strip below the calendar stays at its place"
    today.hover()
    expect(page.locator(f"{POPUP} img")).to_be_visible()


def test_few_images_load_at_a_time(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    thumbnails = Thumbnails(page)
    thumbnails.holds_images = True
    open_hour(page, app, camera_id, recorder)
    until_on(page, lambda: thumbnails.most_at_a_time == 4)
    settled_on(page, lambda: thumbnails.most_at_a_time)
    assert thumbnails.most_at_a_time == 4
    thumbnails.let_go()
    page.wait_for_selector(SHOWN)


def test_the_first_picture_of_playback_comes_before_the_strip(
    app: App, camera_id: int, recorder: Recorder, page: Page
) -> None:
    requested: list[str] = []
    held: list[Route] = []

    def hear(request: Request) -> None:
        if "storyboard" in request.url or "/recordings/pictures" in request.url:
            requested.append(urlsplit(request.url).path)

    page.on("request", hear)
    Thumbnails(page)
    page.route("**/playback/start", lambda route: held.append(route))
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1&t={stamp(recorded_at(recorder))}")
    until_on(page, lambda: held)
    page.wait_for_timeout(1500)  # long enough for requests, which must wait for the video
    assert requested == []
    held[0].continue_()
    page.wait_for_selector(PLAYING)
    page.wait_for_selector(SHOWN)
    assert any("storyboard" in url for url in requested)


def test_a_thin_link_gets_no_pictures_while_it_plays(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    made: list[bool] = []
    thumbnails = Thumbnails(page, lambda _: "ready" if made else "pending")
    # Every measurement of the socket says that its link is thin.
    page.add_init_script(
        """const parse = JSON.parse;
        JSON.parse = (text, ...rest) => {
          const message = parse(text, ...rest);
          if (message?.type === 'pace') Object.assign(message, { busy_ms: 1000, busy_bytes: 100_000, backlog_ms: 500 });
          return message;
        };"""
    )
    page.goto(f"{app.url}/recordings/{camera_id}?channel=1&t={stamp(recorded_at(recorder))}")
    page.wait_for_selector(PLAYING)
    expect(page.locator("#pictures-note")).to_contain_text("The connection is slow: pictures wait for the video.")
    count = len(thumbnails.listed) + len(thumbnails.fetched)
    page.get_by_role("button", name="Show less time").click()
    page.wait_for_timeout(2000)  # long enough for requests, which must wait on a slow link
    assert len(thumbnails.listed) + len(thumbnails.fetched) == count
    made.append(True)
    page.locator("#player [data-part=play]").click()
    page.wait_for_selector(SHOWN)


def test_pictures_can_be_switched_off(app: App, camera_id: int, recorder: Recorder, page: Page) -> None:
    thumbnails = Thumbnails(page)
    open_hour(page, app, camera_id, recorder)
    page.wait_for_selector(SHOWN)
    page.get_by_role("button", name="No pictures").click()
    expect(page.locator("#storyboard")).to_be_hidden()
    page.reload()
    wait(page, ROWS)
    expect(page.get_by_role("button", name="No pictures")).to_have_attribute("aria-pressed", "true")
    count = len(thumbnails.listed)
    page.wait_for_timeout(1500)  # long enough for requests, of which a hidden strip needs none
    assert len(thumbnails.listed) == count
    page.get_by_role("button", name="Strip").click()
    page.wait_for_selector(SHOWN)


def test_a_finger_drags_along_the_strip(app: App, camera_id: int, recorder: Recorder, open_page: Open) -> None:
    page = open_page("about:blank", 390, 844, timezone_id="UTC", has_touch=True, is_mobile=True, pictures=True).page
    Thumbnails(page)
    open_hour(page, app, camera_id, recorder)
    page.wait_for_selector(SHOWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    track = page.locator("#storyboard [data-part=track]")
    track.scroll_into_view_if_needed()
    box = box_at_rest(page, track)
    before = page.evaluate(VIEW)
    y = box["y"] + 20
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 250, "y": y}]})
    for x in range(240, 90, -10):
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
        page.wait_for_timeout(20)  # the pace of a finger: a faster one is a fling
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until_on(page, lambda: page.evaluate(VIEW)["startMs"] > before["startMs"])
    settled_on(page, lambda: page.locator(SHOWN).count())
    assert page.locator("#player [data-part=stage]").get_attribute("data-phase") == "idle"
    page.locator(STRIP).nth(1).tap()
    page.wait_for_selector(PLAYING)
    assert parse_qs(urlsplit(page.url).query)["t"]
