"""Screenshots of recording on the server: its page, disks in trouble, backfills, alerts, a pause and kept ranges.

Rare states, such as a disk that is gone, are answers that the browser gets in place of the app's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page

from tools.running import App
from tools.studio import Studio

# Channels that the server records for the pictures, with their days to keep, and for how long.
_RECORDED = {1: 30, 3: 7, 5: 7}
_RECORDED_S = 30
_TROUBLES = (
    ("ok", ""),
    ("slow", "The disk is slow: some recordings wait for it."),
    ("full", "The disk is full (No space left on device)."),
    ("read_only", "The disk is mounted read-only."),
    ("gone", "The volume's marker file is missing: the disk is probably not mounted."),
)
_HOUR = timedelta(hours=1)


def take_storage(studio: Studio, app: App, camera_id: int) -> None:
    """Take the storage page: empty, with recordings, a rule, disks in trouble and backfills; then other pages."""
    storage = f"{app.url}/storage"
    studio.take("storage-empty", storage, until="#empty:not([hidden])")
    channels = f"/api/cameras/{camera_id}/channels"
    for number, days in _RECORDED.items():
        app.call("PUT", f"{channels}/{number}/recording-rule", {"mode": "continuous", "keep_days": days})
    time.sleep(_RECORDED_S)
    now = datetime.now(UTC)
    kept = {"camera_id": camera_id, "channel": 1, "reason": "Parcel at the gate"}
    times = {"start_time": (now - timedelta(seconds=_RECORDED_S)).isoformat(), "end_time": now.isoformat()}
    app.call("POST", "/api/recordings/kept", {**kept, **times, "until": (now + timedelta(days=30)).isoformat()})
    rows = "#channels tr"
    studio.take("storage", storage, until=rows)
    studio.take("storage-rule", storage, until=rows, then=_schedule)
    studio.take("storage-disks", storage, until=rows, then=_answering("/api/storage", _with_troubles, "#volumes li"))
    jobs = _answering("/api/backfills", lambda _: _backfills(camera_id), "#backfills tr", to="#backfills-part")
    studio.take("storage-backfills", storage, until=rows, then=jobs)
    recorded = f"{app.url}/viewer/{camera_id}?channel=1&quality=sub"
    button = "#recording:not([hidden])"
    studio.take("storage-viewer", recorded, until=button, then=lambda page: page.click("#recording"))
    studio.take("storage-keep", recorded, until=button, then=_keep)
    alerts = _answering("/api/recording-alerts", lambda _: _alerts(camera_id), "recording-alerts:not([hidden])")
    studio.take("storage-alerts", storage, until=rows, then=_in_order(alerts, _open_alerts))
    app.call("POST", f"{channels}/3/recording-pause", {"until": (now + timedelta(hours=8)).isoformat()})
    paused = f"{app.url}/viewer/{camera_id}?channel=3&quality=sub"
    studio.take("storage-paused", paused, until=button, then=lambda page: page.click("#recording"))
    timeline = f"{app.url}/recordings/{camera_id}?channel=1"
    studio.take("storage-source", timeline, until="#show-source-label:not([hidden])", then=_show_source, rest_ms=2500)
    app.call("DELETE", f"{channels}/3/recording-pause")
    for number in _RECORDED:
        app.call("PUT", f"{channels}/{number}/recording-rule", {"mode": "off"})


def _schedule(page: Page) -> None:
    page.click("#channels button >> nth=0")
    page.wait_for_selector("#recording-rule fieldset:enabled")
    page.check("#recording-rule input[value=schedule]")
    page.click("#recording-rule [data-preset=working]")


def _keep(page: Page) -> None:
    page.click("#recording")
    page.click("#recording-keep-open")
    page.wait_for_selector("#recording-keep-reason")


def _open_alerts(page: Page) -> None:
    page.click(".alerts-button")


def _in_order(*steps: Callable[[Page], None]) -> Callable[[Page], None]:
    def take(page: Page) -> None:
        for step in steps:
            step(page)

    return take


def _show_source(page: Page) -> None:
    page.check("#show-source")
    page.locator("#timeline").scroll_into_view_if_needed()


def _answering(
    path: str, made_of: Callable[[Any], Any], until: str, *, to: str | None = None
) -> Callable[[Page], None]:
    """Return a step that loads the page again, with this answer to a path in place of the app's."""

    def load(page: Page) -> None:
        def answer(route: Any) -> None:
            found = route.fetch().json()
            route.fulfill(content_type="application/json", body=json.dumps(made_of(found)))

        page.route(f"**{path}", answer)
        page.reload()
        page.wait_for_selector(until)
        if to is not None:
            page.locator(to).scroll_into_view_if_needed()

    return load


def _with_troubles(storage: dict[str, Any]) -> dict[str, Any]:
    """Return the storage with a disk in each state."""
    disk = storage["volumes"][0]
    sizes = {"size_bytes": 2_000_000_000_000, "used_bytes": 1_500_000_000_000, "floor_bytes": 100_000_000_000}
    volumes = [
        {
            **disk,
            **sizes,
            "id": f"{disk['id']}-{state}",
            "name": f"/mnt/recordings-{number}",
            "state": state,
            "detail": detail,
            "free_bytes": 0 if state == "full" else 400_000_000_000,
        }
        for number, (state, detail) in enumerate(_TROUBLES, start=1)
    ]
    volumes[-1] |= {"size_bytes": None, "free_bytes": None}
    return {**storage, "volumes": volumes}


def _times(hours_ago: float, minutes: float | None) -> dict[str, Any]:
    start = datetime.now(UTC) - hours_ago * _HOUR
    end = None if minutes is None else (start + timedelta(minutes=minutes)).isoformat()
    return {"start_time": start.isoformat(), "end_time": end}


def _backfills(camera_id: int) -> dict[str, Any]:
    """Return two gaps that the recorder can fill, and a job in each state."""
    busy = {"code": "camera_busy", "detail": "The last free replay session of the recorder stays free for viewers."}
    lacking = {"code": "not_on_recorder", "detail": "The recorder does not have 60 s of it either."}
    states = (
        ("running", None),
        ("queued", busy),
        ("paused", None),
        ("done", None),
        ("done", lacking),
        ("failed", busy),
    )
    jobs = [
        {
            "id": number,
            "camera_id": camera_id,
            "channel": number,
            **_times(5 + 7 * number, 20),
            "state": state,
            "progress": {"done_s": 1200 if state == "done" else 300, "total_s": 1200, "bytes": 610_000_000},
            "eta_s": 45 if state == "running" else None,
            "lacking_s": 0,
            "frames_lost": 12 if error is lacking else 0,
            "automatic": number % 2 == 0,
            "by": "" if number % 2 == 0 else "anna",
            "error": error,
            "created_at": datetime.now(UTC).isoformat(),
            "ended_at": None,
        }
        for number, (state, error) in enumerate(states, start=1)
    ]
    proposals = [
        {"camera_id": camera_id, "channel": channel, **_times(hours_ago, 12), "seconds": 720, "bytes": 360_000_000}
        for channel, hours_ago in ((1, 3), (3, 20))
    ]
    return {"backfills": jobs, "proposals": proposals}


def _alerts(camera_id: int) -> dict[str, Any]:
    """Return alerts of the server and of the recorder, of which some go on."""
    known = (
        ("server", "device_away", 1, None, "Front door"),
        ("server", "disk_full", 20, 95, "Loading ramp, north side of the warehouse"),
        ("device", "unknown", 9, 90, "Gate"),
        ("device", "unknown", 2, None, "Yard"),
    )
    return {
        "alerts": [
            {
                "id": number,
                "camera_id": camera_id,
                "camera_name": "Garage recorder",
                "channel": number,
                "channel_name": name,
                "origin": origin,
                "reason": reason,
                "detail": "",
                "seen": False,
                **_times(hours_ago, minutes),
            }
            for number, (origin, reason, hours_ago, minutes, name) in enumerate(known, start=1)
        ]
    }
