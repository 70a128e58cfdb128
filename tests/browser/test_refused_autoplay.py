"""The browser refuses to play audio before the user's first click: the picture plays all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import assert_pictures_move, wait_playing
from tests.browser.watching import Open
from tools.running import App, Recorder

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

_CHANNEL = 5
# Chromium's own policy lets a page with some visits play: refuse as the policies of all browsers do at the first one.
_REFUSE = """
localStorage.setItem('sound', 'on');
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  if (this.muted) return play.call(this);
  window.refusals = (window.refusals ?? 0) + 1;
  return Promise.reject(new DOMException('The user has not clicked.', 'NotAllowedError'));
};
"""


@pytest.fixture
def refused(app: App, camera_id: int, open_page: Open) -> Callable[[], Page]:
    """Return a function that opens the viewer page in a browser that remembers that the sound was on."""

    def open_viewer() -> Page:
        page: Page = open_page("about:blank").page
        page.add_init_script(_REFUSE)
        page.goto(f"{app.url}/viewer/{camera_id}?channel={_CHANNEL}&quality=main")
        return page

    return open_viewer


def test_the_picture_plays_muted_until_the_first_click(refused: Callable[[], Page]) -> None:
    page = refused()
    wait_playing(page)
    assert_pictures_move(page)
    assert page.evaluate("window.refusals") >= 1


def test_webcodecs_asks_for_no_audio(recorder: Recorder, refused: Callable[[], Page]) -> None:
    recorder.set_fault("audio", "unknown_codec", channel=_CHANNEL)
    recorder.set_fault("drop_connections", channel=_CHANNEL)  # a device session of the test before goes on otherwise
    recorder.clear_fault("drop_connections", channel=_CHANNEL)
    try:
        page = refused()
        wait_playing(page)
        expect(page.locator("#facts")).to_have_attribute("data-engine", "webcodecs")
        assert_pictures_move(page)
        assert page.evaluate("document.querySelector('live-player [data-part=video]').muted")
    finally:
        recorder.clear_fault("audio", channel=_CHANNEL)
