"""Screenshots of the marked range with its dialog, and of the page of exports."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

from tools.running import App, Recorder
from tools.studio import Studio, to_timeline


def take_exports(studio: Studio, app: App, camera_id: int, recorder: Recorder) -> None:
    """Take the marked range with its dialog, and the page of exports: empty, with all states, and full."""
    night = datetime.now(UTC) - timedelta(hours=9)
    at = f"{app.url}/recordings/{camera_id}?channel=1&t={night:%Y-%m-%dT%H:%M:%SZ}"
    panel = "#mark-in:not([disabled])"
    studio.take("range", at, until=panel, then=_mark, rest_ms=4000)
    studio.take("range-export", at, until=panel, then=_export_dialog, rest_ms=1500)
    studio.take("range-blur", at, until=panel, then=_blur, rest_ms=800)
    page_of_exports = f"{app.url}/exports"
    studio.take("exports-empty", page_of_exports, until="#empty:not([hidden])")
    if not studio.wants("exports"):
        return

    def export(
        channels: tuple[int, ...], hours_ago: float, length_s: float, of: int = camera_id, **more: object
    ) -> str:
        start = datetime.now(UTC) - timedelta(hours=hours_ago)
        times = {"start_time": start.isoformat(), "end_time": (start + timedelta(seconds=length_s)).isoformat()}
        ranges = [{"camera_id": of, "channel": channel, **times} for channel in channels]
        return f"/api/exports/{app.call('POST', '/api/exports', {'ranges': ranges, **more})['id']}"

    def wait(path: str, *states: str) -> None:
        until = time.monotonic() + 240
        while (job := app.call("GET", path))["state"] not in states:
            if time.monotonic() > until:
                raise RuntimeError(f"the export is not {' or '.join(states)}: {job}")
            time.sleep(0.3)

    other_id = app.add_camera(recorder, name="Old recorder", host="localhost")
    recorder.set_fault("drop_connections")
    lost = export((3,), 2, 60, other_id, name="Front door at noon")
    app.call("DELETE", f"/api/cameras/{other_id}")
    wait(lost, "failed")
    recorder.clear_fault("drop_connections")
    wait(export((1, 3, 6), 2, 30, name="<b>Long</b> " + "W" * 60, notes="First line\nSecond line"), "done")
    copies = [{"burn_time": True}]
    gate = export((1,), 9, 20, name="Theft at the gate", notes="For the police", subtitles=True, copies=copies)
    wait(gate, "done")
    case = app.call("POST", "/api/cases", {"name": "Case 12", "exports": [int(gate.rpartition("/")[2])]})
    app.call("POST", f"/api/cases/{case['id']}/package")
    night_long = export((1,), 23, 22 * 3600, name="The whole night")
    app.call("POST", f"{export((3,), 4, 600, name='Loading ramp')}/pause")
    running = "export-row[data-state=running] [data-part=progress-text]"
    studio.take("exports", page_of_exports, until=running, rest_ms=4000)
    studio.take("exports-play", page_of_exports, until=running, then=_play_export, rest_ms=2000)
    studio.take("exports-selected", page_of_exports, until=running, then=_select_exports)
    for number in range(24):
        export((1 + number % 4,), 3 + number / 10, 60, name=f"Round {number + 1}")
    studio.take("exports-full", page_of_exports, until="export-row:nth-child(25)")
    app.call("POST", f"{night_long}/cancel")


def _mark(page: Page) -> None:
    page.wait_for_selector("#player [data-phase=playing]")
    page.keyboard.press("k")
    page.get_by_role("button", name="Last 30 s").click()
    for _ in range(14):
        page.get_by_role("button", name="Show less time").click()
    to_timeline(page)


def _export_dialog(page: Page) -> None:
    _mark(page)
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_label("Name").fill("Theft at the gate")


def _blur(page: Page) -> None:
    _export_dialog(page)
    page.get_by_role("checkbox", name="Blurred areas").check()
    page.get_by_role("button", name="Add an area").click()


def _play_export(page: Page) -> None:
    page.locator("export-row[data-state=done] [data-part=play]:visible").first.click()


def _select_exports(page: Page) -> None:
    for box in page.locator("export-row [data-part=select]:visible").all():
        box.check()
    page.get_by_role("button", name="Evidence package…").click()
