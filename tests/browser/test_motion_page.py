"""The motion page: zones on the picture by mouse, finger and keys, settings, and what the detector sees.

The settings are the app's own. The test gives what the detector sees: a real one needs a moving scene and minutes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.browser.storyboard import jpeg_of
from tests.browser.watching import Open, box_at_rest, until_on
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHANNEL = 2
STAGE = ".zone-stage"
POINTS = ".zone-point"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DEFAULT = {"mode": "off", "sensitivity": "high", "zones": []}
SQUARE = [[0.2, 0.2], [0.6, 0.2], [0.6, 0.6], [0.2, 0.6]]


@pytest.fixture
def motion(app: App, camera_id: int) -> Iterator[str]:
    """The address of the unchanged settings of a channel."""
    path = f"/api/cameras/{camera_id}/channels/{CHANNEL}/motion"
    app.call("PUT", path, DEFAULT)
    yield path
    app.call("PUT", path, DEFAULT)


def page_of(app: App, camera_id: int) -> str:
    return f"{app.url}/motion/{camera_id}/{CHANNEL}"


def with_zone(app: App, motion: str, **more: Any) -> None:
    zone = {"id": 1, "name": "Gate", "kind": "watch", "points": SQUARE, **more}
    app.call("PUT", motion, {**DEFAULT, "zones": [zone]})


def saved_zones(app: App, motion: str) -> list[dict[str, Any]]:
    zones: list[dict[str, Any]] = app.call("GET", motion)["zones"]
    return zones


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.locator("toast-area")).to_contain_text("The settings of motion are saved.")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()


def test_a_zone_is_drawn_by_mouse_changed_and_saved(app: App, camera_id: int, motion: str, open_page: Open) -> None:
    page = open_page(page_of(app, camera_id)).page
    expect(page.locator("#told-title")).to_have_text("Motion is off")
    stage = page.locator(STAGE)
    expect(page.locator("#picture")).to_be_visible()
    box = box_at_rest(page, stage)

    def drag(*places: tuple[float, float]) -> None:
        for step, (x, y) in enumerate(places):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if step == 0:
                page.mouse.down()
        page.mouse.up()

    drag((0.2, 0.2), (0.5, 0.5), (0.6, 0.6))
    expect(page.locator(POINTS)).to_have_count(4)
    drag((0.6, 0.6), (0.7, 0.8))  # its lower right point
    drag((0.4, 0.2), (0.4, 0.1))  # the middle of its upper edge: a new point
    expect(page.locator(POINTS)).to_have_count(5)
    drag((0.3, 0.3), (0.35, 0.3))  # the whole zone
    page.get_by_label("Name").fill("Gate")
    page.get_by_label("Kind").select_option("Alert")
    page.get_by_role("button", name="Switch motion on").click()
    page.get_by_label("Medium").check()
    expect(page.locator("#changed")).to_have_text("Not saved yet")
    save(page)
    found = app.call("GET", motion)
    (zone,) = found["zones"]
    assert (found["mode"], found["sensitivity"], zone["name"], zone["kind"]) == ("auto", "medium", "Gate", "alert")
    expected = [[0.25, 0.2], [0.45, 0.1], [0.65, 0.2], [0.75, 0.8], [0.25, 0.6]]
    near = pytest.approx([part for point in expected for part in point], abs=0.02)
    assert [part for point in zone["points"] for part in point] == near
    page.reload()
    expect(page.locator(".motion-zone-head")).to_contain_text("Gate")
    expect(page.locator(".motion-zone-head")).to_contain_text("Alert, 5 points")


def test_a_zone_is_changed_with_the_keyboard_alone(app: App, camera_id: int, motion: str, open_page: Open) -> None:
    with_zone(app, motion)
    page = open_page(page_of(app, camera_id)).page
    page.locator(".motion-zone-head").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Move points").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Gate, point 1 of 4: 20 % from the left, 20 % from the top")).to_be_focused()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#note")).to_have_text(re.compile("^15 % from the left, (19|20) % from the top$"))
    page.keyboard.press("Tab")
    page.keyboard.press("Insert")
    expect(page.locator(POINTS).nth(2)).to_be_focused()
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    expect(page.locator(POINTS)).to_have_count(3)
    page.keyboard.press("Delete")
    expect(page.locator("#note")).to_have_text("A zone needs at least 3 points.")
    page.keyboard.press("Control+z")
    expect(page.locator(POINTS)).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.locator(".motion-zone-head")).to_be_focused()
    save(page)
    (zone,) = saved_zones(app, motion)
    assert zone["points"] == [[0.15, 0.195], *SQUARE[1:]]


def test_a_finger_moves_points_and_zones(app: App, camera_id: int, motion: str, open_page: Open) -> None:
    with_zone(app, motion)
    page = open_page(page_of(app, camera_id), 390, 844, has_touch=True).page
    expect(page.locator("#picture")).to_be_visible()
    expect(page.get_by_role("link", name="Live", exact=True)).to_have_class(re.compile("crumb-back"))
    page.locator(".motion-zone-head").click()
    page.locator(STAGE).scroll_into_view_if_needed()
    box = box_at_rest(page, page.locator(STAGE))
    cdp = page.context.new_cdp_session(page)

    def drag(*places: tuple[float, float]) -> None:
        for step, (x, y) in enumerate(places):
            point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            kind = "touchMove" if step else "touchStart"
            cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    drag((0.6, 0.6), (0.65, 0.7), (0.7, 0.8))
    drag((0.3, 0.45), (0.32, 0.45), (0.4, 0.45))
    expect(page.locator("#changed")).to_have_text("Not saved yet")
    save(page)
    (zone,) = saved_zones(app, motion)
    flat = [part for point in zone["points"] for part in point]
    assert flat == pytest.approx([0.3, 0.2, 0.7, 0.2, 0.8, 0.8, 0.3, 0.6], abs=0.02)


def test_leaving_with_changes_asks_and_cancel_takes_them_back(
    app: App, camera_id: int, motion: str, open_page: Open
) -> None:
    with_zone(app, motion)
    page = open_page(page_of(app, camera_id)).page
    page.locator(".motion-zone-head").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#zones-none")).to_be_visible()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.locator(".crumb-back").click(no_wait_after=True)
    until_on(page, lambda: asked == ["beforeunload"])
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".motion-zone-head")).to_contain_text("Gate")
    page.locator(".crumb-back").click()
    expect(page).to_have_url(re.compile("/viewer/"))
    assert asked == ["beforeunload"]


def test_what_the_detector_sees_lies_over_its_picture(app: App, camera_id: int, motion: str, open_page: Open) -> None:
    with_zone(app, motion)
    settings = app.call("GET", motion)
    settings["is_available"] = True
    settings["state"].update(told_by="server", reason=None, key_frame_interval_s=2.0)
    now = {"time": "2026-11-22T12:00:00Z", "share": 0.034, "cells": "f0000000" + 136 * "0"}
    blob = {"box": [0.25, 0.25, 0.1, 0.3], "foot": [0.3, 0.55], "share": 0.03, "zones": [1]}
    asked: list[str] = []

    def answer(route: Route) -> None:
        name, _, query = route.request.url.rsplit("/", 1)[-1].partition("?")
        asked.append(name)
        if name == "picture":
            headers = {"Content-Type": "image/jpeg", "X-Picture-Time": "2026-11-22T12:00:00.000Z"}
            route.fulfill(body=jpeg_of(NOON), headers=headers)
            return
        is_of_picture = query == "time=2026-11-22T12%3A00%3A00.000Z"
        body = {**now, "blobs": [blob] if is_of_picture else []} if name == "now" else settings
        route.fulfill(content_type="application/json", body=json.dumps(body))

    page = open_page("about:blank").page
    page.route(re.compile(r"/channels/\d+/motion(/now|/picture)?(\?|$)"), answer)
    page.goto(page_of(app, camera_id))
    expect(page.locator("#told-title")).to_have_text("This server watches the pictures")
    expect(page.locator("#told-text")).to_contain_text("a picture every 2 seconds")
    expect(page.locator("#seen-text")).to_have_text("1 thing moves in Gate: 3.4 % of the picture.")
    expect(page.locator("#seen-cells")).to_have_attribute("d", "M0 0h4v1h-4z")
    expect(page.locator("#seen-blobs rect")).to_have_attribute("width", "3.2")
    settings["state"]["is_restless"] = True
    page.reload()
    expect(page.locator("#told-title")).to_have_text("This server watches a restless picture")
    page.get_by_label("Show what the detector sees").uncheck()
    expect(page.locator("#seen-cells")).to_have_attribute("d", "")
    settings["state"].update(told_by="none", reason="not_installed")
    settings["is_available"] = False
    page.reload()
    expect(page.locator("#install-command")).to_be_visible()
    expect(page.locator("#install-command")).to_have_text("make motion")
    expect(page.locator("#picture")).to_be_visible()
    settled_from = len(asked)
    until_on(page, lambda: "motion" in asked[settled_from:])
    assert "now" not in asked[settled_from:], "the detector is not asked while nobody looks"


def test_users_without_manage_see_zones_and_cannot_change_them(
    app: App, camera_id: int, motion: str, open_page: Open
) -> None:
    with_zone(app, motion)
    page = open_page("about:blank").page

    def limited(route: Route) -> None:
        answer = route.fetch()
        body = re.sub(r'data-may="[^"]*"', 'data-may="live recordings"', answer.text())
        route.fulfill(response=answer, body=body)

    page.route(re.compile(r"/motion/\d+/\d+$"), limited)
    page.goto(page_of(app, camera_id))
    expect(page.locator(".motion-zone-head")).to_contain_text("Gate")
    page.locator(".motion-zone-head").click()
    expect(page.locator(".motion-zone-head")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(POINTS)).to_have_count(0)
    expect(page.locator("#save-bar")).to_be_hidden()
    expect(page.get_by_label("Medium")).to_be_disabled()
