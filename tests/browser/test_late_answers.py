"""Answers that come late: a page that the user has changed since does not take them."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.browser.wall import channel_at, expect_address, tiles
from tests.browser.watching import Open, answer_requests, round_trip, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser


def hold(page: Page, address: str) -> list[Route]:
    """Hold the requests for this address; the test answers them. The list fills while the page runs."""
    held: list[Route] = []
    answer_requests(page, address, lambda route: held.append(route))
    return held


def wait_held(page: Page, held: list[Route], count: int = 1) -> None:
    until_on(page, lambda: len(held) >= count)


def save_wall(app: App, camera_id: int, name: str, channels: list[int]) -> int:
    tiles = [{"camera_id": camera_id, "channel": number} for number in channels]
    return int(app.call("POST", "/api/walls", {"name": name, "layout": 4, "tiles": tiles})["id"])


def name_of(app: App, camera_id: int, channel: int) -> str:
    channels = app.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"]
    [name] = [str(each["name"]) for each in channels if each["channel"] == channel]
    return name


# ── The wall ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_saved_wall_cannot_be_changed_before_it_is_loaded(app: App, wall_id: int, open_page: Open) -> None:
    saved = save_wall(app, wall_id, "Gates", [3, 5])
    page = open_page("about:blank").page
    held = hold(page, f"**/api/walls/{saved}")
    page.goto(f"{app.url}/wall?wall={saved}")
    wait_held(page, held, 2)
    expect(page.locator("#wall-waiting")).to_be_visible()
    expect(page.locator("#toggle-picker")).to_be_disabled()
    expect(page.locator("#copy-link")).to_be_disabled()
    expect(page.locator("#layouts [data-layout='9']")).to_be_disabled()
    for key in ("1", "Delete", "Enter", "l"):
        page.keyboard.press(key)
    page.click("#open-walls")
    expect(page.locator("#save-wall")).to_be_hidden()
    page.keyboard.press("Escape")
    for route in held:
        route.continue_()
    expect(page.locator("#wall-name-shown")).to_have_text("Gates")
    expect(tiles(page)).to_have_count(4)
    expect(channel_at(page, 2)).to_have_text(name_of(app, wall_id, 5))
    expect(page.locator("#picker")).to_be_hidden()
    expect(page.locator("#toggle-picker")).to_be_enabled()
    expect_address(page, f"wall={saved}")
    app.call("DELETE", f"/api/walls/{saved}")


def test_a_late_saved_wall_does_not_replace_the_one_opened_since(app: App, wall_id: int, open_page: Open) -> None:
    late, chosen = save_wall(app, wall_id, "Late", [3, 5]), save_wall(app, wall_id, "Chosen", [7, 9])
    page = open_page("about:blank").page
    held = hold(page, f"**/api/walls/{late}")
    page.goto(f"{app.url}/wall?wall={late}")
    wait_held(page, held, 2)
    page.click("#open-walls")
    page.locator(".wall-row", has_text="Chosen").locator("[data-part=open]").click()
    expect(channel_at(page, 1)).to_have_text(name_of(app, wall_id, 7))
    for route in held:
        with page.expect_response(f"**/api/walls/{late}"):
            route.continue_()
    expect(channel_at(page, 1)).to_have_text(name_of(app, wall_id, 7))
    expect(page.locator("#wall-name-shown")).to_have_text("Chosen")
    expect_address(page, f"wall={chosen}")
    for wall in (late, chosen):
        app.call("DELETE", f"/api/walls/{wall}")


def test_the_tiles_of_a_deleted_wall_stay_on_screen(app: App, wall_id: int, open_page: Open) -> None:
    saved = save_wall(app, wall_id, "Gates", [3, 5])
    page = open_page(f"{app.url}/wall?wall={saved}").page
    expect(channel_at(page, 2)).to_have_text(name_of(app, wall_id, 5))
    page.click("#open-walls")
    page.locator(".wall-row", has_text="Gates").locator("[data-part=delete]").click()
    page.locator("#confirm [data-part=yes]").click()
    expect(page.locator("#walls-dialog .wall-row", has_text="Gates")).to_have_count(0)
    expect(page.locator("#wall-name-shown")).to_have_text("Layouts")
    expect(channel_at(page, 2)).to_have_text(name_of(app, wall_id, 5))
    expect_address(page, f"layout=4&tiles={wall_id}.3,{wall_id}.5")


# ── The search for devices ───────────────────────────────────────────────────────────────────────────────────────────


def found(*hosts: str) -> dict[str, Any]:
    """Return a discovery answer with these devices."""
    return {
        "devices": [
            {
                "address": f"http://{host}/onvif/device_service",
                "host": host,
                "port": 80,
                "name": host,
                "hardware": "",
                "already_added": False,
            }
            for host in hosts
        ]
    }


def test_the_answer_of_an_old_search_is_not_shown(emptied_app: App, open_page: Open) -> None:
    watched = open_page(emptied_app.url)
    watched.forgive("ERR_ABORTED")
    page = watched.page
    held = hold(page, "**/api/discovery")
    page.click("#empty-discover")
    wait_held(page, held)
    page.keyboard.press("Escape")
    page.click("#empty-discover")
    wait_held(page, held, 2)
    panel = page.locator("discover-panel")
    held[1].fulfill(json=found("10.9.0.2"))
    panel.get_by_role("checkbox").uncheck()
    with contextlib.suppress(Error):  # the page may have given this request up
        held[0].fulfill(json=found("10.9.0.1"))
    round_trip(page)
    expect(panel.locator(".found-list")).to_contain_text("10.9.0.2")
    expect(panel.locator(".found-list")).not_to_contain_text("10.9.0.1")
    expect(panel.get_by_role("checkbox")).not_to_be_checked()


def test_a_found_device_is_added_once(emptied_app: App, open_page: Open) -> None:
    watched = open_page(emptied_app.url)
    watched.forgive("409", "422")
    page = watched.page
    answer_requests(page, "**/api/discovery", lambda route: route.fulfill(json=found("10.9.0.1", "10.9.0.2")))
    page.click("#empty-discover")
    held = hold(page, "**/api/cameras")
    panel = page.locator("discover-panel")
    expect(panel.get_by_role("checkbox")).to_have_count(2)
    for box in panel.get_by_role("checkbox").all():
        box.check()
    submit = panel.locator("[data-part=submit]")
    submit.click()
    posted = [route for route in held if route.request.method == "POST"]
    until_on(page, lambda: sum(route.request.method == "POST" for route in held) == 2)
    panel.get_by_label("User name").fill("admin")
    panel.get_by_label("Password", exact=True).fill("secret")  # the change of a field counted the devices again
    panel.get_by_label("User name").focus()
    expect(submit).to_be_disabled()
    page.keyboard.press("Enter")
    round_trip(page)
    posted = [route for route in held if route.request.method == "POST"]
    assert len(posted) == 2
    for route in posted:
        if "10.9.0.1" in (route.request.post_data or ""):
            route.fulfill(status=422, json={"code": "invalid", "detail": "The address is not allowed.", "errors": []})
        else:
            route.fulfill(status=201, json={"id": 1, "name": "", "host": "10.9.0.2"})
    expect(panel.locator("[data-part=error]")).to_have_text("10.9.0.1: The address is not allowed.")
    expect(panel.get_by_role("listitem").filter(has_text="10.9.0.2")).to_contain_text("Already added")
    expect(panel.get_by_role("listitem").filter(has_text="10.9.0.1").get_by_role("checkbox")).to_be_checked()
    expect(submit).to_be_enabled()


# ── The form of a camera ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_to_a_closed_form_leaves_the_next_one_open(
    emptied_app: App, recorder: Recorder, open_page: Open
) -> None:
    watched = open_page(emptied_app.url)
    watched.forgive("400")
    page = watched.page
    emptied_app.add_camera(recorder, name="Barn")
    card = page.locator("camera-card")
    held = hold(page, "**/api/cameras/*")
    form = page.locator("#camera-form")
    for answer in ({"status": 200}, {"status": 400}):
        card.get_by_role("button", name="Edit").click()
        form.get_by_role("button", name="Save").click()
        until_on(page, lambda: sum(route.request.method == "PATCH" for route in held) == 1)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Add camera").click()
        form.get_by_label("Address").fill("10.9.0.7")
        [sent] = [route for route in held if route.request.method == "PATCH"]
        held.clear()
        problem = {"code": "invalid", "detail": "It cannot be saved.", "errors": []}
        if answer["status"] == 200:
            sent.continue_()
            expect(page.locator("toast-area")).to_contain_text("Saved.")
        else:
            sent.fulfill(status=400, json=problem)
            expect(page.locator("toast-area")).to_contain_text("It cannot be saved.")
        expect(form.locator("dialog")).to_be_visible()
        expect(form.get_by_label("Address")).to_have_value("10.9.0.7")
        expect(form.locator("[data-part=error]")).to_be_hidden()
        page.keyboard.press("Escape")


# ── Failures that can be tried again ─────────────────────────────────────────────────────────────────────────────────


def test_try_again_loads_the_list_of_cameras_that_failed(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("500")
    page = watched.page
    page.route("**/api/cameras", lambda route: route.fulfill(status=500, json={"code": "internal_error"}))
    page.goto(f"{app.url}/recordings/{camera_id}")
    expect(page.locator("#problem")).to_be_visible()
    page.unroute("**/api/cameras")
    page.click("#problem-retry")
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator("#camera option:checked")).to_have_text("Recorder")


def test_a_failed_editor_leaves_the_edit_mode(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page(f"{app.url}/viewer/{camera_id}?view=grid")
    watched.forgive("ERR_FAILED")
    page = watched.page
    answer_requests(page, "**/viewer-dialogs*", lambda route: route.abort())
    page.click("#edit-channels")
    expect(page.locator("toast-area")).to_contain_text("Load the page again")
    page.unroute("**/viewer-dialogs*")
    page.click("#edit-channels")
    expect(page.locator("#edit-channels")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#editor")).to_be_visible()
