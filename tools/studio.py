"""Takes screenshots of pages in a browser, in all sizes and colour schemes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

SIZES = ((1280, 800), (390, 844))
SCHEMES = ("light", "dark")


class Studio:
    """Takes screenshots in a browser."""

    def __init__(self, browser: Browser, folder: Path, only: tuple[str, ...] = ()) -> None:
        self._browser = browser
        self._folder = folder
        self._only = only

    def wants(self, *names: str) -> bool:
        """True if any state whose name begins with one of `names` was requested."""
        pairs = [(name, only) for name in names for only in self._only]
        return not self._only or any(name.startswith(only) or only.startswith(name) for name, only in pairs)

    def take(
        self,
        name: str,
        url: str,
        *,
        until: str = "body",
        then: Callable[[Page], None] | None = None,
        rest_ms: int = 600,
        sizes: tuple[tuple[int, int], ...] = SIZES,
    ) -> None:
        """Take one state in all sizes and both colour schemes when the page shows `until`."""
        if self._only and not name.startswith(self._only):
            return
        for width, height in sizes:
            for scheme in SCHEMES:
                with self.page(width, height, scheme) as page:
                    page.goto(url)
                    page.wait_for_selector(until, timeout=60_000)
                    if then:
                        then(page)
                    page.wait_for_timeout(rest_ms)
                    page.screenshot(path=self._folder / f"{name}-{width}-{scheme}.png")
                    print(f"{name}-{width}-{scheme}.png")

    @contextmanager
    def page(self, width: int, height: int, scheme: str) -> Iterator[Page]:
        phone = width < 600
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            is_mobile=phone,
            has_touch=phone,
        )
        page = context.new_page()
        try:
            yield page
        finally:
            page.goto("about:blank")  # leaving the page ends the recorder's session
            page.wait_for_timeout(300)
            context.close()


def to_timeline(page: Page) -> None:
    page.locator("#timeline").scroll_into_view_if_needed()
