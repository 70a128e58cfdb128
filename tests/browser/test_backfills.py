"""Gaps and backfills on the storage page, by answers that the test gives, and one from the app itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.server_recording import StandInRecording, kept_range
from tests.browser.watching import Open
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RANGE = {"start_time": "2026-11-22T02:10:00.000Z", "end_time": "2026-11-22T02:22:00.000Z"}
PROPOSAL = {"channel": 1, **RANGE, "seconds": 720.0, "bytes": 360_000_000}
JOB = {
    "id": 7,
    "channel": 2,
    **RANGE,
    "state": "running",
    "progress": {"done_s": 300.0, "total_s": 1200.0, "bytes": 40_000_000},
    "eta_s": 45.0,
    "lacking_s": 0.0,
    "frames_lost": 0,
    "automatic": True,
    "by": "",
    "error": None,
    "created_at": "2026-11-22T03:00:00.000Z",
    "ended_at": None,
}


class StandInBackfills:
    """Answers the requests of the page, with one gap and one job of a camera."""

    def __init__(self, page: Page, camera_id: int) -> None:
        self.proposals: list[dict[str, Any]] = [{"camera_id": camera_id, **PROPOSAL}]
        self.jobs: list[dict[str, Any]] = [{"camera_id": camera_id, **JOB}]
        self.sent: list[tuple[str, str]] = []
        page.route("**/api/backfills", self._list)
        page.route("**/api/backfills/*/*", self._change)

    def _list(self, route: Route) -> None:
        if route.request.method == "POST":
            wanted: dict[str, Any] = json.loads(route.request.post_data or "{}")
            self.sent.append(("POST", str(wanted["start_time"])))
            made = {**JOB, **wanted, "id": 8, "state": "queued"}
            self.jobs, self.proposals = [made, *self.jobs], []
            route.fulfill(status=202, content_type="application/json", body=json.dumps(made))
            return
        answer = {"backfills": self.jobs, "proposals": self.proposals}
        route.fulfill(content_type="application/json", body=json.dumps(answer))

    def _change(self, route: Route) -> None:
        action = route.request.url.rsplit("/", 1)[1]
        self.sent.append((route.request.method, action))
        self.jobs = [{**job, "state": "paused"} if job["id"] == JOB["id"] else job for job in self.jobs]
        route.fulfill(content_type="application/json", body=json.dumps(self.jobs[-1]))


def test_a_gap_is_fetched_and_a_job_is_paused(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    recording, backfills = StandInRecording(page), StandInBackfills(page, camera_id)
    recording.kept = [kept_range(1, camera_id=camera_id, channel=1, **RANGE)]
    page.goto(f"{app.url}/storage")
    rows = page.locator("#backfills tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("The recorder has 12 min of it, about 360 MB.")
    expect(rows.nth(1)).to_contain_text("Fetching, 25 %, about 45 s left.")
    rows.nth(1).get_by_role("button", name="Pause").click()
    expect(rows.nth(1)).to_contain_text("Paused at 25 %.")
    rows.nth(0).get_by_role("button", name="Fetch").click()
    expect(rows.nth(0)).to_contain_text("Waits for its turn.")
    expect(page.get_by_role("button", name="Fetch")).to_have_count(0)
    assert backfills.sent == [("POST", "pause"), ("POST", str(RANGE["start_time"]))]


def test_a_page_without_gaps_does_not_mention_them(app: App, camera_id: int, open_page: Open) -> None:
    page = open_page("about:blank").page
    recording = StandInRecording(page)
    recording.kept = [kept_range(1, camera_id=camera_id, channel=1, **RANGE)]
    page.goto(f"{app.url}/storage")
    expect(page.locator("#kept tr")).to_have_count(1)
    expect(page.locator("#backfills-part")).to_be_hidden()
