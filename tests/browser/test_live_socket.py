"""Live video over the WebSocket: its delay, its recovery from faults, and the fallback to HLS."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import (
    assert_close_behind,
    assert_moves_again,
    assert_pictures_move,
    read_number,
    wait_playing,
)
from tests.browser.relay import relayed
from tests.browser.watching import Open, Watched, next_frames, settled_on, until_on
from tests.patience import Slowness, promised
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

# Records brightness and width of each frame on screen, to find black frames while the quality changes. A video that
# seeks keeps its last frame on screen: then nothing is recorded.
_WATCH_BRIGHTNESS = """
() => {
  window.brightness = [];
  const canvas = new OffscreenCanvas(16, 9);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = () => {
    const videos = [...document.querySelectorAll('live-player video')];
    const top = videos.at(-1);
    if (top && top.readyState >= 2) {
      context.drawImage(top, 0, 0, 16, 9);
      const { data } = context.getImageData(0, 0, 16, 9);
      window.brightness.push([data.reduce((sum, value) => sum + value, 0), top.videoWidth]);
    } else if (!top?.videoWidth) window.brightness.push([0, 0]);
    window.looking = requestAnimationFrame(look);
  };
  look();
}
"""


@pytest.fixture(params=["webcodecs", "mse"])
def open_live(request: pytest.FixtureRequest, open_page: Open) -> Open:
    """Return a function that opens a page whose live picture is shown by this engine."""

    def open_it(url: str) -> Watched:
        watched: Watched = open_page("about:blank")
        if request.param == "mse":
            watched.page.add_init_script("delete window.VideoDecoder;")
        watched.page.goto(url)
        return watched

    return open_it


def standing_number(page: Page) -> int:
    """Return the number of the frame on screen once the picture stands still."""
    return settled_on(page, lambda: read_number(page), for_s=0.5)


def streams_fetched(page: Page) -> list[str]:
    names: list[str] = page.evaluate(
        "performance.getEntriesByType('resource').map((r) => r.name).filter((n) => n.includes('/static/streams/'))"
    )
    return names


def test_live_video_has_a_small_delay_without_ffmpeg(
    app: App, recorder: Recorder, camera_id: int, open_live: Open
) -> None:
    page = open_live(f"{app.url}/viewer/{camera_id}?channel=1&quality=main").page
    wait_playing(page)
    assert_close_behind(page, recorder.frames(1, "main"))
    expect(page.locator("#facts")).to_have_attribute("data-way", "socket")
    assert streams_fetched(page) == []
    until_on(page, lambda: not app.ffmpegs())  # one may make a still of a tile for a moment


def test_the_viewer_falls_back_to_hls_without_a_websocket(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("WebSocket")
    page = watched.page

    page.add_init_script(
        "window.WebSocket = class extends EventTarget { constructor() { super();"
        " setTimeout(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 })), 5); } close() {} send() {} };"
    )
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub")
    wait_playing(page)
    expect(page.locator("#facts")).to_have_attribute("data-way", "hls")
    expect(page.get_by_text("Shown as HLS, with some seconds of delay")).to_be_visible()
    expect(page.locator("#way-reason")).to_have_text("no WebSocket could be opened")
    expect(page.locator("[data-fact=behind]")).to_have_text(re.compile(r"\(HLS\)"))
    assert streams_fetched(page)
    assert_pictures_move(page)


def test_a_channel_returns_from_hls_to_the_socket_after_a_restart(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    watched = open_page("about:blank")
    watched.forgive("WebSocket", "/static/streams/")
    page = watched.page
    page.add_init_script(
        "const Real = window.WebSocket;"
        "window.WebSocket = class extends EventTarget {"
        " constructor(url) { if (window.isMended) return new Real(url); super();"
        " setTimeout(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 })), 5); } close() {} send() {} };"
    )
    page.goto(f"{app.url}/viewer/{camera_id}?channel=4&quality=sub")
    wait_playing(page)
    expect(page.locator("#facts")).to_have_attribute("data-way", "hls")
    polls: list[str] = []
    page.on("response", lambda answer: polls.append(answer.url) if "/api/streams/status/" in answer.url else None)
    page.evaluate("window.isMended = true")
    recorder.set_fault("rtsp_silent", True, channel=4)
    try:
        until_on(
            page,
            lambda: app.call("GET", f"/api/streams/status/camera{camera_id}_MediaProfile00301")["status"] != "running",
        )
        asked = len(polls)
        until_on(page, lambda: len(polls) >= asked + 2)  # so the page has seen that, too
        next_frames(page)
    finally:
        recorder.clear_fault("rtsp_silent", channel=4)
    expect(page.locator("#facts")).to_have_attribute("data-way", "socket")
    wait_playing(page)
    assert_pictures_move(page)
    expect(page.locator("#way")).to_be_hidden()
    until_on(page, lambda: not app.ffmpegs())


def test_the_address_can_select_hls(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub&way=hls").page
    wait_playing(page)
    expect(page.locator("#facts")).to_have_attribute("data-way", "hls")
    assert_pictures_move(page)


@pytest.mark.parametrize("way", ["cut", "hushed"])
def test_video_resumes_within_three_seconds_of_a_network_fault(
    app: App, camera_id: int, open_live: Open, way: str
) -> None:
    with relayed(app.port) as relay:
        watched = open_live(f"{relay.url}/viewer/{camera_id}?channel=1&quality=sub")
        watched.forgive("ERR_", "WebSocket", "status of 50", "status of 404")
        page = watched.page
        wait_playing(page)
        (relay.cut if way == "cut" else relay.hush)()
        expect(page.locator("#overlay [data-part=title]")).not_to_be_empty()
        page.wait_for_timeout(6000)
        before = read_number(page)
        with promised(3):
            (relay.mend if way == "cut" else relay.speak)()
            assert_moves_again(page, before)
        assert_pictures_move(page)


def test_a_change_of_quality_shows_no_black_frame(app: App, camera_id: int, open_live: Open) -> None:
    page = open_live(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    assert_pictures_move(page)
    page.evaluate(_WATCH_BRIGHTNESS)
    until_on(page, lambda: page.evaluate("window.brightness.length > 5"))
    page.get_by_role("button", name="Main", exact=True).click()
    expect(page.locator("[data-quality=main]")).to_have_attribute("aria-pressed", "true")
    until_on(page, lambda: page.evaluate("window.brightness.at(-1)[1] > window.brightness[0][1]"))
    expect(page.locator("live-player video")).to_have_count(1)
    looks = page.evaluate("window.brightness.length")
    until_on(page, lambda: page.evaluate("window.brightness.length") > looks + 60)
    seen: list[tuple[float, int]] = [(value, width) for value, width in page.evaluate("window.brightness")]
    assert min(value for value, _ in seen) > 0.5 * max(value for value, _ in seen), "a black picture"
    widths = [width for _, width in seen]
    assert widths[-1] > widths[0]
    assert sum(before != after for before, after in pairwise(widths)) == 1
    assert_pictures_move(page)

    def profiles() -> list[str]:
        return [stream["profile_token"] for stream in app.call("GET", "/api/streams/all")["streams"]]

    until_on(page, lambda: profiles() == ["MediaProfile00000"])  # the sub stream ends somewhat later


def test_the_old_quality_plays_on_while_the_new_one_opens(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    page.wait_for_timeout(500)
    recorder.set_fault("rtsp_slow", 1, channel=1)  # delays each RTSP request, so that playing takes some seconds
    try:
        page.get_by_role("button", name="Main", exact=True).click()
        before, stood_s, since_s = read_number(page), 0.0, time.monotonic()

        def is_main() -> bool:
            nonlocal before, stood_s, since_s
            number = read_number(page)
            if number != before:
                before, since_s = number, time.monotonic()
            stood_s = max(stood_s, time.monotonic() - since_s)
            width: int = page.evaluate("document.querySelector('live-player [data-part=video]').videoWidth")
            return width >= 640

        with Slowness() as machine:
            until_on(page, is_main)
        assert stood_s < machine.allowed_s(1.5)
    finally:
        recorder.clear_fault("rtsp_slow", channel=1)
    assert_pictures_move(page)


def test_audio_is_requested_only_when_it_is_unmuted(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=main").page
    wait_playing(page)
    heard = "document.querySelector('live-player [data-part=video]').webkitAudioDecodedByteCount"
    page.wait_for_timeout(1000)
    assert page.evaluate(heard) == 0
    page.keyboard.press("m")
    until_on(page, lambda: page.evaluate(heard))
    until_on(page, lambda: page.evaluate("!document.querySelector('live-player [data-part=video]').muted"))
    wait_playing(page)
    assert_pictures_move(page)
    page.keyboard.press("m")
    wait_playing(page)
    assert_pictures_move(page)


def test_video_resumes_after_a_restart_of_the_server(empty_app: App, recorder: Recorder, open_page: Open) -> None:
    camera_id = empty_app.add_camera(recorder)
    watched = open_page(f"{empty_app.url}/viewer/{camera_id}?channel=1&quality=sub")
    watched.forgive("ERR_", "WebSocket", "status of 50")
    page = watched.page
    wait_playing(page)
    empty_app.stop()
    expect(page.locator("#overlay [data-part=title]")).to_have_text("The server does not answer")
    before = read_number(page)
    empty_app.start()
    with promised(5):
        assert_moves_again(page, before)
    assert_pictures_move(page)


def test_a_camera_silent_for_long_resumes_over_the_socket(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=3&quality=sub").page
    wait_playing(page)
    recorder.set_fault("rtsp_silent", True, channel=3)
    try:
        # Toggling the audio makes the page send new watch requests during the silence.
        until_s = time.monotonic() + 15
        while time.monotonic() < until_s:
            page.keyboard.press("m")
            page.wait_for_timeout(200)
    finally:
        recorder.clear_fault("rtsp_silent", channel=3)
    wait_playing(page)
    expect(page.locator("#facts")).to_have_attribute("data-way", "socket")
    assert_pictures_move(page)
    assert streams_fetched(page) == []


def test_a_paused_stream_stands_still_and_resumes_live(
    app: App, recorder: Recorder, camera_id: int, open_live: Open
) -> None:
    page = open_live(f"{app.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    page.keyboard.press("k")
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")
    before = standing_number(page)
    page.wait_for_timeout(2000)  # long enough for many frames, which must not be shown
    assert read_number(page) == before
    page.keyboard.press("k")
    wait_playing(page)
    timing = recorder.frames(1, "sub")
    with promised(5):
        assert_close_behind(page, timing, limit_s=1.0)
    assert_close_behind(page, timing)


def test_a_pause_during_a_change_of_quality_stays_paused(app: App, camera_id: int, open_live: Open) -> None:
    page = open_live(f"{app.url}/viewer/{camera_id}?channel=5&quality=sub").page
    wait_playing(page)
    page.wait_for_timeout(500)
    page.evaluate(
        """() => new Promise((resolve) => {
          const press = (key) => document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
          new MutationObserver((_, observer) => {
            if (!document.querySelector('live-player video[data-next]')) return;
            observer.disconnect();
            press('k');
            resolve();
          }).observe(document.body, { subtree: true, childList: true, attributes: true });
          press('q');
        })"""
    )
    expect(page.locator("live-player video[data-next]")).to_have_count(0)
    before = standing_number(page)
    page.wait_for_timeout(700)
    assert read_number(page) == before
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")


def test_a_paused_page_leaves_its_stream_and_resumes_live(
    app: App, recorder: Recorder, camera_id: int, open_live: Open
) -> None:
    page = open_live(f"{app.url}/viewer/{camera_id}?channel=5&quality=sub").page
    wait_playing(page)
    assert_pictures_move(page)

    def viewers() -> int:
        streams = app.call("GET", "/api/streams/all")["streams"]
        return sum(one["viewers"] for one in streams if one["profile_token"] == "MediaProfile00401")

    page.keyboard.press("k")
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")
    assert viewers() == 1, "a short pause keeps the session"
    before = standing_number(page)
    until_on(page, lambda: not viewers())
    assert read_number(page) == before
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")
    expect(page.locator("#snapshot")).to_be_enabled()
    page.keyboard.press("m")  # takes effect only after the pause
    page.keyboard.press("m")
    page.wait_for_timeout(1000)
    assert viewers() == 0
    with promised(5):
        page.keyboard.press("k")
        assert_moves_again(page, before)
    timing = recorder.frames(5, "sub")
    with promised(5):
        assert_close_behind(page, timing, limit_s=1.0)
    assert_close_behind(page, timing)
    until_on(page, lambda: viewers() == 1)
