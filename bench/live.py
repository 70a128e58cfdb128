"""How far behind reality the picture is, what many sockets cost, and a wall of sixteen; plain HLS beside it."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
from playwright.sync_api import BrowserContext, Page

from bench.meter import Cost, family, measure
from bench.pictures import PlainServer
from bench.setting import ROOT, App, Recorder
from tools.frames import READ_FRAMES, seconds_behind

_SETTLE_MS = 8000


@dataclass(frozen=True, slots=True)
class Behind:
    """Milliseconds from the sending of a picture to its showing."""

    median_ms: float
    p95_ms: float

    def __str__(self) -> str:
        return f"{self.median_ms:.0f} ms (p95 {self.p95_ms:.0f})"


def timing(device: Recorder, channel: int, role: str) -> dict[str, Any]:
    address = f"http://127.0.0.1:{device.control_port}/frames?channel={channel}&role={role}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def behind(page: Page, rule: dict[str, Any], frames: int) -> Behind:
    """Reads the frame number from so many pictures on screen."""
    seen = page.evaluate(READ_FRAMES, frames)
    late = sorted(1000 * seconds_behind(number, at_ms, rule) for number, at_ms, _ in seen if number >= 0)
    if len(late) < frames / 3:
        raise RuntimeError(f"only {len(late)} of {frames} pictures could be read")
    return Behind(statistics.median(late), late[int(len(late) * 0.95)])


def app_behind(context: BrowserContext, address: str, rule: dict[str, Any], frames: int) -> Behind:
    page = context.new_page()
    try:
        page.goto(address)
        page.wait_for_selector("[data-phase=playing]", timeout=30_000)
        page.wait_for_timeout(_SETTLE_MS)
        return behind(page, rule, frames)
    finally:
        page.close()


def plain_behind(context: BrowserContext, rtsp_url: str, rule: dict[str, Any], frames: int) -> Behind:
    server = PlainServer(rtsp_url)
    page = context.new_page()
    try:
        page.goto(server.url)
        for _ in range(600):
            if page.evaluate("document.querySelector('video').readyState") >= 2:
                break
            page.wait_for_timeout(100)
        page.wait_for_timeout(_SETTLE_MS)
        return behind(page, rule, frames)
    finally:
        page.close()
        server.close()


@contextlib.contextmanager
def viewers(app: App, camera_id: int, token: str, count: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.viewers", app.url, str(camera_id), token, str(count), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a crowd of viewers got, what it cost, and how long a plain request took meanwhile (ms)."""

    late: dict[str, float]
    cost: Cost
    request_ms: list[float]


def crowd(app: App, camera_id: int, token: str, count: int, window_s: float) -> Crowd:
    with viewers(app, camera_id, token, count, window_s + 8) as process:
        time.sleep(5)
        request_ms: list[float] = []

        def processes() -> list[psutil.Process]:
            return family(psutil.Process(app.pid))

        before = time.monotonic()
        cost = measure(processes, window_s / 2)
        while time.monotonic() - before < window_s:
            begun_s = time.monotonic()
            app.call("GET", "/api/cameras")
            request_ms.append(1000 * (time.monotonic() - begun_s))
            time.sleep(0.2)
        output, _ = process.communicate(timeout=60)
        return Crowd(json.loads(output), cost, request_ms)


def sockets_cost(app: App, camera_id: int, tokens: list[str], window_s: float, settle_s: float) -> Cost:
    """As many streams, each watched over a socket by one reader that is a program of its own; no ffmpeg."""
    with contextlib.ExitStack() as stack:
        for token in tokens:
            stack.enter_context(viewers(app, camera_id, token, 1, settle_s + window_s + 20))
        time.sleep(settle_s)
        return measure(lambda: family(psutil.Process(app.pid)), window_s)
