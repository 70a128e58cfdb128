"""The camera controls on the viewer page and on the wall: moving by pad, keys and fingers, and the stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Position, Response, expect

from tests.browser.heads import HIDE_TAB, HIDEABLE, Head, open_section, pad_at, take_control
from tests.browser.pictures import wait_playing
from tests.browser.replaying import wait
from tests.browser.test_access_pages import PASSWORD, add_recorder, add_user, fetch, log_in, make_first
from tests.browser.watching import Open, box_at_rest, next_frames, round_trip, until_on
from tests.patience import until
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("still_head")]

Moving = Callable[[], bool]


@pytest.fixture
def still_head(recorder: Recorder) -> Iterator[Head]:
    head = Head(recorder)
    yield head
    until(head.stands, what="a head that stands after the test")


@pytest.fixture
def head(still_head: Head) -> Head:
    return still_head


def viewer(app: App, camera_id: int, channel: int = 1) -> str:
    return f"{app.url}/viewer/{camera_id}?channel={channel}&quality=sub"


def test_the_pad_moves_while_it_is_held(app: App, camera_id: int, head: Head, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id)).page
    dock = take_control(page)
    dock.get_by_label("Speed").select_option("slow")
    before = head.state
    side, height = (-1 if before[axis] > 0 else 1 for axis in ("pan", "tilt"))  # away from the head's limits
    page.mouse.move(*pad_at(page, 0.8 * side, 0.0))
    page.mouse.down()
    until_on(page, head.turns)
    assert 0.05 < abs(head.state["velocity"][0]) < 0.26, "the pad's edge is the chosen speed"
    page.mouse.move(*pad_at(page, 0.6 * side, -0.6 * height))
    renewals = head.count("ContinuousMove")
    until_on(page, lambda: head.count("ContinuousMove") >= renewals + 3)  # it is renewed
    until_on(page, head.turns)
    page.mouse.up()
    until_on(page, lambda: head.last() == "Stop" and head.stands())
    state = head.state
    assert side * (state["pan"] - before["pan"]) > 0
    assert height * (state["tilt"] - before["tilt"]) > 0
    page.reload()
    expect(take_control(page).get_by_label("Speed")).to_have_value("slow")


def test_keys_move_while_they_are_held(app: App, camera_id: int, head: Head, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id)).page
    expect(page.get_by_role("button", name="Control the camera")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("group", name="Camera control")).to_be_visible()
    page.keyboard.down("ArrowRight")
    until_on(page, head.turns)
    page.keyboard.up("ArrowRight")
    until_on(page, lambda: head.last() == "Stop" and head.stands())
    page.keyboard.down("-")
    until_on(page, head.zooms)
    page.keyboard.up("-")
    until_on(page, lambda: head.last() == "Stop" and head.stands())
    assert "channel=1" in page.url, "the arrows did not change the channel"
    page.keyboard.press("1")
    until_on(page, lambda: head.last() == "GotoPreset")
    page.keyboard.press("Home")
    until_on(page, lambda: head.last() == "GotoHomePosition")
    # A button of the pad moves while Space is held.
    page.get_by_role("button", name="Move up").focus()
    page.keyboard.down("Space")
    until_on(page, head.turns)
    page.keyboard.up("Space")
    until_on(page, head.stands)
    page.keyboard.press("Escape")
    expect(page.get_by_role("group", name="Camera control")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**channel=2*")


def test_wheel_and_click_move_the_camera_instead_of_the_digital_zoom(
    app: App, camera_id: int, head: Head, open_page: Open
) -> None:
    page = open_page(viewer(app, camera_id)).page
    page.keyboard.press("+")
    expect(page.locator("#zoom-level")).to_have_text("1.4×")
    take_control(page)
    expect(page.locator("#zoom-level")).to_be_hidden()
    before = head.state["zoom"]
    layer = page.locator(".ptz-layer")
    layer.hover(position={"x": 200, "y": 200})

    def zooms_by_the_wheel() -> bool:
        """Turn the wheel, and wait for its stop, which drops a move that a busy app has not sent yet."""
        stops = head.count("Stop")
        page.mouse.wheel(0, -120 if before < 0.9 else 120)
        until_on(page, lambda: head.count("Stop") > stops and head.stands())
        return bool(head.state["zoom"] != before)

    until_on(page, zooms_by_the_wheel)
    expect(page.locator("#zoom-level")).to_be_hidden()
    pan = head.state["pan"]
    box = box_at_rest(page, layer)
    place: Position = {"x": box["width"] * (0.25 if pan > 0 else 0.75), "y": box["height"] / 2}

    def turns_by_a_click() -> bool:
        """Click; a press that a pause of the machine makes longer than half a second is no click."""
        layer.click(position=place)
        return bool(head.state["pan"] != pan)

    until_on(page, turns_by_a_click)
    until_on(page, head.stands)


def test_a_gamepad_moves_the_camera_in_the_control_mode_only(
    app: App, camera_id: int, head: Head, open_page: Open
) -> None:
    page = open_page("about:blank").page
    page.add_init_script(
        "window.axes = [0, 0, 0, 0]; window.reads = 0;"
        "navigator.getGamepads = () => { window.reads += 1; return [null, { axes: window.axes, buttons: [] }]; };"
    )
    page.goto(viewer(app, camera_id))
    expect(page.get_by_role("button", name="Control the camera")).to_be_visible()
    assert page.evaluate("window.reads") == 0
    page.evaluate("window.axes = [0.9, 0, 0, 0]")
    take_control(page)
    wait(page, "window.reads > 5")
    assert not head.turns(), "a stick that is held already waits for its middle"
    page.evaluate("window.axes = [0.1, 0, 0, 0]")
    reads = page.evaluate("window.reads")
    wait(page, f"window.reads > {reads} + 2")
    page.evaluate("window.axes = [-0.9, 0, 0, 0]")
    until_on(page, head.turns)
    page.evaluate("window.axes = [0, 0, 0, 0]")
    until_on(page, lambda: head.last() == "Stop" and head.stands())
    page.keyboard.press("Escape")
    reads = page.evaluate("window.reads")
    next_frames(page)  # the gamepad is read in each frame
    assert page.evaluate("window.reads") == reads


def test_the_camera_stops_when_the_page_can_no_longer_stop_it(
    app: App, camera_id: int, head: Head, open_page: Open
) -> None:
    watched = open_page("about:blank")
    page = watched.page
    watched.forgive("net::ERR_INTERNET_DISCONNECTED")
    page.add_init_script(HIDEABLE)
    page.goto(viewer(app, camera_id))
    take_control(page)

    def hold() -> None:
        page.mouse.move(*pad_at(page, 0.5, 0.0))
        page.mouse.down()
        until_on(page, head.turns)

    def has_stopped() -> bool:
        return head.last() == "Stop" and head.stands()

    hold()
    page.context.set_offline(True)  # between the page and the server: the server stops the head
    until_on(page, has_stopped)
    page.mouse.up()
    page.context.set_offline(False)
    until_on(page, lambda: fetch(page, "GET", "/api/health")[0] == 200)
    hold()
    page.evaluate(HIDE_TAB, True)
    until_on(page, has_stopped)
    page.evaluate(HIDE_TAB, False)
    page.mouse.move(*pad_at(page, 0.8, 0.3))
    page.mouse.up()
    hold()
    page.evaluate("dispatchEvent(new Event('blur'))")
    until_on(page, has_stopped)
    page.mouse.up()
    hold()
    page.evaluate(
        "document.querySelector('.ptz-pad').dispatchEvent(new PointerEvent('pointercancel', { pointerId: 1 }))"
    )
    until_on(page, has_stopped)
    page.mouse.up()
    hold()
    page.goto("about:blank")
    until_on(page, has_stopped)


def test_a_channel_without_a_head_gets_no_controls_and_loads_nothing(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(viewer(app, camera_id, channel=3))
    wait_playing(page)
    until_on(page, lambda: any(url.endswith("/channels/3/ptz") for url in asked))
    page.keyboard.press("c")
    round_trip(page)  # a request for the code would have come by then
    expect(page.locator("#ptz")).to_be_hidden()
    expect(page.locator(".ptz")).to_have_count(0)
    about = [url for url in asked if "ptz" in url.rpartition("/")[2] or "/ptz/" in url]
    assert {url.rpartition("/")[2] for url in about} <= {"ptz", "ptz-control.js"}
    assert sum(url.endswith("/ptz") for url in about) == 1


def test_one_hand_controls_the_camera_on_a_phone(app: App, camera_id: int, head: Head, open_page: Open) -> None:
    page = open_page(viewer(app, camera_id), width=390, height=844, has_touch=True, is_mobile=True).page
    take_control(page)
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, *points: tuple[float, float]) -> None:
        touch_points = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touch_points})

    finger("touchStart", pad_at(page, 0.7, 0.0))
    until_on(page, head.turns)
    finger("touchMove", pad_at(page, -0.7, 0.0))
    finger("touchEnd")
    until_on(page, lambda: head.last() == "Stop" and head.stands())
    assert_inside(page, ".ptz-dock", ".ptz-layer", "#ptz")
    panel = open_section(page, "Presets")
    expect(panel.get_by_role("button", name="Go to Gate")).to_be_visible()
    panel.get_by_role("button", name="Go to Gate").tap()
    until_on(page, lambda: head.last() == "GotoPreset")
    assert_inside(page, ".ptz-panel", ".ptz-dock")
    zoom = head.state["zoom"]
    left, right = 150.0, 230.0

    def zooms_by_fingers() -> bool:
        """Spread two fingers, and wait for the stop, which drops a move that a busy app has not sent yet."""
        stops = head.count("Stop")
        finger("touchStart", (left, 150.0))
        finger("touchStart", (left, 150.0), (right, 150.0))
        for step in range(1, 9):
            finger("touchMove", (left - 5 * step, 150.0), (right + 5 * step, 150.0))
            page.wait_for_timeout(40)  # fingers need time, and the zoom counts it
        finger("touchEnd")
        until_on(page, lambda: head.count("Stop") > stops and head.stands())
        return bool(head.state["zoom"] > zoom)

    until_on(page, zooms_by_fingers)
    expect(page.locator("#zoom-level")).to_be_hidden()


def assert_inside(page: Page, *selectors: str) -> None:
    """Assert that elements are whole on the screen."""
    size = page.viewport_size
    assert size is not None
    for selector in selectors:
        box = box_at_rest(page, page.locator(selector))
        assert box["x"] >= 0, (selector, box)
        assert box["y"] >= 0, (selector, box)
        assert box["x"] + box["width"] <= size["width"], (selector, box)
        assert box["y"] + box["height"] <= size["height"], (selector, box)


def test_the_tile_that_fills_the_wall_has_the_controls(app: App, camera_id: int, head: Head, open_page: Open) -> None:
    page = open_page(f"{app.url}/wall?layout=4&tiles={camera_id}.3,{camera_id}.1").page
    expect(page.locator("live-tile[data-phase=playing]")).to_have_count(2)
    expect(page.locator("#ptz")).to_be_hidden()
    page.locator('live-tile[data-place="2"]').dblclick()
    take_control(page)
    page.mouse.move(*pad_at(page, 0.0, 0.9))
    page.mouse.down()
    until_on(page, head.turns)
    page.mouse.up()
    until_on(page, head.stands)
    expect(page.locator("live-tile[data-full]")).to_have_count(1)  # a press on the controls is none on the tile
    page.get_by_role("button", name="Back to all").click()
    expect(page.locator(".ptz")).to_have_count(0)
    expect(page.locator("#ptz")).to_be_hidden()


def test_another_mover_is_named_and_an_admin_takes_over(
    tmp_path: Path, recorder: Recorder, head: Head, open_page: Open
) -> None:
    app = App(tmp_path, is_chosen=False, SEGMENT_S="1")
    app.start()
    try:
        admin = open_page(f"{app.url}/")
        admin.forgive("status of 409")
        make_first(admin.page, app)
        add_recorder(admin.page, recorder)
        for name, role in (("Olaf", "operator"), ("Vera", "viewer")):
            add_user(admin.page, name, role)
        url = viewer(app, 1)
        admin.page.goto(url)
        take_control(admin.page)
        admin.page.keyboard.down("ArrowLeft")
        until_on(admin.page, head.turns)

        other = open_page(f"{app.url}/login?next=/viewer/1%3Fchannel=1%26quality=sub")
        other.forgive("status of 409")
        log_in(other.page, "Olaf", PASSWORD)
        take_control(other.page)
        note = other.page.locator(".ptz-note")
        expect(note).to_contain_text("Anna has been moving this camera for")
        expect(note.get_by_role("button", name="Take over")).to_be_hidden()
        answers: list[int] = []

        def hear(answer: Response) -> None:
            if answer.url.endswith(("/ptz/move", "/ptz/stop")):
                answers.append(answer.status)

        other.page.on("response", hear)
        other.page.keyboard.down("ArrowUp")
        until_on(other.page, lambda: answers)
        expect(note).to_contain_text("It is free in")
        other.page.keyboard.up("ArrowUp")
        assert set(answers) == {409}, "a refused user does not move or stop it"
        until_on(admin.page, head.turns)
        admin.page.keyboard.up("ArrowLeft")
        until_on(admin.page, head.stands)

        # Five seconds after the stop the head is free, and then it is Olaf's.
        expect(note).to_be_hidden()
        until_on(other.page, lambda: fetch(other.page, "GET", "/api/cameras/1/channels/1/ptz")[1]["mover"] is None)
        other.page.keyboard.down("ArrowUp")
        until_on(other.page, head.turns)
        expect(admin.page.locator(".ptz-note")).to_contain_text("Olaf has been moving this camera")
        admin.page.get_by_role("button", name="Take over").click()
        expect(admin.page.locator("toast-area")).to_contain_text("You can move the camera now.")
        admin.page.keyboard.down("ArrowRight")
        expect(note).to_contain_text("Anna has been moving this camera")
        other.page.keyboard.up("ArrowUp")
        admin.page.keyboard.up("ArrowRight")
        until_on(admin.page, head.stands)

        viewing = open_page(f"{app.url}/login?next=/viewer/1%3Fchannel=1%26quality=sub")
        asked: list[str] = []
        viewing.page.on("request", lambda request: asked.append(request.url))
        log_in(viewing.page, "Vera", PASSWORD)
        wait_playing(viewing.page)
        expect(viewing.page.locator("#ptz")).to_be_hidden()
        assert not [url for url in asked if url.endswith("/ptz")]
    finally:
        app.stop()
