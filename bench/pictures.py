"""Time from opening a page, or from a click in an open one, to the first moving picture in Chromium."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.figures import Figure
from bench.load import start_times_ms, stream_urls
from bench.plain import PlainServer
from bench.setting import App, Recorder

_FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--no-first-run", "--disable-quic"),
    "--autoplay-policy=no-user-gesture-required",
]
# `shown`: for each player the display time of its first frame that a later frame followed. Frames of the source that
# it played before do not count, nor frames that are decoded only to be skipped. `pressedMs`: time of the last click.
_WATCH = """
window.shown = new Map();
window.pressedMs = 0;
addEventListener('pointerdown', () => { window.pressedMs = performance.now(); }, true);
addEventListener('loadstart', ({ target: video }) => {
  if (!(video instanceof HTMLVideoElement)) return;
  const run = video.benchRun = (video.benchRun ?? 0) + 1;
  let first = null;
  const look = (now, picture) => {
    if (run !== video.benchRun) return;
    const isPlaying = !video.paused && !video.seeking;
    if (isPlaying && first && picture.mediaTime > first.mediaTime) {
      const player = video.closest('live-player') ?? video;
      if (!window.shown.has(player)) window.shown.set(player, first.atMs);
      return;
    }
    first = isPlaying ? first ?? { mediaTime: picture.mediaTime, atMs: picture.expectedDisplayTime || now } : null;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}, true);
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One opening of a page: the time until the picture moves, and the requests until then."""

    shown_ms: float
    requests: int


def figures(device: Recorder, app: App, camera_id: int, runs: int, *, with_plain: bool = True) -> Iterator[Figure]:
    """Measure the time from opening a page to its first moving picture."""
    channel, token, _ = next(item for item in app.profiles(camera_id, "main") if item[2] == "h264")
    [url] = stream_urls(device, [token])
    with browser() as context:
        plain = plain_pictures(context, url, runs) if with_plain else ([], [])
        ours = app_pictures(context, app, camera_id, channel, token, runs)
    for name, beside, times in zip(("cold", "warm"), plain, ours, strict=True):
        yield Figure(
            f"page opened to moving picture, {name}", "ms", times, beside, label=f"page opened, {name}", axis="first"
        )
    app.stop_streams()
    visits = [viewer_visits(app, camera_id, channel, token) for _ in range(runs)]
    for which, name, goal_ms in ((0, "first", 450), (1, "second", 250)):
        what = f"viewer page of a running stream opened to moving picture, {name} visit of a browser"
        shown_ms = [both[which].shown_ms for both in visits]
        yield Figure(what, "ms", shown_ms, goal=goal_ms, label=f"page opened, {name} visit", axis="first")
        yield Figure(f"{what}: requests until then", "requests", [float(both[which].requests) for both in visits])
    app.stop_streams()
    yield Figure("POST /api/streams/start, new session", "ms", start_times_ms(app, camera_id, token, 20))


@contextlib.contextmanager
def browser() -> Iterator[BrowserContext]:
    with tempfile.TemporaryDirectory(prefix="bench-browser-") as profile, sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), headless=False, args=_FLAGS
        )
        context.add_init_script(_WATCH)
        yield context
        context.close()


def viewer_visits(app: App, camera_id: int, channel: int, token: str) -> tuple[Visit, Visit]:
    """Open the viewer page of a running stream twice with a fresh browser profile; return both visits."""
    address = f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main"
    app.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
    time.sleep(4)
    with browser() as context:
        first = _visit(context, address)
        return first, _visit(context, address)


def _visit(context: BrowserContext, address: str) -> Visit:
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    try:
        page.goto(address)
        shown_ms = wait_shown(page)
        return Visit(shown_ms, len(requests))
    finally:
        page.close()


def first_picture_ms(context: BrowserContext, address: str, players: int = 1) -> float:
    """Open a page; return the time until `players` players show moving pictures."""
    page = context.new_page()
    try:
        page.goto(address)
        return wait_shown(page, players)
    finally:
        page.close()


def wait_shown(page: Page, players: int = 1) -> float:
    """Wait until `players` players move; return the page's time (ms) of the last. Raise RuntimeError after 90 s."""
    deadline_s = time.monotonic() + 90
    while time.monotonic() < deadline_s:  # wait_for_function would violate the page's content security policy
        shown: list[float] = page.evaluate("[...window.shown.values()]")
        if len(shown) >= players:
            return sorted(shown)[players - 1]
        page.wait_for_timeout(50)
    raise RuntimeError(f"{len(shown)} of {players} pictures move after 90 s at {page.url}")


def click_ms(page: Page, selector: str) -> tuple[float, float]:
    """Click with the mouse; return (ms from the press to the picture, time of the press in epoch seconds)."""
    page.evaluate("window.shown.clear()")
    page.click(selector)
    shown_ms = wait_shown(page)
    pressed_ms, origin_ms = page.evaluate("[window.pressedMs, performance.timeOrigin]")
    return shown_ms - pressed_ms, (origin_ms + pressed_ms) / 1000


def plain_pictures(context: BrowserContext, rtsp_url: str, runs: int) -> tuple[list[float], list[float]]:
    """Return (cold, warm) times in ms from opening the plain page."""
    with PlainServer([rtsp_url]) as server:
        address = f"{server.url}?play=0"
        cold = []
        for _ in range(runs):
            cold.append(first_picture_ms(context, address))
            server.stop_ffmpeg()
        server.start_ffmpeg(0)
        time.sleep(8)
        return cold, [first_picture_ms(context, address) for _ in range(runs)]


def app_pictures(
    context: BrowserContext, app: App, camera_id: int, channel: int, token: str, runs: int
) -> tuple[list[float], list[float]]:
    """Return (cold, warm) times in ms from opening the viewer page."""
    address = f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main"
    cold = []
    for _ in range(runs):
        cold.append(first_picture_ms(context, address))
        app.stop_streams()
    app.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
    time.sleep(8)
    return cold, [first_picture_ms(context, address) for _ in range(runs)]
