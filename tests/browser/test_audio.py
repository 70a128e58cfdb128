"""Faults of the audio leave the picture alone, and the page gives their reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import assert_pictures_move, wait_playing
from tests.browser.watching import Open, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

AAC_CHANNEL = 5
HEARD = "document.querySelector('live-player [data-part=video]').webkitAudioDecodedByteCount"
_SOUND = "[data-fact=audio]"


@pytest.fixture(autouse=True)
def clear(recorder: Recorder, stop_streams: None) -> Iterator[None]:
    yield
    recorder.clear_fault("audio", channel=AAC_CHANNEL)


def begin_fault(recorder: Recorder, kind: str) -> None:
    """Begin the fault, and end the device session that the app keeps from the test before."""
    recorder.set_fault("audio", kind, channel=AAC_CHANNEL)
    recorder.set_fault("drop_connections", channel=AAC_CHANNEL)
    recorder.clear_fault("drop_connections", channel=AAC_CHANNEL)


def unmuted(app: App, camera_id: int, open_page: Open) -> Page:
    page = open_page(f"{app.url}/viewer/{camera_id}?channel={AAC_CHANNEL}&quality=main").page
    wait_playing(page)
    page.keyboard.press("m")
    return page


@pytest.mark.parametrize("kind", ["other_rate", "adts", "zero_stamps"])
def test_audio_unlike_its_description_is_heard(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, kind: str
) -> None:
    begin_fault(recorder, kind)
    page = unmuted(app, camera_id, open_page)
    until_on(page, lambda: page.evaluate(HEARD))
    assert_pictures_move(page)
    expect(page.locator(_SOUND)).to_have_text("AAC")
    before = page.evaluate(HEARD)
    until_on(page, lambda: page.evaluate(HEARD) > before)


def test_audio_that_breaks_the_decoder_leaves_the_picture_alone(
    app: App, recorder: Recorder, camera_id: int, open_page: Open
) -> None:
    page = unmuted(app, camera_id, open_page)
    until_on(page, lambda: page.evaluate(HEARD))
    recorder.set_fault("audio", "broken", channel=AAC_CHANNEL)
    expect(page.locator(_SOUND)).to_have_text(re.compile("Left out: this browser cannot decode it"))
    wait_playing(page)
    assert_pictures_move(page)
    expect(page.locator("#facts")).to_have_attribute("data-way", "socket")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("none", "the device sends none"),
        ("encrypted", "it cannot be decoded"),
        ("unknown_codec", "the app does not support AMR"),
        ("refused", "the device refuses its track"),  # the last one: the app remembers it for the device
    ],
)
def test_audio_that_cannot_be_had_is_left_out_with_words(
    app: App, recorder: Recorder, camera_id: int, open_page: Open, kind: str, reason: str
) -> None:
    begin_fault(recorder, kind)
    page = unmuted(app, camera_id, open_page)
    expect(page.locator(_SOUND)).to_have_text(f"Left out: {reason}")
    wait_playing(page)
    assert_pictures_move(page)
