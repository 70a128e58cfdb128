"""The key pair of this server for web push, and the browsers that want notifications, in the database.

The private key and the browsers' shared secrets are encrypted; each opens in its own row only.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from cameras.vault import CannotDecrypt, Vault
from core.errors import Conflict, NotFound
from core.secrets import Secret
from database import Database
from notifications.push_encryption import BrowserKeys
from notifications.push_records import MAX_SUBSCRIPTIONS, PushSubscription, SubscriptionDraft
from notifications.push_signature import PushSigner
from tables import PushKeyRow, PushSubscriptionRow

log = logging.getLogger(__name__)

_KEY_ID = 1
_KEY_CONTEXT = ("push_keys", _KEY_ID, "private_box")  # as in cameras/stored_secrets.py, like that of `_auth_context`
_NAME_LENGTH = 80


class VaultHolder(Protocol):
    """An object with the opened vault of the stored secrets: the camera manager."""

    @property
    def vault(self) -> Vault: ...


class PushStore:
    """Needs an open database and vault. Safe between threads; each call may wait for the disk."""

    def __init__(self, database: Database, vault_holder: VaultHolder) -> None:
        self._database = database
        self._vault_holder = vault_holder
        self._lock = threading.Lock()
        self._signer: PushSigner | None = None

    def signer(self, now: datetime) -> PushSigner:
        """Return the signer of this server. The first call makes its key pair.

        If the encryption key does not open the stored one, make a new pair and forget all subscriptions: browsers give
        them to one key only, and subscribe again when a user opens the page.
        """
        with self._lock:
            if self._signer is None:
                self._signer = self._stored_signer() or self._new_signer(now)
            return self._signer

    def of_user(self, user_id: int | None) -> list[PushSubscription]:
        """Return the subscriptions of a user, the oldest first. None: those made while there were no accounts."""
        with self._database.read() as session:
            rows = session.scalars(
                select(PushSubscriptionRow).where(_is_of(user_id)).order_by(PushSubscriptionRow.id)
            ).all()
            return [self._subscription(row) for row in rows]

    def get(self, user_id: int | None, subscription_id: int) -> PushSubscription:
        """Raise NotFound, also for another user's subscription."""
        with self._database.read() as session:
            return self._subscription(_row(session, user_id, subscription_id))

    def add(self, user_id: int | None, draft: SubscriptionDraft, now: datetime) -> tuple[PushSubscription, bool]:
        """Add a subscription, or renew the one with the same address; the second value is True for a new one.

        A browser has one address. If another user used notifications in this browser, the address is this user's now.
        Raise Conflict (too_many_push_subscriptions).
        """
        hashed = hash_of(draft.endpoint)
        with self._database.write() as session:
            if draft.replaces is not None and draft.replaces != draft.endpoint:
                given_up = PushSubscriptionRow.endpoint_hash == hash_of(draft.replaces)
                session.execute(delete(PushSubscriptionRow).where(given_up, _is_of(user_id)))
            row = session.scalars(
                select(PushSubscriptionRow).where(PushSubscriptionRow.endpoint_hash == hashed)
            ).one_or_none()
            is_new = row is None or row.user_id != user_id
            if is_new:
                count = session.scalar(select(func.count()).select_from(PushSubscriptionRow).where(_is_of(user_id)))
                if (count or 0) >= MAX_SUBSCRIPTIONS:
                    raise Conflict(
                        f"{MAX_SUBSCRIPTIONS} browsers have your notifications: remove one first.",
                        code="too_many_push_subscriptions",
                    )
            if row is None:
                row = PushSubscriptionRow(endpoint=draft.endpoint, endpoint_hash=hashed)
            if is_new:
                row.user_id, row.created_at, row.last_sent_at = user_id, now, None
            row.p256dh = _bytes_of(draft.p256dh)
            row.name, row.last_code, row.auth_box = draft.name[:_NAME_LENGTH], "", b""
            session.add(row)
            session.flush()  # gives the row its id, to which the secret is bound
            row.auth_box = self._vault.encrypt(Secret(draft.auth.rstrip("=")), _auth_context(row))
            session.flush()
            return self._subscription(row), is_new

    def remove(self, user_id: int | None, subscription_id: int) -> None:
        """Raise NotFound, also for another user's subscription."""
        with self._database.write() as session:
            session.delete(_row(session, user_id, subscription_id))

    def forget(self, subscription: PushSubscription) -> None:
        """Remove a subscription that its push service no longer has, unless the browser has renewed it meanwhile."""
        with self._database.write() as session:
            row = session.get(PushSubscriptionRow, subscription.id)
            if row is not None and self._subscription(row).keys == subscription.keys:
                session.delete(row)

    def note(self, subscription: PushSubscription, code: str, sent_at: datetime | None = None) -> None:
        """Store the outcome of a message: its time, or the code of the problem."""
        if sent_at is None and subscription.last_code == code:
            return
        with self._database.write() as session:
            row = session.get(PushSubscriptionRow, subscription.id)
            if row is not None:
                row.last_code = code[:32]
                row.last_sent_at = sent_at or row.last_sent_at

    @property
    def _vault(self) -> Vault:
        return self._vault_holder.vault

    def _stored_signer(self) -> PushSigner | None:
        with self._database.read() as session:
            row = session.get(PushKeyRow, _KEY_ID)
            if row is None:
                return None
            try:
                return PushSigner.of_secret(self._vault.decrypt(row.private_box, _KEY_CONTEXT))
            except (CannotDecrypt, ValueError):
                pass
        log.warning("the key of web push cannot be read: a new one is made, and browsers must subscribe again")
        with self._database.write() as session:
            session.execute(delete(PushKeyRow))
            session.execute(delete(PushSubscriptionRow))
        return None

    def _new_signer(self, now: datetime) -> PushSigner:
        signer = PushSigner.new()
        box = self._vault.encrypt(signer.secret(), _KEY_CONTEXT)
        with self._database.write() as session:
            public = _bytes_of(signer.public_key)
            session.add(PushKeyRow(id=_KEY_ID, public_key=public, private_box=box, created_at=now))
        return signer

    def _subscription(self, row: PushSubscriptionRow) -> PushSubscription:
        try:
            auth = self._vault.decrypt(row.auth_box, _auth_context(row)).reveal()
            keys = BrowserKeys(row.p256dh, _bytes_of(auth))
        except (CannotDecrypt, ValueError):
            keys = None
        return PushSubscription(
            id=row.id,
            user_id=row.user_id,
            endpoint=row.endpoint,
            name=row.name,
            created_at=row.created_at,
            keys=keys,
            last_sent_at=row.last_sent_at,
            last_code=row.last_code,
        )


def hash_of(endpoint: str) -> bytes:
    """Return the SHA-256 of a subscription's address."""
    return hashlib.sha256(endpoint.encode()).digest()


def _auth_context(row: PushSubscriptionRow) -> tuple[str | int, ...]:
    return ("push_subscriptions", row.id, "auth_box")


def _row(session: Session, user_id: int | None, subscription_id: int) -> PushSubscriptionRow:
    row = session.get(PushSubscriptionRow, subscription_id)
    if row is None or row.user_id != user_id:
        raise NotFound("There is no such browser with notifications.")
    return row


def _is_of(user_id: int | None) -> ColumnElement[bool]:
    column = PushSubscriptionRow.user_id
    return column.is_(None) if user_id is None else column == user_id


def _bytes_of(text: str) -> bytes:
    bare = text.rstrip("=")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
