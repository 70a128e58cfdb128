"""The quality of a recording on thin links: chosen by the page, or pinned by the user."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.replaying import (
    AHEAD_S,
    BURNT,
    PLAYING,
    burnt_s,
    moves,
    no_longer_seeks,
    over_socket,
    phase,
    wait,
)
from tests.browser.thin_link import ThinLink, thin_link
from tests.browser.watching import Open, until_on
from tests.patience import LIMIT_S, until
from tools.running import App, running_recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

# The recorder's recordings have 700 kbit/s, key frames alone about 70. That of the sub stream has about 250.
_CARRIES_KEY_FRAMES = 120
_CARRIES_SMALL_VIDEO = 350
_CARRIES_SUB_AT_TWICE = 800
_NOTE = "#player [data-part=note]"


@pytest.fixture
def link(app: App) -> Iterator[ThinLink]:
    with thin_link(app.port) as running:
        yield running


def opened(open_page: Open) -> Page:
    watched = open_page("about:blank")
    watched.forgive("/api/playback/seek")  # 503 not_ready: the page waits on for a busy recorder
    return watched.page


def play(page: Page, link: ThinLink, camera_id: int) -> datetime:
    """Play a recording over the socket, through the link. Return the time at which it begins."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
    page.goto(f"{link.url}/recordings/{camera_id}?channel=1&t={at:%Y-%m-%dT%H:%M:%SZ}")
    page.wait_for_selector(PLAYING)
    moves(over_socket(page))
    return at


def leave_the_loaded_media(page: Page) -> None:
    for _ in range(1 + math.ceil(page.evaluate(AHEAD_S) / 10)):
        page.locator("#player [data-part=forward]").click()


def time_follows(page: Page, for_s: float = 15) -> None:
    """Play on: the time in the frames goes on as the playing time does, except where other media is loaded."""
    page.wait_for_selector(PLAYING)
    both = f"[({BURNT})('player'), document.querySelector('#player video').currentTime]"
    seen: list[tuple[float, float]] = []

    def has_followed() -> bool:
        shown_s, time_s = page.evaluate(both)
        if shown_s is None:
            return False
        if seen and time_s < seen[-1][1]:  # of other media
            seen.clear()
        seen.append((shown_s, time_s))
        passed_s, played_s = shown_s - seen[0][0], time_s - seen[0][1]
        # The picture is a moment behind on a busy machine.
        return bool(played_s > for_s and abs(passed_s - played_s) < 4)

    until(
        has_followed,
        2 * LIMIT_S,
        "that the shown time follows the playing time",
        rest=lambda seconds: page.wait_for_timeout(1000 * seconds),
    )


def test_a_recording_plays_as_small_video_on_a_thin_link_until_it_is_free(
    app: App, camera_id: int, open_page: Open, link: ThinLink
) -> None:
    page = opened(open_page)
    play(page, link, camera_id)
    note = page.locator(_NOTE)
    expect(note).to_have_text("")
    link.set_rate(_CARRIES_SMALL_VIDEO)
    leave_the_loaded_media(page)
    expect(note).to_contain_text("Small video, no sound: the link")
    time_follows(page)
    link.set_rate(None)
    expect(note).to_have_text("")
    page.wait_for_selector(PLAYING)
    moves(page)


def test_a_recording_plays_in_key_frames_on_a_very_thin_link(
    app: App, camera_id: int, open_page: Open, link: ThinLink
) -> None:
    page = opened(open_page)
    play(page, link, camera_id)
    link.set_rate(_CARRIES_KEY_FRAMES)
    leave_the_loaded_media(page)
    expect(page.locator(_NOTE)).to_contain_text(re.compile("1 picture.*no sound: the link"))
    time_follows(page, 6)


@pytest.fixture(scope="module")
def two_recordings(app: App) -> Iterator[int]:
    """A recorder that records both streams of its channel: its camera id."""
    with running_recorder("--channels", "1", "--profile", "small", "--make", "sub-recordings") as recorder:
        yield app.add_camera(recorder, name="Two recordings")


def test_a_recording_falls_to_the_sub_recording_and_comes_back(
    app: App, two_recordings: int, open_page: Open, link: ThinLink
) -> None:
    page = opened(open_page)
    play(page, link, two_recordings)
    page.locator("#player [data-part=speed]").select_option("2")
    until_on(page, lambda: page.evaluate("document.querySelector('#player video').playbackRate") == 2)
    link.set_rate(_CARRIES_SUB_AT_TWICE)
    leave_the_loaded_media(page)
    note = page.locator(_NOTE)
    expect(note).to_contain_text("Sub: the link")
    time_follows(page)
    assert page.locator("#player [data-part=speed]").input_value() == "2"
    link.set_rate(None)
    expect(note).to_have_text("")
    page.keyboard.press("k")
    page.wait_for_selector("#player [data-part=stage][data-phase=paused]")
    shown_s = burnt_s(page)
    page.get_by_role("combobox", name="Quality").first.select_option("Sub")
    expect(note).to_have_text("Sub")
    page.wait_for_selector("#player [data-part=stage][data-phase=paused]")  # it loads until then
    no_longer_seeks(page)
    assert burnt_s(page) == pytest.approx(shown_s, abs=1), "a pause stays, and so does its frame"
    assert phase(page) == "paused"


def test_the_user_may_pin_the_quality_of_a_recording(app: App, camera_id: int, open_page: Open, link: ThinLink) -> None:
    page = opened(open_page)
    play(page, link, camera_id)
    shown_s, since_s = burnt_s(page), time.monotonic()
    quality = page.get_by_role("combobox", name="Quality").first
    note = page.locator(_NOTE)
    quality.select_option("Saver")
    expect(note).to_have_text("1 picture / 1 s, no sound")
    page.wait_for_selector(PLAYING)
    assert abs(burnt_s(page) - shown_s) < 30 + time.monotonic() - since_s, "it plays on from the same place"
    link.set_rate(_CARRIES_KEY_FRAMES)
    quality.select_option("Full")
    expect(note).to_contain_text("Full: the link carries")
    quality.select_option("Auto")
    expect(note).to_contain_text("no sound: the link")
    wait(page, "document.querySelector('#player video').readyState > 2")
