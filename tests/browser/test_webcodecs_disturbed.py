"""WebCodecs through a sleep, a set clock, another resolution, and the digital zoom of its canvas."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pictures import (
    assert_close_behind,
    assert_moves_again,
    assert_pictures_move,
    read_number,
    wait_playing,
)
from tests.browser.watching import Open, box_at_rest, until_on
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

_SLEEP_S = 6.0  # longer than the server keeps media for a page that does not read
_HOUR_MS = 3_600_000
# `window.shiftMs` sets the page's clock.
_CLOCK = """
window.shiftMs = 0;
const { now } = Date;
Date.now = () => now() + window.shiftMs;
"""
_NO_TRACKS = "delete window.MediaStreamTrackGenerator;"
_PICTURE = "live-player canvas[data-part=picture]"


def open_viewer(app: App, camera_id: int, open_page: Open, script: str = "", quality: str = "sub") -> Page:
    """Open the viewer page of channel 1; `script` runs before those of the page."""
    page = open_page("about:blank").page
    page.add_init_script(script)
    page.goto(f"{app.url}/viewer/{camera_id}?channel=1&quality={quality}")
    wait_playing(page)
    expect_webcodecs(page)
    return page


def expect_webcodecs(page: Page) -> None:
    expect(page.locator("#facts")).to_have_attribute("data-engine", "webcodecs")
    expect(page.locator("#engine")).to_have_text("On")


@contextmanager
def stopped(browser: Browser) -> Iterator[None]:
    """Stop the processes of the browser's pages, as the sleep of a machine does."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    pages = [int(each["id"]) for each in found if each["type"] == "renderer"]
    for pid in pages:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pages:
            os.kill(pid, signal.SIGCONT)


def test_the_picture_is_live_after_a_sleep(
    app: App, recorder: Recorder, camera_id: int, chromium: Browser, open_page: Open
) -> None:
    page = open_viewer(app, camera_id, open_page)
    assert_pictures_move(page)
    with stopped(chromium):
        time.sleep(_SLEEP_S)
    wait_playing(page)
    assert_pictures_move(page)
    assert_close_behind(page, recorder.frames(1, "sub"))
    expect_webcodecs(page)


@pytest.mark.parametrize("shift_ms", [_HOUR_MS, -_HOUR_MS])
def test_a_clock_that_is_set_changes_no_picture_and_no_delay(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, shift_ms: int
) -> None:
    page = open_viewer(app, camera_id, open_page, _CLOCK)
    behind = page.locator("[data-fact=behind]")
    expect(behind).to_have_text(re.compile(r"^0\.\d"))
    page.evaluate("(shiftMs) => (window.shiftMs = shiftMs)", shift_ms)
    shown = read_number(page)
    assert_moves_again(page, shown)
    # Frames between the jump and the next measurement of the clock have a wrong delay.
    expect(behind).to_have_text(re.compile(r"^0\.\d"))
    until_on(page, lambda: re.match(r"0\.\d*[1-9]", behind.inner_text()))
    assert_close_behind(page, recorder.frames(1, "sub"))
    expect_webcodecs(page)


@pytest.mark.parametrize("script", ["", _NO_TRACKS], ids=["track", "canvas"])
def test_another_resolution_of_the_stream_plays_on(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, script: str
) -> None:
    page = open_viewer(app, camera_id, open_page, script, "main")
    shown = f"document.querySelector('{_PICTURE}')?.width || document.querySelector('live-player video').videoWidth"
    until_on(page, lambda: page.evaluate(shown) == 640)
    recorder.set_fault("resolution_change", channel=1)
    try:
        until_on(page, lambda: page.evaluate(shown) == 320)
        assert_moves_again(page, read_number(page))
        expect_webcodecs(page)
    finally:
        recorder.clear_fault("resolution_change", channel=1)
    until_on(page, lambda: page.evaluate(shown) == 640)
    assert_moves_again(page, read_number(page))
    expect_webcodecs(page)


def test_the_canvas_is_zoomed_paused_and_saved_whole(app: App, camera_id: int, open_page: Open) -> None:
    page = open_viewer(app, camera_id, open_page, _NO_TRACKS, "main")
    canvas = page.locator(_PICTURE)
    until_on(page, lambda: canvas.evaluate("(canvas) => canvas.width") == 640)
    whole = box_at_rest(page, canvas)
    page.keyboard.press("+")
    expect(page.locator("#zoom-level")).to_have_text("1.4×")

    def is_larger() -> bool:
        box = canvas.bounding_box()
        return box is not None and box["width"] > 1.3 * whole["width"]

    until_on(page, is_larger)
    assert_moves_again(page, read_number(page))
    page.keyboard.press("k")
    expect(page.locator("#badge-text")).to_contain_text("PAUSED")
    with page.expect_download() as download:
        page.keyboard.press("s")
    size = page.evaluate(
        """async (bytes) => {
          const image = await createImageBitmap(new Blob([Uint8Array.from(bytes)]));
          return [image.width, image.height];
        }""",
        list(download.value.path().read_bytes()),
    )
    assert size == [640, 360]
    page.keyboard.press("k")
    assert_moves_again(page, read_number(page))
    page.keyboard.press("Escape")
    expect(page.locator("#zoom-level")).to_be_hidden()
    expect_webcodecs(page)
