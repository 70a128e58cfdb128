"""The wall: sixteen channels, moving and enlarging tiles, stored walls, and errors of single tiles."""

from __future__ import annotations

import re
import statistics
import time
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import seconds_behind
from tests.browser.wall import (
    assert_all_move,
    at,
    centre,
    channel_at,
    drag,
    expect_address,
    four,
    read,
    tiles,
    wait_all_playing,
)
from tests.browser.watching import Open, box_at_rest, until_on
from tests.patience import Slowness
from tools.running import App, Recorder, running_recorder

pytestmark = pytest.mark.browser

# Shortens the page's minute to 400 ms and overrides document.hidden, because a headless tab is never hidden.
SHORT_MINUTE = """
const real = window.setTimeout;
window.minutes = 0;
window.setTimeout = (work, ms, ...more) => {
  if (ms === 60000) window.minutes += 1;
  return real(work, ms === 60000 ? 400 : ms, ...more);
};
Object.defineProperty(document, 'hidden', { get: () => window.isHiddenTab === true });
"""
HIDE_TAB = "(away) => { window.isHiddenTab = away; document.dispatchEvent(new Event('visibilitychange')); }"


def test_sixteen_channels_play_over_one_socket_without_ffmpeg(
    app: App, sixteen: Recorder, wall_id: int, open_page: Open
) -> None:
    page = open_page("about:blank").page
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{app.url}/wall?tiles={','.join(f'{wall_id}.{number}' for number in range(1, 17))}")
    wait_all_playing(page, 16)
    assert_all_move(page)
    assert len(sockets) == 1
    assert app.ffmpegs() == []
    fetched = "performance.getEntriesByType('resource').filter((r) => r.name.includes('/static/streams/')).length"
    assert page.evaluate(fetched) == 0
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "it does not fit the window"
    assert_all_close_behind_and_say_so(page, [sixteen.frames(number, "sub") for number in range(1, 17)])


def assert_all_close_behind_and_say_so(page: Page, timings: list[dict[str, Any]]) -> None:
    """Assert small medians of delay and of the error of the shown delay, for all tiles, at some time.

    Sixteen decoders on a busy machine need time. On a quiet machine the delay is 0.25 s and its error 0.05 s, as the
    tiles show tenths.
    """

    def are_close() -> bool:
        behind, wrong = [], []
        with Slowness() as machine:
            for _ in range(8):
                for (number, at_ms, _, said), timing in zip(read(page), timings, strict=True):
                    if number >= 0 and re.fullmatch(r"\d\.\d s", said):
                        behind.append(seconds_behind(number, at_ms, timing))
                        wrong.append(abs(float(said.removesuffix(" s")) - behind[-1]))
                page.wait_for_timeout(150)
        if len(behind) <= 100:
            return False
        return statistics.median(behind) < 0.5 * machine.factor() and statistics.median(wrong) < 0.15 * machine.factor()

    until_on(page, are_close)


def test_an_enlarged_tile_plays_the_main_stream_and_others_rest(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    sub_width = until_on(page, lambda: read(page)[0][2])
    at(page, 1).dblclick()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    expect_address(page, "full=1")
    expect(at(page, 1).locator("[data-part=quality]")).to_have_text("Main")
    expect(at(page, 1).locator("live-player video")).to_have_count(1)

    def is_wider() -> bool:
        width = read(page)[0][2]
        assert width, "a black picture between the two"
        return width > sub_width

    until_on(page, is_wider)
    assert box_at_rest(page, at(page, 1))["width"] > 1200
    expect(page.locator("live-tile[data-resting]")).to_have_count(2)
    expect(page.locator("live-tile[data-phase=playing]")).to_have_count(1)
    page.keyboard.press("Escape")
    wait_all_playing(page, 3)
    assert "full" not in page.url
    until_on(page, lambda: read(page)[0][2] == sub_width)
    page.go_back()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.keyboard.press("2")
    expect(at(page, 2)).to_have_attribute("data-full", "")


def test_dragged_tiles_swap_leave_and_enter_without_a_restart(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    first, second = channel_at(page, 1).inner_text(), channel_at(page, 2).inner_text()
    page.evaluate("document.querySelectorAll('live-player video').forEach((video, at) => { video.marked = at; })")
    drag(page, centre(at(page, 1)), centre(at(page, 2)))
    expect(channel_at(page, 1)).to_have_text(second)
    expect(channel_at(page, 2)).to_have_text(first)
    expect_address(page, f"tiles={wall_id}.2,{wall_id}.1,{wall_id}.3")
    marks = "[1, 2].map((place) => document.querySelector(`live-tile[data-place='${place}'] video`).marked)"
    assert page.evaluate(marks) == [1, 0]
    drag(page, centre(at(page, 3)), centre(at(page, 4)))
    expect_address(page, f"tiles={wall_id}.2,{wall_id}.1,-,{wall_id}.3")
    x, _ = centre(at(page, 2))
    drag(page, centre(at(page, 2)), (x, 70))
    expect(at(page, 2)).to_have_attribute("data-phase", "empty")
    expect_address(page, f"tiles={wall_id}.2,-,-,{wall_id}.3")
    page.keyboard.press("l")
    page.get_by_label("Search cameras and channels").fill("garage 7")
    found = page.locator(".picker .tile-item")
    expect(found).to_have_count(1)
    drag(page, centre(found), centre(at(page, 3)))
    expect(at(page, 3)).to_have_attribute("data-phase", "playing")
    expect_address(page, f"tiles={wall_id}.2,-,{wall_id}.7,{wall_id}.3")


def test_a_wall_can_be_made_by_keyboard(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/wall?layout=4&tiles={wall_id}.1").page
    wait_all_playing(page, 1)
    page.keyboard.press("4")
    expect(at(page, 4)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(at(page, 2)).to_be_focused()
    page.keyboard.press("l")
    page.get_by_label("Search cameras and channels").fill("garage 5")
    expect(page.locator(".picker .tile-item")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(at(page, 2)).to_have_attribute("data-phase", "playing")
    page.keyboard.press("Escape")
    expect(page.locator("#picker")).to_be_hidden()
    expect(at(page, 3)).to_have_attribute("aria-current", "true")  # the next empty place
    page.keyboard.press("2")
    page.keyboard.press("Shift+ArrowLeft")
    expect_address(page, f"tiles={wall_id}.5,{wall_id}.1")
    expect(at(page, 1)).to_be_focused()
    page.keyboard.press("Delete")
    expect_address(page, f"tiles=-,{wall_id}.1")
    page.keyboard.press("?")
    expect(page.locator("#keys-dialog dialog")).to_be_visible()


def test_the_menu_saves_a_full_snapshot_and_links_to_recordings(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    channel = channel_at(page, 1).inner_text()
    at(page, 1).click(button="right")
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitemradio", name="Quality by size")).to_have_attribute("aria-checked", "true")
    with page.expect_download() as saved:
        menu.get_by_role("menuitem", name="Snapshot").click()
    name = re.escape(f"Garage {channel} ") + r"\d{4}-\d\d-\d\d \d\d-\d\d-\d\d\.jpg"
    assert re.fullmatch(name, saved.value.suggested_filename)
    assert jpeg_width(saved.value.path().read_bytes()) == 640  # the tile plays the sub stream, 320 wide
    at(page, 1).hover()
    at(page, 1).get_by_role("button", name="Menu of this tile").click()
    menu.get_by_role("menuitemradio", name="Main stream").click()
    expect(at(page, 1).locator("[data-part=quality]")).to_have_text("Main")
    expect(at(page, 1)).to_be_focused()
    page.keyboard.press("ContextMenu")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(at(page, 1)).to_be_visible()
    before_s = time.time()
    page.keyboard.press("b")
    page.wait_for_url(re.compile(rf"/recordings/{wall_id}\?channel=1&t="))
    asked = re.search(r"t=([\d:TZ-]+)", page.url)
    assert asked is not None
    at_s = time.mktime(time.strptime(asked[1], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert before_s - 36 < at_s < time.time() - 28


def test_one_tile_at_a_time_has_sound(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    muted = "[...document.querySelectorAll('live-player [data-part=video]')].slice(0, 2).map((video) => video.muted)"
    assert page.evaluate(muted) == [True, True]
    for place in (1, 2):
        page.keyboard.press(str(place))
        page.keyboard.press("m")
        sounding = at(page, place).locator("[data-part=sound]")
        expect(sounding).to_be_visible()
        expect(page.locator("[data-part=sound]:visible")).to_have_count(1)
        heard = f"document.querySelectorAll('live-player [data-part=video]')[{place - 1}].webkitAudioDecodedByteCount"
        until_on(page, partial(page.evaluate, heard))
    until_on(page, lambda: page.evaluate(muted) == [True, False])
    page.keyboard.press("m")
    expect(page.locator("[data-part=sound]:visible")).to_have_count(0)


def test_a_finger_taps_holds_and_drags(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id), 390, 844, has_touch=True, is_mobile=True).page
    wait_all_playing(page, 3)
    at(page, 1).tap()
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.get_by_role("button", name="Back to all").tap()
    expect(at(page, 1)).not_to_have_attribute("data-full", "")
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *point: float) -> None:
        points = [{"x": point[0], "y": point[1]}] if point else []
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    start, end = centre(at(page, 1)), centre(at(page, 2))
    touch("touchStart", *start)
    expect(at(page, 1)).to_have_attribute("data-lifted", "")
    touch("touchEnd")
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_be_hidden()
    touch("touchStart", *start)
    expect(at(page, 1)).to_have_attribute("data-lifted", "")
    for step in range(1, 6):
        touch("touchMove", start[0], start[1] + (end[1] - start[1]) * step / 5)
    touch("touchEnd")
    expect(page).to_have_url(re.compile(f"tiles={wall_id}.2,{wall_id}.1,"))
    assert page.evaluate("scrollY") == 0


def test_tiles_out_of_sight_stop_and_start_again(app: App, wall_id: int, open_page: Open) -> None:
    channels = ",".join(f"{wall_id}.{number}" for number in range(1, 5))
    page = open_page(f"{app.url}/wall?layout=4&tiles={channels}", 390, 420).page
    expect(at(page, 1)).to_have_attribute("data-phase", "playing")
    expect(at(page, 4)).to_have_attribute("data-phase", "idle")
    page.evaluate("scrollTo(0, 9999)")
    expect(at(page, 4)).to_have_attribute("data-phase", "playing")
    expect(at(page, 1)).to_have_attribute("data-resting", "")
    page.evaluate("scrollTo(0, 0)")
    expect(at(page, 1)).to_have_attribute("data-phase", "playing")


def test_a_hidden_tab_ends_its_sessions_after_a_minute(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(SHORT_MINUTE)
    page.goto(four(app, wall_id))
    wait_all_playing(page, 3)
    page.evaluate(HIDE_TAB, True)
    expect(page.locator("live-tile[data-resting]")).to_have_count(3)
    assert page.evaluate("window.minutes") == 1
    page.evaluate(HIDE_TAB, False)
    wait_all_playing(page, 3)
    assert_all_move(page)


def test_only_the_audible_tile_plays_on_in_a_hidden_tab(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(SHORT_MINUTE)
    page.goto(four(app, wall_id))
    wait_all_playing(page, 3)
    page.keyboard.press("2")
    page.keyboard.press("m")
    expect(at(page, 2).locator("[data-part=sound]")).to_be_visible()
    page.evaluate(HIDE_TAB, True)
    expect(page.locator("live-tile[data-resting]")).to_have_count(2)
    expect(at(page, 2)).to_have_attribute("data-phase", "playing")
    page.evaluate("dispatchEvent(new Event('online'))")  # a returning network wakes no hidden tile
    assert page.locator("live-tile[data-resting]").count() == 2
    page.evaluate(HIDE_TAB, False)
    wait_all_playing(page, 3)
    assert_all_move(page)
    page.evaluate(HIDE_TAB, True)
    expect(page.locator("live-tile[data-resting]")).to_have_count(2)
    page.keyboard.press("m")
    expect(page.locator("live-tile[data-resting]")).to_have_count(3)
    page.evaluate(HIDE_TAB, False)
    wait_all_playing(page, 3)


def test_dead_and_unknown_channels_show_the_reason(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/wall?layout=4&tiles={camera_id}.7,999.1,{camera_id}.99").page
    title, reason = "[data-part=title]", "[data-part=reason]"
    expect(at(page, 1).locator(title)).to_have_text("No signal")
    expect(at(page, 1).locator("[data-part=spinner]")).to_be_hidden()
    expect(at(page, 2).locator(title)).to_have_text("Nothing to show")
    expect(at(page, 2).locator(reason)).to_contain_text("do not have permission to see it")
    expect(at(page, 3).locator(reason)).to_contain_text("Recorder has no channel 99")
    expect(at(page, 4)).to_have_attribute("data-phase", "empty")


def test_a_stalled_tile_is_red_and_shows_the_seconds(
    app: App, sixteen: Recorder, wall_id: int, open_page: Open
) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    sixteen.set_fault("rtcp_only", channel=2)
    try:
        expect(at(page, 2)).to_have_attribute("data-frozen", "")
        expect(at(page, 2).locator("[data-part=badge]")).to_have_text(re.compile(r"^Stopped \d+ s$"))
        expect(at(page, 2).locator("[data-part=title]")).to_have_text("The picture has stopped")
        expect(page.locator("live-tile[data-frozen]")).to_have_count(1)
    finally:
        sixteen.clear_fault("rtcp_only", channel=2)
    expect(page.locator("live-tile[data-frozen]")).to_have_count(0)
    wait_all_playing(page, 3)


def test_the_sub_stream_plays_on_if_the_main_stream_is_refused(app: App, open_page: Open) -> None:
    with running_recorder("--channels", "2", "--dead", "none", "--profile", "small") as small:
        camera_id = app.add_camera(small, name="Small")
        page = open_page(f"{app.url}/wall?layout=4&tiles={camera_id}.1").page
        wait_all_playing(page, 1)
        small.set_fault("session_limit", 1)
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(at(page, 1)).to_have_attribute("data-full", "")
        note = page.locator("#tile-menu [data-part=note]")

        def is_refused() -> bool:
            page.keyboard.press("ContextMenu")
            expect(note).to_be_visible()
            text = note.inner_text()
            page.keyboard.press("Escape")
            expect(note).to_be_hidden()
            return "too many sessions" in text

        until_on(page, is_refused)
        expect(at(page, 1)).to_have_attribute("data-phase", "playing")
        assert_all_move(page)
        small.clear_fault("session_limit")
        app.call("DELETE", f"/api/cameras/{camera_id}")


def test_a_wall_is_stored_opened_by_address_renamed_and_deleted(app: App, wall_id: int, open_page: Open) -> None:
    watched = open_page(four(app, wall_id), permissions=["clipboard-read", "clipboard-write"])
    watched.forgive("status of 404", "status of 409")
    page = watched.page
    wait_all_playing(page, 3)
    page.click("#open-walls")
    name = "<img src=x onerror=alert(1)>"
    page.fill("#wall-name", name)
    page.keyboard.press("Enter")
    expect(page.locator("#wall-name-shown")).to_have_text(name)
    kept = app.call("GET", "/api/walls")["walls"][0]
    expect_address(page, f"wall={kept['id']}")
    page.reload()
    wait_all_playing(page, 3)
    expect(page.locator("#wall-name-shown")).to_have_text(name)
    page.keyboard.press("1")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#wall-name-shown")).to_have_text(f"{name} *")
    page.click("#open-walls")
    page.fill("#wall-name", name)
    page.keyboard.press("Enter")
    expect(page.locator("#save-wall [data-part=error]")).to_have_text("There is a layout of this name already.")
    page.click("#save-changes")
    expect(page.locator("#wall-name-shown")).to_have_text(name)
    assert app.call("GET", "/api/walls")["walls"][0]["tiles"][0]["channel"] == 2
    page.click("#copy-link")
    link = f"{app.url}/wall?layout=4&tiles={wall_id}.2,{wall_id}.1,{wall_id}.3"
    until_on(page, lambda: page.evaluate("navigator.clipboard.readText()") == link)
    page.click("#open-walls")
    page.click(".wall-row [data-part=rename]")
    page.fill(".wall-row input", "Gates")
    page.keyboard.press("Enter")
    expect(page.locator("#wall-name-shown")).to_have_text("Gates")
    page.click(".wall-row [data-part=delete]")
    page.locator("#confirm [data-part=yes]").click()
    expect(page.locator(".wall-row")).to_have_count(0)
    assert app.call("GET", "/api/walls") == {"walls": []}
    page.goto(f"{app.url}/wall?wall={kept['id']}")
    expect(page.locator("toast-area")).to_contain_text("This layout does not exist")


def test_the_wall_shows_all_channels_and_survives_a_server_restart(
    empty_app: App, sixteen: Recorder, open_page: Open
) -> None:
    watched = open_page(f"{empty_app.url}/wall")
    watched.forgive("ERR_", "WebSocket", "status of 50")
    page = watched.page
    expect(page.get_by_role("heading", name="There is no camera yet")).to_be_visible()
    empty_app.add_camera(sixteen)
    page.reload()
    wait_all_playing(page, 16)
    page.click("#layouts [data-layout='4']")
    expect(tiles(page)).to_have_count(4)
    expect_address(page, "layout=4")
    page.click("#layouts [data-layout='16']")
    wait_all_playing(page, 16)
    empty_app.stop()
    expect(page.locator("live-tile[data-frozen]")).to_have_count(16)
    empty_app.start()
    expect(page.locator("live-tile[data-phase=playing]:not([data-frozen])")).to_have_count(16)
    assert_all_move(page)


def jpeg_width(data: bytes) -> int:
    """Return the width from the start-of-frame segment (ITU-T T.81, B.2.2)."""
    place = 2
    while data[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return int.from_bytes(data[place + 7 : place + 9], "big")


def test_other_pages_link_to_the_wall(app: App, wall_id: int, open_page: Open) -> None:
    for path in ("/cameras", f"/viewer/{wall_id}?view=grid"):
        page = open_page(app.url + path).page
        page.get_by_role("link", name="Wall", exact=True).click()
        page.wait_for_url(f"{app.url}/wall**")


def test_the_menu_of_an_enlarged_tile_on_a_phone(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app.url}/wall?layout=4&full=1&tiles={wall_id}.1")
    expect(at(page, 1)).to_have_attribute("data-full", "")
    page.evaluate("for (const button of document.querySelectorAll('.wall-bar [hidden]')) button.hidden = false")
    assert page.evaluate("document.querySelector('.wall-bar').offsetHeight") > 100, "the bar needs three rows"
    at(page, 1).hover()
    at(page, 1).locator("[data-part=menu]").click()
    expect(page.locator("#tile-menu")).to_be_visible()
