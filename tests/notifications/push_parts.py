"""Parts of web push for tests: a vault, notices, drafts of subscriptions."""

from __future__ import annotations

from datetime import UTC, datetime

from cameras.vault import Vault
from core.events import EventKind, EventSource, LoggedEvent, Severity
from notifications.push_records import SubscriptionDraft
from notifications.sinks import Notice
from tests.notifications.pretend_push_service import PretendBrowser

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VAULT = Vault(b"k" * 32)


def draft_of(browser: PretendBrowser, address: str, name: str = "Firefox") -> SubscriptionDraft:
    return SubscriptionDraft(address, browser.p256dh, browser.auth, name)


def event_of(number: int = 7, severity: Severity = Severity.ALERT) -> LoggedEvent:
    return LoggedEvent(1, 3, EventKind.PERSON, EventSource.DEVICE, NOW, id=number, severity=severity)


def notice_of(
    event: LoggedEvent | None = None, *, user_id: int | None = None, text: str = "Gate, channel 3", is_end: bool = False
) -> Notice:
    return Notice(
        event or event_of(),
        title="Person",
        text=text,
        sent_at=NOW,
        path="/events?camera=1&channel=3",
        picture=b"\xff\xd8",
        user_id=user_id,
        rule_id=4,
        is_end=is_end,
    )
