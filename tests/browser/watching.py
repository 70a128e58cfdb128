"""A page under watch: what it complains about counts against the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page


@dataclass
class Watched:
    """A page and everything it complained about. `forgive` takes what a test brings about on purpose."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    # A channel that gives no picture is answered with 503 or 504, and Chromium notes each such answer.
    forgiven: tuple[str, ...] = ("/snapshot",)

    def forgive(self, *texts: str) -> None:
        self.forgiven += texts

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def left(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.forgiven)]


Open = Callable[..., Watched]
