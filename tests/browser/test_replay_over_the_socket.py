"""Recordings over the page's WebSocket: without segments, the fallback to HLS, and broken connections."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.recordings import click_time, look_at
from tests.browser.relay import relayed
from tests.browser.replaying import BURNT, PLAYING, STATE, burnt_s, no_longer_seeks, open_at, wait
from tests.browser.watching import Open
from tools.running import App, Recorder, running_recorder

pytestmark = pytest.mark.browser

GOP_S = 1.0
NO_SOCKET = (
    "window.WebSocket = class extends EventTarget { constructor() { super();"
    " setTimeout(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 })), 5); } close() {} send() {} };"
)


def earlier(minutes: float) -> datetime:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).replace(microsecond=0)


def play_at(page: Page, url: str, camera_id: int, more: str = "") -> None:
    """Play a recording from forty minutes ago in a prepared page."""
    page.goto(f"{url}/recordings/{camera_id}?channel=1&t={earlier(40):%Y-%m-%dT%H:%M:%SZ}{more}")
    page.wait_for_selector(PLAYING)
    moves(page)


def fetched(page: Page) -> list[str]:
    """Return the addresses of all playlists and segments that the page fetched."""
    found: list[str] = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name).filter((name) => /[.](m3u8|m4s)/.test(name))"
    )
    return found


def moves(page: Page, within_s: float = 15.0) -> None:
    at_s = burnt_s(page)
    wait(page, f"({BURNT})('player') > {at_s + 1}", within_s)


def test_seeks_show_the_time_that_was_clicked_and_no_segment_is_fetched(
    app: App, camera_id: int, open_page: Open
) -> None:
    at = earlier(40)
    page = open_at(app, camera_id, open_page, at).page
    moves(page)
    look_at(page, at - timedelta(minutes=10), at + timedelta(minutes=10))
    for minutes in (-5, 3, -8, 6):
        wanted = at + timedelta(minutes=minutes)
        click_time(page, wanted)
        wait(page, f"Math.abs(({BURNT})('player') - {wanted.timestamp()}) < {GOP_S + 3}")
        page.wait_for_selector(PLAYING)
        moves(page)
    assert fetched(page) == []


def test_what_is_loaded_is_played_at_once_and_goes_on(app: App, camera_id: int, open_page: Open) -> None:
    at = earlier(40)
    page = open_at(app, camera_id, open_page, at).page
    wait(page, "document.querySelector('#player video').buffered.end(0) > 25")
    seeks: list[str] = []
    page.on("request", lambda request: seeks.append(request.url) if "seek" in request.url else None)
    for _ in range(2):
        page.keyboard.press("l")
    no_longer_seeks(page)
    assert burnt_s(page) - at.timestamp() > 15
    moves(page)
    for _ in range(2):
        page.keyboard.press("j")
    no_longer_seeks(page)
    assert burnt_s(page) - at.timestamp() < 15
    moves(page)
    assert seeks == []
    state = page.evaluate(STATE)
    page.wait_for_timeout(6000)
    wait(page, "document.querySelector('#player video').buffered.end(0) > 30")  # the player asks for more as it plays
    assert page.evaluate("document.querySelector('#player video').buffered.length") == 1, state


def test_no_more_is_loaded_than_is_seen_soon(app: App, camera_id: int, open_page: Open) -> None:
    page = open_at(app, camera_id, open_page, earlier(40)).page
    page.keyboard.press("k")
    page.wait_for_timeout(8000)
    loaded_s = page.evaluate(
        "(({ currentTime, buffered }) => buffered.end(0) - currentTime)(document.querySelector('#player video'))"
    )
    assert 30 < loaded_s < 120  # data sent before the recorder's pause still arrives


def test_the_address_can_ask_for_hls(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    play_at(page, app.url, camera_id, "&way=hls")
    assert fetched(page)
    assert "way=hls" in page.url


def test_without_a_websocket_it_plays_by_hls(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("WebSocket")
    watched.page.add_init_script(NO_SOCKET)
    page = watched.page
    play_at(page, app.url, camera_id)
    assert fetched(page)


def test_a_socket_that_opens_and_says_nothing_is_not_waited_for(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.route_web_socket(re.compile("/live$"), lambda _: None)  # opens and stays silent
    play_at(page, app.url, camera_id)
    assert fetched(page)


def test_a_connection_that_breaks_is_taken_up_again_at_the_same_picture(
    app: App, camera_id: int, open_page: Open
) -> None:
    with relayed(app.port) as relay:
        watched = open_page("about:blank")
        watched.forgive("ERR_", "WebSocket", "status of 50")
        page = watched.page
        play_at(page, relay.url, camera_id)
        at_s = burnt_s(page)
        relay.cut()
        page.wait_for_timeout(2500)
        assert burnt_s(page) > at_s + 1, "what is loaded plays on"
        with page.expect_request("**/api/playback/seek", timeout=10_000):
            relay.mend()
            began_s = time.monotonic()
        page.wait_for_selector(PLAYING)
        now_s = burnt_s(page)
        assert at_s < now_s < at_s + 2.5 + (time.monotonic() - began_s) + 2
        moves(page)
        assert fetched(page) == []


def test_a_restarted_server_goes_on_by_itself(empty_app: App, recorder: Recorder, open_page: Open) -> None:
    camera_id = empty_app.add_camera(recorder)
    watched = open_at(empty_app, camera_id, open_page, earlier(40))
    watched.forgive("ERR_", "WebSocket", "status of 50", "status of 404")
    page = watched.page
    moves(page)
    at_s = burnt_s(page)
    empty_app.stop()
    page.wait_for_timeout(1500)
    empty_app.start()
    wait(page, f"({BURNT})('player') > {at_s + 6}", 40)
    page.wait_for_selector(PLAYING)
    moves(page)


def test_a_session_that_somebody_ends_is_said_and_can_be_taken_up_again(
    app: App, camera_id: int, open_page: Open
) -> None:
    watched = open_at(app, camera_id, open_page, earlier(40))
    watched.forgive("status of 404")
    page = watched.page
    moves(page)
    for stream in app.call("GET", "/api/streams/all")["streams"]:
        if stream["kind"] == "replay":
            app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
    page.keyboard.press(">")
    page.keyboard.press(">")  # plays the rest of the buffer at 4×
    expect(page.locator("#player [data-part=title]")).to_have_text("This playback was ended", timeout=40_000)
    page.locator("#player [data-part=retry]").click()
    page.wait_for_selector(PLAYING)
    moves(page)


def test_h265_that_the_browser_does_not_decode_plays_as_converted_segments(
    app: App, camera_id: int, open_page: Open
) -> None:
    if open_page("about:blank").page.evaluate("MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L120.90\"')"):
        pytest.fail("this Chromium decodes H.265: another test is needed")
    page = open_at(app, camera_id, open_page, earlier(40), channel=2).page
    wait(page, "document.querySelector('#player video').currentTime > 1")
    assert fetched(page)


def test_a_picture_that_the_browser_chokes_on_is_played_by_hls(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    page = watched.page
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.add_init_script(
        """const take = SourceBuffer.prototype.appendBuffer;
        let count = 0;
        SourceBuffer.prototype.appendBuffer = function (data) {
          count += 1;
          if (count === 4) throw new DOMException('broken', 'InvalidStateError');
          return take.call(this, data);
        };"""
    )
    play_at(page, app.url, camera_id)
    assert sockets
    assert fetched(page)


def test_codecs_that_the_browser_takes_apart_but_not_together_are_played_by_hls(
    app: App, camera_id: int, open_page: Open
) -> None:
    watched = open_page("about:blank")
    page = watched.page
    page.add_init_script(
        """const asks = MediaSource.isTypeSupported;
        MediaSource.isTypeSupported = (type) => !(type.includes('avc1') && type.includes('flac')) && asks(type);"""
    )
    play_at(page, app.url, camera_id)
    assert fetched(page)


@pytest.mark.parametrize("make", ["hikvision-like", "uniview-like"])
def test_recorders_that_open_a_session_for_each_seek_or_keep_to_real_time_are_seen_without_segments(
    app: App, open_page: Open, make: str
) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", make) as slow:
        camera_id = app.add_camera(slow, name="Slow")
        at = earlier(40)
        page = open_at(app, camera_id, open_page, at).page
        moves(page)
        look_at(page, at - timedelta(minutes=10), at + timedelta(minutes=10))
        for minutes in (-5, 3, -8):
            wanted = at + timedelta(minutes=minutes)
            click_time(page, wanted)
            wait(page, f"Math.abs(({BURNT})('player') - {wanted.timestamp()}) < {GOP_S + 3}")
        assert fetched(page) == []


def test_frames_are_stepped_through_by_hls_too(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    play_at(page, app.url, camera_id, "&way=hls")
    page.wait_for_timeout(1500)
    page.keyboard.press("k")
    expect(page.locator("#player [data-part=badge-text]")).to_have_text("PAUSED")
    no_longer_seeks(page)
    at_s = burnt_s(page)
    for step in (1, 2, 3, 2, 1, 0, -1):
        page.keyboard.press("." if step > round((burnt_s(page) - at_s) * 5) else ",")
        no_longer_seeks(page)
        assert burnt_s(page) == pytest.approx(at_s + step / 5, abs=0.01), page.evaluate(STATE)
