"""Time from a click on another channel of an open viewer page to that channel's first moving picture.

Warm: another viewer already watches that channel. Cold: the app has no session with the device. A cold start mostly
waits for a key frame, unless the device sends one on request (SetSynchronizationPoint).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from playwright.sync_api import BrowserContext, Page

from bench.figures import Figure
from bench.load import stream_urls
from bench.pictures import browser, click_ms, wait_shown
from bench.plain import PlainServer
from bench.setting import App, Recorder
from bench.sockets import viewers

_BUTTON = "#channels [data-channel='{}'] [data-part=button]"
_PLAIN_BUTTON = "button[data-channel='{}']"
_WARM_CLICKS = 3  # per run: they are quick, and each falls at another time between two key frames
_NO_KEY_ON_REQUEST = "no_key_on_request"
# Time from a click to the next key frame. With less time the session would start too late for that key frame and
# wait for the following one.
_SHORTEST_MS, _SPREAD_MS = 250, 1750


def key_frame_wait_ms(at_s: float, rule: dict[str, Any]) -> float:
    """Return the time from `at_s` (epoch seconds) to the recorder's next key frame, computed from its time rule."""
    fps, phase, gop = float(rule["fps"]), float(rule["phase"]), int(rule["gop_frames"])
    tick = math.ceil(at_s * fps - phase)
    tick += -((tick + int(rule["offset"])) % int(rule["frames"])) % gop
    return 1000 * ((tick + phase) / fps - at_s)


def figures(device: Recorder, app: App, camera_id: int, runs: int, *, with_plain: bool = True) -> Iterator[Figure]:
    """Measure main streams in H.264 with a key frame every 2 s."""
    profiles = [
        (channel, token)
        for channel, token, codec in app.profiles(camera_id, "main")
        if codec == "h264" and device.timing(channel, "main")["gop_frames"] == 50
    ]
    channels, tokens = [channel for channel, _ in profiles], [token for _, token in profiles]
    plain_page = PlainServer(stream_urls(device, tokens)) if with_plain else nullcontext()
    with browser() as context, plain_page as server:
        yield _warm(context, server, app, camera_id, channels, tokens, runs)
        yield from _cold(context, server, device, app, camera_id, channels, runs)


def _warm(
    context: BrowserContext,
    server: PlainServer | None,
    app: App,
    camera_id: int,
    channels: list[int],
    tokens: list[str],
    runs: int,
) -> Figure:
    """Switch from the first channel to the second, which another viewer watches all the time."""
    plain, ours = [], []
    if server:
        server.start_ffmpeg(1)
    with viewers(app, camera_id, tokens[1:2], 1, 3600):
        for _ in range(_WARM_CLICKS * runs):
            if server:
                plain.append(_plain_click(context, server, 2, 1, 3000))
            page = _page(context, app, camera_id, channels[0])
            page.wait_for_timeout(3000)
            ours.append(click_ms(page, _BUTTON.format(channels[1]))[0])
            page.close()
    if server:
        server.stop_ffmpeg()
    app.stop_streams()
    what = "click on another channel to its moving picture, warm: another viewer watches it"
    return Figure(what, "ms", ours, plain, goal=200, label="click, warm", axis="first")


def _cold(
    context: BrowserContext,
    server: PlainServer | None,
    device: Recorder,
    app: App,
    camera_id: int,
    channels: list[int],
    runs: int,
) -> Iterator[Figure]:
    """Click on another channel in each run. The page shows the first channel before the click."""
    plain, on_request, total, waited, rest = [], [], [], [], []
    for run in range(runs):
        number = 1 + run % (len(channels) - 1)
        channel = channels[number]
        if server:
            plain.append(_plain_click(context, server, len(channels), number, 1000))
            server.stop_ffmpeg()
        for ignores_requests in (False, True):
            device.set_fault(_NO_KEY_ON_REQUEST, True if ignores_requests else None)
            page = _page(context, app, camera_id, channels[0])
            page.wait_for_timeout(1000)
            if ignores_requests:
                _wait_before_key_frame(device.timing(channel, "main"), _SHORTEST_MS + _SPREAD_MS * (run + 0.5) / runs)
            took_ms, pressed_s = click_ms(page, _BUTTON.format(channel))
            page.close()
            if ignores_requests:
                wait_ms = key_frame_wait_ms(pressed_s, device.timing(channel, "main"))
                total.append(took_ms)
                waited.append(wait_ms)
                rest.append(took_ms - wait_ms)
            else:
                on_request.append(took_ms)
            app.stop_streams()
    device.set_fault(_NO_KEY_ON_REQUEST, None)
    what, name = "the same, cold: the app has no session;", "click, cold"
    yield Figure(
        f"{what} the recorder sends a key frame on request",
        "ms",
        on_request,
        plain,
        goal=700,
        label=f"{name}, key frame when asked",
        axis="first",
    )
    yield Figure(
        f"{what} the recorder ignores the request",
        "ms",
        total,
        plain,
        label=f"{name}, key frame every 2 s",
        axis="first",
    )
    yield Figure("of that, from the click to the next key frame that the recorder sends", "ms", waited)
    yield Figure("of that, the remaining time", "ms", rest, goal=500, label=f"{name}, without that wait", axis="first")


def _wait_before_key_frame(rule: dict[str, Any], before_ms: float) -> None:
    gop_ms = 1000 * int(rule["gop_frames"]) / float(rule["fps"])
    time.sleep((key_frame_wait_ms(time.time(), rule) - before_ms) % gop_ms / 1000)


def _plain_click(context: BrowserContext, server: PlainServer, streams: int, number: int, wait_ms: int) -> float:
    """Show the first stream of a plain page for a while, then click on stream `number`; return the time in ms."""
    page = context.new_page()
    try:
        page.goto(f"{server.url}?choose={','.join(str(number) for number in range(streams))}")
        page.click(_PLAIN_BUTTON.format(0))
        wait_shown(page)
        page.wait_for_timeout(wait_ms)
        return click_ms(page, _PLAIN_BUTTON.format(number))[0]
    finally:
        page.close()


def _page(context: BrowserContext, app: App, camera_id: int, channel: int) -> Page:
    page = context.new_page()
    page.goto(f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main")
    wait_shown(page)
    return page
