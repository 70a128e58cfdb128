"""A real Chromium with the real app and a simulated recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.engines import ENGINES, EngineMissing, EnginePage
from tests.browser.logged_events import StandInEvents
from tests.browser.recordings import ROWS, wait
from tests.browser.watching import Open, Watched
from tests.missing import skip_outside_ci
from tests.patience import LONG_LIMIT_S
from tests.warm_apps import WarmStarter
from tools.running import CHROMIUM, CHROMIUM_OPTIONS, CHROMIUM_WITHOUT_WINDOWS, App, Recorder, running_recorder

expect.set_options(timeout=1000 * LONG_LIMIT_S)

# Reports every violation of the content security policy in the console.
_REPORT_VIOLATIONS = """
addEventListener('securitypolicyviolation', (event) =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# Files that need the usual Chromium, since the one without windows refuses notifications.
_WITH_WINDOWS = {"test_notifications_page"}
# Switches the pictures of recordings off, as a user may. The recorder plays for each of them, and ffmpeg decodes.
_WITHOUT_PICTURES = """
try { localStorage.getItem('recordings-pictures') ?? localStorage.setItem('recordings-pictures', 'off'); } catch {}
"""


@pytest.fixture(scope="module", autouse=True)
def _warm_starts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "starter", WarmStarter())
        yield


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """One for a file: until Playwright ends, its event loop keeps other tests from running theirs in this thread.

    The Chromium without windows, if it is installed, takes a fifth less processor time than the usual one.
    """
    is_enough = request.path.stem not in _WITH_WINDOWS and CHROMIUM_WITHOUT_WINDOWS.exists()
    with running_chromium(str(CHROMIUM_WITHOUT_WINDOWS) if is_enough else CHROMIUM) as browser:
        yield browser


@contextmanager
def running_chromium(program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, headless=False, args=list(CHROMIUM_OPTIONS), timeout=1000 * LONG_LIMIT_S
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def recorder() -> Iterator[Recorder]:
    """A recorder with eight channels: even ones have an H.265 main stream; 6, 7 and 8 are dead, each in another way."""
    with running_recorder("--channels", "8", "--profile", "small") as running:
        yield running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    running = App(tmp_path_factory.mktemp("app"), SEGMENT_S="1", STALL_AFTER_S="4", LISTEN_TO_EVENTS="no")
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def camera_id(app: App, recorder: Recorder) -> int:
    return app.add_camera(recorder, name="Recorder")


@pytest.fixture(scope="module")
def sixteen() -> Iterator[Recorder]:
    with running_recorder("--channels", "16", "--dead", "none", "--profile", "small") as running:
        yield running


@pytest.fixture(scope="module")
def wall_id(app: App, sixteen: Recorder) -> int:
    """Return the camera id of the recorder with sixteen channels."""
    return app.add_camera(sixteen, name="Garage")


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Return a function that opens pages in separate contexts; an error in any page's console fails the test.

    The recordings page begins without pictures, unless the caller asks for `pictures`. Animations are over at once,
    unless the caller passes MOVING: the dot of a live picture alone makes Chromium draw the page sixty times a second.
    """
    contexts: list[BrowserContext] = []
    pages: list[Watched] = []

    def open_it(url: str, width: int = 1280, height: int = 800, *, pictures: bool = False, **options: Any) -> Watched:
        options = {"reduced_motion": "reduce", **options}
        context = chromium.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        context.add_init_script(_REPORT_VIOLATIONS)
        if not pictures:
            context.add_init_script(_WITHOUT_PICTURES)
        context.set_default_timeout(1000 * LONG_LIMIT_S)  # also for the pages that a test opens in the context itself
        contexts.append(context)
        page = context.new_page()
        watched = Watched(page)
        page.on("console", watched.hear)
        page.on("pageerror", lambda error: watched.complaints.append(f"exception: {error} {error.stack}"))
        pages.append(watched)
        page.goto(url)
        return watched

    yield open_it
    left = [text for watched in pages for text in watched.left()]
    for context in contexts:
        context.close()
    assert not left, left


@pytest.fixture
def empty_app(tmp_path: Path) -> Iterator[App]:
    running = App(tmp_path, SEGMENT_S="1", LISTEN_TO_EVENTS="no")
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def reused_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    running = App(tmp_path_factory.mktemp("reused"), SEGMENT_S="1", LISTEN_TO_EVENTS="no")
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def emptied_app(reused_app: App) -> Iterator[App]:
    """An app without cameras, for files that need many: a new app takes two seconds of processor time."""
    yield reused_app
    for camera in reused_app.call("GET", "/api/cameras")["cameras"]:
        reused_app.call("DELETE", f"/api/cameras/{camera['id']}")


@pytest.fixture
def stop_streams(app: App) -> Iterator[None]:
    """Stop all streams after each test: a closed browser context does not end its session, which would use a slot."""
    yield
    app.stop_streams()


@pytest.fixture
def recordings(app: App, camera_id: int, open_page: Callable[..., Watched]) -> Page:
    page = open_page(f"{app.url}/recordings/{camera_id}").page
    wait(page, ROWS)
    return page


@pytest.fixture(scope="module")
def plain_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that soon gives up a recorder that does not answer."""
    running = App(tmp_path_factory.mktemp("plain"), SEGMENT_S="1", DEVICE_TIMEOUT_S="4")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def page(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePage]:
    """A page of one engine for all tests. A missing engine is an error where CI is set, otherwise a skip."""
    try:
        with ENGINES[engine](tmp_path_factory.mktemp(engine)) as opened:
            yield opened
    except EngineMissing as missing:
        skip_outside_ci(missing)


@pytest.fixture
def leave_page(page: EnginePage, stop_streams: None) -> Iterator[None]:
    yield
    page.evaluate("localStorage.clear()")  # otherwise the next test begins with audio
    page.open("about:blank")


@pytest.fixture
def events_page(app: App, camera_id: int, open_page: Open) -> tuple[Page, StandInEvents]:
    """A page that requests its events from the test, before it is opened."""
    page = open_page("about:blank", timezone_id="UTC").page
    return page, StandInEvents(page)
