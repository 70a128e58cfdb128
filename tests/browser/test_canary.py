"""No page contains the password after it was typed and sent."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import wait_playing
from tests.browser.watching import MOVING, Open
from tools.leaks import holds
from tools.running import PASSWORD, App, Recorder

pytestmark = pytest.mark.browser

WRONG = "canary-wrong/pass:word@3"

_ALL_THAT_A_PAGE_HOLDS = """
() => [
  document.documentElement.outerHTML,
  ...[...document.querySelectorAll('template')].map((template) => template.innerHTML),
  ...[...document.querySelectorAll('input, textarea')].map((field) => field.value),
  document.title, location.href, JSON.stringify(history.state), document.cookie,
  JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }),
].join('\\n')
"""


def test_no_page_holds_the_password_once_it_is_sent(empty_app: App, recorder: Recorder, open_page: Open) -> None:
    watched = open_page(empty_app.url, **MOVING)
    watched.forgive("status of 502", "status of 503")
    page = watched.page
    page.get_by_role("button", name="Add by address").click()
    form = page.locator("#camera-form")
    form.get_by_label("Address").fill(f"127.0.0.1:{recorder.onvif_port}")
    form.get_by_label("User name").fill("admin")
    form.get_by_label("Password", exact=True).fill(PASSWORD)
    assert _held(page) == [PASSWORD], "it is looked for where it is"
    form.get_by_role("button", name="Add", exact=True).click()
    card = page.locator("camera-card")
    expect(card).to_contain_text("Online")
    card.get_by_role("button", name="Edit").click()
    expect(form.locator("dialog")).to_be_visible()
    assert not _held(page)
    for path in ("/viewer/1?channel=1&quality=sub", "/recordings/1", "/access", "/account", "/api/docs"):
        page.goto(empty_app.url + path)
        if path.startswith("/viewer"):
            wait_playing(page)
        assert not _held(page), path
    page.goto(f"{empty_app.url}/cameras")
    card.get_by_role("button", name="Edit").click()
    form.get_by_label("Password", exact=True).fill(WRONG)
    form.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Wrong password")
    card.get_by_role("button", name="Health card").click()
    expect(page.locator("#health-card")).to_contain_text("refuses this user name or password")
    assert not _held(page)


def _held(page: Page) -> list[str]:
    return holds(page.evaluate(_ALL_THAT_A_PAGE_HOLDS).encode(), [PASSWORD, WRONG])
