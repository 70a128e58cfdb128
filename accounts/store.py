"""Users, login sessions and tokens in the database. Returns records, never rows.

The only module of the package with SQL. Each call is one transaction.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from accounts.records import ApiToken, LoginSession, TokenDraft, User, Visitor
from core.access import EVERYTHING, Role, Scope
from core.errors import Conflict, InvalidRequest, NotFound
from database import Database
from tables import ApiTokenRow, ChoiceRow, EventSeenRow, LoginSessionRow, UserRow

_POSTPONED = "accounts_postponed"


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user with the hash of the password."""

    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class ChangedUser:
    """A user after a change, and the keys (`Principal.key`) of the logins and tokens that the change ended."""

    user: User
    ended: frozenset[str]


def name_key(name: str) -> str:
    """Return the form in which names are compared: names that look alike are equal."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


_MOST_ID = 2**31  # of the columns; a larger number is an error in PostgreSQL


def hash_of(token: str) -> bytes:
    """Return the SHA-256 of a token. A slow hash would gain nothing: 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()


class AccountStore:
    """Reads and writes accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self) -> None:
        self._database.open()

    # ---- users -----------------------------------------------------------------------------------

    def count(self) -> int:
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(UserRow)) or 0

    def users(self) -> list[User]:
        with self._database.read() as session:
            return [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.id))]

    def find(self, name: str) -> StoredUser | None:
        with self._database.read() as session:
            row = session.scalars(select(UserRow).where(UserRow.name_key == name_key(name))).first()
            return None if row is None else StoredUser(_user(row), row.password_hash)

    def get(self, user_id: int) -> StoredUser:
        with self._database.read() as session:
            row = _row(session, user_id)
            return StoredUser(_user(row), row.password_hash)

    def add(
        self, name: str, password_hash: str, role: Role, scope: Scope, now: datetime, *, only_first: bool = False
    ) -> User:
        """Raise Conflict if the name is taken, or if `only_first` is set and there is an account already."""
        try:
            with self._database.write() as session:
                if only_first and session.scalars(select(UserRow.id).limit(1)).first() is not None:
                    raise Conflict("There is an account already: log in with it.", code="accounts_exist")
                row = UserRow(
                    name=name,
                    name_key=name_key(name),
                    password_hash=password_hash,
                    role=role.value,
                    scope=_stored_scope(scope),
                    disabled=False,
                    created_at=now,
                    password_changed_at=now,
                )
                session.add(row)
                session.flush()
                return _user(row)
        except IntegrityError:
            raise Conflict("There is a user of this name already.", code="name_taken") from None

    def change(
        self,
        user_id: int,
        now: datetime,
        *,
        name: str | None = None,
        role: Role | None = None,
        scope: Scope | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> ChangedUser:
        """Change an account, and end its logins if its password or rights change, in one transaction.

        Raise NotFound; InvalidRequest for an admin with a limit to cameras; Conflict if the name is taken, or if no
        admin would be left.
        """
        try:
            with self._database.write() as session:
                row = _row(session, user_id)
                before = _user(row)
                if name is not None:
                    row.name, row.name_key = name, name_key(name)
                if role is not None:
                    row.role = role.value
                if scope is not None:
                    row.scope = _stored_scope(scope)
                if disabled is not None:
                    row.disabled = disabled
                if password_hash is not None:
                    row.password_hash, row.password_changed_at = password_hash, now
                session.flush()
                after = _user(row)
                if after.role is Role.ADMIN and after.scope.is_limited:
                    raise InvalidRequest.of_field("cameras", "an admin cannot be limited to cameras")
                _keep_an_admin(session)
                rights_changed = (before.role, before.scope, before.disabled) != (
                    after.role,
                    after.scope,
                    after.disabled,
                )
                keys = _end_sessions(session, user_id) if rights_changed or password_hash is not None else []
                if rights_changed:  # the tokens stay valid, but the new rights may not allow their streams
                    ids = session.scalars(select(ApiTokenRow.id).where(ApiTokenRow.user_id == user_id))
                    keys += [f"token:{token_id}" for token_id in ids]
                return ChangedUser(after, frozenset(keys))
        except IntegrityError:
            raise Conflict("There is a user of this name already.", code="name_taken") from None

    def change_password(self, stored: StoredUser, password_hash: str, now: datetime) -> ChangedUser | None:
        """Change the password and end the user's logins. Return None if it changed since `stored` was read."""
        with self._database.write() as session:
            row = session.get(UserRow, stored.user.id)
            if row is None or row.password_hash != stored.password_hash:
                return None
            row.password_hash, row.password_changed_at = password_hash, now
            return ChangedUser(_user(row), frozenset(_end_sessions(session, row.id)))

    def remove(self, user_id: int) -> None:
        """Remove a user with logins, tokens and marks of events. Raise NotFound, or Conflict for the last admin."""
        with self._database.write() as session:
            session.delete(_row(session, user_id))
            session.execute(delete(EventSeenRow).where(EventSeenRow.user_id == user_id))
            session.flush()
            _keep_an_admin(session)

    # ---- login sessions --------------------------------------------------------------------------

    def add_session(
        self, token: str, stored: StoredUser, visitor: Visitor, now: datetime, *, rehashed: str | None = None
    ) -> int | None:
        """Return the id of a new login; None if the user was disabled or the password changed since `stored` was read.

        `rehashed`: a new hash of the same password with the present parameters, which replaces the old one.
        """
        with self._database.write() as session:
            user = session.get(UserRow, stored.user.id)
            if user is None or user.disabled or user.password_hash != stored.password_hash:
                return None
            if rehashed is not None:
                user.password_hash = rehashed
            row = LoginSessionRow(
                token_hash=hash_of(token),
                user_id=user.id,
                created_at=now,
                last_seen_at=now,
                address=visitor.address[:64],
                agent=visitor.agent[:200],
            )
            session.add(row)
            session.flush()
            return row.id

    def session_of(self, token: str) -> tuple[LoginSession, User] | None:
        with self._database.read() as session:
            found = session.execute(
                select(LoginSessionRow, UserRow)
                .join(UserRow, UserRow.id == LoginSessionRow.user_id)
                .where(LoginSessionRow.token_hash == hash_of(token))
            ).first()
            return None if found is None else (_login(found[0], found[1].name), _user(found[1]))

    def session_with_hash(self, session_id: int) -> tuple[LoginSession, User, bytes] | None:
        """Return a login, its user, and the hash of its token."""
        with self._database.read() as session:
            row = session.get(LoginSessionRow, session_id) if session_id < _MOST_ID else None
            if row is None:
                return None
            user = _row(session, row.user_id)
            return _login(row, user.name), _user(user), row.token_hash

    def sessions(self) -> list[LoginSession]:
        with self._database.read() as session:
            found = session.execute(
                select(LoginSessionRow, UserRow.name)
                .join(UserRow, UserRow.id == LoginSessionRow.user_id)
                .order_by(LoginSessionRow.last_seen_at.desc())
            )
            return [_login(row, name) for row, name in found]

    def touch_session(self, session_id: int, now: datetime) -> None:
        with self._database.write() as session:
            session.execute(update(LoginSessionRow).where(LoginSessionRow.id == session_id).values(last_seen_at=now))

    def end_session(self, session_id: int) -> None:
        """Raise NotFound."""
        with self._database.write() as session:
            row = session.get(LoginSessionRow, session_id)
            if row is None:
                raise NotFound("There is no such session.")
            session.delete(row)

    def forget_sessions(self, *, seen_before: datetime, made_before: datetime) -> None:
        """Delete expired login sessions."""
        with self._database.write() as session:
            session.execute(
                delete(LoginSessionRow).where(
                    (LoginSessionRow.last_seen_at < seen_before) | (LoginSessionRow.created_at < made_before)
                )
            )

    # ---- tokens ----------------------------------------------------------------------------------

    def add_token(self, token: str, user_id: int, draft: TokenDraft, now: datetime) -> ApiToken:
        with self._database.write() as session:
            row = ApiTokenRow(
                token_hash=hash_of(token),
                user_id=user_id,
                name=draft.name,
                role=draft.role.value,
                scope=_stored_scope(draft.scope),
                created_at=now,
                expires_at=draft.expires_at,
            )
            session.add(row)
            session.flush()
            return _token(row, _row(session, user_id).name)

    def token_of(self, token: str) -> tuple[ApiToken, User] | None:
        with self._database.read() as session:
            found = session.execute(
                select(ApiTokenRow, UserRow)
                .join(UserRow, UserRow.id == ApiTokenRow.user_id)
                .where(ApiTokenRow.token_hash == hash_of(token))
            ).first()
            return None if found is None else (_token(found[0], found[1].name), _user(found[1]))

    def tokens(self) -> list[ApiToken]:
        with self._database.read() as session:
            found = session.execute(
                select(ApiTokenRow, UserRow.name)
                .join(UserRow, UserRow.id == ApiTokenRow.user_id)
                .order_by(ApiTokenRow.id)
            )
            return [_token(row, name) for row, name in found]

    def valid_keys(self, now: datetime) -> frozenset[str]:
        """Return the keys (`Principal.key`) of all logins and unexpired tokens of accounts that are not disabled."""
        with self._database.read() as session:
            enabled = select(UserRow.id).where(UserRow.disabled.is_(False))
            logins = session.scalars(select(LoginSessionRow.id).where(LoginSessionRow.user_id.in_(enabled)))
            tokens = session.scalars(
                select(ApiTokenRow.id).where(
                    ApiTokenRow.user_id.in_(enabled),
                    ApiTokenRow.expires_at.is_(None) | (ApiTokenRow.expires_at > now),
                )
            )
            return frozenset([*(f"session:{id_}" for id_ in logins), *(f"token:{id_}" for id_ in tokens)])

    def token_ids_of(self, user_id: int) -> list[int]:
        with self._database.read() as session:
            return list(session.scalars(select(ApiTokenRow.id).where(ApiTokenRow.user_id == user_id)))

    def touch_token(self, token_id: int, now: datetime) -> None:
        with self._database.write() as session:
            session.execute(update(ApiTokenRow).where(ApiTokenRow.id == token_id).values(last_used_at=now))

    def remove_token(self, token_id: int) -> None:
        """Raise NotFound."""
        with self._database.write() as session:
            row = session.get(ApiTokenRow, token_id)
            if row is None:
                raise NotFound("There is no such token.")
            session.delete(row)

    # ---- choices ---------------------------------------------------------------------------------

    def is_postponed(self) -> bool:
        with self._database.read() as session:
            return session.get(ChoiceRow, _POSTPONED) is not None

    def postpone(self, now: datetime) -> None:
        with self._database.write() as session:
            if session.get(ChoiceRow, _POSTPONED) is None:
                session.add(ChoiceRow(name=_POSTPONED, value=now.isoformat()))


def _row(session: Session, user_id: int) -> UserRow:
    row = session.get(UserRow, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    return row


def _end_sessions(session: Session, user_id: int) -> list[str]:
    """Delete the user's logins and return their keys."""
    ids = list(session.scalars(select(LoginSessionRow.id).where(LoginSessionRow.user_id == user_id)))
    session.execute(delete(LoginSessionRow).where(LoginSessionRow.user_id == user_id))
    return [f"session:{session_id}" for session_id in ids]


def _keep_an_admin(session: Session) -> None:
    admins = select(UserRow.id).where(
        UserRow.role == Role.ADMIN.value, UserRow.disabled.is_(False), UserRow.scope.is_(None)
    )
    if session.scalars(admins.limit(1)).first() is None:
        raise Conflict("This is the last admin: at least one must remain.", code="last_admin")


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        scope=_scope(row.scope),
        disabled=row.disabled,
        created_at=row.created_at,
        password_changed_at=row.password_changed_at,
    )


def _login(row: LoginSessionRow, user_name: str) -> LoginSession:
    return LoginSession(row.id, row.user_id, user_name, row.created_at, row.last_seen_at, row.address, row.agent)


def _token(row: ApiTokenRow, user_name: str) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        user_id=row.user_id,
        user_name=user_name,
        role=Role(row.role),
        scope=_scope(row.scope),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def _stored_scope(scope: Scope) -> dict[str, list[int] | None] | None:
    """Return the channels for each camera id (None: all of them); None for a scope without limits."""
    if scope.cameras is None:
        return None
    return {str(camera_id): None if chosen is None else sorted(chosen) for camera_id, chosen in scope.cameras.items()}


def _scope(stored: Any) -> Scope:
    """Return the scope that _stored_scope() describes. A value that cannot be read allows nothing."""
    if stored is None:
        return EVERYTHING
    try:
        return Scope(
            {
                int(camera_id): None if chosen is None else frozenset(int(number) for number in chosen)
                for camera_id, chosen in stored.items()
            }
        )
    except (AttributeError, TypeError, ValueError):
        return Scope({})
