"""Helpers of the replay player's tests: the time burnt into the frame, the player's state, and opening at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page

from tests.browser.watching import Open, Watched, settled_on, until_on
from tools.running import App

PLAYING = "#player [data-part=stage][data-phase=playing]"

# The time burnt into the frame: 40 cells of 8 pixels, of which 36 count tenths of a second (simulator.burnt_time).
BURNT = """(id, isSeen = false) => {
  const video = document.querySelector(`#${id} video`);
  const frozen = document.querySelector(`#${id} [data-part=frozen]`);
  const canvas = new OffscreenCanvas(video.videoWidth || 320, video.videoHeight || 240);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(isSeen && !frozen.hidden ? frozen : video, 0, 0);
  const cells = [...Array(40).keys()].map((cell) => context.getImageData(8 * cell + 4, 4, 1, 1).data[0] > 128);
  if (!cells[0] || cells[1]) return null;
  let tenths = 0;
  for (const cell of cells.slice(2, 38)) tenths = 2 * tenths + Number(cell);
  return tenths / 10;
}"""

# The number in a frame of the recorder's clip: white, black, sixteen bits, highest first (tests/browser/pictures.py).
NUMBER = """() => {
  const video = document.querySelector('#player video');
  const canvas = new OffscreenCanvas(200, 4);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 16, 0, 0, 200, 4);
  const { data } = context.getImageData(0, 0, 200, 4);
  const bits = [...Array(18).keys()].map((cell) => Number(data[(2 * 200 + cell * 10 + 5) * 4] > 128));
  return bits.slice(2).reduce((sum, bit) => sum * 2 + bit, 0);
}"""

# The state of the player, for the messages of failed assertions; null on a page without a player.
STATE = """(() => {
  const video = document.querySelector('#player video');
  if (!video) return null;
  const { currentTime, paused, seeking, readyState, buffered } = video;
  const loaded = [...Array(buffered.length).keys()].map((at) => [buffered.start(at), buffered.end(at)]);
  const { phase } = document.querySelector('#player [data-part=stage]').dataset;
  return JSON.stringify({ currentTime, paused, seeking, readyState, loaded, phase });
})()"""


# How far the media is loaded beyond the playing time, in seconds; 0 during a seek to media that is not loaded.
AHEAD_S = """(({ currentTime, buffered }) => buffered.length ? buffered.end(buffered.length - 1) - currentTime : 0)(
  document.querySelector('#player video'))"""

# The browser may show the frame some milliseconds after the end of a seek.
PAINTED_S = 0.4


def burnt_s(page: Page, player: str = "player") -> float:
    """Wait for a frame with a time in it, because a seek leaves the video without a frame; return the time."""
    shown: list[float] = until_on(page, lambda: [at for at in [page.evaluate(BURNT, player)] if at is not None])
    return shown[0]


def standing_s(page: Page) -> float:
    """Return the time in the frame of a paused player."""
    return settled_on(page, lambda: burnt_s(page), PAINTED_S)


def shows(page: Page, at_s: float) -> None:
    """Wait until the player shows the frame of this time."""
    wait(page, f"Math.abs(({BURNT})('player') - {at_s}) < 0.01")
    no_longer_seeks(page)


def shows_before(page: Page, at_s: float) -> None:
    """Wait until the player shows a frame from before this time."""
    wait(page, f"(({BURNT})('player') ?? Infinity) < {at_s}")


def pause(page: Page) -> None:
    page.keyboard.press("k")
    page.wait_for_selector("#player [data-part=stage][data-phase=paused]")
    no_longer_seeks(page)


def wait(page: Page, expression: str) -> None:
    """Wait until the expression is true. Playwright's wait_for_function needs eval, which the pages' CSP forbids."""
    try:
        until_on(page, lambda: page.evaluate(expression))
    except AssertionError as error:
        raise AssertionError(f"{error}: {expression[-80:]}; {page.evaluate(STATE)}") from None


def open_at(app: App, camera_id: int, open_page: Open, at: datetime, channel: int = 1, **options: Any) -> Watched:
    """Open the recordings page at a time of a channel, and wait until it plays."""
    text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    watched = open_page(f"{app.url}/recordings/{camera_id}?channel={channel}&t={text}", **options)
    watched.page.wait_for_selector(PLAYING)
    return watched


def phase(page: Page, player: str = "player") -> str | None:
    return page.locator(f"#{player} [data-part=stage]").get_attribute("data-phase")


def over_socket(page: Page) -> Page:
    """Reload until the player uses the socket: it gives the socket 1.5 s, which a busy machine may need itself."""

    def is_over_socket() -> bool:
        if not fetched(page):
            return True
        page.reload()
        page.wait_for_selector(PLAYING)
        return False

    until_on(page, is_over_socket)
    return page


def no_longer_seeks(page: Page) -> None:
    wait(page, "(({ video }) => !video.seeking && video.readyState > 1)(document.querySelector('#player'))")


def fetched(page: Page) -> list[str]:
    """Return the addresses of all playlists and segments that the page fetched."""
    found: list[str] = page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name).filter((name) => /[.](m3u8|m4s)/.test(name))"
    )
    return found


def moves(page: Page) -> None:
    at_s = burnt_s(page)
    wait(page, f"({BURNT})('player') > {at_s + 1}")


def play_for(page: Page, seconds: float) -> None:
    """Wait until the player has played on by so many seconds of the recording."""
    time_s = "document.querySelector('#player video').currentTime"
    at_s: float = page.evaluate(time_s)
    wait(page, f"{time_s} > {at_s + seconds}")
