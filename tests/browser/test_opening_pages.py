"""The requests of a browser that opens a page: the first time, again, and while a stream plays."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, WebSocket, expect

from tests.browser.pictures import wait_playing
from tests.browser.watching import Open, answer_requests, settled_on, until_on
from tools.running import ROOT, App, Recorder

pytestmark = pytest.mark.browser

# `window.shiftMs` moves the page's clock, so that no test waits for minutes. `window.firstPictureMs` is the display
# time of the first frame of a video; a video of a track plays from its first displayed frame on.
_WATCH = """
window.shiftMs = 0;
const now = Date.now;
Date.now = () => now() + window.shiftMs;
addEventListener('playing', ({ target, timeStamp }) => {
  if (target.srcObject) window.firstPictureMs ??= timeStamp;
  target.requestVideoFrameCallback?.((shownMs) => { window.firstPictureMs ??= shownMs; });
}, true);
"""
_STILLS_BEGUN_MS = """
performance.getEntriesByType('resource')
  .filter(({ name }) => name.includes('/snapshot?')).map(({ startTime }) => startTime)
"""
_PANELS_BEGUN_MS = """
performance.getEntriesByType('resource').find(({ name }) => name.includes('/wall-panels-')).startTime
"""
# Paths and bytes of all files that the page has loaded; a file from the browser's cache counts 0 bytes.
_LOADED = """
performance.getEntriesByType('resource').map(({ name, transferSize }) => [new URL(name).pathname, transferSize])
"""
# The addresses that the page has requested before the first frame of a video.
_BEFORE_PICTURE = """
performance.getEntriesByType('resource')
  .filter(({ startTime }) => startTime < window.firstPictureMs).map(({ name }) => name)
"""
_TILES = "channel-grid .tile-item:not([data-dead])"
_FEEDER_TURN_MS = 1500
# After this time a page loads its still pictures even if the live picture is late.
_STILLS_WAIT_MS = 3000
_POSTER_AFTER_MS = 300


class Stills:
    """The still pictures that a page requests."""

    def __init__(self, page: Page) -> None:
        self.requested: list[str] = []
        page.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        if "/snapshot?" in request.url:  # no file of an app without a build
            self.requested.append(request.url)


def loaded(page: Page) -> dict[str, int]:
    """Path and bytes of each file of the front end that the page has loaded."""
    found: list[tuple[str, int]] = page.evaluate(_LOADED)
    return {path: size for path, size in found if path.startswith("/static/")}


def wait_loaded(page: Page, last: str) -> None:
    """Wait until the page plays and has loaded the file with this in its path, and all others."""
    page.wait_for_selector("[data-phase=playing]")
    until_on(page, lambda: [path for path in loaded(page) if last in path])
    settled_on(page, lambda: loaded(page))


def first_picture_ms(page: Page) -> float:
    """Wait until a video shows its first frame; return the time since the page was opened."""
    shown_ms: float = until_on(page, lambda: page.evaluate("window.firstPictureMs"))
    return shown_ms


@pytest.fixture(scope="module")
def built() -> None:
    """A current build, as `make install` makes it."""
    if not (ROOT / "node_modules" / "esbuild").is_dir():
        pytest.skip("esbuild is not installed")
    subprocess.run(["node", "tools/build_front_end.mjs"], cwd=ROOT, check=True, timeout=60)


@pytest.fixture(scope="module")
def unbuilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that serves the source files, as it does without a build."""
    running = App(tmp_path_factory.mktemp("unbuilt"), SEGMENT_S="1", SERVE_SOURCES="yes")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def running(app: App, camera_id: int) -> str:
    """The address of a viewer page whose stream runs already, because a script has started it."""
    token = app.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"][0]["profiles"][0]["profile_token"]
    app.call("POST", "/api/streams/start", {"camera_id": camera_id, "profile_token": token})
    return f"{app.url}/viewer/{camera_id}?channel=1&quality=main"


def test_still_pictures_load_once_and_after_the_live_picture(running: str, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(_WATCH)
    stills = Stills(page)
    page.goto(running)
    wait_playing(page)
    for number in range(page.locator(_TILES).count()):
        expect(page.locator(_TILES).nth(number).locator("snapshot-image")).to_have_attribute("has-picture", "")
    shown_ms = first_picture_ms(page)
    begun_ms: list[float] = page.evaluate(_STILLS_BEGUN_MS)
    early = [ms for ms in begun_ms if ms < min(shown_ms, _STILLS_WAIT_MS)]
    assert len(early) <= (shown_ms > _POSTER_AFTER_MS), (early, shown_ms)
    loaded = list(stills.requested)
    assert len(loaded) - len(set(loaded)) <= len(early), "only the poster may be the still of a tile, too"
    page.evaluate("window.shiftMs = 120_000")
    page.wait_for_timeout(3 * _FEEDER_TURN_MS)
    assert stills.requested == loaded, "they are two minutes old, and a stream plays"
    with page.expect_request("**/snapshot*"):
        page.evaluate("window.shiftMs = 3_600_000")
    page.evaluate("window.shiftMs = 0")
    with page.expect_request("**/snapshot*"):
        page.get_by_role("button", name="Overview").click()
        page.evaluate("window.shiftMs = 3_700_000")


@pytest.mark.usefixtures("built")
def test_the_viewer_page_loads_few_files_before_its_first_picture(running: str, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(_WATCH)
    page.goto(running)
    wait_playing(page)
    first_picture_ms(page)
    requested: list[str] = page.evaluate(_BEFORE_PICTURE)
    paths = [urlsplit(url).path for url in requested]
    files = [path for path in paths if path.startswith("/static/") and path.endswith((".js", ".mjs", ".css"))]
    assert len([path for path in files if path.endswith(".css")]) == 1, files
    assert len(files) <= 5, "the colours, the style sheet, the script, code shared with the dialogs, the decoder"
    assert all(path.startswith("/static/built/") for path in files), files
    # The abilities of the camera's head follow the picture.
    assert not [url for url in requested if "/api/" in url and not url.endswith("/ptz") and "/snapshot" not in url]


class Sockets:
    """The sockets that a page opens, and the ids of the watches that its scripts request and leave."""

    def __init__(self, page: Page) -> None:
        self.paths: list[str] = []
        self.requested: list[tuple[str, int]] = []
        page.on("websocket", self._hear)

    def _hear(self, socket: WebSocket) -> None:
        self.paths.append(urlsplit(socket.url).path)
        socket.on("framesent", self._note)

    def _note(self, text: str | bytes) -> None:
        message = json.loads(text)
        if message["type"] in ("watch", "leave"):
            self.requested.append((message["type"], message["id"]))


def test_the_main_stream_comes_before_the_pages_scripts_request_it(
    app: App, camera_id: int, running: str, open_page: Open
) -> None:
    page = open_page("about:blank").page
    sockets = Sockets(page)
    page.goto(running)
    wait_playing(page)
    [path] = sockets.paths
    profiles = app.call("GET", f"/api/cameras/{camera_id}/profiles")["channels"][0]["profiles"]
    assert path == f"/live/{camera_id}/{profiles[0]['profile_token']}"
    assert sockets.requested == []
    page.get_by_role("group", name="Quality").get_by_role("button", name="Sub").click()
    until_on(page, lambda: ("leave", 0) in sockets.requested)
    wait_playing(page)
    assert len(sockets.paths) == 1, "one socket serves all streams of a page"


def test_a_page_of_another_quality_requests_its_stream_itself(running: str, open_page: Open) -> None:
    page = open_page("about:blank").page
    sockets = Sockets(page)
    page.goto(running.replace("quality=main", "quality=sub"))
    wait_playing(page)
    assert (sockets.paths, sockets.requested) == (["/live"], [("watch", 1)])


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    ("path", "last"),
    [("/viewer/{}?channel=1&quality=sub", "/viewer-"), ("/wall?layout=1&tiles={}.1", "/wall-panels-")],
)
def test_the_second_visit_requests_no_file_of_the_front_end(
    app: App, camera_id: int, open_page: Open, path: str, last: str
) -> None:
    page = open_page(app.url + path.format(camera_id)).page
    wait_loaded(page, last)
    first = loaded(page)
    assert all(first.values()), first
    again = page.context.new_page()
    again.goto(page.url)
    wait_loaded(again, last)
    assert loaded(again) == dict.fromkeys(first, 0)


@pytest.mark.usefixtures("built")
def test_the_walls_menu_loads_after_the_first_picture(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    page.add_init_script(_WATCH)
    page.goto(f"{app.url}/wall?layout=1&tiles={camera_id}.1")
    wait_loaded(page, "/wall-panels-")
    begun_ms: float = page.evaluate(_PANELS_BEGUN_MS)
    assert begun_ms > first_picture_ms(page)


def test_without_a_build_the_pages_run_from_the_source_files(unbuilt: App, recorder: Recorder, open_page: Open) -> None:
    camera_id = unbuilt.add_camera(recorder)
    page = open_page(f"{unbuilt.url}/viewer/{camera_id}?channel=1&quality=sub").page
    wait_playing(page)
    assert {"/static/css/base.css", "/static/js/lib/zoom.js"} < set(loaded(page))
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.goto(f"{unbuilt.url}/wall?layout=1&tiles={camera_id}.1")
    expect(page.locator("live-tile")).to_have_attribute("data-phase", "playing")


@pytest.mark.usefixtures("built")
def test_dialogs_load_when_they_are_opened(running: str, open_page: Open) -> None:
    page = open_page(running).page
    wait_playing(page)
    before = set(settled_on(page, lambda: loaded(page)))
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    [dialogs] = set(until_on(page, lambda: set(loaded(page)) - before))
    assert Path(dialogs).name.startswith("viewer-dialogs-")


def test_an_outdated_page_says_that_a_part_cannot_be_loaded(running: str, open_page: Open) -> None:
    watched = open_page(running)
    watched.forgive("ERR_FAILED")
    page = watched.page
    wait_playing(page)
    answer_requests(page, "**/viewer-dialogs*", lambda route: route.abort())
    page.keyboard.press("?")
    expect(page.locator("toast-area")).to_contain_text("Load the page again")
