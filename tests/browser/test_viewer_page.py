"""The viewer page: playing video, states and errors, keys, channels and zoom."""

from __future__ import annotations

import contextlib
import re
import statistics
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from playwright.sync_api import Response, expect

from tests.browser.pictures import assert_close_behind, assert_pictures_move, read_frames, seconds_behind, wait_playing
from tests.browser.replaying import wait
from tests.browser.watching import Open, box_at_rest, until_on
from tests.patience import Slowness, promised
from tools.running import App, Recorder, running_recorder

pytestmark = pytest.mark.browser


def test_the_shown_delay_is_true(app: App, recorder: Recorder, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=main").page
    wait_playing(page)
    timing = recorder.frames(1, "main")

    def is_true() -> bool:
        with Slowness() as machine:
            frames = read_frames(page, 60)
        compared = [
            float(said[1]) - seconds_behind(number, at_ms, timing)
            for number, at_ms, behind in frames
            if number >= 0 and (said := re.fullmatch(r"([\d.]+) s", behind))
        ]
        if len(compared) < 30:
            return False
        # The page updates its number twice a second, so that single values may be off by 0.5 s more.
        is_near = max(map(abs, compared)) < 1.0 * machine.factor()
        return is_near and abs(statistics.median(compared)) < 0.1 * machine.factor()

    # Repeated, because the number is late for a moment after a pause of the machine, and after the start.
    until_on(page, is_true)


def test_an_h265_main_stream_is_replaced_by_the_sub_stream(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=2").page
    expect(page.locator("#codec-notice")).to_contain_text("H.265, which this browser cannot play")
    expect(page.get_by_role("button", name="Convert anyway")).to_be_visible()
    expect(page.locator("[data-quality=sub]")).to_have_attribute("data-now", "")
    wait_playing(page)
    assert_pictures_move(page)
    page.get_by_role("button", name="Convert anyway").click()
    expect(page.locator("[data-fact=codec]")).to_have_text("H.265 → H.264 (converted)")
    wait_playing(page)
    assert_pictures_move(page)
    assert "convert=1" in page.url


def test_h265_found_in_the_stream_is_replaced_by_the_sub_stream(empty_app: App, open_page: Open) -> None:
    with running_recorder("--channels", "2", "--dead", "none", "--profile", "small") as old:
        # The Media service (version 1) has no value for H.265.
        old.set_fault("no_media2")
        old.set_fault("h265_as_h264")
        camera_id = empty_app.add_camera(old)
        (_, second) = empty_app.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"]
        assert second["profiles"][0]["video"]["codec"] == "h264"
        page = open_page(f"{empty_app.url}/viewer/{camera_id}?channel=2&quality=main").page
        expect(page.locator("#codec-notice")).to_contain_text("H.265, which this browser cannot play")
        expect(page.locator("[data-quality=sub]")).to_have_attribute("data-now", "")
        wait_playing(page)
        assert_pictures_move(page)
        expect(page.locator("#facts")).to_have_attribute("data-way", "socket")
        wall = open_page(f"{empty_app.url}/wall?layout=1&tiles={camera_id}.2").page
        tile = wall.locator("live-tile")
        expect(tile).to_have_attribute("data-phase", "playing")
        expect(tile.locator("[data-part=way]")).to_have_text("")  # over the socket
        expect(tile.locator("[data-part=quality]")).to_have_text("")
        until_on(page, lambda: empty_app.ffmpegs() == [])  # a still picture may need one for a moment
        page.get_by_role("button", name="Convert anyway").click()
        expect(page.locator("[data-fact=codec]")).to_have_text("H.265 → H.264 (converted)")
        wait_playing(page)
        assert_pictures_move(page)
        page.get_by_role("button", name="Main", exact=True).click()
        expect(page.locator("[data-quality=sub]")).to_have_attribute("data-now", "")
        expect(page.locator("#facts")).to_have_attribute("data-way", "socket")
        wait_playing(page)


def test_the_viewer_works_by_keyboard(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    page.keyboard.press("k")
    expect(page.locator("#badge")).to_contain_text("PAUSED")
    page.keyboard.press("Space")
    expect(page.locator("#badge")).to_have_text("LIVE")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Keys")).to_be_hidden()
    page.keyboard.press("f")
    wait(page, "document.fullscreenElement?.id === 'stage'")
    page.keyboard.press("f")
    wait(page, "document.fullscreenElement === null")
    assert page.evaluate("document.querySelector('live-player [data-part=video]').muted")
    page.keyboard.press("m")
    expect(page.locator("#mute")).to_have_attribute("aria-label", "Sound off")
    expect(page.locator("live-player video")).to_have_count(1)  # the player with audio has taken over
    wait(page, "!document.querySelector('live-player [data-part=video]').muted")
    page.keyboard.press("m")
    page.keyboard.press("+")
    expect(page.locator("#zoom-level")).to_have_text("1.4×")
    page.keyboard.press("Escape")
    expect(page.locator("#zoom-level")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**channel=2*")
    page.keyboard.press("5")
    page.wait_for_url("**channel=5*")
    page.keyboard.press("g")
    page.wait_for_url("**view=grid*")
    expect(page.locator("#stage")).to_be_hidden()
    page.keyboard.press("Escape")
    page.wait_for_url("**channel=5*")
    wait_playing(page)
    page.go_back()
    page.go_back()
    page.wait_for_url("**channel=5*")
    page.go_back()
    page.wait_for_url("**channel=2*")


def test_notes_are_visible_in_full_screen(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)

    def is_seen_after_saving() -> bool:
        toast = page.locator("toast-area .toast")
        with page.expect_download():
            page.keyboard.press("s")
        expect(toast).to_have_count(1)
        seen: bool = toast.evaluate(
            """(toast) => {
              toast.style.pointerEvents = 'auto';
              const { x, y, width, height } = toast.getBoundingClientRect();
              return document.elementFromPoint(x + width / 2, y + height / 2) === toast;
            }"""
        )
        expect(toast).to_have_count(0)  # notes disappear by themselves
        return seen

    assert is_seen_after_saving()
    page.keyboard.press("f")
    wait(page, "document.fullscreenElement?.id === 'stage'")
    assert is_seen_after_saving()
    page.keyboard.press("f")
    wait(page, "document.fullscreenElement === null")
    assert is_seen_after_saving()


def test_a_snapshot_has_full_resolution_and_a_telling_name(
    app: App, camera_id: int, open_page: Open, tmp_path: Path
) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=main").page
    wait_playing(page)
    page.keyboard.press("+")
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert re.fullmatch(r"Recorder .+ \d{4}-\d\d-\d\d \d\d-\d\d-\d\d\.jpg", download.value.suggested_filename)
    saved = tmp_path / "saved.jpg"
    download.value.save_as(saved)
    with Image.open(saved) as picture:
        assert picture.size == (640, 360)
        assert picture.format == "JPEG"


@pytest.mark.parametrize("channel", [6, 7])
def test_a_dead_channel_shows_the_reason(app: App, camera_id: int, open_page: Open, channel: int) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel={channel}&quality=sub").page
    expect(page.locator("#overlay [data-part=title]")).to_have_text("No signal")
    expect(page.locator("#badge")).to_be_hidden()


def test_a_session_limit_is_shown_and_other_channels_play_on(
    empty_app: App, recorder: Recorder, open_page: Open
) -> None:
    camera_id = empty_app.add_camera(recorder)
    first = open_page(f"{empty_app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(first)
    recorder.set_fault("session_limit", 1)
    try:
        second = open_page(f"{empty_app.url}/viewer/{camera_id}?channel=3&quality=sub").page
        expect(second.locator("#overlay [data-part=title]")).to_have_text("Refused by the recorder: too many sessions")
        expect(second.locator("#badge")).to_be_hidden()
        assert_pictures_move(first)
    finally:
        recorder.clear_fault("session_limit")


def test_video_resumes_after_ffmpeg_was_killed(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=main&way=hls")
    page = watched.page
    wait_playing(page)
    for process in app.ffmpegs():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    expect(page.locator("[data-fact=restarts]")).to_have_text(re.compile("^[1-9]"))
    wait(
        page,
        "document.querySelector('#stage').dataset.phase === 'playing'"
        " && Number.parseFloat(document.querySelector('[data-fact=behind]').textContent) < 6",
    )
    assert_pictures_move(page)


def test_damaged_pictures_are_named_and_counted_while_they_come(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=5&quality=sub").page
    wait_playing(page)
    expect(page.locator("#damage-notice")).to_be_hidden()
    recorder.set_fault("packet_loss", 5, channel=5)
    try:
        expect(page.locator("#damage-notice")).to_contain_text(
            re.compile(r"^The picture is damaged: .+\. \d+ frames? left")
        )
        expect(page.locator("#dropped-count")).to_contain_text(re.compile(r"^\d+ frames?$"))
    finally:
        recorder.clear_fault("packet_loss", channel=5)
    expect(page.locator("#damage-notice")).to_be_hidden()  # after ten seconds without another one
    expect(page.locator("#dropped-count")).to_be_visible()


def test_a_silent_device_is_shown_and_video_resumes(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=5&quality=sub").page
    wait_playing(page)
    recorder.set_fault("rtsp_silent", True, channel=5)
    try:
        expect(page.locator("#badge")).to_contain_text("STOPPED")
        expect(page.locator("#overlay [data-part=title]")).not_to_be_empty()
    finally:
        recorder.clear_fault("rtsp_silent", channel=5)
    wait_playing(page)
    assert_pictures_move(page)


def test_hls_resumes_after_network_loss_and_server_restart(empty_app: App, recorder: Recorder, open_page: Open) -> None:
    camera_id = empty_app.add_camera(recorder)
    watched = open_page(f"{empty_app.url}/viewer/{camera_id}?channel=1&quality=sub&way=hls")
    watched.forgive("ERR_", "status of 50", "status of 404")
    page = watched.page
    wait_playing(page)
    page.context.set_offline(True)
    expect(page.locator("#overlay [data-part=title]")).to_have_text("The server does not answer")
    page.context.set_offline(False)
    wait_playing(page)
    empty_app.stop()
    expect(page.locator("#overlay [data-part=title]")).to_have_text("The server does not answer")
    empty_app.start()
    wait_playing(page)
    assert_pictures_move(page)


def test_a_frozen_tab_resumes_live(app: App, camera_id: int, recorder: Recorder, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    tab = page.context.new_cdp_session(page)
    tab.send("Page.setWebLifecycleState", {"state": "frozen"})
    time.sleep(8)  # longer than the server keeps media for a page that does not read
    timing = recorder.frames(1, "sub")
    with promised(5):
        tab.send("Page.setWebLifecycleState", {"state": "active"})
        assert_close_behind(page, timing, limit_s=1.0)
    assert_close_behind(page, timing)
    wait_playing(page)
    assert_pictures_move(page)


@pytest.mark.parametrize(("fault", "value"), [("corrupt", 5), ("packet_loss", 5), ("resolution_change", True)])
def test_a_damaged_or_changed_stream_plays_on(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, fault: str, value: object
) -> None:
    watched = open_page(f"{app.url}/viewer/{camera_id}?channel=5&quality=main")
    watched.forgive("/static/streams/")  # a restarting session: 503 for its playlist, 404 for old segments
    page = watched.page
    wait_playing(page)
    recorder.set_fault(fault, value, channel=5)
    try:
        page.wait_for_timeout(4000)
    finally:
        recorder.clear_fault(fault, channel=5)
    wait_playing(page)
    assert_pictures_move(page)


def test_leaving_the_page_ends_its_stream(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=4&quality=sub").page
    wait_playing(page)
    page.goto(f"{app.url}/cameras")
    expect(page.locator("camera-card")).to_have_count(1)

    def still_running() -> list[Any]:
        streams = app.call("GET", "/api/streams/all")["streams"]
        return [one for one in streams if one["profile_token"] == "MediaProfile00301" and one["status"] != "stopped"]

    with promised(5):
        until_on(page, lambda: not still_running())


def test_stop_ends_and_play_begins_again(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#badge")).to_be_hidden()
    expect(page.locator("#stage")).to_have_attribute("data-phase", "idle")
    page.locator("#overlay").get_by_role("button", name="Play").click()
    wait_playing(page)


def is_change(response: Response) -> bool:
    return response.request.method not in {"GET", "HEAD"} and "/channels" in response.url


def test_channels_are_renamed_moved_and_hidden_and_stay_so(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?view=grid").page
    expect(page.locator("#channels [data-channel]")).to_have_count(8)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Name of channel 4").fill("Old gate")
    # The page shows each change before the server has it.
    with page.expect_response(is_change):
        page.get_by_label("Name of channel 4").press("Enter")
    with page.expect_response(is_change):
        page.get_by_role("button", name="Move Old gate up").click()
    with page.expect_response(is_change):
        page.get_by_role("button", name="Hide Old gate").click()
    expect(page.locator("#channel-hint")).to_have_text("1 channel hidden")
    page.reload()
    expect(page.locator("#channels [data-channel]")).to_have_count(7)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("button", name="Show Old gate").click()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#channels [data-channel]")).to_have_count(8)
    expect(page.locator("#channels [data-channel]").nth(2)).to_contain_text("Old gate")


def test_the_wheel_zooms_and_a_drag_moves_the_video(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    box = box_at_rest(page, page.locator("#zoom"))
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.5)
    page.mouse.wheel(0, -600)
    expect(page.locator("#zoom-level")).to_be_visible()
    shift = "Number.parseFloat(getComputedStyle(document.querySelector('#zoom')).getPropertyValue('--zoom-x'))"
    wait(page, f"{shift} < 0")
    before: float = page.evaluate(shift)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.5, steps=4)
    page.mouse.up()
    wait(page, f"{shift} > {before}")


def test_the_address_for_another_player_is_copied(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the address").click()
    expect(page.locator("#copy-address-note")).to_contain_text("Without accounts, only players on this machine")
    wanted = f"{app.url}/api/cameras/{camera_id}/channels/1/master.m3u8"
    assert page.evaluate("navigator.clipboard.readText()") == wanted


def test_two_fingers_zoom_on_a_phone(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page(
        f"{app.url}/viewer/{camera_id}?channel=1&quality=sub", width=390, height=844, has_touch=True, is_mobile=True
    )
    page = watched.page
    wait_playing(page)
    box = box_at_rest(page, page.locator("#zoom"))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind: str, spread: float) -> None:
        points = [] if kind == "touchEnd" else [{"x": x - spread, "y": y, "id": 1}, {"x": x + spread, "y": y, "id": 2}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 30)
    for spread in (40, 60, 80, 100):
        touch("touchMove", spread)
    touch("touchEnd", 100)
    expect(page.locator("#zoom-level")).to_have_text(re.compile(r"[23]\.\d×"))
