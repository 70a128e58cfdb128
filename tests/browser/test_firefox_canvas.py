"""Firefox's canvas of live frames, which a worker draws: a snapshot blocks no page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.engines import SNAPSHOT_TIMEOUT, EngineMissing, EnginePage, firefox
from tests.missing import skip_outside_ci
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stop_streams")]

_LOADS = 6  # a read of the canvas by the page blocked six loads of fourteen
_MOST_MS = 5000  # such a read blocks for the 10 s of SNAPSHOT_TIMEOUT below; a pause of the machine may last seconds
# From the first frame on, capture the frame every 100 ms for a second. Return for how long the calls blocked the page,
# and the brightest pixel.
_CAPTURE = """(async () => {
  const player = document.querySelector('live-player');
  while (!player.hasFrame) await new Promise((resolve) => setTimeout(resolve, 10));
  const blockedMs = [];
  const captured = [];
  for (let count = 0; count < 10; count += 1) {
    const startMs = performance.now();
    captured.push(player.capture());
    blockedMs.push(performance.now() - startMs);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const shown = (await Promise.all(captured)).filter(Boolean);
  const brightest = shown.map((canvas) =>
    Math.max(...canvas.getContext('2d').getImageData(0, 0, canvas.width, 40).data.filter((_, at) => at % 4 < 3)));
  return [Math.max(...blockedMs), Math.max(0, ...brightest)];
})()"""
# From the first frame on, end the engine. Return for how long this blocked the page, and how its canvas is shown.
# The page's canvas gets the size of the frames from the worker somewhat after the first frame is reported.
_FREEZE = """(async () => {
  const player = document.querySelector('live-player');
  const hasSize = () => player.querySelector('canvas[data-part=picture]')?.width === 640;
  while (!player.hasFrame || !hasSize()) await new Promise((resolve) => setTimeout(resolve, 10));
  const startMs = performance.now();
  player.detachLive();
  const blockedMs = performance.now() - startMs;
  const { width, offsetWidth } = player.querySelector('canvas[data-part=left]');
  return [blockedMs, width, offsetWidth, player.isFrozen];
})()"""


@pytest.fixture(scope="module")
def default_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePage]:
    """A page of Firefox with its own limit for the read of a canvas that a worker draws."""
    try:
        with firefox(tmp_path_factory.mktemp("firefox"), {SNAPSHOT_TIMEOUT: 10_000}) as opened:
            yield opened
    except EngineMissing as missing:
        skip_outside_ci(missing)


def test_a_snapshot_blocks_no_page_and_has_the_frame(default_page: EnginePage, app: App, camera_id: int) -> None:
    for _ in range(_LOADS):
        default_page.open(f"{app.url}/viewer/{camera_id}?channel=1&quality=main")
        blocked_ms, brightest = default_page.evaluate(_CAPTURE)
        assert blocked_ms < _MOST_MS
        assert brightest > 200
        default_page.open("about:blank")


def test_the_last_frame_stays_and_blocks_no_page(default_page: EnginePage, app: App, camera_id: int) -> None:
    for _ in range(_LOADS):
        default_page.open(f"{app.url}/viewer/{camera_id}?channel=1&quality=main")
        blocked_ms, width, shown_width, is_frozen = default_page.evaluate(_FREEZE)
        assert blocked_ms < _MOST_MS
        assert width == 640
        assert shown_width > 0
        assert is_frozen
        default_page.open("about:blank")
