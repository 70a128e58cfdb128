"""One tile of the wall: how it comes here, what it shows when it is alone on the page, and the quality it was given."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.wall import assert_all_move, at, four, wait_all_playing
from tests.browser.watching import Open
from tools.running import App

pytestmark = pytest.mark.browser

NO_WEBSOCKET = """
window.WebSocket = class extends EventTarget {
  constructor() {
    super();
    setTimeout(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 })), 5);
  }
  close() {}
  send() {}
};
"""


def test_a_tile_that_comes_over_hls_says_so_and_its_menu_why(app: App, wall_id: int, open_page: Open) -> None:
    page = open_page(four(app, wall_id)).page
    wait_all_playing(page, 3)
    expect(page.locator("live-tile [data-part=way]:visible")).to_have_count(0)
    watched = open_page("about:blank")
    watched.forgive("WebSocket")
    page = watched.page
    page.add_init_script(NO_WEBSOCKET)
    page.goto(f"{app.url}/wall?layout=4&tiles={wall_id}.1,{wall_id}.3")
    wait_all_playing(page, 2)
    assert_all_move(page)
    mark = at(page, 1).locator("[data-part=way]")
    expect(mark).to_be_visible()
    expect(mark).to_have_text("HLS")
    expect(at(page, 1)).to_have_attribute("aria-label", re.compile(r"Live over HLS, \d+(\.\d)? s behind"))
    page.keyboard.press("1")
    page.keyboard.press("ContextMenu")
    note = page.locator("#tile-menu [data-part=note]")
    expect(note).to_have_text("Now: sub. Over HLS, some seconds behind: no WebSocket could be opened")
