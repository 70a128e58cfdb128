"""Recordings over the page's WebSocket: without segments, the fallback to HLS, and broken connections."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.recordings import click_time, look_at
from tests.browser.relay import relayed
from tests.browser.replaying import (
    AHEAD_S,
    BURNT,
    PLAYING,
    STATE,
    burnt_s,
    fetched,
    moves,
    no_longer_seeks,
    open_at,
    over_socket,
    pause,
    play_for,
    shows,
    standing_s,
    wait,
)
from tests.browser.watching import Open
from tools.running import App, Recorder, running_recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

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


def test_seeks_show_the_clicked_time_without_segments(app: App, camera_id: int, open_page: Open) -> None:
    at = earlier(40)
    page = over_socket(open_at(app, camera_id, open_page, at).page)
    moves(page)
    look_at(page, at - timedelta(minutes=10), at + timedelta(minutes=10))
    for minutes in (-5, 3, -8, 6):
        wanted = at + timedelta(minutes=minutes)
        click_time(page, wanted)
        wait(page, f"Math.abs(({BURNT})('player') - {wanted.timestamp()}) < {GOP_S + 3}")
        page.wait_for_selector(PLAYING)
        moves(page)
    assert fetched(page) == []


def test_audio_that_no_browser_plays_leaves_the_picture(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    recorder.set_fault("audio", "g722", channel=1)
    try:
        moves(over_socket(open_at(app, camera_id, open_page, earlier(40)).page))
    finally:
        recorder.clear_fault("audio", channel=1)


def test_seeks_within_the_buffer_need_no_request(app: App, camera_id: int, open_page: Open) -> None:
    at = earlier(40)
    page = over_socket(open_at(app, camera_id, open_page, at).page)
    wait(page, f"{AHEAD_S} > 30")
    seeks: list[str] = []
    page.on("request", lambda request: seeks.append(request.url) if "seek" in request.url else None)
    before_s = burnt_s(page)
    for _ in range(2):
        page.keyboard.press("l")
    no_longer_seeks(page)
    further_s, since_s = burnt_s(page), time.monotonic()
    assert further_s - before_s > 15
    moves(page)
    for _ in range(2):
        page.keyboard.press("j")
    no_longer_seeks(page)
    assert burnt_s(page) < further_s - 15 + time.monotonic() - since_s
    moves(page)
    assert seeks == []
    state = page.evaluate(STATE)
    play_for(page, 6)
    wait(page, f"{AHEAD_S} > 30")  # the player asks for more as it plays
    assert page.evaluate("document.querySelector('#player video').buffered.length") == 1, state


def test_a_paused_player_loads_no_more_than_two_minutes_ahead(app: App, camera_id: int, open_page: Open) -> None:
    page = over_socket(open_at(app, camera_id, open_page, earlier(40)).page)
    page.keyboard.press("k")
    wait(page, f"{AHEAD_S} > 30")
    page.wait_for_timeout(4000)
    assert page.evaluate(AHEAD_S) < 120  # data sent before the recorder's pause still arrives


def test_the_address_can_select_hls_for_a_recording(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    play_at(page, app.url, camera_id, "&way=hls")
    assert fetched(page)
    assert "way=hls" in page.url


def test_a_recording_plays_over_hls_without_a_websocket(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    watched.forgive("WebSocket")
    watched.page.add_init_script(NO_SOCKET)
    page = watched.page
    play_at(page, app.url, camera_id)
    assert fetched(page)


def test_a_silent_socket_is_replaced_by_hls(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.route_web_socket(re.compile("/live$"), lambda _: None)  # opens and stays silent
    play_at(page, app.url, camera_id)
    assert fetched(page)


def test_a_broken_connection_resumes_at_the_same_frame(app: App, camera_id: int, open_page: Open) -> None:
    with relayed(app.port) as relay:
        watched = open_page("about:blank")
        watched.forgive("ERR_", "WebSocket", "status of 50")
        page = watched.page
        play_at(page, relay.url, camera_id)
        over_socket(page)
        wait(page, f"{AHEAD_S} > 5")  # media for the time without a connection
        began_s, at_s = time.monotonic(), burnt_s(page)
        relay.cut()
        wait(page, f"({BURNT})('player') > {at_s + 1}")  # the player plays its buffer
        with page.expect_request("**/api/playback/seek"):
            relay.mend()
        page.wait_for_selector(PLAYING)
        now_s = burnt_s(page)
        assert at_s < now_s < at_s + 2 + (time.monotonic() - began_s)
        moves(page)
        assert fetched(page) == []


def test_a_recording_resumes_after_a_restart_of_the_server(empty_app: App, recorder: Recorder, open_page: Open) -> None:
    camera_id = empty_app.add_camera(recorder)
    watched = open_at(empty_app, camera_id, open_page, earlier(40))
    watched.forgive("ERR_", "WebSocket", "status of 50", "status of 404")
    page = watched.page
    moves(page)
    at_s = burnt_s(page)
    empty_app.stop()
    empty_app.start()  # takes two seconds
    wait(page, f"({BURNT})('player') > {at_s + 6}")
    page.wait_for_selector(PLAYING)
    moves(page)


def test_a_stopped_replay_is_reported_and_can_be_resumed(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_at(app, camera_id, open_page, earlier(40))
    watched.forgive("status of 404")
    page = watched.page
    moves(page)
    for stream in app.call("GET", "/api/streams/all")["streams"]:
        if stream["kind"] == "replay":
            app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
    page.keyboard.press(">")
    page.keyboard.press(">")  # plays the rest of the buffer at 4×
    expect(page.locator("#player [data-part=title]")).to_have_text("This playback was stopped")
    page.locator("#player [data-part=retry]").click()
    page.wait_for_selector(PLAYING)
    moves(page)


def test_h265_plays_as_encoded_segments_without_a_decoder(app: App, camera_id: int, open_page: Open) -> None:
    if open_page("about:blank").page.evaluate("MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L120.90\"')"):
        pytest.fail("this Chromium decodes H.265: another test is needed")
    page = open_at(app, camera_id, open_page, earlier(40), channel=2).page
    wait(page, "document.querySelector('#player video').currentTime > 1")
    assert fetched(page)


def test_a_failed_append_falls_back_to_hls(app: App, camera_id: int, open_page: Open) -> None:
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


def test_audio_that_mediasource_refuses_beside_the_video_is_left_out(app: App, camera_id: int, open_page: Open) -> None:
    watched = open_page("about:blank")
    page = watched.page
    page.add_init_script(
        """const asks = MediaSource.isTypeSupported;
        MediaSource.isTypeSupported = (type) => !(type.includes('avc1') && type.includes('flac')) && asks(type);"""
    )
    play_at(page, app.url, camera_id)
    moves(over_socket(page))
    expect(page.locator("#player [data-part=mute]")).to_be_disabled()
    assert fetched(page) == []


@pytest.mark.parametrize("make", ["hikvision-like", "uniview-like"])
def test_recorders_with_slow_seeks_play_without_segments(app: App, open_page: Open, make: str) -> None:
    with running_recorder("--channels", "1", "--profile", "small", "--make", make) as slow:
        camera_id = app.add_camera(slow, name="Slow")
        at = earlier(40)
        page = over_socket(open_at(app, camera_id, open_page, at).page)
        moves(page)
        look_at(page, at - timedelta(minutes=10), at + timedelta(minutes=10))
        for minutes in (-5, 3, -8):
            wanted = at + timedelta(minutes=minutes)
            click_time(page, wanted)
            wait(page, f"Math.abs(({BURNT})('player') - {wanted.timestamp()}) < {GOP_S + 3}")
        assert fetched(page) == []


def test_frame_steps_work_over_hls_too(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    play_at(page, app.url, camera_id, "&way=hls")
    play_for(page, 1)
    pause(page)
    expect(page.locator("#player [data-part=badge-text]")).to_have_text("PAUSED")
    at_s = standing_s(page)
    for key, step in ((".", 1), (".", 2), (".", 3), (",", 2), (",", 1), (",", 0), (",", -1)):
        page.keyboard.press(key)
        shows(page, at_s + step / 5)
