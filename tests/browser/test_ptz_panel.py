"""The panel of the camera controls: presets, tours, lens, outputs and the settings of the picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.heads import Head, confirm, open_section, pad_at, take_control
from tests.browser.watching import Open, answer_requests, box_at_rest, round_trip, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser


@pytest.fixture
def head(recorder: Recorder) -> Head:
    return Head(recorder)


def viewer(app: App, camera_id: int) -> str:
    return f"{app.url}/viewer/{camera_id}?channel=1&quality=sub"


@contextmanager
def replaced(button: Locator) -> Iterator[None]:
    """Wait after the block until the answer has replaced the button: a click while that happens is lost."""
    button.evaluate("(button) => button.setAttribute('data-old', '')")
    yield
    expect(button).not_to_have_attribute("data-old", "")


def test_presets_and_a_tour_of_them(app: App, camera_id: int, head: Head, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id)).page
    take_control(page)
    panel = open_section(page, "Presets")
    panel.get_by_role("button", name="Store this position").click()
    panel.get_by_label("Name of the new preset").fill("Door")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("button", name="Go to Door")).to_be_visible()
    stored = next(token for token, name in head.state["presets"].items() if name == "Door")
    pan = head.state["pan"]
    panel.get_by_role("button", name="Set the home position here").click()
    confirm(page, "Change")
    expect(page.locator("toast-area")).to_contain_text("This is the home position now")
    for button in ("Go to Door", "Home"):
        page.mouse.move(*pad_at(page, 0.9 if pan < 0 else -0.9, 0.0))
        page.mouse.down()
        until_on(page, lambda: head.state["pan"] != pan)
        page.mouse.up()
        until_on(page, head.stands)
        panel.get_by_role("button", name=button, exact=True).click()
        until_on(page, lambda: head.state["pan"] == pan)

    panel.get_by_role("button", name="More for Door").click()
    panel.get_by_role("button", name="Rename Door").click()
    panel.get_by_label("Name of the preset").fill("Front door")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_role("button", name="Go to Front door")).to_be_visible()

    open_section(page, "Tours")
    panel.get_by_role("button", name="New tour").click()
    panel.get_by_label("Name of the tour").fill("Round")
    panel.get_by_role("button", name="Create").click()
    travels = head.count("GotoPreset")
    panel.get_by_role("button", name="Start Round").click()
    until_on(page, lambda: head.count("GotoPreset") > travels)
    panel.get_by_role("button", name="Stop Round").click()
    panel.get_by_role("button", name="Start Round").click()
    expect(panel.get_by_role("button", name="Stop Round")).to_be_visible()
    page.get_by_role("button", name="Stop the camera").click()  # another button stops the stream
    expect(panel.get_by_role("button", name="Start Round")).to_be_visible()
    panel.get_by_role("button", name="Delete Round").click()
    confirm(page, "Delete")
    expect(panel.get_by_role("button", name="Start Round")).to_have_count(0)

    open_section(page, "Presets")
    panel.get_by_role("button", name="More for Front door").click()
    panel.get_by_role("button", name="Delete Front door").click()
    confirm(page, "Delete")
    expect(panel.get_by_role("button", name="Go to Front door")).to_have_count(0)
    assert stored not in head.state["presets"]


def test_presets_that_cannot_be_read_are_read_again(app: App, camera_id: int, open_page: Open) -> None:
    opened = open_page(viewer(app, camera_id))
    page = opened.page
    opened.forgive("status of 504")
    problem = {"code": "camera_unreachable", "detail": "The device did not answer in time.", "status": 504}
    asked: list[str] = []

    def fail(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=504, json=problem, content_type="application/problem+json")

    answer_requests(page, "**/ptz/presets", fail)
    take_control(page)
    panel = open_section(page, "Presets")
    expect(panel).to_contain_text("The presets cannot be read.")
    expect(panel.get_by_role("button", name="Store this position")).to_have_count(0)
    before = len(asked)
    page.keyboard.press("1")
    until_on(page, lambda: len(asked) > before)
    expect(page.locator("toast-area")).to_contain_text("The device did not answer in time.")
    expect(page.locator("toast-area .toast")).to_have_count(1)  # the same note twice is one
    page.unroute("**/ptz/presets")
    panel.get_by_role("button", name="Try again").click()
    expect(panel.get_by_role("button", name="Go to Gate")).to_be_visible()


def test_a_late_list_of_presets_leaves_the_form_open(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id)).page
    take_control(page)
    panel = open_section(page, "Presets")
    expect(panel.get_by_role("button", name="Go to Gate")).to_be_visible()
    held: list[Route] = []
    answer_requests(page, "**/ptz/presets", lambda route: held.append(route))
    panel.get_by_role("button", name="Presets", exact=True).click()  # reads the list again
    until_on(page, lambda: held)
    panel.get_by_role("button", name="Store this position").click()
    panel.get_by_label("Name of the new preset").fill("Late")
    with page.expect_response("**/ptz/presets"):
        held[0].continue_()
    round_trip(page)
    expect(panel.get_by_label("Name of the new preset")).to_have_value("Late")


def test_a_long_list_of_presets_can_be_searched(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id)).page
    presets = [{"token": str(number), "name": f"Spot {number}"} for number in range(300)]
    presets[250]["name"] = "Loading <b>Ramp</b>"
    listed = {"presets": presets, "hidden": 0, "max_presets": 300, "listed": True}
    answer_requests(page, "**/ptz/presets", lambda route: route.fulfill(json=listed))
    take_control(page)
    panel = open_section(page, "Presets")
    rows = panel.get_by_role("list", name="Presets").get_by_role("listitem")
    expect(rows).to_have_count(300)
    search = panel.get_by_label("Find a preset")
    search.fill("ramp")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Loading <b>Ramp</b>")
    panel.get_by_role("button", name="More for Loading").click()
    expect(panel.get_by_role("button", name="Rename Loading <b>Ramp</b>")).to_be_visible()
    search.fill("spot 2")
    expect(rows).to_have_count(110)
    search.fill("nowhere")
    expect(panel).to_contain_text("No preset has this name.")


def test_imaging_is_changed_and_undone(app: App, recorder: Recorder, camera_id: int, open_page: Open) -> None:
    def settings() -> dict[str, float]:
        found: dict[str, float] = recorder.control("GET", "/ptz")["settings"]
        return found

    page = open_page(viewer(app, camera_id)).page
    take_control(page)
    panel = open_section(page, "Picture")
    before = settings()
    brightness = panel.get_by_label("Brightness")
    undo = panel.get_by_role("button", name="Undo")
    with replaced(undo):
        brightness.fill("70")
    assert settings()["Brightness"] == 70
    expect(undo).to_be_enabled()
    with replaced(undo):
        panel.get_by_label("Contrast").fill("20")
    assert settings()["Contrast"] == 20
    expect(brightness).to_have_value("70")
    with replaced(undo):
        undo.click()
    assert settings() == {**before, "Brightness": 70}
    undo.click()
    until_on(page, lambda: settings() == before)
    expect(brightness).to_have_value(str(round(before["Brightness"])))

    def lens() -> tuple[str, str]:
        state = recorder.control("GET", "/ptz")
        return state["cut_filter"], state["wide_dynamic_range"]

    with replaced(undo):
        panel.get_by_label("Infrared cut filter").select_option("off")
    assert lens() == ("OFF", "OFF")
    with replaced(undo):
        panel.get_by_label("Wide dynamic range").check()
    assert lens() == ("OFF", "ON")
    for _ in range(2):
        with replaced(undo):
            undo.click()
    assert lens() == ("AUTO", "OFF")


def test_a_camera_without_a_head_has_the_settings_of_its_picture(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=4&quality=sub").page
    button = page.get_by_role("button", name="Settings of the camera")
    button.click()
    expect(page.locator(".ptz-panel")).to_be_visible()
    panel = open_section(page, "Picture")
    brightness = panel.get_by_label("Brightness")
    expect(brightness).to_have_value("50")
    brightness.fill("30")
    until_on(page, lambda: recorder.control("GET", "/ptz")["fixed_settings"]["Brightness"] == 30)
    panel.get_by_role("button", name="Undo").click()
    until_on(page, lambda: recorder.control("GET", "/ptz")["fixed_settings"]["Brightness"] == 50)
    for name in ("Presets", "Tours", "Lens"):
        expect(panel.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.locator(".ptz-stop")).to_have_count(0)
    expect(page.locator("#zoom-in")).to_be_visible()
    panel.get_by_role("button", name="Picture").focus()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("c")
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    page.keyboard.press("c")
    panel.get_by_role("button", name="Picture").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**channel=3*")
    expect(panel).to_have_count(0)


def test_a_camera_without_a_head_has_its_lights_and_relays(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page

    def with_outputs(route: Route) -> None:
        found = route.fetch().json()
        route.fulfill(json={**found, "outputs": True})

    page.route("**/channels/3/ptz", with_outputs)
    page.goto(f"{app.url}/viewer/{camera_id}?channel=3&quality=sub")
    page.get_by_role("button", name="Settings of the camera").click()
    panel = page.get_by_role("region", name="Presets and settings of the camera")
    expect(panel.get_by_role("button", name="Switch RelayOutput1 on")).to_be_visible()
    expect(panel.get_by_role("button", name="Picture", exact=True)).to_have_count(0)


def test_relays_that_are_late_take_no_focus_away(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    held: list[Route] = []

    def without_lights(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "outputs": True, "auxiliary": []})

    page.route("**/channels/4/ptz", without_lights)
    page.route("**/relays", lambda route: held.append(route))
    page.goto(f"{app.url}/viewer/{camera_id}?channel=4&quality=sub")
    page.get_by_role("button", name="Settings of the camera").click()
    panel = page.get_by_role("region", name="Presets and settings of the camera")
    picture = panel.get_by_role("button", name="Picture", exact=True)
    expect(picture).to_be_focused()
    until_on(page, lambda: held)
    held[0].continue_()
    expect(panel.get_by_role("button", name="Outputs", exact=True)).to_be_visible()
    expect(picture).to_be_focused()


def test_focus_lights_and_relays(app: App, recorder: Recorder, camera_id: int, head: Head, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id)).page
    take_control(page)
    panel = open_section(page, "Lens")
    automatic = panel.get_by_label("Automatic", exact=True)
    automatic.uncheck()
    iris = panel.get_by_label("Iris", exact=True)
    expect(iris).to_be_enabled()
    wanted = float(iris.get_attribute("min") or 0)
    iris.fill(str(wanted))
    until_on(page, lambda: recorder.control("GET", "/ptz")["iris_db"] == wanted)
    automatic.check()
    expect(iris).to_be_disabled()

    box = box_at_rest(page, panel.get_by_role("button", name="Focus further: hold"))
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    until_on(page, lambda: recorder.control("GET", "/ptz")["focus_speed"] > 0)
    page.mouse.up()
    until_on(page, lambda: recorder.control("GET", "/ptz")["focus_speed"] == 0)

    # Two fingers: the focus and the head move together, and each stops alone.
    page.keyboard.down("ArrowLeft")
    until_on(page, head.turns)
    page.mouse.down()
    until_on(page, lambda: recorder.control("GET", "/ptz")["focus_speed"] > 0)
    moves = head.count("ContinuousMove")
    until_on(page, lambda: head.count("ContinuousMove") >= moves + 2)  # both are renewed

    def moves_both() -> bool:
        state = recorder.control("GET", "/ptz")
        return bool(state["turns"] and state["focus_speed"] > 0)

    until_on(page, moves_both)
    page.mouse.up()
    until_on(page, lambda: recorder.control("GET", "/ptz")["focus_speed"] == 0)
    moves = head.count("ContinuousMove")
    until_on(page, lambda: head.count("ContinuousMove") > moves)
    until_on(page, head.turns)
    page.keyboard.up("ArrowLeft")
    until_on(page, head.stands)

    def is_relay(active: bool) -> bool:
        return bool(recorder.control("GET", "/ptz")["relays"]["RelayOutput1"]) is active

    open_section(page, "Outputs")
    panel.get_by_role("button", name="Wiper on").click()
    confirm(page, "Send")
    until_on(page, lambda: head.last() == "tt:Wiper|On")
    panel.get_by_role("button", name="Switch RelayOutput1 on").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
    assert not recorder.control("GET", "/ptz")["relays"]["RelayOutput1"]
    for word, active in (("on", True), ("off", False)):
        panel.get_by_role("button", name=f"Switch RelayOutput1 {word}").click()
        confirm(page, f"Switch {word}")
        until_on(page, partial(is_relay, active))
        expect(page.locator("toast-area")).to_contain_text(f"RelayOutput1 is {word}")  # the buttons are new then
