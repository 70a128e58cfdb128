"""The page of servers: the single one of the app, and three by answers that the test gives."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.watching import Open
from tools.running import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = (390, 1280)


def node(name: str, **more: object) -> dict[str, Any]:
    """Return a server of the answer of GET /api/nodes."""
    made = {"name": name, "address": "10.0.0.11:5001", "place": name, "state": "alive", "is_this": False}
    load = {"cameras": 2, "channels": 8, "capacity": None, "streams": 5, "cpu_share": 0.34, "lease_left_s": 5.9}
    return {**made, **load, "site": "", "version": "1.0.0", "build": "3fa92c1d", **more}


class Answers:
    """Answers in place of the app's, with a server that can be drained. `calls`: the requests that change one."""

    def __init__(self, page: Page) -> None:
        self.nodes = {name: node(name) for name in ("north", "south")}
        self.nodes["<b>west</b>"] = node("<b>west</b>", state="gone", cameras=0, channels=0, lease_left_s=None)
        self.calls: list[str] = []
        page.route("**/api/nodes", self._list)
        page.route("**/api/nodes/south/drain", self._drain)

    def _list(self, route: Route) -> None:
        route.fulfill(json={"is_alone": False, "lease_s": 6.0, "nodes": list(self.nodes.values())})

    def _drain(self, route: Route) -> None:
        method = route.request.method
        self.calls.append(method)
        is_drained = method == "POST"
        self.nodes["south"] = node("south", state="leaving", cameras=0) if is_drained else node("south")
        route.fulfill(status=204)


def assert_it_fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        over_px = page.evaluate(
            "Math.max(...[...document.querySelectorAll('main *')].map((it) => it.getBoundingClientRect().right))"
            " - innerWidth"
        )
        assert over_px <= 0, width


def test_a_single_server_says_how_more_come(empty_app: App, open_page: Open) -> None:
    page = open_page(f"{empty_app.url}/cameras").page
    page.get_by_role("button", name="More pages").click()
    page.get_by_role("link", name="Servers").click()
    expect(page.get_by_role("heading", name="One server does everything")).to_be_visible()
    expect(page.locator("#alone")).to_contain_text("docs/CLUSTER.md")
    expect(page.locator("#list")).to_be_hidden()
    assert_it_fits(page)


def test_a_server_is_drained_after_a_question_and_used_again(empty_app: App, open_page: Open) -> None:
    page = open_page("about:blank").page
    answers = Answers(page)
    page.goto(f"{empty_app.url}/nodes")
    expect(page.get_by_role("heading", name="2 servers of 3 work")).to_be_visible()
    items = page.locator("#list > li")
    expect(items).to_have_count(3)
    expect(items.nth(2).locator("h3")).to_have_text("<b>west</b>")
    expect(items.nth(2).get_by_role("button")).to_have_count(0)
    assert_it_fits(page)
    page.get_by_role("button", name="Drain… south").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Drain… south").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("gives all its cameras to the other servers")
    page.get_by_role("button", name="Drain", exact=True).click()
    again = page.get_by_role("button", name="Use again south")
    expect(items.nth(1)).to_contain_text("it can be stopped now")
    again.click()
    expect(page.get_by_role("button", name="Drain… south")).to_be_focused()
    assert answers.calls == ["POST", "DELETE"]
