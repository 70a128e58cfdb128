"""Screenshots of the pages of motion and objects, and of the search for events by words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import quote

from playwright.sync_api import Page, Route

from tools.running import App, running_recorder
from tools.studio import Studio

_PICTURE = "#picture:not([hidden])"
_LONGEST_S = 90
_ZONES = (
    {"id": 1, "name": "Clock", "kind": "ignore", "points": [[0, 0], [1, 0], [1, 0.13], [0, 0.13]]},
    {"id": 2, "name": "Gate", "kind": "alert", "points": [[0.05, 0.3], [0.5, 0.25], [0.6, 0.98], [0.05, 0.98]]},
    {"id": 3, "name": "Door", "kind": "watch", "points": [[0.62, 0.1], [0.8, 0.1], [0.8, 0.45], [0.62, 0.45]]},
)


def take_motion(studio: Studio, app: App) -> None:
    """Take the pages, with a yard in which a visitor appears every 16 seconds."""
    studio.take("detector", f"{app.url}/detector", until="#watched:not([hidden])")
    with running_recorder("--channels", "2", "--scene", "yard", "--profile", "small", "--dead", "none") as yard:
        number = app.add_camera(yard, name="Yard")
        page = f"{app.url}/motion/{number}/1"
        settings = f"/api/cameras/{number}/channels/1/motion"
        studio.take("motion-off", page, until=_PICTURE)
        app.call("PUT", settings, {"mode": "key_frames", "zones": list(_ZONES)})
        _wait_for_event(app, number)
        studio.take("motion-zones", page, until=".motion-zone-head", then=_choose_gate)
        studio.take("motion-seen", page, until=_PICTURE, then=_wait_for_visitor, rest_ms=0)
        studio.take("motion-not-installed", page, until=_PICTURE, then=_without_packages(app.call("GET", settings)))
        words = quote("motion gate today nobody")
        studio.take("events-words", f"{app.url}/events?words={words}", until="#words li", rest_ms=3000)
    studio.take("motion-camera-off", page, until="#no-picture:not([data-busy]), #picture:not([hidden])")
    app.call("DELETE", f"/api/cameras/{number}")


def _wait_for_event(app: App, camera_id: int) -> None:
    until = time.monotonic() + _LONGEST_S
    while not app.call("GET", f"/api/events?camera_id={camera_id}&source=watch")["events"]:
        if time.monotonic() > until:
            raise RuntimeError("the app has seen no motion")
        time.sleep(1)


def _choose_gate(page: Page) -> None:
    page.wait_for_selector(_PICTURE)
    page.get_by_role("button", name="Gate Alert").click()


def _wait_for_visitor(page: Page) -> None:
    page.wait_for_selector("#seen-blobs rect", state="attached", timeout=1000 * _LONGEST_S)


def _without_packages(settings: dict[str, object]) -> Callable[[Page], None]:
    state = {"told_by": "none", "reason": "not_installed", "is_restless": False, "watched_at": None}
    told = {**settings, "is_available": False, "state": {**state, "key_frame_interval_s": None}}

    def answer(route: Route) -> None:
        route.fulfill(content_type="application/json", body=json.dumps(told))

    def show(page: Page) -> None:
        page.route("**/channels/1/motion", answer)
        page.reload()
        page.wait_for_selector("#install:not([hidden])")

    return show
