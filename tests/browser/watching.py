"""A page with its console errors and warnings, which fail the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from playwright.sync_api import ConsoleMessage, FloatRect, Locator, Page, Route

from tests.patience import LIMIT_S, settled, until


@dataclass
class Watched:
    """A page and its console errors and warnings. `forgive` ignores those that a test causes on purpose."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    # Snapshots of a dead channel get 503 or 504, and Chromium logs each such response.
    forgiven: tuple[str, ...] = ("/snapshot",)

    def forgive(self, *texts: str) -> None:
        self.forgiven += texts

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def left(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.forgiven)]


Open = Callable[..., Watched]
T = TypeVar("T")
_PROBE = "**/api/health?answered-by-the-test"
MOVING = {"reduced_motion": "no-preference"}  # options of a page for `Open`, with the animations that most users see


def until_on(page: Page, claim: Callable[[], T], within_s: float = LIMIT_S) -> T:
    """Wait like `until`; the page's events go on meanwhile."""
    return until(claim, within_s, rest=lambda seconds: page.wait_for_timeout(1000 * seconds))


def settled_on(page: Page, value: Callable[[], T], for_s: float = 0.3) -> T:
    """Return the value once it has stood still for `for_s`, as `settled` does; the page's events go on meanwhile."""
    return settled(value, for_s, rest=lambda seconds: page.wait_for_timeout(1000 * seconds))


def box_at_rest(page: Page, element: Locator) -> FloatRect:
    """Return the place of a visible element once the page's layout does not move it any more."""
    box = settled_on(page, element.bounding_box, for_s=0.2)
    assert box is not None
    return box


def cut_outlines(page: Page, selector: str) -> list[str]:
    """Return the names of the elements whose outline, when they have the focus, a frame around them cuts."""
    page.keyboard.press("Tab")  # the browser draws outlines for users of keys
    cut: list[str] = page.evaluate(_CUT_OUTLINES, selector)
    return cut


_CUT_OUTLINES = """(selector) => [...document.querySelectorAll(selector)].filter((element) => {
  if (!element.getClientRects().length) return false;
  element.focus();
  const { outlineWidth, outlineOffset } = getComputedStyle(element);
  const reach = parseFloat(outlineWidth) + parseFloat(outlineOffset);
  if (!(reach > 0)) throw new Error(`${selector} has no outline`);
  const box = element.getBoundingClientRect();
  for (let frame = element.parentElement; frame; frame = frame.parentElement) {
    if (getComputedStyle(frame).overflowX === 'visible') continue;
    const left = frame.getBoundingClientRect().left + frame.clientLeft;
    if (box.left - reach < left || box.right + reach > left + frame.clientWidth) return true;
  }
  return false;
}).map((element) => element.getAttribute('aria-label') || element.id)"""


def round_trip(page: Page) -> None:
    """Wait for an answer of the server to a new request: earlier answers and requests have come by then."""
    page.evaluate("fetch('/api/health', { cache: 'no-store' }).then((answer) => answer.text())")
    next_frames(page)


def answer_requests(page: Page, address: str, answer: Callable[[Route], object]) -> None:
    """Answer the requests of a page for this address, with the next one of an open page.

    `page.route` returns before Chromium's renderer knows of the first route: a script that a key or click loads
    immediately would come from the server.
    """
    page.route(address, answer)
    if page.url == "about:blank":  # a page that opens later knows its routes
        return
    page.route(_PROBE, lambda route: route.fulfill(status=204))
    until_on(page, lambda: page.evaluate("(url) => fetch(url).then(({ status }) => status === 204)", _PROBE[2:]))
    page.unroute(_PROBE)


def next_frames(page: Page, count: int = 3) -> None:
    """Wait until the page has been drawn some times: it then shows all changes that its handlers make immediately."""
    page.evaluate(
        """(count) => new Promise((resolve) => {
          const next = () => (count-- > 0 ? requestAnimationFrame(next) : resolve());
          next();
        })""",
        count,
    )
