"""Time from a click in the timeline to its picture for each make and for the server's recordings, and the time to
index a month of recordings.

The pretend recorder takes 2.5 s to open a replay session and 60 ms to seek in an open one, as real recorders do.
"""

from __future__ import annotations

import random
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import BrowserContext, Page

from bench.figures import Figure
from bench.hours import fetch_hour, recorded_hours
from bench.pictures import browser
from bench.setting import App, Recorder, app, recorder

MAKES = ("conformant", "dahua-like", "hikvision-like", "uniview-like", "axis-like", "no-replay-headers")
_DELAYS = {"replay_setup_delay": 2.5, "replay_seek_delay": 0.06}

# Position (in the page's pixels) of a time in a row of the timeline.
_PLACE = """([row, atMs]) => {
  const timeline = document.querySelector('recording-timeline');
  timeline.scrollIntoView({ block: 'center' });
  const box = timeline.canvas.getBoundingClientRect();
  const label = timeline.slider.clientWidth < 600 ? 84 : 148;
  const { startMs, endMs } = timeline.view;
  const fraction = (atMs - startMs) / (endMs - startMs);
  return [box.left + label + fraction * (box.width - label), box.top + 30 + 26 * row + 13];
}"""

# Time from the press of the pointer to the first refresh of the screen that shows a frame of the run that the click
# began. Until then the player shows the frozen last frame of the previous run.
_WATCH = """() => {
  const player = document.querySelector('#player');
  window.clickToPicture = new Promise((resolve, reject) => {
    let begun = 0;
    let atS = Infinity;
    addEventListener('pointerdown', () => { begun = performance.now(); }, { capture: true, once: true });
    addEventListener('timeline-seek', ({ detail }) => { atS = detail.atMs / 1000; }, { once: true });
    setTimeout(() => reject(new Error('no picture in 20 s')), 20000);
    const frozen = player.querySelector('[data-part=frozen]');
    const look = () => {
      const isThere = !player.querySelector('[data-phase=loading]') && frozen.hidden && player.video.readyState > 1;
      if (isThere && Math.abs(player.atMs / 1000 - atS) < 6) resolve(performance.now() - begun);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}"""


@dataclass(frozen=True, slots=True)
class Seeks:
    """Milliseconds from click to picture: of first clicks, which open a session, and of clicks in an open session."""

    first_ms: list[float]
    open_ms: list[float]


def figures(runs: int) -> Iterator[Figure]:
    """Measure each make with its own recorder and app."""
    for make in MAKES:
        with (
            recorder("--channels", "16", "--dead", "none", "--make", make) as device,
            app() as running,
            browser() as context,
        ):
            set_delays(device)
            camera_id = running.add_recorder(device)
            if make == "conformant":
                took_s, events = month_s(running, camera_id)
                yield Figure(f"a month of 16 channels ({events} events) indexed", "s", [took_s])
                yield Figure("coverage of an indexed day, over HTTP", "ms", day_ms(running, camera_id, 20))
                yield from own_figures(context, device, running, camera_id, runs)
            found = seek_times(context, running, camera_id, runs, 10)
            what = f"recording, click to picture, {make}"
            yield Figure(f"{what}: the first", "ms", found.first_ms)
            yield Figure(f"{what}: in an open session", "ms", found.open_ms, label=what, axis="first")


def own_figures(context: BrowserContext, device: Recorder, running: App, camera_id: int, runs: int) -> Iterator[Figure]:
    """Measure clicks in an hour that the server has in its own files. A backfill has fetched it."""
    (start,) = recorded_hours(device, 1, 1)
    fetch_hour(running, camera_id, start)
    found = seek_times(context, running, camera_id, runs, 10, hour=start)
    what = "recording of the server, click to picture"
    yield Figure(f"{what}: the first", "ms", found.first_ms, goal=250)
    yield Figure(f"{what}: in an open session", "ms", found.open_ms, goal=250)


def set_delays(device: Recorder) -> None:
    for name, value in _DELAYS.items():
        device.set_fault(name, value)


def seek_times(
    context: BrowserContext, running: App, camera_id: int, runs: int, seeks: int, *, hour: datetime | None = None
) -> Seeks:
    """Open `runs` pages; click once in each and then at `seeks` other times of the last day, or of one hour."""
    found = Seeks([], [])
    rng = random.Random(1)
    for _ in range(runs):
        page = context.new_page()
        try:
            page.goto(f"{running.url}/recordings/{camera_id}")
            _until(
                page,
                "!!document.querySelector('recording-timeline').rows[0]?.spans.some((it) => it.state === 'recorded')",
            )
            moments = _moments(page, rng, seeks + 1) if hour is None else _of_hour(hour, rng, seeks + 1)
            times = [_click_ms(page, at_ms) for at_ms in moments]
            found.first_ms.append(times[0])
            found.open_ms.extend(times[1:])
        finally:
            page.close()
        for stream in running.call("GET", "/api/streams/all")["streams"]:
            running.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
    return found


def _click_ms(page: Page, at_ms: float) -> float:
    """Click with the mouse at `at_ms` in the first row; return the time until its picture."""
    x, y = page.evaluate(_PLACE, [0, at_ms])
    page.mouse.move(x, y)
    page.evaluate(_WATCH)
    page.mouse.click(x, y)
    return float(page.evaluate("window.clickToPicture"))


def _moments(page: Page, rng: random.Random, count: int) -> list[float]:
    """Return visible recorded times of the first row, each at least 15 min away from the previous one."""
    spans = page.evaluate(
        """(() => {
          const { rows, view } = document.querySelector('recording-timeline');
          return rows[0].spans
            .filter((span) => span.state === 'recorded')
            .map((span) => [Math.max(span.startMs, view.startMs), Math.min(span.endMs, view.endMs)])
            .filter(([startMs, endMs]) => endMs - startMs > 1200000);
        })()"""
    )
    found: list[float] = []
    while len(found) < count:
        start, end = rng.choice(spans)
        at_ms = rng.uniform(start, end - 600_000)
        if not found or abs(found[-1] - at_ms) > 900_000:
            found.append(at_ms)
    return found


def _of_hour(start: datetime, rng: random.Random, count: int) -> list[float]:
    """Return times of an hour, in a random order, that lie four minutes apart."""
    return [1000 * start.timestamp() + 240_000 * (place + 1) for place in rng.sample(range(14), count)]


def _until(page: Page, expression: str) -> None:
    ends_s = time.monotonic() + 60
    while not page.evaluate(expression):
        if time.monotonic() > ends_s:
            raise RuntimeError("the timeline stays empty")
        page.wait_for_timeout(50)


def month_s(running: App, camera_id: int) -> tuple[float, int]:
    """Return the seconds until a month of all channels is indexed, and the number of its events."""
    now = datetime.now(UTC)
    begun_s = time.monotonic()
    while True:
        coverage = _coverage(running, camera_id, now - timedelta(days=30), now)
        if coverage["channels"] and coverage["indexing"] is None:
            return time.monotonic() - begun_s, sum(len(channel["events"]) for channel in coverage["channels"])
        time.sleep(0.5)


def day_ms(running: App, camera_id: int, runs: int) -> list[float]:
    """Return the response times (ms) of the coverage of an indexed day over HTTP."""
    now = datetime.now(UTC)
    times = []
    for number in range(runs):
        end = now - timedelta(days=number % 20)
        begun_s = time.monotonic()
        _coverage(running, camera_id, end - timedelta(days=1), end)
        times.append(1000 * (time.monotonic() - begun_s))
    return times


def _coverage(running: App, camera_id: int, start: datetime, end: datetime) -> dict[str, list[dict[str, list[object]]]]:
    query = urllib.parse.urlencode({"start_time": start.isoformat(), "end_time": end.isoformat()})
    found: dict[str, list[dict[str, list[object]]]] = running.call(
        "GET", f"/api/cameras/{camera_id}/recordings/coverage?{query}"
    )
    return found
