"""Every page shows names, topics and reasons from the API as plain text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.recordings import recorded_at, stamp
from tests.browser.watching import Open, Watched, until_on
from tools.running import App, Recorder

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>{{7*7}}\u202e\" onload=\"hacked=1"
SHOWN = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>{{7*7}}"
# Fields written by a person or a device; the others are the app's own ids, codes, times and numbers.
_WRITTEN = {
    *("name", "source_name", "topic", "detail", "text", "username", "user", "agent"),
    *("owner", "notes"),
    *("manufacturer", "model", "firmware", "serial", "hardware"),
}

# Without the responses in the page's HTML, the page calls the API, whose responses are poisoned.
_WITHOUT_PAGE_DATA = """
new MutationObserver(() => document.getElementById('page-data')?.remove())
  .observe(document, { childList: true, subtree: true });
"""


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    return HOSTILE if isinstance(value, str) and key in _WRITTEN else value


def _poison(route: Route) -> None:
    """Put the hostile string into the app's responses: no device or user can set all these fields at a time."""
    answer = route.fetch()
    if "json" not in answer.headers.get("content-type", ""):
        route.fulfill(response=answer)
        return
    route.fulfill(response=answer, body=json.dumps(_poisoned(answer.json())))


@pytest.fixture
def poisoned(empty_app: App, recorder: Recorder, open_page: Open) -> Iterator[Watched]:
    empty_app.add_camera(recorder, name="Barn")
    watched = open_page(f"{empty_app.url}/cameras")
    watched.page.route("**/api/**", _poison)
    watched.page.add_init_script(_WITHOUT_PAGE_DATA)
    yield watched
    watched.page.unroute_all(behavior="ignoreErrors")


def _assert_text_only(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    found = "img[src=x], [onerror], [onload], script:not([src]):not([type='application/json']):not(head > [data-live])"
    assert page.locator(found).count() == 0


def test_hostile_strings_stay_text_on_the_cameras_and_viewer_pages(poisoned: Watched, empty_app: App) -> None:
    page = poisoned.page
    page.goto(f"{empty_app.url}/cameras")
    card = page.locator("camera-card")
    expect(card).to_contain_text(SHOWN)
    card.locator("[data-part=health]").click()
    expect(page.locator("#health-card")).to_contain_text(SHOWN)
    page.keyboard.press("Escape")
    card.locator("[data-part=edit]").click()
    expect(page.locator("#camera-form-title")).to_contain_text(SHOWN)
    page.keyboard.press("Escape")
    card.locator("[data-part=delete]").click()
    expect(page.locator("#confirm")).to_contain_text(SHOWN)
    page.keyboard.press("Escape")
    _assert_text_only(page)
    for view in ("channel=1&quality=sub", "channel=8", "view=grid"):  # a playing channel, a dead one, all channels
        page.goto(f"{empty_app.url}/viewer/1?{view}")
        expect(page.locator("#channels")).to_contain_text(SHOWN)
        _assert_text_only(page)


def test_hostile_strings_stay_text_on_the_recordings_page(poisoned: Watched, empty_app: App) -> None:
    """Names of sources, topics of events, and reasons of errors."""
    page = poisoned.page
    topics: list[str] = []

    def note(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        topics.extend(event["topic"] for channel in body.get("channels", []) for event in channel["events"])
        route.fulfill(response=answer, body=json.dumps(_poisoned(body)))

    page.route("**/recordings/coverage*", note)
    page.goto(f"{empty_app.url}/recordings/1")
    expect(page.locator("#camera")).to_contain_text(SHOWN)
    page.get_by_role("button", name="Last 24 h").click()
    page.get_by_role("button", name="Search", exact=True).click()
    row = page.locator("#results tr").first
    expect(row).to_contain_text(SHOWN)
    row.get_by_role("button").first.click()
    page.wait_for_selector("#modal-player [data-part=stage][data-phase=playing]")
    page.keyboard.press("Escape")
    until_on(page, lambda: any("Motion" in topic for topic in topics))
    _assert_text_only(page)
    poisoned.forgive("status of 409")
    refusal = {"code": "said_by_nobody", "title": HOSTILE, "detail": HOSTILE, "status": 409, "type": "about:blank"}
    for part in ("summary", "coverage*"):
        page.route(
            f"**/recordings/{part}",
            lambda route: route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(refusal)),
        )
    page.goto(f"{empty_app.url}/recordings/1")
    expect(page.locator("#problem-text")).to_contain_text(SHOWN)
    _assert_text_only(page)


def test_hostile_strings_stay_text_on_the_page_of_exports(
    poisoned: Watched, empty_app: App, recorder: Recorder
) -> None:
    """Names, notes, owners, files, and the reasons of failures."""
    start = recorded_at(recorder)
    times = {"start_time": stamp(start), "end_time": stamp(start + timedelta(seconds=10))}
    body = {"ranges": [{"camera_id": 1, "channel": 1, **times}], "name": "Theft", "notes": "Theft"}
    empty_app.call("POST", "/api/exports", body)
    page = poisoned.page
    page.goto(f"{empty_app.url}/exports")
    row = page.locator("export-row")
    for name in ("title", "notes", "files"):
        expect(row.locator(f"[data-part={name}]")).to_contain_text(SHOWN)
    row.get_by_role("button", name="Play").click()
    expect(page.locator("#watch-title")).to_contain_text(SHOWN)
    page.keyboard.press("Escape")
    row.get_by_role("button", name="Delete").click()
    expect(page.locator("#confirm")).to_contain_text(SHOWN)
    _assert_text_only(page)
    answer = empty_app.call("GET", "/api/exports")
    failed = {"state": "failed", "error": {"code": "said_by_nobody", "detail": HOSTILE}}
    answer["exports"] = [{**answer["exports"][0], **failed}]
    page.route("**/api/exports", lambda route: route.fulfill(json=answer))
    page.reload()
    expect(row.locator("[data-part=reason]")).to_contain_text(SHOWN)
    _assert_text_only(page)
