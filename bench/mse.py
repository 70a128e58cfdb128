"""Latency of the viewer page and of the wall over MediaSource, as browsers have it on plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from bench import wall
from bench.figures import Figure
from bench.live import FRAMES, app_behind
from bench.pictures import browser
from bench.setting import App, Recorder

_GOALS = wall.Goals(behind_ms=150, p95_ms=None, worst_ms=250)


def figures(device: Recorder, app: App, camera_id: int, runs: int, window_s: float) -> Iterator[Figure]:
    """Measure an app with BROWSER_DECODER=mse."""
    channel = next(number for number, _, codec in app.profiles(camera_id, "main") if codec == "h264")
    address = f"{app.url}/viewer/{camera_id}?channel={channel}&quality=main"
    with browser() as context:
        found = [app_behind(context, address, lambda: device.timing(channel, "main"), FRAMES) for _ in range(runs)]
    medians, late = [each.median_ms for each in found], [each.p95_ms for each in found]
    label = "live, MediaSource"
    yield Figure("behind reality, viewer page, MediaSource", "ms", medians, goal=80, label=label, axis="behind")
    yield Figure("the same, 95th percentile", "ms", late)
    app.stop_streams()
    name = "wall of 16, MediaSource"
    yield from wall.figures(device, app, camera_id, runs, window_s, with_plain=False, goals=_GOALS, name=name)
