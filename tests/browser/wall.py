"""Helpers of the wall's tests: tiles, the frames they show, and dragging."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.watching import box_at_rest, until_on
from tools.running import App

# For each tile: the number of the frame on screen (-1: unreadable), the time of reading, the frame's width, and the
# tile's own delay text. A canvas stands in the video's place where a browser cannot make a track of frames.
READ_TILES = """
() => [...document.querySelectorAll('live-tile')].map((tile) => {
  const video = tile.querySelector('live-player [data-part=video]');
  const behind = tile.querySelector('[data-part=badge]').textContent;
  const shown = tile.querySelector('live-player canvas[data-part=picture]');
  if (!shown && (!video || video.readyState < 2)) return [-1, Date.now(), 0, behind];
  const [width, height] = shown ? [shown.width, shown.height] : [video.videoWidth, video.videoHeight];
  const canvas = new OffscreenCanvas(200, 4);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(shown ?? video, 0, 0, width, height / 16, 0, 0, 200, 4);
  const { data } = context.getImageData(0, 0, 200, 4);
  const bits = Array.from({ length: 20 }, (_, cell) => Number(data[(2 * 200 + cell * 10 + 5) * 4] > 128));
  const number = bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
  const parity = bits.slice(2, 18).reduce((sum, bit) => sum ^ bit, 0);
  const isWhole = bits[0] === 1 && bits[1] === 0 && bits[18] === parity && bits[19] === 1 - parity;
  return [isWhole ? number : -1, Date.now(), width, behind];
})
"""


def tiles(page: Page) -> Locator:
    return page.locator("live-tile")


def at(page: Page, place: int) -> Locator:
    """Return the tile at this place; places count from 1."""
    return page.locator(f'live-tile[data-place="{place}"]')


def channel_at(page: Page, place: int) -> Locator:
    return at(page, place).locator("[data-part=channel]")


def wait_all_playing(page: Page, count: int) -> None:
    expect(page.locator("live-tile[data-phase=playing]")).to_have_count(count)


def read(page: Page) -> list[tuple[int, float, int, str]]:
    return [(number, at_ms, width, behind) for number, at_ms, width, behind in page.evaluate(READ_TILES)]


def assert_all_move(page: Page) -> None:
    """Assert that every tile with a video shows at least three different frames."""
    seen: dict[int, set[int]] = {}

    def move() -> bool:
        for place, (number, _, width, _) in enumerate(read(page)):
            if width:
                seen.setdefault(place, set()).update({number} - {-1})
        return bool(seen) and min(len(numbers) for numbers in seen.values()) >= 3

    until_on(page, move)


def four(app: App, camera_id: int) -> str:
    return f"{app.url}/wall?layout=4&tiles={camera_id}.1,{camera_id}.2,{camera_id}.3"


def expect_address(page: Page, end: str) -> None:
    expect(page).to_have_url(re.compile(rf"[?&]{re.escape(end)}$"))


def centre(place: Locator) -> tuple[float, float]:
    box = box_at_rest(place.page, place)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()
