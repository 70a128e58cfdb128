"""The quality of live pictures on links that the kernel shapes, with the rates of real cameras.

Main streams have 4 Mbit/s (1080p25, a key frame every 2 s), sub streams 0.5 Mbit/s (640x360 at 15 frames a second).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.browser.pictures import wait_playing
from tests.browser.shaped_link import ShapedLink, ShapingMissing, shaped_link
from tests.browser.watching import Open
from tools.running import App, Recorder, running_recorder

pytestmark = [
    pytest.mark.browser,
    pytest.mark.stress,
    pytest.mark.usefixtures("stop_streams"),
]

_MAIN = 1920
_WIDTH = "document.querySelector('live-player [data-part=video]').videoWidth"


@pytest.fixture(scope="module", autouse=True)
def link() -> Iterator[ShapedLink]:
    """Missing tools or rights are an error where CI is set, otherwise a skip."""
    try:
        with shaped_link() as shaped:
            yield shaped
    except ShapingMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with running_recorder("--channels", "2", "--dead", "none", "--profile", "full") as running:
        yield running


@pytest.fixture(scope="module")
def app(link: ShapedLink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    running = App(tmp_path_factory.mktemp("app"))
    running.start()
    link.slow_down(running.port)
    try:
        yield running
    finally:
        link.set_rate(None)
        running.stop()


def test_a_pinned_main_stream_stays_at_1500_kbps(app: App, link: ShapedLink, camera_id: int, open_page: Open) -> None:
    link.set_rate(20_000)
    page = open_page(f"{app.url}/viewer/{camera_id}?channel=1&quality=main").page
    wait_playing(page)
    link.set_rate(1500)
    page.wait_for_timeout(20_000)
    assert page.evaluate(_WIDTH) == _MAIN
