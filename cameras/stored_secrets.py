"""The contexts of the encrypted secrets that belong to no camera: those of notifications."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from tables import NotificationSinkRow, PushKeyRow, PushSubscriptionRow

Context = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """An encrypted secret: `column` of `row`."""

    row: NotificationSinkRow | PushKeyRow | PushSubscriptionRow
    column: str
    context: Context

    @property
    def box(self) -> bytes | None:
        value = getattr(self.row, self.column)
        return value if isinstance(value, bytes) and value else None

    def replace(self, box: bytes) -> None:
        setattr(self.row, self.column, box)


def sink_context(row: NotificationSinkRow) -> Context:
    """Return the context of a sink's secret.

    It names the server, so that an attacker who can write to the database, but has no key, cannot have the secret sent
    to another one.
    """
    server = (str(row.settings.get(name, "")) for name in ("host", "port", "username"))
    return ("notification_sinks", row.id, row.kind, *server, "secret_box")


def secrets_of_notifications(session: Session) -> Iterator[StoredSecret]:
    """Yield the secrets of sinks and of web push."""
    for sink in session.scalars(select(NotificationSinkRow)):
        yield StoredSecret(sink, "secret_box", sink_context(sink))
    for key in session.scalars(select(PushKeyRow)):
        yield StoredSecret(key, "private_box", ("push_keys", key.id, "private_box"))
    for subscription in session.scalars(select(PushSubscriptionRow)):
        yield StoredSecret(subscription, "auth_box", ("push_subscriptions", subscription.id, "auth_box"))
