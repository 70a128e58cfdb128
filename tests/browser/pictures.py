"""Reads the frames on screen: the simulator draws each frame's number into its top sixteenth, in black and white."""

from __future__ import annotations

import statistics
import time
from typing import Any

from playwright.sync_api import Page

from tools.frames import READ_FRAMES, seconds_behind

__all__ = [
    "assert_close_behind",
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


def assert_pictures_move(page: Page, timeout_s: float = 10) -> None:
    """Assert that readable frame numbers change within `timeout_s`; after a loss the decoder may need a key frame."""
    deadline = time.monotonic() + timeout_s
    while True:
        numbers = [number for number, _, _ in read_frames(page, 12)]
        readable = [number for number in numbers if number >= 0]
        if len(readable) >= 8 and len(set(readable)) >= 6:
            return
        assert time.monotonic() < deadline, numbers


def wait_playing(page: Page, timeout_s: float = 30) -> None:
    page.wait_for_selector("#stage[data-phase=playing]", timeout=timeout_s * 1000)


def read_number(page: Page) -> int:
    """Return the number of the frame on screen, playing or paused; -1 if it is unreadable."""
    number: int = page.evaluate(
        """() => {
          const video = document.querySelector('live-player [data-part=video]');
          if (!video || video.readyState < 2) return -1;
          const canvas = new OffscreenCanvas(200, 4);
          const context = canvas.getContext('2d', { willReadFrequently: true });
          context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 16, 0, 0, 200, 4);
          const { data } = context.getImageData(0, 0, 200, 4);
          const bits = Array.from({ length: 20 }, (_, cell) => Number(data[(2 * 200 + cell * 10 + 5) * 4] > 128));
          return bits.slice(2, 18).reduce((sum, bit) => sum * 2 + bit, 0);
        }"""
    )
    return number


def assert_close_behind(page: Page, timing: dict[str, Any], limit_s: float = 0.5, within_s: float = 30) -> None:
    """Assert that the median delay of a dozen frames in a row falls below `limit_s` at some time within `within_s`.

    Repeated measurements instead of a wide limit: a busy machine delays frames for a moment, a faulty player delays
    them all the time. On a quiet machine the delay is 0.25 s.
    """
    deadline = time.monotonic() + within_s
    medians: list[float] = []
    while not medians or min(medians) >= limit_s:
        assert time.monotonic() < deadline, medians
        behind = [seconds_behind(number, at_ms, timing) for number, at_ms, _ in read_frames(page, 15) if number >= 0]
        if len(behind) >= 12:
            medians.append(statistics.median(behind))


def assert_moves_again(page: Page, standing: int, within_s: float) -> None:
    """Assert that a frame other than `standing` appears within `within_s` and that the player plays."""
    deadline = time.monotonic() + within_s
    while (number := read_number(page)) in {standing, -1}:
        assert time.monotonic() < deadline, f"the picture is still {number}"
        page.wait_for_timeout(20)
    wait_playing(page, max(0.1, deadline - time.monotonic()))
