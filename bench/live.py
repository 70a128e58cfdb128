"""Glass-to-glass latency of the viewer page and of plain HLS, from the frame number in the picture on screen."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Page

from bench.figures import Figure, percentile
from bench.load import stream_urls
from bench.pictures import browser, wait_shown
from bench.plain import PlainServer
from bench.setting import App, Recorder
from tools.frames import READ_FRAMES, seconds_behind

# Returns the time rule of the frames. Call it when the stream is running: a requested key frame shifts the loop.
Timing = Callable[[], dict[str, Any]]
FRAMES = 150
_SETTLE_MS = 8000


@dataclass(frozen=True, slots=True)
class Behind:
    """Milliseconds from the sending of a frame to its display. As a goal: the most that a series may have."""

    median_ms: float
    p95_ms: float


_WEBCODECS = Behind(40, 70)
_GSTREAMER = Behind(350, 450)  # its frames wait for its own encoder, too


def behind_of(seen: list[tuple[int, float]], rule: dict[str, Any], frames: int) -> Behind:
    """Return the latency of `seen`, pairs of frame number (-1: unreadable) and display time (epoch ms).

    Raise RuntimeError if less than a third of `frames` frames could be read.
    """
    late = delays_ms(seen, rule, frames)
    return Behind(statistics.median(late), percentile(late, 0.95))


def delays_ms(seen: list[tuple[int, float]], rule: dict[str, Any], frames: int) -> list[float]:
    """Return the delay of each readable frame of `seen`. Raise RuntimeError as behind_of() does."""
    late = [1000 * seconds_behind(number, at_ms, rule) for number, at_ms in seen if number >= 0]
    if len(late) < frames / 3:
        raise RuntimeError(f"only {len(late)} of {frames} pictures could be read")
    return late


def page_behind(page: Page, timing: Timing, frames: int) -> Behind:
    """Return the latency of a page when it plays and its player has settled."""
    wait_shown(page)
    page.wait_for_timeout(_SETTLE_MS)
    return behind_of([(number, at_ms) for number, at_ms, _ in page.evaluate(READ_FRAMES, frames)], timing(), frames)


def app_behind(context: BrowserContext, address: str, timing: Timing, frames: int) -> Behind:
    page = context.new_page()
    try:
        page.goto(address)
        return page_behind(page, timing, frames)
    finally:
        page.close()


def plain_behind(context: BrowserContext, rtsp_url: str, timing: Timing, frames: int) -> Behind:
    with PlainServer([rtsp_url]) as server:
        return app_behind(context, f"{server.url}?play=0", timing, frames)


def figures(device: Recorder, app: App, camera_id: int, runs: int, *, with_plain: bool = True) -> Iterator[Figure]:
    """Measure the pretend recorder's main stream."""
    channel, token, _ = next(item for item in app.profiles(camera_id, "main") if item[2] == "h264")
    [url] = stream_urls(device, [token])
    address = f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main"
    yield from compared(
        address,
        url,
        lambda: device.timing(channel, "main"),
        runs,
        goal=_WEBCODECS,
        with_hls=True,
        with_plain=with_plain,
    )


def compared(
    address: str,
    rtsp_url: str,
    timing: Timing,
    runs: int,
    *,
    source: str = "",
    goal: Behind = _GSTREAMER,
    with_hls: bool = False,
    with_plain: bool = True,
) -> Iterator[Figure]:
    """Measure the viewer page at `address` and a plain page of `rtsp_url` in turns. `source` names the sender."""
    plain, sockets, hls = [], [], []
    with browser() as context:
        for _ in range(runs):
            if with_plain:
                plain.append(plain_behind(context, rtsp_url, timing, FRAMES))
            sockets.append(app_behind(context, address, timing, FRAMES))
            if with_hls:
                hls.append(app_behind(context, f"{address}&way=hls", timing, FRAMES))
    label = ", ".join(filter(None, ["live", source]))
    what = ", ".join(filter(None, ["behind reality, viewer page, over the socket", source]))
    medians, late = _medians(plain), _p95s(plain)
    yield Figure(what, "ms", _medians(sockets), medians, goal.median_ms, label, "behind")
    late_label = f"{label}, 95th percentile"
    yield Figure("the same, 95th percentile", "ms", _p95s(sockets), late, goal.p95_ms, late_label, "behind")
    if with_hls:
        yield Figure(
            "the same page as HLS (`way=hls`)",
            "ms",
            _medians(hls),
            medians,
            None,
            "live as HLS",
            "behind",
        )


def _medians(found: list[Behind]) -> list[float]:
    return [each.median_ms for each in found]


def _p95s(found: list[Behind]) -> list[float]:
    return [each.p95_ms for each in found]
