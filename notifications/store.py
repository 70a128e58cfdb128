"""Rules and sinks in the database. The secrets of sinks are encrypted like the passwords of cameras."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cameras.stored_secrets import sink_context
from cameras.vault import CannotDecrypt, Vault
from core.errors import Conflict, NotFound
from core.events import EventKind, Severity
from core.secrets import Secret
from database import Database
from notifications.records import PUSH_SINK_ID, Rule, RuleDraft, SinkDraft, StoredSink
from notifications.sink_settings import SinkSettings, as_json, from_json
from notifications.sinks import SinkKind
from tables import NotificationRuleRow, NotificationSinkRow

log = logging.getLogger(__name__)

MOST_RULES = 100  # of one owner
MOST_SINKS = 30
Announced = dict[str, dict[str, str]]
"""The announcements of an MQTT sink to Home Assistant: platforms of components by their ids, by device."""


class RuleStore:
    """Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rules(self) -> list[Rule]:
        """Return all rules, sorted by id. Rows that cannot be read are left out."""
        with self._database.read() as session:
            rows = session.scalars(select(NotificationRuleRow).order_by(NotificationRuleRow.id))
            return [rule for row in rows if (rule := _rule(row)) is not None]

    def add(self, user_id: int | None, draft: RuleDraft, now: datetime) -> Rule:
        """Raise Conflict (too_many_rules)."""
        owned = NotificationRuleRow.user_id.is_(None) if user_id is None else NotificationRuleRow.user_id == user_id
        with self._database.write() as session:
            count = session.scalar(select(func.count()).select_from(NotificationRuleRow).where(owned)) or 0
            if count >= MOST_RULES:
                raise Conflict(f"There are {MOST_RULES} rules: delete one first.", code="too_many_rules")
            row = NotificationRuleRow(user_id=user_id, created_at=now, **_rule_values(draft))
            session.add(row)
            _flush(session)
            return Rule(row.id, user_id, draft)

    def change(self, rule_id: int, draft: RuleDraft) -> None:
        """Raise NotFound."""
        with self._database.write() as session:
            row = _row(session, NotificationRuleRow, rule_id, "rule")
            for name, value in _rule_values(draft).items():
                setattr(row, name, value)
            _flush(session)

    def remove(self, rule_id: int) -> None:
        """Raise NotFound."""
        with self._database.write() as session:
            session.delete(_row(session, NotificationRuleRow, rule_id, "rule"))


class SinkStore:
    """Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sinks(self, vault: Vault) -> list[StoredSink]:
        """Return all sinks, sorted by id. Rows that cannot be read are left out."""
        with self._database.read() as session:
            rows = session.scalars(select(NotificationSinkRow).order_by(NotificationSinkRow.id))
            return [sink for row in rows if (sink := _sink(row, vault)) is not None]

    def add(self, draft: SinkDraft, kind: SinkKind, vault: Vault, now: datetime) -> int:
        """Return the id of a new sink. Raise Conflict (too_many_sinks)."""
        with self._database.write() as session:
            if (session.scalar(select(func.count()).select_from(NotificationSinkRow)) or 0) >= MOST_SINKS:
                raise Conflict(f"There are {MOST_SINKS} sinks: delete one first.", code="too_many_sinks")
            row = NotificationSinkRow(
                kind=kind.value,
                name=draft.name,
                is_on=draft.is_on,
                settings=as_json(draft.settings),
                created_at=now,
            )
            session.add(row)
            session.flush()  # the context of its secret has its id
            row.secret_box = _box(row, draft.secret, vault)
            return row.id

    def change(self, sink: StoredSink, vault: Vault) -> None:
        """Store new values of a sink. Raise NotFound."""
        with self._database.write() as session:
            row = _row(session, NotificationSinkRow, sink.id, "sink")
            row.name, row.is_on = sink.name, sink.is_on
            row.settings = as_json(sink.settings)
            if sink.is_readable:
                row.secret_box = _box(row, sink.secret, vault)

    def remove(self, sink_id: int) -> None:
        """Raise NotFound, or Conflict for the push sink."""
        if sink_id == PUSH_SINK_ID:
            raise Conflict("The push sink stays; it can be switched off.", code="sink_stays")
        with self._database.write() as session:
            session.delete(_row(session, NotificationSinkRow, sink_id, "sink"))

    def announced(self, sink_id: int) -> Announced:
        """Return what a sink has announced. Empty if that is unknown."""
        with self._database.read() as session:
            row = session.get(NotificationSinkRow, sink_id)
            stored = row.announced if row is not None else None
        if not isinstance(stored, dict):
            return {}
        return {
            str(device): {str(name): str(platform) for name, platform in parts.items()}
            for device, parts in stored.items()
            if isinstance(parts, dict)
        }

    def set_announced(self, sink_id: int, announced: Announced) -> None:
        """Store what a sink has announced. Without effect if the sink was removed."""
        with self._database.write() as session:
            row = session.get(NotificationSinkRow, sink_id)
            if row is not None:
                row.announced = announced


def _flush(session: Session) -> None:
    """Raise NotFound if the camera or the owner of a rule was removed at the same time."""
    try:
        session.flush()
    except IntegrityError:
        raise NotFound("The camera or the account was removed.") from None


def _row(session: Session, table: type[Any], row_id: int, what: str) -> Any:
    row = session.get(table, row_id)
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row


def _box(row: NotificationSinkRow, secret: Secret | None, vault: Vault) -> bytes | None:
    return vault.encrypt(secret, sink_context(row)) if secret else None


def _sink(row: NotificationSinkRow, vault: Vault) -> StoredSink | None:
    try:
        kind = SinkKind(row.kind)
        settings: SinkSettings = from_json(kind, row.settings)
    except (ValueError, TypeError):
        log.error("notification sink %d: its row cannot be read", row.id)
        return None
    try:
        secret = None if row.secret_box is None else vault.decrypt(row.secret_box, sink_context(row))
    except CannotDecrypt as error:
        log.error("notification sink %d: the stored secret does not open (%s)", row.id, error)
        return StoredSink(row.id, kind, row.name, row.is_on, settings, is_readable=False)
    return StoredSink(row.id, kind, row.name, row.is_on, settings, secret)


def _rule_values(draft: RuleDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "is_on": draft.is_on,
        "kinds": [kind.value for kind in draft.kinds],
        "severity": None if draft.severity is None else draft.severity.value,
        "camera_id": draft.camera_id,
        "channel": draft.channel,
        "zone": draft.zone,
        "days": list(draft.days),
        "from_minute": draft.from_minute,
        "until_minute": draft.until_minute,
        "time_zone": draft.time_zone,
        "min_length_s": draft.min_length_s,
        "cool_down_s": draft.cool_down_s,
        "sinks": list(draft.sinks),
        "snooze_until": draft.snooze_until,
    }


def _rule(row: NotificationRuleRow) -> Rule | None:
    try:
        draft = RuleDraft(
            name=row.name,
            is_on=row.is_on,
            kinds=tuple(EventKind(kind) for kind in row.kinds),
            severity=None if row.severity is None else Severity(row.severity),
            camera_id=row.camera_id,
            channel=row.channel,
            zone=row.zone,
            days=_numbers(row.days),
            from_minute=row.from_minute,
            until_minute=row.until_minute,
            time_zone=row.time_zone,
            min_length_s=row.min_length_s,
            cool_down_s=row.cool_down_s,
            sinks=_numbers(row.sinks),
            snooze_until=row.snooze_until,
        )
    except (ValueError, TypeError):
        log.error("notification rule %d: its row cannot be read", row.id)
        return None
    return Rule(row.id, row.user_id, draft)


def _numbers(stored: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(item) for item in stored)
