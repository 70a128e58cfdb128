"""Parts of web push for tests: a vault, notices, drafts of subscriptions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cameras.vault import Vault
from core.clock import SystemClock
from core.events import EventKind, EventSource, LoggedEvent, Severity
from database import Database
from notifications.push_records import SubscriptionDraft
from notifications.push_services import PushServices
from notifications.push_store import PushStore
from notifications.sinks import Notice
from notifications.web_push import WebPush
from tests.notifications.pretend_push_service import PretendBrowser

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class HeldVault:
    vault: Vault


HOLDER = HeldVault(Vault(b"k" * 32))


def web_push_of(database: Database) -> WebPush:
    """Return web push that reaches public push services only."""
    return WebPush(PushStore(database, HOLDER), PushServices(), SystemClock(), contact="https://cams.example")


def draft_of(browser: PretendBrowser, address: str, name: str = "Firefox") -> SubscriptionDraft:
    return SubscriptionDraft(address, browser.p256dh, browser.auth, name)


def event_of(number: int = 7, severity: Severity = Severity.ALERT) -> LoggedEvent:
    return LoggedEvent(1, 3, EventKind.PERSON, EventSource.DEVICE, NOW, id=number, severity=severity)


def notice_of(event: LoggedEvent | None = None, *, user_id: int | None = None, text: str = "Gate, channel 3") -> Notice:
    return Notice(
        event or event_of(),
        title="Person",
        text=text,
        sent_at=NOW,
        path="/events?camera=1&channel=3",
        picture=b"\xff\xd8",
        user_id=user_id,
        rule_id=4,
    )
