"""One tile of the wall: its transport, zoom and pause while it fills the page, and its chosen quality."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.wall import assert_all_move, at, centre, drag, expect_address, four, read, wait_all_playing
from tests.browser.watching import Open, settled_on, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

NO_WEBSOCKET = """
window.WebSocket = class extends EventTarget {
  constructor() {
    super();
    setTimeout(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 })), 5);
  }
  close() {}
  send() {}
};
"""


def test_a_tile_over_hls_is_marked_and_its_menu_shows_the_reason(
    app: App, camera_id: int, wall_id: int, open_page: Open
) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    expect(page.locator("live-tile [data-part=way]:visible")).to_have_count(0)
    watched = open_page("about:blank")
    watched.forgive("WebSocket")
    page = watched.page
    page.add_init_script(NO_WEBSOCKET)
    page.goto(f"{app.url}/wall?layout=4&tiles={wall_id}.1,{wall_id}.3,{camera_id}.7")
    wait_all_playing(page, 2)
    expect(at(page, 3).locator("[data-part=title]")).to_have_text("No signal")
    expect(page.locator("live-tile [data-part=way]:visible")).to_have_count(2)  # a tile without video shows no mark
    mark = at(page, 1).locator("[data-part=way]")
    expect(mark).to_be_visible()
    expect(mark).to_have_text("HLS")
    expect(at(page, 1)).to_have_attribute("aria-label", re.compile(r"Live over HLS, \d+(\.\d)? s behind"))
    page.keyboard.press("1")
    page.keyboard.press("ContextMenu")
    note = page.locator("#tile-menu [data-part=note]")
    expect(note).to_have_text("Now: sub. Over HLS, some seconds behind: no WebSocket could be opened")


def test_a_damaged_tile_is_marked_with_the_reason(app: App, sixteen: Recorder, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    marks = page.locator("live-tile [data-part=damage]:visible")
    expect(marks).to_have_count(0)
    sixteen.set_fault("packet_loss", 5, channel=2)
    try:
        mark = at(page, 2).locator("[data-part=damage]")
        expect(mark).to_have_attribute("title", re.compile(r"^The picture is damaged: .+\. \d+ frames? left"))
        expect(mark).to_contain_text("The picture is damaged")
        expect(at(page, 2)).to_have_attribute("aria-label", re.compile("The picture is damaged"))
        expect(marks).to_have_count(1)
    finally:
        sixteen.clear_fault("packet_loss", channel=2)
    expect(marks).to_have_count(0)  # after ten seconds without another damaged frame
    expect(at(page, 2)).not_to_have_attribute("aria-label", re.compile("damaged"))


def test_tiles_name_their_recorder_if_there_are_several(
    app: App, camera_id: int, wall_id: int, open_page: Open
) -> None:
    page = open_page(f"{app.url}/wall?layout=4&tiles={wall_id}.1,{wall_id}.3").page
    expect(at(page, 1).locator("[data-part=channel]")).to_be_visible()
    expect(page.locator("live-tile [data-part=camera]:visible")).to_have_count(0)
    page.goto(f"{app.url}/wall?layout=4&tiles={wall_id}.1,{camera_id}.1")
    expect(page.locator("live-tile [data-part=camera]:visible")).to_have_count(2)


def test_a_tiles_quality_is_kept_in_address_link_and_stored_wall(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id), permissions=["clipboard-read", "clipboard-write"]).page
    wait_all_playing(page, 3)
    page.keyboard.press("3")
    page.keyboard.press("ContextMenu")
    page.get_by_role("menuitemradio", name="Main stream").click()
    main = at(page, 3).locator("[data-part=quality]")
    expect(main).to_have_text("Main")
    chosen = f"tiles={wall_id}.1,{wall_id}.2,{wall_id}.3.main"
    expect_address(page, chosen)
    page.reload()
    expect(main).to_have_text("Main")
    page.click("#copy-link")
    link = f"{app.url}/wall?layout=4&{chosen}"
    until_on(page, lambda: page.evaluate("navigator.clipboard.readText()") == link)
    page.click("#open-walls")
    page.fill("#wall-name", "Gates")
    page.keyboard.press("Enter")
    expect(page.locator("#wall-name-shown")).to_have_text("Gates")
    page.reload()
    expect(main).to_have_text("Main")
    page.keyboard.press("3")
    page.keyboard.press("Shift+ArrowUp")  # the quality moves with its channel
    expect(at(page, 1).locator("[data-part=quality]")).to_have_text("Main")
    page.keyboard.press("ContextMenu")
    page.get_by_role("menuitemradio", name="Quality by size").click()
    expect(page.locator("#wall-name-shown")).to_have_text("Gates *")
    expect_address(page, f"tiles={wall_id}.3,{wall_id}.2,{wall_id}.1")
    (kept,) = app.call("GET", "/api/walls")["walls"]
    app.call("DELETE", f"/api/walls/{kept['id']}")


def test_a_wall_without_some_channels_shows_how_many(app: App, camera_id: int, wall_id: int, open_page: Open) -> None:
    channels = sum(camera["channels"] for camera in app.call("GET", "/api/cameras")["cameras"])
    page = open_page(f"{app.url}/wall?layout=4", 360, 740).page
    left_out = page.locator("#left-out")
    expect(left_out).to_have_text(f"4 of {channels}")
    cut = "[...document.querySelectorAll('.wall-bar > *')].filter((each) => each.scrollWidth > each.clientWidth)"
    assert page.evaluate(f"{cut}.map((each) => each.id)") == [], "the bar is wider than a phone"
    box = left_out.bounding_box()
    assert box is not None
    assert box["height"] < 48, "it takes two lines"
    left_out.click()
    expect(page.locator("#picker")).to_be_visible()
    page.locator(".picker .tile-item").last.click()
    expect(left_out).to_be_hidden()  # the user has chosen the channels
    expect(page).to_have_url(re.compile(r"tiles=\d+\.\d+,(\d+)\.2,\1\.3,\1\.4$"))


def shift(page: Page, place: int) -> list[float]:
    """Return (scale, x, y) of the tile's video; x and y in pixels."""
    transform = """(tile) => {
      const { a, e, f } = new DOMMatrix(getComputedStyle(tile.querySelector('live-player')).transform);
      return [a, e, f];
    }"""
    found: list[float] = at(page, place).evaluate(transform)
    return found


def test_an_enlarged_tile_zooms_and_escape_resets_the_zoom_first(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    level = at(page, 1).locator("[data-part=zoom-level]")
    page.mouse.move(*centre(at(page, 1)))
    page.mouse.wheel(0, -200)  # has no effect: only a tile that fills the page is zoomed
    at(page, 1).dblclick()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    expect(level).to_be_hidden()
    x, y = centre(at(page, 1))
    page.mouse.move(x, y)
    page.mouse.wheel(0, -240)
    expect(level).to_have_text("1.8×")
    address = page.url
    drag(page, (x, y), (x + 80, y + 30))
    until_on(page, lambda: shift(page, 1) == pytest.approx([1.82, 80, 30], abs=2))
    expect(page.locator(".drag-ghost")).to_have_count(0)
    expect(at(page, 1)).to_have_attribute("data-full", "")
    assert page.url == address
    page.keyboard.press("Escape")
    expect(level).to_be_hidden()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    assert shift(page, 1) == [1, 0, 0]
    page.keyboard.press("Escape")
    expect(at(page, 1)).not_to_have_attribute("data-full", "")
    page.keyboard.press("Enter")
    for key in ("+", "+", "-"):
        page.keyboard.press(key)
    expect(level).to_have_text("1.4×")
    page.keyboard.press("z")
    expect(level).to_be_hidden()
    page.keyboard.press("+")
    at(page, 1).dblclick()
    expect(at(page, 1)).not_to_have_attribute("data-full", "")
    assert shift(page, 1) == [1, 0, 0]
    expect(level).to_be_hidden()
    expect_address(page, f"tiles={wall_id}.1,{wall_id}.2,{wall_id}.3")


def test_escape_closes_a_loading_menu_and_not_the_enlarged_tile(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/wall-panels*", hold)
    page.goto(four(app, wall_id), wait_until="domcontentloaded")  # the held code may delay the load event
    wait_all_playing(page, 3)
    at(page, 1).dblclick()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.keyboard.press("ContextMenu")
    page.keyboard.press("Escape")
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.keyboard.press("m")
    until_on(page, lambda: held)
    for route in held:
        route.continue_()
    expect(at(page, 1).locator("[data-part=sound]")).to_be_visible()  # the keys after Escape wait for the same code
    expect(page.locator("#tile-menu")).to_be_hidden()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.keyboard.press("ContextMenu")
    expect(page.locator("#tile-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#tile-menu")).to_be_hidden()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.keyboard.press("Escape")
    expect(at(page, 1)).not_to_have_attribute("data-full", "")


def test_fingers_zoom_an_enlarged_tile_and_a_tap_keeps_the_zoom(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id), 390, 844, has_touch=True, is_mobile=True).page
    wait_all_playing(page, 3)
    at(page, 1).tap()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.wait_for_timeout(400)  # otherwise the next touch would count as a double tap
    fingers = page.context.new_cdp_session(page)
    x, y = centre(at(page, 1))

    def touch(kind: str, *spread: float) -> None:
        points = [{"x": x + each, "y": y, "id": number} for number, each in enumerate(spread)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -40)
    touch("touchStart", -40, 40)
    for step in range(1, 6):
        touch("touchMove", -40 - step * 8, 40 + step * 8)
    touch("touchEnd")
    level = at(page, 1).locator("[data-part=zoom-level]")
    expect(level).to_have_text("2.0×")
    assert page.evaluate("visualViewport.scale") == 1
    at(page, 1).tap()
    page.wait_for_timeout(400)
    expect(at(page, 1)).to_have_attribute("data-full", "")
    expect(level).to_have_text("2.0×")
    before = shift(page, 1)
    touch("touchStart", 0)
    for step in range(1, 6):
        touch("touchMove", step * 8)
    touch("touchEnd")
    until_on(page, lambda: shift(page, 1)[1] - before[1] > 20)
    scale, right, down = shift(page, 1)
    assert right - before[1] <= 41  # the first pixels only decide between tap and drag
    assert (scale, down) == (before[0], before[2])
    expect(page.locator("[data-lifted]")).to_have_count(0)
    # Both taps in one command: two commands may be too far apart on a busy machine.
    fingers.send("Input.synthesizeTapGesture", {"x": x, "y": y, "tapCount": 2, "gestureSourceType": "touch"})
    expect(at(page, 1)).not_to_have_attribute("data-full", "")
    page.wait_for_timeout(400)  # a tap that came late would fill the page again
    expect(at(page, 1)).not_to_have_attribute("data-full", "")


def test_an_enlarged_tile_pauses_and_resumes_live(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    badge = at(page, 1).locator("[data-part=badge]")
    page.keyboard.press("1")
    page.keyboard.press("k")  # has no effect: only a tile that fills the page is paused
    page.keyboard.press("Enter")
    page.keyboard.press("Space")  # before the main stream has taken over
    expect(badge).to_have_text(re.compile(r"^Paused −([3-9]|\d\d) s$"))
    expect(at(page, 1).locator("[data-part=quality]")).to_have_text("Main")
    settled_on(page, lambda: read(page)[0][0], for_s=0.5)
    expect(page.locator("live-tile[data-frozen]")).to_have_count(0)
    page.keyboard.press("k")
    expect(badge).to_have_text(re.compile(r"^0\.\d s$"))
    page.keyboard.press("ContextMenu")
    page.get_by_role("menuitem", name="Pause").click()
    play = at(page, 1).get_by_role("button", name="Play")
    expect(play).to_be_visible()
    play.click()
    expect(play).to_be_hidden()
    page.keyboard.press("k")
    expect(play).to_be_visible()
    page.keyboard.press("Escape")
    expect(play).to_be_hidden()
    wait_all_playing(page, 3)
    assert_all_move(page)


def test_a_paused_tile_leaves_its_stream_after_some_seconds(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(at(page, 1).locator("[data-part=quality]")).to_have_text("Main")
    page.keyboard.press("Space")
    badge = at(page, 1).locator("[data-part=badge]")
    expect(badge).to_have_text(re.compile(r"^Paused −([2-9]|\d\d) s"))
    stands = settled_on(page, lambda: read(page)[0][0], for_s=1.0)  # 15 frames come in this time
    until_on(page, lambda: not any(one["viewers"] for one in app.call("GET", "/api/streams/all")["streams"]))
    assert read(page)[0][0] == stands
    expect(badge).to_have_text(re.compile("^Paused"))
    page.keyboard.press("Space")
    expect(badge).to_have_text(re.compile(r"^\d\.\d s$"))
    until_on(page, lambda: read(page)[0][0] not in {stands, -1})
    page.keyboard.press("Escape")
    wait_all_playing(page, 3)
    assert_all_move(page)


def test_a_narrow_tile_shows_its_whole_channel_name(app: App, wall_id: int, open_page: Open) -> None:
    tiles = ",".join(f"{wall_id}.{number}" for number in (1, 3, 4))
    page = open_page(f"{app.url}/wall?layout=9&tiles={tiles}", 390, 844).page
    wait_all_playing(page, 3)
    whole = """(tile) => {
      const name = tile.querySelector('[data-part=channel]');
      const range = document.createRange();
      range.selectNodeContents(name);
      return name.getBoundingClientRect().width >= range.getBoundingClientRect().width;
    }"""
    assert [at(page, place).evaluate(whole) for place in (1, 2, 3)] == [True, True, True]
