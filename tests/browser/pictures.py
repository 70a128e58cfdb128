"""Reads the frames on screen: the simulator draws each frame's number into its top sixteenth, in black and white."""

from __future__ import annotations

import statistics
from typing import Any

from playwright.sync_api import Page

from tests.browser.watching import until_on
from tests.patience import Slowness, until
from tools.frames import READ_FRAMES, seconds_behind

__all__ = [
    "assert_close_behind",
    "assert_key_frames_move",
    "assert_moves_again",
    "assert_pictures_move",
    "read_frames",
    "read_number",
    "seconds_behind",
    "wait_playing",
]


def read_frames(page: Page, count: int) -> list[tuple[int, float, str]]:
    """Return the next `count` frames on screen: (number or -1 if unreadable, epoch ms, the page's own delay text)."""
    return [(number, at_ms, behind) for number, at_ms, behind in page.evaluate(READ_FRAMES, count)]


def assert_pictures_move(page: Page) -> None:
    """Assert that readable frame numbers change; after a loss the decoder may need a key frame."""

    def move() -> bool:
        readable = [number for number, _, _ in read_frames(page, 12) if number >= 0]
        return len(readable) >= 8 and len(set(readable)) >= 6

    until(move)


def assert_key_frames_move(page: Page) -> None:
    """Assert that four key frames follow each other on screen, with a second between them."""
    seen = {-1}

    def have_come() -> bool:
        seen.add(read_number(page))
        return len(seen) > 4

    until_on(page, have_come)


def wait_playing(page: Page) -> None:
    page.wait_for_selector("#stage[data-phase=playing]")


def read_number(page: Page) -> int:
    """Return the number of the frame on screen, playing or paused; -1 if it is unreadable."""
    number: int = page.evaluate(
        """() => {
          const video = document.querySelector('live-player [data-part=video]');
          const shown = document.querySelector('live-player canvas[data-part=picture]');
          if (!shown && (!video || video.readyState < 2)) return -1;
          const [width, height] = shown ? [shown.width, shown.height] : [video.videoWidth, video.videoHeight];
          const canvas = new OffscreenCanvas(200, 4);
          const context = canvas.getContext('2d', { willReadFrequently: true });
          context.drawImage(shown ?? video, 0, 0, width, height / 16, 0, 0, 200, 4);
          const { data } = context.getImageData(0, 0, 200, 4);
          const bits = Array.from({ length: 20 }, (_, cell) => Number(data[(2 * 200 + cell * 10 + 5) * 4] > 128));
          return bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
        }"""
    )
    return number


def assert_close_behind(page: Page, timing: dict[str, Any], limit_s: float = 0.5) -> None:
    """Assert that the median delay of a dozen frames in a row falls below `limit_s` at some time.

    Repeated measurements instead of a wide limit: a busy machine delays frames for a moment, a faulty player delays
    them all the time. On a quiet machine the delay is 0.25 s.
    """

    def is_close() -> bool:
        with Slowness() as machine:
            frames = read_frames(page, 15)
        behind = [seconds_behind(number, at_ms, timing) for number, at_ms, _ in frames if number >= 0]
        return len(behind) >= 12 and statistics.median(behind) < limit_s * machine.factor()

    until(is_close)


def assert_moves_again(page: Page, standing: int) -> None:
    """Assert that a frame other than `standing` appears and that the player plays."""
    until_on(page, lambda: read_number(page) not in {standing, -1})
    wait_playing(page)
