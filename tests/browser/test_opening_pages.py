"""The requests of a browser that opens a page: the first time, again, and while a stream plays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.pictures import wait_playing
from tests.browser.watching import Open
from tools.running import App

pytestmark = pytest.mark.browser

# `window.shiftMs` moves the page's clock, so that no test waits for minutes. `window.firstPictureMs` is the display
# time of the first frame of a video.
_WATCH = """
window.shiftMs = 0;
const now = Date.now;
Date.now = () => now() + window.shiftMs;
addEventListener('playing', ({ target }) => {
  target.requestVideoFrameCallback?.((shownMs) => { window.firstPictureMs ??= shownMs; });
}, true);
"""
_STILLS_BEGUN_MS = """
performance.getEntriesByType('resource')
  .filter(({ name }) => name.includes('/snapshot')).map(({ startTime }) => startTime)
"""
_TILES = "channel-grid .tile-item:not([data-dead])"
_FEEDER_TURN_MS = 1500
# After this time a page loads its still pictures even if the live picture is late.
_STILLS_WAIT_MS = 3000
_POSTER_AFTER_MS = 300


class Stills:
    """The still pictures that a page requests."""

    def __init__(self, page: Page) -> None:
        self.requested: list[str] = []
        page.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        if "/snapshot" in request.url:
            self.requested.append(request.url)


@pytest.fixture(scope="module")
def running(app: App, camera_id: int) -> str:
    """The address of a viewer page whose stream runs already, because a script has started it."""
    token = app.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"][0]["profiles"][0]["profile_token"]
    app.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
    return f"{app.url}/viewer/{camera_id}?channel=1&quality=main"


def test_still_pictures_load_once_and_after_the_live_picture(running: str, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(_WATCH)
    stills = Stills(page)
    page.goto(running)
    wait_playing(page)
    for number in range(page.locator(_TILES).count()):
        expect(page.locator(_TILES).nth(number).locator("snapshot-image")).to_have_attribute("has-picture", "")
    first_picture_ms: float = page.evaluate("window.firstPictureMs")
    begun_ms: list[float] = page.evaluate(_STILLS_BEGUN_MS)
    early = [ms for ms in begun_ms if ms < min(first_picture_ms, _STILLS_WAIT_MS)]
    assert len(early) <= (first_picture_ms > _POSTER_AFTER_MS), (early, first_picture_ms)
    loaded = list(stills.requested)
    assert len(set(loaded)) == len(loaded)
    page.evaluate("window.shiftMs = 120_000")
    page.wait_for_timeout(3 * _FEEDER_TURN_MS)
    assert stills.requested == loaded, "they are two minutes old, and a stream plays"
    with page.expect_request("**/snapshot*"):
        page.evaluate("window.shiftMs = 3_600_000")
    page.evaluate("window.shiftMs = 0")
    with page.expect_request("**/snapshot*"):
        page.get_by_role("button", name="Overview").click()
        page.evaluate("window.shiftMs = 3_700_000")
