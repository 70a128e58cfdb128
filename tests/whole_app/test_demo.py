"""`--demo` and the button of an empty list add a pretend recorder, whose processes end with the app."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import requests

from tests.patience import LIMIT_S, until
from tests.whole_app.running_app import until_gone


def _online(app: Any) -> dict[str, Any]:
    """Return the only camera once it is online."""

    def cameras() -> list[dict[str, Any]]:
        found = requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).json()["cameras"]
        return [dict(camera) for camera in found if camera["status"] == "online"]

    (camera,) = until(cameras)
    return camera


def _pretend(app: Any) -> list[psutil.Process]:
    found = []
    for process in app.family():
        with contextlib.suppress(psutil.NoSuchProcess):  # an ffmpeg that ended meanwhile
            if "simulator" in process.cmdline():
                found.append(process)
    return found


@pytest.mark.cold_start
def test_demo_adds_the_pretend_recorder_once_and_it_ends_with_the_app(make_app: Callable[..., Any]) -> None:
    app = make_app().start("--demo")
    camera = _online(app)
    assert (camera["pretend"], camera["channels"]) == (True, 16)
    assert _pretend(app)
    family = app.family()
    app.process.kill()
    until_gone(family)
    app.process.wait(LIMIT_S)
    app.start("--demo")
    assert _online(app)["id"] == camera["id"]


def test_deleting_the_pretend_recorder_ends_it(make_app: Callable[..., Any]) -> None:
    app = make_app().start()
    assert requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).json()["cameras"] == []
    added = requests.post(f"{app.url}/api/cameras/pretend", timeout=LIMIT_S)
    assert (added.status_code, added.json()["pretend"]) == (201, True)
    again = requests.post(f"{app.url}/api/cameras/pretend", timeout=LIMIT_S)
    assert (again.status_code, again.json()["camera_id"]) == (409, added.json()["id"])
    camera = _online(app)
    children = _pretend(app)
    assert children
    assert requests.delete(f"{app.url}/api/cameras/{camera['id']}", timeout=LIMIT_S).status_code == 204
    until_gone(children)
    assert requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).json()["cameras"] == []
