"""The camera controls as a user operates them, and the head as the recorder sees it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.watching import box_at_rest
from tools.running import Recorder

HIDEABLE = "Object.defineProperty(document, 'hidden', { get: () => window.isHiddenTab === true });"
HIDE_TAB = "(away) => { window.isHiddenTab = away; document.dispatchEvent(new Event('visibilitychange')); }"


class Head:
    """The head of channel 1, through the recorder's control port."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._recorder.control("GET", "/ptz")
        return state

    def turns(self) -> bool:
        return bool(self.state["turns"])

    def zooms(self) -> bool:
        return bool(self.state["zooms"])

    def stands(self) -> bool:
        state = self.state
        return not (state["turns"] or state["zooms"])

    def count(self, operation: str) -> int:
        return int(self.state["counts"].get(operation, 0))

    def last(self) -> str:
        """Return the last command; '' before the first one."""
        commands = self.state["commands"]
        return str(commands[-1]["operation"]) if commands else ""


def take_control(page: Page) -> Locator:
    """Turn the control mode on; return the box with its pad and buttons."""
    page.get_by_role("button", name="Control the camera").click()
    dock = page.get_by_role("group", name="Camera control")
    expect(dock).to_be_visible()
    return dock


def open_section(page: Page, name: str) -> Locator:
    """Open a section of the panel; return the panel."""
    panel = page.get_by_role("region", name="Presets and settings of the camera")
    if not panel.is_visible():
        page.get_by_role("button", name="Presets and settings").click()
    tab = panel.get_by_role("button", name=name, exact=True)
    if tab.get_attribute("aria-pressed") != "true":  # another press reads its list again, and draws it anew
        tab.click()
    return panel


def pad_at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return the page's coordinates of a place on the pad: 0 is its middle, 1 its edge, y counts downwards."""
    box = box_at_rest(page, page.locator(".ptz-pad"))
    radius = box["width"] / 2
    return box["x"] + radius * (1 + x), box["y"] + radius * (1 + y)


def confirm(page: Page, button: str) -> None:
    page.get_by_role("alertdialog").get_by_role("button", name=button).click()
