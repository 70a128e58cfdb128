"""The quality of a recording on thin links: chosen by the page, or pinned by the user."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.replaying import AHEAD_S, PLAYING, burnt_s, moves, over_socket, play_for, wait
from tests.browser.thin_link import ThinLink, thin_link
from tests.browser.watching import Open
from tests.patience import LIMIT_S
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

# The recorder's recordings have 700 kbit/s, and key frames alone about 70.
_CARRIES_KEY_FRAMES = 250
_NOTE = "#player [data-part=note]"
_MS = 1000 * LIMIT_S


@pytest.fixture
def link(app: App) -> Iterator[ThinLink]:
    with thin_link(app.port) as running:
        yield running


def play(page: Page, link: ThinLink, camera_id: int) -> datetime:
    """Play a recording over the socket, through the link. Return the time at which it begins."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
    page.goto(f"{link.url}/recordings/{camera_id}?channel=1&t={at:%Y-%m-%dT%H:%M:%SZ}")
    page.wait_for_selector(PLAYING)
    moves(over_socket(page))
    return at


def test_a_recording_plays_in_key_frames_on_a_thin_link_until_it_is_free(
    app: App, camera_id: int, open_page: Open, link: ThinLink
) -> None:
    page = open_page("about:blank").page
    play(page, link, camera_id)
    note = page.locator(_NOTE)
    expect(note).to_have_text("")
    link.set_rate(_CARRIES_KEY_FRAMES)
    for _ in range(1 + math.ceil(page.evaluate(AHEAD_S) / 10)):  # beyond the loaded media
        page.locator("#player [data-part=forward]").click()
    expect(note).to_contain_text("no sound: the link carries", timeout=_MS)
    page.wait_for_selector(PLAYING)
    time_s = "document.querySelector('#player video').currentTime"
    shown_s, began_s = burnt_s(page), page.evaluate(time_s)
    play_for(page, 15)
    played_s = page.evaluate(time_s) - began_s
    assert burnt_s(page) - shown_s == pytest.approx(played_s, abs=4), "the shown time follows the playing time"
    link.set_rate(None)
    expect(note).to_have_text("", timeout=_MS)
    page.wait_for_selector(PLAYING)
    moves(page)


def test_the_user_may_pin_the_quality_of_a_recording(app: App, camera_id: int, open_page: Open, link: ThinLink) -> None:
    page = open_page("about:blank").page
    play(page, link, camera_id)
    shown_s, since_s = burnt_s(page), time.monotonic()
    quality = page.get_by_role("combobox", name="Quality").first
    note = page.locator(_NOTE)
    quality.select_option("Saver")
    expect(note).to_have_text("1 picture / 1 s, no sound", timeout=_MS)
    page.wait_for_selector(PLAYING)
    assert abs(burnt_s(page) - shown_s) < 30 + time.monotonic() - since_s, "it plays on from the same place"
    link.set_rate(_CARRIES_KEY_FRAMES)
    quality.select_option("Full")
    expect(note).to_contain_text("Full: the link carries", timeout=_MS)
    quality.select_option("Auto")
    expect(note).to_contain_text("no sound: the link carries", timeout=_MS)
    wait(page, "document.querySelector('#player video').readyState > 2")
