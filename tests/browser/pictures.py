"""Reads the picture itself: the recorder writes each frame's number into its top sixteenth, in black and white."""

from __future__ import annotations

import time

from playwright.sync_api import Page

from tools.frames import READ_FRAMES, seconds_behind

__all__ = ["assert_pictures_move", "read_frames", "seconds_behind", "wait_playing"]


def read_frames(page: Page, count: int) -> list[tuple[int, float, str]]:
    """The next `count` pictures on screen: frame number (-1: unreadable), epoch ms, what the page says it is behind."""
    return [(number, at_ms, behind) for number, at_ms, behind in page.evaluate(READ_FRAMES, count)]


def assert_pictures_move(page: Page, timeout_s: float = 10) -> None:
    """Different readable frame numbers follow each other; right after a loss they may need a key frame first."""
    deadline = time.monotonic() + timeout_s
    while True:
        numbers = [number for number, _, _ in read_frames(page, 12)]
        readable = [number for number in numbers if number >= 0]
        if len(readable) >= 8 and len(set(readable)) >= 6:
            return
        assert time.monotonic() < deadline, numbers


def wait_playing(page: Page, timeout_s: float = 30) -> None:
    page.wait_for_selector("#stage[data-phase=playing]", timeout=timeout_s * 1000)
