"""Latency of the viewer page in Firefox and WebKit, from the frame number on screen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.live import Behind, behind_of
from bench.setting import App, Recorder
from tests.browser.engines import ENGINES
from tests.browser.live_in_engine import NUMBER_OF, READ_FRAME
from tests.patience import until

_FRAMES = 60
_SETTLE_S, _READ_S = 8, 25
_NAMES = {"firefox": "Firefox", "webkit": "WebKit"}
_WAYS = {"webcodecs": "WebCodecs", "mse": "MediaSource"}
_PHASE = "document.querySelector('#stage')?.dataset.phase"
_WAY = "[document.querySelector('#facts').dataset.engine, document.querySelector('#engine').textContent]"
# In Firefox, the page's read of a canvas that a worker draws blocks it for up to 250 ms. There the worker sends the
# frame; the time is its arrival at the page, so the latency is an upper bound.
_CAPTURE = f"""(async () => {{
  const shown = await document.querySelector('live-player').capture();
  const atMs = Date.now();
  return [shown ? {NUMBER_OF}(shown, shown.width, shown.height) : -1, atMs];
}})()"""
_READS = {"firefox": _CAPTURE, "webkit": READ_FRAME}
# [number, time in ms of the wall clock] of each frame that an animation frame of the page finds on screen first. After
# each one the page rests, because the reads cost the worker and the page time.
_READ_FRAMES = """(async () => {
  const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const drawn = () => new Promise((resolve) => requestAnimationFrame(resolve));
  await rest(%d);
  const endMs = Date.now() + %d;
  const seen = [];
  while (seen.length < %d && Date.now() < endMs) {
    const [before] = await %s;
    let found = [before, 0];
    while ((found[0] === before || found[0] < 0) && Date.now() < endMs) {
      await drawn();
      found = await %s;
    }
    if (before >= 0) seen.push(found);
    await rest(%d);
  }
  return seen;
})()"""
_REST_MS = 200


def figures(
    device: Recorder, app: App, plain_app: App, runs: int, *, cameras: tuple[int, int] = (1, 1)
) -> Iterator[Figure]:
    """Measure the main stream of channel 1. `plain_app` has BROWSER_DECODER=mse; `cameras`: the recorder's ids."""
    for engine, running, camera_id, way, goal_ms in (
        ("firefox", app, cameras[0], "webcodecs", 60),
        ("webkit", app, cameras[0], "webcodecs", 100),
        ("webkit", plain_app, cameras[1], "mse", 300),
    ):
        found = [_behind(engine, way, device, f"{running.url}/viewer/{camera_id}") for _ in range(runs)]
        name = f"{_NAMES[engine]}, {_WAYS[way]}"
        medians, late = [each.median_ms for each in found], [each.p95_ms for each in found]
        what = f"behind reality, viewer page in {name}"
        yield Figure(what, "ms", medians, goal=goal_ms, label=f"live, {name}", axis="behind")
        yield Figure("the same, 95th percentile", "ms", late)
        running.stop_streams()


def _behind(engine: str, way: str, device: Recorder, address: str) -> Behind:
    """Open the page with a new profile of the browser.

    Raise RuntimeError if the page shows the picture in another way, or (EngineMissing) without the browser.
    """
    with tempfile.TemporaryDirectory(prefix="bench-browser-") as profile, ENGINES[engine](Path(profile)) as page:
        page.open(f"{address}?channel=1&quality=main")
        read = _READS[engine]
        script = _READ_FRAMES % (1000 * _SETTLE_S, 1000 * _READ_S, _FRAMES, read, read, _REST_MS)
        until(lambda: page.evaluate(_PHASE) == "playing", what="playing")
        seen: list[Any] = page.evaluate(script)
        shown_by, text = page.evaluate(_WAY)
        if shown_by != way:
            raise RuntimeError(f"{_NAMES[engine]} does not show the picture by {_WAYS[way]}: {text}")
        return behind_of([(number, at_ms) for number, at_ms in seen], device.timing(1, "main"), _FRAMES)
