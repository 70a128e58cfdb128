"""The cameras page in Chromium."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pictures import assert_pictures_move, wait_playing
from tests.browser.watching import MOVING, Open, until_on
from tools.running import PASSWORD, App, Recorder, running_recorder

pytestmark = pytest.mark.browser
SCRIPT_NAME = "<img src=x onerror=window.hacked=1>{{7*7}}\u202eexe"


def rtsp_address(recorder: Recorder, role: str) -> str:
    """Return a stream's address behind `rtsp://`, without a login."""
    port = recorder.control("GET", "/state")["rtsp_port"]
    return f"127.0.0.1:{port}/cam/realmonitor?channel=1&subtype={0 if role == 'main' else 1}"


def add(page: Page, address: str, password: str = PASSWORD, name: str = "") -> None:
    form = page.locator("#camera-form")
    form.get_by_label("Address").fill(address)
    form.get_by_label("User name").fill("admin")
    form.get_by_label("Password", exact=True).fill(password)
    form.get_by_label("Name optional").fill(name)
    form.get_by_role("button", name="Add", exact=True).click()


def search_until_found(page: Page, row: Locator) -> None:
    """Search again until the device is listed: a busy one answers later than the app waits."""
    again = page.get_by_role("button", name="Search again")

    def is_found() -> bool:
        expect(again).to_be_visible()  # the search has ended
        if not row.is_visible():
            again.click()
        return row.is_visible()

    until_on(page, is_found)


def test_a_newcomer_adds_a_recorder_and_sees_its_picture_move(
    emptied_app: App, recorder: Recorder, open_page: Open
) -> None:
    page = open_page(emptied_app.url).page
    expect(page.get_by_role("button", name="Try with a pretend recorder")).to_be_visible()
    page.get_by_role("button", name="Add by address").click()
    add(page, f"127.0.0.1:{recorder.onvif_port}", name="Shed")
    card = page.locator("camera-card")
    expect(card).to_contain_text("Shed")
    expect(card).to_contain_text("Online")
    expect(card).to_contain_text("8 channels")
    expect(card.locator("snapshot-image[has-picture]")).to_be_visible()
    card.get_by_role("link", name="View Shed").click()
    wait_playing(page)
    assert_pictures_move(page)


def test_a_camera_without_onvif_is_added_by_its_stream_address(
    emptied_app: App, recorder: Recorder, open_page: Open
) -> None:
    page = open_page(emptied_app.url).page
    page.get_by_role("button", name="Add by address").click()
    form = page.locator("#camera-form")
    form.get_by_label("Address").fill(f"rtsp://admin:{quote(PASSWORD, safe='')}@{rtsp_address(recorder, 'main')}")
    expect(form.get_by_role("radio", name="RTSP stream")).to_be_checked()
    expect(form.get_by_label("Main stream")).to_be_focused()
    form.get_by_label("Sub stream").fill(f"rtsp://{rtsp_address(recorder, 'sub')}")
    expect(form.get_by_label("Main stream")).to_have_value(f"rtsp://{rtsp_address(recorder, 'main')}")
    expect(form.get_by_label("User name")).to_have_value("admin")
    expect(form.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    form.get_by_label("Name optional").fill("Yard")
    form.get_by_role("button", name="Add", exact=True).click()
    card = page.locator("camera-card")
    expect(card).to_contain_text("RTSP stream, without ONVIF")
    expect(card).to_contain_text("Online")
    expect(card.get_by_role("link", name="Recordings of Yard")).to_be_hidden()
    card.get_by_role("button", name="Edit Yard").click()
    expect(form.get_by_label("Sub stream")).to_have_value(f"rtsp://{rtsp_address(recorder, 'sub')}")
    expect(form.get_by_role("radio", name="ONVIF")).to_be_hidden()
    page.keyboard.press("Escape")
    card.get_by_role("link", name="View Yard").click()
    wait_playing(page)
    assert_pictures_move(page)


def test_one_click_adds_a_pretend_recorder(emptied_app: App, open_page: Open) -> None:
    page = open_page(emptied_app.url).page
    page.get_by_role("button", name="Try with a pretend recorder").click()
    card = page.locator("camera-card")
    expect(card).to_contain_text("16 channels")
    card.get_by_role("button", name="Edit").click()
    form = page.locator("#camera-form")
    form.locator("#field-name").fill("Toy")
    form.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Toy")
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("button", name="Try with a pretend recorder")).to_be_visible()


def test_a_recorder_on_the_network_is_found_and_added_with_one_password(emptied_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "4", "--profile", "small", "--discovery") as found:
        page = open_page(emptied_app.url).page
        page.get_by_role("button", name="Discover Find cameras").click()
        dialog = page.locator("discover-panel")
        here = f"127.0.0.1:{found.onvif_port}"
        row = dialog.get_by_role("listitem").filter(has_text=here)
        search_until_found(page, row)
        row.get_by_role("checkbox").check()
        dialog.get_by_label("User name").fill("admin")
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Add", exact=True).click()
        card = page.locator("camera-card")
        expect(card).to_contain_text("Online")
        expect(card).to_contain_text("4 channels")
        page.get_by_role("button", name="Discover").first.click()
        search_until_found(page, row)
        expect(row).to_contain_text("Already added")
        expect(row.get_by_role("checkbox")).to_be_disabled()


def test_an_address_is_checked_before_it_is_sent(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/cameras").page
    page.get_by_role("button", name="Add camera").click()
    add(page, "10.0.0.5:99999")
    expect(page.locator("#error-address")).to_have_text("99999 is not a port. Ports go from 1 to 65535.")
    expect(page.locator("#field-address")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#camera-form dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Add camera")).to_be_focused()


def test_adding_the_same_device_again_links_to_its_camera(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    watched = open_page(f"{app.url}/cameras")
    watched.forgive("409")
    watched.page.get_by_role("button", name="Add camera").click()
    add(watched.page, f"127.0.0.1:{recorder.onvif_port}")
    watched.page.get_by_role("link", name="Open it").click()
    watched.page.wait_for_url(f"**/viewer/{camera_id}*")


def test_a_wrong_password_is_shown_and_can_be_corrected(emptied_app: App, recorder: Recorder, open_page: Open) -> None:
    page = open_page(emptied_app.url).page
    page.get_by_role("button", name="Add by address").click()
    add(page, f"127.0.0.1:{recorder.onvif_port}", password="wrong", name="Barn")
    card = page.locator("camera-card")
    expect(card).to_contain_text("Wrong password")
    card.get_by_role("button", name="Change it").click()
    form = page.locator("#camera-form")
    expect(form.get_by_label("Password", exact=True)).to_be_focused()
    form.get_by_label("Password", exact=True).fill(PASSWORD)
    form.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Online")


def test_another_address_asks_for_the_password_again(emptied_app: App, recorder: Recorder, open_page: Open) -> None:
    watched = open_page(emptied_app.url)
    watched.forgive("400")
    page = watched.page
    emptied_app.add_camera(recorder, name="Barn")
    card = page.locator("camera-card")
    expect(card).to_contain_text("Online")
    card.get_by_role("button", name="Edit").click()
    form = page.locator("#camera-form")
    password = form.get_by_label("Password", exact=True)
    expect(form.locator("#hint-password")).to_contain_text("Leave the password empty to keep")
    with running_recorder("--channels", "1", "--profile", "small") as other:
        form.get_by_label("Address").fill(f"127.0.0.1:{other.onvif_port}")
        expect(form.locator("#hint-password")).to_contain_text("type the password again")
        expect(password).to_have_attribute("placeholder", "")
        form.get_by_label("Address").fill(f"127.0.0.1:{recorder.onvif_port}")
        expect(password).to_have_attribute("placeholder", "Unchanged")
        form.get_by_label("Address").fill(f"127.0.0.1:{other.onvif_port}")
        form.get_by_role("button", name="Save").click()
        expect(form.locator("#error-password")).to_contain_text("type it again")
        expect(password).to_be_focused()
        password.fill(PASSWORD)
        form.get_by_role("button", name="Save").click()
        expect(card).to_contain_text("1 channel")
        expect(card).to_contain_text("Online")


def test_a_hostile_device_name_stays_text(emptied_app: App, recorder: Recorder, open_page: Open) -> None:
    recorder.set_fault("names", SCRIPT_NAME)
    try:
        camera_id = emptied_app.add_camera(recorder)
        page = open_page(emptied_app.url).page
        card = page.locator("camera-card")
        expect(card).to_contain_text("<img src=x onerror")
        card.get_by_role("button", name="Health card").click()
        expect(page.locator("#health-card")).to_contain_text("<img src=x onerror")
        emptied_app.call("PATCH", f"/api/cameras/{camera_id}/channels/1", {"name": "<b onclick=x>{{7*7}}</b>"})
        page.goto(f"{emptied_app.url}/viewer/{camera_id}?view=grid")
        expect(page.locator("#channels")).to_contain_text("<b onclick=x>{{7*7}}</b>")
        expect(page).to_have_title(re.compile(r"<b onclick=x>\{\{7\*7\}\}</b>"))
        page.get_by_role("button", name="Edit", exact=True).click()
        assert page.get_by_label("Name of channel 1").input_value() == "<b onclick=x>{{7*7}}</b>"
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src=x]").count() == 0
    finally:
        recorder.clear_fault("names")


def test_the_health_card_opens_and_lists_the_checks(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/cameras").page
    page.locator("camera-card").get_by_role("button", name="Health card").click()
    card = page.locator("#health-card")
    expect(card).to_contain_text("Connection checks")
    expect(card).to_contain_text("H.265")
    expect(card).not_to_contain_text(PASSWORD)
    card.get_by_role("button", name="Done").click()
    expect(card.locator("dialog")).to_be_hidden()


def test_the_list_refreshes_without_rebuilding_its_cards(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/cameras").page
    expect(page.locator("camera-card")).to_have_count(1)
    page.evaluate("document.querySelector('camera-card').dataset.mark = 'mine'")
    app.call("PATCH", f"/api/cameras/{camera_id}", {"name": "Recorder, renamed"})
    expect(page.locator("camera-card[data-mark=mine]")).to_contain_text("Recorder, renamed")
    app.call("PATCH", f"/api/cameras/{camera_id}", {"name": "Recorder"})


@pytest.mark.parametrize("width", [390, 768, 1280, 3840])
def test_pages_fit_every_width_in_both_colours(app: App, camera_id: int, open_page: Open, width: int) -> None:
    page = open_page(f"{app.url}/cameras", width=width).page
    expect(page.locator("camera-card")).to_have_count(1)
    assert_it_fits_in_both_colours(page)
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    expect(page.locator("#channels [data-channel]")).to_have_count(8)
    assert_it_fits_in_both_colours(page)


def assert_it_fits_in_both_colours(page: Page) -> None:
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), scheme


def test_the_bar_on_top_fits_every_page(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page(f"{app.url}/cameras")
    watched.forgive("/picture")  # an event may have none
    page = watched.page
    for path in (
        "/cameras",
        "/events",
        "/exports",
        "/recordings",
        f"/recordings/{camera_id}",
        f"/viewer/{camera_id}",
        "/wall",
        "/storage",
        "/notifications",
        "/detector",
        "/nodes",
        f"/motion/{camera_id}/1",
    ):
        page.goto(f"{app.url}{path}")
        page.evaluate("document.querySelector('recording-alerts').hidden = false")
        for width in (360, 390, 640, 641, 768, 1100, 1101, 1280):
            page.set_viewport_size({"width": width, "height": 700})
            over_px = page.evaluate(
                "Math.max(0, ...[...document.querySelectorAll('.top-bar > *')]"
                ".map((item) => item.getBoundingClientRect().right - innerWidth))"
            )
            assert over_px <= 0, (path, width)


def test_the_chosen_colours_are_remembered(app: App, open_page: Open) -> None:
    page = open_page(f"{app.url}/cameras", color_scheme="light").page
    toggle = page.locator("theme-toggle button")
    toggle.click()
    toggle.click()
    expect(toggle).to_have_attribute("aria-label", "Colours: dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_an_unreachable_server_is_shown_and_the_list_comes_back(emptied_app: App, open_page: Open) -> None:
    watched = open_page(emptied_app.url)
    watched.forgive("ERR_", "status of 50")  # by the moment at which the server ends
    expect(watched.page.locator("#empty")).to_be_visible()
    emptied_app.stop()
    expect(watched.page.locator("#offline")).to_be_visible()
    emptied_app.start()
    expect(watched.page.locator("#offline")).to_be_hidden()


def test_an_address_that_does_not_exist_has_a_page(app: App, open_page: Open) -> None:
    watched = open_page(f"{app.url}/viewer/999999")
    watched.forgive("404")
    expect(watched.page.get_by_role("link", name="All cameras", exact=True)).to_be_visible()


# Controls without a name and fields without a label, which a screen reader cannot announce.
_NAMELESS = """
() => [...document.querySelectorAll('button, a[href], input, summary')]
  .filter((element) => element.checkVisibility() && !element.closest('[aria-hidden=true]'))
  .filter((element) => !(element.getAttribute('aria-label') || element.textContent.trim()
    || element.labels?.length || element.getAttribute('aria-labelledby')))
  .map((element) => element.outerHTML)
"""


def test_every_control_has_a_name(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/cameras").page
    expect(page.locator("camera-card")).to_have_count(1)
    assert page.evaluate(_NAMELESS) == []
    page.get_by_role("button", name="Add camera").click()
    assert page.evaluate(_NAMELESS) == []
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    expect(page.locator("#channels [data-channel]")).to_have_count(8)
    assert page.evaluate(_NAMELESS) == []
    page.get_by_role("button", name="Edit", exact=True).click()
    assert page.evaluate(_NAMELESS) == []


# The sum of all layout shifts (Cumulative Layout Shift).
_SHIFTS = """
() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) sum += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => resolve(sum), 100);
})
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_loading_page_causes_no_layout_shift(app: App, camera_id: int, open_page: Open, width: int) -> None:
    page = open_page(f"{app.url}/cameras", width=width, **MOVING).page
    expect(page.locator("camera-card snapshot-image[has-picture]")).to_be_visible()
    assert page.evaluate(_SHIFTS) < 0.05
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    wait_playing(page)
    page.wait_for_timeout(500)
    assert page.evaluate(_SHIFTS) < 0.05
