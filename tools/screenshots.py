"""Take screenshots of every page in its relevant states, at 1280 and 390 pixels, light and dark: `make screenshots`.

Starts the app and a 16-channel pretend recorder in their own folders and on their own ports, and writes PNG files to
build/screenshots (or to the folder in the first argument), for people to look at. Further arguments are prefixes of
names: `python tools/screenshots.py build/screenshots recordings-gap` takes only those and keeps the other files.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.export_screenshots import take_exports
from tools.motion_screenshots import take_motion
from tools.notification_screenshots import take_notifications
from tools.running import CHROMIUM, CHROMIUM_OPTIONS, App, Recorder, running_recorder
from tools.storage_screenshots import take_storage
from tools.studio import SIZES, Studio, to_timeline

PLAYING = "#stage[data-phase=playing]"
REASON = "#overlay[data-tone=warn]"
_EVENTS = 4  # so many events fill a phone's window
_SHOWN = "#storyboard .thumbnail[data-shown]"


def main(folder: Path, *only: str) -> None:
    if not only:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recorder = stack.enter_context(running_recorder("--channels", "16"))
        app = App(work, SEGMENT_S="1")
        app.start()
        stack.callback(app.stop)
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=False, args=list(CHROMIUM_OPTIONS), timeout=60_000
        )
        stack.callback(browser.close)
        studio = Studio(browser, folder, only)
        studio.take("cameras-empty", app.url, until="#empty:not([hidden])")
        studio.take("error", f"{app.url}/no-such-page")
        studio.take("wall-empty", f"{app.url}/wall", until="#wall-empty:not([hidden])")
        studio.take("events-empty", f"{app.url}/events", until="#none:not([hidden])")
        studio.take("search-empty", f"{app.url}/search", until="#empty:not([hidden])")
        studio.take("notifications-empty", f"{app.url}/notifications", until="#no-rules:not([hidden])")
        camera_id = app.add_camera(recorder, name="Garage recorder")
        if studio.wants("notifications"):
            take_notifications(studio, app, camera_id)
        if studio.wants("events"):
            _events(studio, app, camera_id)
        if studio.wants("search"):
            _searches(studio, app, camera_id)
        if studio.wants("motion", "detector", "events-words"):
            take_motion(studio, app)
        if studio.wants("storage"):
            take_storage(studio, app, camera_id)
        if studio.wants("cameras"):
            _lists(studio, app, recorder)
        _viewer(studio, f"{app.url}/viewer/{camera_id}")
        if studio.wants("control"):
            _control(studio, app, camera_id, recorder)
        _wall(studio, app, camera_id)
        _recordings(studio, app, camera_id)
        _recordings_in_trouble(studio, app, camera_id, recorder)
        if studio.wants("exports", "range"):
            take_exports(studio, app, camera_id, recorder)
        _failures(studio, f"{app.url}/viewer/{camera_id}", recorder)


def _events(studio: Studio, app: App, camera_id: int) -> None:
    page = f"{app.url}/events"
    studio.take("events", page, until=f"event-row:nth-child({_EVENTS})", rest_ms=3000)
    studio.take("events-none", f"{page}?kind=doorbell", until="#none:not([hidden])")
    studio.take("events-device", f"{page}?device={camera_id}", until="#device-topics tr")
    phone = SIZES[1:]
    studio.take("events-filters", page, until="event-row", then=lambda at: at.click("#filters > summary"), sizes=phone)
    studio.take(
        "events-player",
        f"{page}?camera={camera_id}&channel=1",
        until="event-row",
        then=lambda at: at.locator("event-row a.event-link").last.click(),
        rest_ms=8000,
    )


def _searches(studio: Studio, app: App, camera_id: int) -> None:
    """Take the search page: before and after a search for movements, and with an earlier search that is gone."""
    page = f"{app.url}/search?camera={camera_id}&channel=1"
    picture = "#picture:not([hidden])"
    studio.take("search", page, until=picture, rest_ms=2000)
    studio.take("search-found", page, until=picture, then=_search_picture, rest_ms=4000)
    studio.take("search-gone", f"{app.url}/search?search=99999", until="#problem:not([hidden])", rest_ms=2000)


def _search_picture(page: Page) -> None:
    page.get_by_role("button", name="Box").click()
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_selector(".search-result, #job-state[data-tone=bad]", timeout=60_000)


def _lists(studio: Studio, app: App, recorder: Recorder) -> None:
    app.call("POST", "/api/cameras?wait=1", {"host": "127.0.0.1", "port": 81, "name": "Summer house, upper field"})
    other = {"host": "localhost", "port": recorder.onvif_port, "username": "admin", "password": "wrong"}
    refused = app.call("POST", "/api/cameras?wait=1", {**other, "name": "Warehouse"})
    cameras = f"{app.url}/cameras"
    picture = "camera-card snapshot-image[has-picture]"
    studio.take("cameras", cameras, until=picture)
    studio.take("cameras-add", cameras, until=picture, then=lambda page: page.click("#add"))
    studio.take("cameras-discover", cameras, until=picture, then=_discover)
    health = "camera-card [data-part=health]"
    studio.take("cameras-health", cameras, until=picture, then=lambda page: page.click(f"{health} >> nth=0"))
    remove = "camera-card [data-part=delete]"
    studio.take("cameras-delete", cameras, until=picture, then=lambda page: page.click(f"{remove} >> nth=0"))
    app.call("DELETE", f"/api/cameras/{refused['id']}")  # other states need this address


def _discover(page: Page) -> None:
    page.click("#discover")
    page.wait_for_selector("#discover-panel [data-part=again]:not([hidden])", timeout=20_000)


def _viewer(studio: Studio, viewer: str) -> None:
    studio.take("viewer-overview", f"{viewer}?view=grid", until="#channels", rest_ms=12_000)
    studio.take("viewer", f"{viewer}?channel=1&quality=main", until=PLAYING, rest_ms=2500)
    studio.take("viewer-saver", f"{viewer}?channel=1&quality=saver", until=PLAYING, rest_ms=5000)
    studio.take("viewer-h265", f"{viewer}?channel=2", until=PLAYING, rest_ms=2500)
    studio.take("viewer-edit", f"{viewer}?channel=1&quality=sub", until=PLAYING, then=_edit)
    studio.take(
        "viewer-keys", f"{viewer}?channel=1&quality=sub", until=PLAYING, then=lambda page: page.keyboard.press("?")
    )
    studio.take("viewer-4k", f"{viewer}?channel=1&quality=main", until=PLAYING, sizes=((3840, 2160),))
    studio.take("viewer-landscape", f"{viewer}?channel=1&quality=main", until=PLAYING, sizes=((844, 390),))
    studio.take("viewer-tablet", f"{viewer}?channel=1&quality=main", until=PLAYING, sizes=((820, 1180),))


def _control(studio: Studio, app: App, camera_id: int, recorder: Recorder) -> None:
    """Take the camera controls: of a full head, of a camera that does not answer, and of one without a head."""
    viewer = f"{app.url}/viewer/{camera_id}?channel=1&quality=sub"
    studio.take("control", viewer, until=PLAYING, then=_take_control)
    studio.take("control-keys", viewer, until=PLAYING, then=lambda page: page.keyboard.press("?"))
    studio.take("control-few-presets", viewer, until=PLAYING, then=_panel_of("Presets"))
    studio.take("control-no-tours", viewer, until=PLAYING, then=_panel_of("Tours"))
    _fill(app, camera_id)
    for section in ("Presets", "Tours", "Lens", "Outputs", "Picture"):
        studio.take(f"control-{section.lower()}", viewer, until=PLAYING, then=_panel_of(section))
    studio.take("control-preset-tools", viewer, until=PLAYING, then=_preset_tools)
    studio.take("control-tour-form", viewer, until=PLAYING, then=_tour_form)
    studio.take("control-wall", f"{app.url}/wall?tiles={camera_id}.1", until="live-tile", then=_panel_of("Presets"))
    fixed = f"{app.url}/viewer/{camera_id}?channel=4&quality=sub"
    studio.take("control-fixed-camera", fixed, until=PLAYING, then=_take_control)
    recorder.set_fault("ptz", "factory_slots")
    studio.take("control-slots", viewer, until=PLAYING, then=_panel_of("Presets"))
    recorder.clear_fault("ptz")
    for section in ("Presets", "Picture"):
        name = f"control-away-{section.lower()}"
        if studio.wants(name):
            studio.take(name, viewer, until=PLAYING, then=_away(recorder, section))


def _fill(app: App, camera_id: int) -> None:
    """Store as many presets as the pretend head takes, and two tours."""
    head = f"/api/cameras/{camera_id}/channels/1/ptz"
    names = ("Main entrance, left half", "Parking", "Wide", "Loading ramp 2", "<b>Fence</b>", "W" * 64)
    for number in range(31):
        app.call("POST", f"{head}/presets", {"name": names[number] if number < len(names) else f"Position {number}"})
    stops = [{"preset": str(number), "stay_s": 10} for number in range(1, 9)]
    for name, some in (("Night round", stops), ("Gate and parking", stops[:2])):
        app.call("POST", f"{head}/tours", {"name": name, "stops": some})


def _take_control(page: Page) -> None:
    page.click("#ptz")
    page.wait_for_selector(".ptz")


def _panel_of(section: str) -> Callable[[Page], None]:
    def show(page: Page) -> None:
        _take_control(page)
        page.get_by_role("button", name="Presets and settings").click()
        page.locator(".ptz-panel").get_by_role("button", name=section, exact=True).click()

    return show


def _preset_tools(page: Page) -> None:
    _panel_of("Presets")(page)
    page.get_by_role("button", name="More for Gate").click()


def _tour_form(page: Page) -> None:
    _panel_of("Tours")(page)
    page.get_by_role("button", name="New tour").click()


def _away(recorder: Recorder, section: str) -> Callable[[Page], None]:
    """Let the device stop answering SOAP once the controls are open, then ask for a section of the panel."""

    def show(page: Page) -> None:
        _take_control(page)
        recorder.set_fault("soap_silent", value=True)
        page.get_by_role("button", name="Presets and settings").click()
        page.locator(".ptz-panel").get_by_role("button", name=section, exact=True).click()
        page.wait_for_timeout(11_000)
        recorder.clear_fault("soap_silent")

    return show


def _wall(studio: Studio, app: App, camera_id: int) -> None:
    with running_recorder("--channels", "16", "--dead", "none") as alive:
        number = app.add_camera(alive, name="Town")
        address = f"{app.url}/wall?tiles={','.join(f'{number}.{channel}' for channel in range(1, 17))}"
        playing = "live-tile[data-phase=playing]"
        studio.take("wall", address, until=playing, rest_ms=6000)
        studio.take("wall-saver", f"{address}&quality=saver", until=playing, rest_ms=6000)
        studio.take("wall-full", f"{address}&full=2", until=playing, rest_ms=4000)
        studio.take("wall-zoomed", f"{address}&full=1", until=playing, then=_zoom, rest_ms=1000)
        studio.take("wall-menu", address, until=playing, then=_tile_menu, rest_ms=5000)
        six = address.replace("?", "?layout=6&")
        studio.take("wall-picker", six, until=playing, then=lambda page: page.click("#toggle-picker"), rest_ms=6000)
        studio.take("wall-layouts", six, until=playing, then=lambda page: page.click("#open-walls"), rest_ms=3000)
        studio.take("wall-keys", six, until=playing, then=_keys, rest_ms=2000)
        broken = (
            f"{app.url}/wall?layout=9&tiles={number}.1,{number}.2,{camera_id}.14,{camera_id}.15,{camera_id}.16,999.1"
        )
        studio.take("wall-broken", broken, until=playing, then=lambda page: _freeze(page, alive), rest_ms=1500)
        app.call("DELETE", f"/api/cameras/{number}")


def _zoom(page: Page) -> None:
    page.wait_for_timeout(3000)
    for key in ("+", "+", "k"):
        page.keyboard.press(key)


def _tile_menu(page: Page) -> None:
    page.wait_for_timeout(3000)
    page.keyboard.press("3")
    page.keyboard.press("ContextMenu")


def _freeze(page: Page, recorder: Recorder) -> None:
    page.wait_for_selector('live-tile[data-place="2"][data-phase=playing]', timeout=20_000)
    recorder.control("POST", "/fault", {"name": "rtcp_only", "value": True, "channel": 2, "for_s": 6})
    page.wait_for_selector("live-tile[data-frozen]", timeout=20_000)


def _recordings(studio: Studio, app: App, camera_id: int) -> None:
    address = f"{app.url}/recordings/{camera_id}"
    night = datetime.now(UTC) - timedelta(hours=9)
    at = f"{address}?channel=1&t={night:%Y-%m-%dT%H:%M:%SZ}"
    playing = "#player [data-phase=playing]"
    marked = "#calendar [data-state=recorded]"
    studio.take("recordings", at, until=playing, rest_ms=9000)
    studio.take("recordings-idle", address, until=marked)
    studio.take("recordings-found", address, until=marked, then=_search)
    studio.take("recordings-modal", address, until=marked, then=_play_found)
    studio.take("recordings-keys", at, until=playing, then=lambda page: page.keyboard.press("?"))
    studio.take("recordings-strip", at, until=_SHOWN, then=_point_at_timeline, rest_ms=2500)
    studio.take("recordings-grid", at, until=_SHOWN, then=_to_grid, rest_ms=6000)
    phone = SIZES[1:]
    studio.take("recordings-phone", at, until=playing, then=to_timeline, rest_ms=2500, sizes=phone)
    for make in ("no-profile-g", "hikvision-like"):
        if not studio.wants(f"recordings-{make}"):
            continue
        with running_recorder("--channels", "4", "--make", make) as other:
            other.set_fault("clock_offset", 420)
            number = app.add_camera(other, name=make)
            until = "#problem:not([hidden])" if make == "no-profile-g" else marked
            studio.take(f"recordings-{make}", f"{app.url}/recordings/{number}", until=until)
            app.call("DELETE", f"/api/cameras/{number}")


def _point_at_timeline(page: Page) -> None:
    to_timeline(page)
    box = page.locator(".timeline-frame").bounding_box()
    if box:
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 45)


def _to_grid(page: Page) -> None:
    for _ in range(8):
        page.get_by_role("button", name="Show less time").click()
    page.get_by_role("button", name="Grid", exact=True).click()
    page.wait_for_selector("#storyboard-grid .thumbnail[data-shown]")


def _recordings_in_trouble(studio: Studio, app: App, camera_id: int, recorder: Recorder) -> None:
    now = datetime.now(UTC)
    address = f"{app.url}/recordings/{camera_id}"
    playing = "#player [data-phase=playing]"
    spans = recorder.archive(1, now - timedelta(days=2), now)["spans"]
    gap = datetime.fromisoformat(spans[0]["end"]) + timedelta(minutes=1)
    studio.take("recordings-gap", f"{address}?channel=1&t={gap:%Y-%m-%dT%H:%M:%SZ}", until=playing, rest_ms=1500)
    night = f"t={now - timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}"

    studio.take("recordings-stalled", f"{address}?channel=3&{night}", until=playing, then=_stall)
    if studio.wants("recordings-too-many"):
        with ExitStack() as others:
            for channel in (3, 5):
                other = others.enter_context(studio.page(800, 600, "light"))
                other.goto(f"{address}?channel={channel}&{night}")
                other.wait_for_selector(playing, timeout=60_000)
            problem = "#player [data-phase=problem]"
            studio.take("recordings-too-many", f"{address}?channel=1&{night}", until=problem)
    if studio.wants("recordings-indexing", "recordings-stopped"):
        _recordings_being_asked(studio, app)


def _recordings_being_asked(studio: Studio, app: App) -> None:
    with running_recorder("--channels", "8") as slow:
        slow.set_fault("slow", 2.0)
        number = app.add_camera(slow, name="Slow to tell")
        address = f"{app.url}/recordings/{number}"
        asked = "#indexing:not([hidden])"
        studio.take("recordings-indexing", address, until=asked, then=to_timeline)
        studio.take("recordings-stopped", address, until="#timeline", then=_stop)
        app.call("DELETE", f"/api/cameras/{number}")


def _stall(page: Page) -> None:
    """Block new segments and play to the end of the buffer."""
    page.route("**/*.m4s", lambda route: route.abort())
    page.wait_for_timeout(500)
    page.evaluate("""() => {
      const video = document.querySelector('#player video');
      video.currentTime = video.buffered.end(video.buffered.length - 1) - 0.3;
    }""")
    page.wait_for_selector("#player :is([data-phase=stalled], [data-phase=broken])", timeout=60_000)


def _stop(page: Page) -> None:
    page.wait_for_selector("#indexing:not([hidden]), #indexing-resume:not([hidden])", timeout=60_000)
    if page.is_visible("#indexing-stop"):
        page.click("#indexing-stop")
    page.wait_for_selector("#indexing-resume:not([hidden])")
    to_timeline(page)


def _search(page: Page) -> None:
    page.click("#search-go")
    page.wait_for_selector("#results tr")
    page.locator("#search-title").scroll_into_view_if_needed()


def _play_found(page: Page) -> None:
    _search(page)
    page.click("#results tr:first-child button")
    page.wait_for_selector("#modal-player [data-phase=playing]")


def _keys(page: Page) -> None:
    page.keyboard.press("?")


def _edit(page: Page) -> None:
    page.click("#edit-channels")


def _failures(studio: Studio, viewer: str, recorder: Recorder) -> None:
    studio.take("viewer-dead", f"{viewer}?channel=15&quality=sub", until=REASON)
    recorder.set_fault("rtsp_slow", 30, channel=4)
    studio.take("viewer-waiting", f"{viewer}?channel=4&quality=sub", until="#stage[data-phase=connecting]", rest_ms=900)
    recorder.clear_fault("rtsp_slow", channel=4)
    recorder.set_fault("session_limit", 0)
    studio.take("viewer-busy", f"{viewer}?channel=6&quality=sub", until=REASON)
    recorder.clear_fault("session_limit")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("build/screenshots"), *sys.argv[2:])
