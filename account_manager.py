"""Users, logins, API tokens, and the choice to use the app without accounts.

While there is no account, all users of this machine may do everything (`LOCAL`), and other machines nothing. Login
sessions are stored on the server. Each login has a new random token, which is stored as a hash. Logout, a new password,
another role or scope, and disabling the account end the session immediately; callbacks of `on_ended` then end its
streams and sockets.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from accounts.audit import AuditLog
from accounts.login_limits import LoginLimits
from accounts.passwords import Passwords, check_password
from accounts.player_links import PlayerLink, is_signed, read_link, write_link
from accounts.records import ApiToken, LoginSession, TokenDraft, User, UserChange, UserDraft, Visitor
from accounts.shared_failures import SharedFailures
from accounts.store import AccountStore, StoredUser, name_key
from core.access import Principal, Role, Scope, lesser
from core.clock import Clock
from core.errors import AppError, InvalidRequest, NotLoggedIn
from core.secrets import Secret
from core.settings import Settings
from database import Database

log = logging.getLogger(__name__)

TOKEN_PREFIX = "ovw_"  # noqa: S105 - makes a leaked token recognizable in a log or a repository
_CACHE_S = 1.0
_WRITE_SEEN_EVERY_S = 60.0
_MAX_CACHED = 2000
_MAX_TOKEN_LENGTH = 100
_LINK_LIFE = timedelta(hours=24)
_LOGIN_TRIES = 2  # a concurrent login may replace the hash by one with newer parameters


class AccountManager:
    """Call start() first. Safe between threads; each call may wait for the disk."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, *, passwords: Passwords | None = None
    ) -> None:
        self._store = AccountStore(database)
        self._failures = SharedFailures(database) if settings.node_name else None
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._idle = timedelta(seconds=settings.login_idle_s)
        self._max_age = timedelta(seconds=settings.login_max_s)
        self._limits = LoginLimits(())
        self._lock = threading.Lock()
        self._cached: dict[tuple[str, str], tuple[Principal, float]] = {}  # by kind and token
        self._seen_s: dict[str, float] = {}
        self._has_accounts = False
        self._counted_s = -_CACHE_S
        self._changes = 0
        self._on_ended: list[Callable[[frozenset[str]], None]] = []
        self._is_stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self.audit = AuditLog(Path(settings.data_dir) / "logs", clock)

    def start(self, *, checks_logins: bool = False) -> None:
        """Open the database and delete expired logins.

        `checks_logins`: check every second if another process, such as the command line, ended a login in use.
        """
        self._store.open()
        known = ((item.address, name_key(item.user_name)) for item in self._store.sessions())
        self._limits = LoginLimits(known, self._failures)
        self.audit.start()
        self._delete_expired()
        if checks_logins and self._watcher is None:
            self._is_stopping.clear()
            self._watcher = threading.Thread(target=self._watch, name="logins", daemon=True)
            self._watcher.start()

    def stop(self) -> None:
        self._is_stopping.set()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.join()
        self.audit.stop()

    def on_ended(self, callback: Callable[[frozenset[str]], None]) -> None:
        """Call `callback` with the keys (`Principal.key`) of logins and tokens that have ended."""
        self._on_ended.append(callback)

    def report_ended_elsewhere(self) -> None:
        """Report logins and tokens in use that another process ended, and tokens that have expired."""
        with self._lock:
            used = frozenset(self._seen_s)
        if used and (ended := used - self._store.valid_keys(self._clock.now_utc())):
            self._report_ended(ended)

    # ---- the first visit -------------------------------------------------------------------------

    def has_accounts(self) -> bool:
        """True if there is an account. It stays true, because the last admin cannot be removed."""
        now_s = self._clock.monotonic_s()
        if not self._has_accounts and now_s - self._counted_s >= _CACHE_S:
            self._has_accounts = self._store.count() > 0
            self._counted_s = now_s
        return self._has_accounts

    def is_postponed(self) -> bool:
        """True if a user chose "only on this machine" on the first visit."""
        return self._store.is_postponed()

    def postpone(self) -> None:
        self._store.postpone(self._clock.now_utc())

    def create_first(self, name: str, password: Secret) -> User:
        """Create the first account, an admin. Raise InvalidRequest with the field, or Conflict (accounts_exist)."""
        return self._add(UserDraft(name, password, Role.ADMIN), only_first=True)

    # ---- logging in ------------------------------------------------------------------------------

    def log_in(self, name: str, password: Secret, visitor: Visitor) -> tuple[str, Principal]:
        """Return the token of a new login session, for the cookie, and its principal.

        Raise NotLoggedIn (login_failed), with the same text and after the same time for an unknown name, a wrong
        password and a disabled account; LimitReached (too_many_logins) after too many failures.
        """
        with self._limits.attempt(visitor.address, name_key(name)[:64]) as attempt:
            for _ in range(_LOGIN_TRIES):
                stored = self._store.find(name)
                is_right = self._passwords.verify(stored.password_hash if stored else None, password)
                if stored is None or not is_right or stored.user.disabled:
                    break
                is_old = self._passwords.is_outdated(stored.password_hash)
                made = self._new_session(stored, visitor, rehashed=self._passwords.hash(password) if is_old else None)
                if made is not None:
                    attempt.succeeded()
                    self._delete_expired()
                    return made
            attempt.failed()
        raise NotLoggedIn("The name or the password is wrong.", code="login_failed")

    def principal_of_session(self, token: str) -> Principal | None:
        """Return the principal of a cookie, or None if its login has ended."""
        return self._principal("session", token, self._look_up_session)

    def principal_of_token(self, token: str) -> Principal | None:
        """Return the principal of an API token; None if it is unknown or expired, or if its owner is disabled."""
        if not token.startswith(TOKEN_PREFIX):
            return None
        return self._principal("token", token, self._look_up_token)

    def principal_of_player_link(self, text: str) -> Principal | None:
        """Return a viewer of one channel; None if the address or the login that made it has ended."""
        return self._principal("player link", text, self._look_up_link)

    def log_out(self, principal: Principal) -> None:
        if principal.kind == "session":
            self.end_session(int(principal.key.partition(":")[2]))

    def change_own_password(
        self, principal: Principal, old: Secret, new: Secret, visitor: Visitor
    ) -> tuple[str, Principal]:
        """End all logins of the user and return a new one, as log_in() does.

        Raise InvalidRequest with the field's name, also for a wrong old password; LimitReached (too_many_logins).
        """
        if principal.user_id is None or principal.kind != "session":
            raise InvalidRequest("Log in with an account to change its password.")
        stored = self._store.get(principal.user_id)
        with self._limits.attempt(visitor.address, name_key(stored.user.name)[:64]) as attempt:
            is_right = self._passwords.verify(stored.password_hash, old)
            if is_right:
                attempt.succeeded()
            else:
                attempt.failed()
        if is_right:
            check_password(new, field="new_password", known=(stored.user.name,))
            hashed = self._passwords.hash(new)
            changed = self._store.change_password(stored, hashed, self._clock.now_utc())
            if changed is not None:
                self._report_ended(changed.ended)
                made = self._new_session(StoredUser(changed.user, hashed), visitor)
                if made is not None:
                    return made
        raise InvalidRequest.of_field("current_password", "wrong password")

    # ---- managing --------------------------------------------------------------------------------

    def users(self) -> list[User]:
        return self._store.users()

    def user(self, user_id: int) -> User:
        """Raise NotFound."""
        return self._store.get(user_id).user

    def find_user(self, name: str) -> User | None:
        stored = self._store.find(name)
        return None if stored is None else stored.user

    def add_user(self, draft: UserDraft) -> User:
        """Raise InvalidRequest with the field's name, or Conflict (name_taken)."""
        return self._add(draft, only_first=False)

    def change_user(self, user_id: int, change: UserChange) -> User:
        """Change an account. A new password, role or scope, and disabling it, end its logins.

        Raise InvalidRequest with the field's name, NotFound, or Conflict (name_taken, last_admin).
        """
        before = self._store.get(user_id).user
        name = None if change.name is None else check_user_name(change.name)
        hashed = None
        if change.password is not None:
            check_password(change.password, known=(name or before.name,))
            hashed = self._passwords.hash(change.password)  # before any change, because hashing may raise Unavailable
        changed = self._store.change(
            user_id,
            self._clock.now_utc(),
            name=name,
            role=change.role,
            scope=change.scope,
            disabled=change.disabled,
            password_hash=hashed,
        )
        self._report_ended(changed.ended)
        return changed.user

    def remove_user(self, user_id: int) -> None:
        """Remove a user with logins and tokens. Raise NotFound, or Conflict (last_admin)."""
        keys = {f"token:{token_id}" for token_id in self._store.token_ids_of(user_id)}
        keys |= {f"session:{item.id}" for item in self._store.sessions() if item.user_id == user_id}
        self._store.remove(user_id)
        self._report_ended(keys)

    def sessions(self) -> list[LoginSession]:
        """Return the logins that have not expired, the last seen first."""
        return [item for item in self._store.sessions() if not self._is_expired(item)]

    def end_session(self, session_id: int) -> None:
        """Raise NotFound."""
        self._store.end_session(session_id)
        self._report_ended({f"session:{session_id}"})

    def tokens(self) -> list[ApiToken]:
        return self._store.tokens()

    def add_token(self, principal: Principal, draft: TokenDraft) -> tuple[str, ApiToken]:
        """Return a new token, which cannot be read again, and its record.

        A token never has more rights than its owner has. It cannot create tokens, which would outlive it. Raise
        InvalidRequest with the field's name.
        """
        if principal.user_id is None or principal.kind != "session":
            raise InvalidRequest("Log in with an account to create a token.")
        if draft.role is Role.ADMIN and draft.scope.is_limited:
            raise InvalidRequest.of_field("cameras", "an admin cannot be limited to cameras")
        if not draft.name.strip():
            raise InvalidRequest.of_field("name", "must not be empty")
        if draft.expires_at is not None and draft.expires_at <= self._clock.now_utc():
            raise InvalidRequest.of_field("expires_at", "a time in the future")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        return token, self._store.add_token(token, principal.user_id, draft, self._clock.now_utc())

    def remove_token(self, token_id: int) -> None:
        """Raise NotFound."""
        self._store.remove_token(token_id)
        self._report_ended({f"token:{token_id}"})

    def make_player_link(self, principal: Principal, camera_id: int, channel: int) -> tuple[str, datetime]:
        """Return an address's secret part for a player of one channel, and the end of its life.

        It ends earlier with the login. Raise InvalidRequest for an API token, which a player can send in a header.
        """
        found = None
        if principal.kind == "session":
            found = self._store.session_with_hash(int(principal.key.partition(":")[2]))
        if found is None:
            raise InvalidRequest("Log in with an account to make an address for another player.")
        item, _, token_hash = found
        link = PlayerLink(item.id, camera_id, channel, (self._clock.now_utc() + _LINK_LIFE).replace(microsecond=0))
        return write_link(link, token_hash), link.expires_at

    # ---- inside ----------------------------------------------------------------------------------

    def _add(self, draft: UserDraft, *, only_first: bool) -> User:
        name = check_user_name(draft.name)
        if draft.role is Role.ADMIN and draft.scope.is_limited:
            raise InvalidRequest.of_field("cameras", "an admin cannot be limited to cameras")
        check_password(draft.password, known=(name,))
        if not only_first and not self.has_accounts() and draft.role is not Role.ADMIN:
            raise InvalidRequest.of_field("role", "the first account is an admin")
        hashed = self._passwords.hash(draft.password)
        user = self._store.add(name, hashed, draft.role, draft.scope, self._clock.now_utc(), only_first=only_first)
        self._has_accounts = True
        self._report_ended(set())
        return user

    def _watch(self) -> None:
        while not self._is_stopping.wait(_CACHE_S):
            try:
                self.report_ended_elsewhere()
            except AppError as error:
                log.debug("ended logins could not be looked up: %s", error.detail)

    def _report_ended(self, keys: Iterable[str]) -> None:
        ended = frozenset(keys)
        self._clear_cache(ended)
        for callback in self._on_ended if ended else ():
            try:
                callback(ended)
            except AppError as error:
                log.warning("streams of an ended login could not be ended: %s", error.detail)

    def _clear_cache(self, ended: frozenset[str]) -> None:
        with self._lock:
            self._changes += 1
            self._cached.clear()
            for key in ended:
                self._seen_s.pop(key, None)

    def _new_session(
        self, stored: StoredUser, visitor: Visitor, *, rehashed: str | None = None
    ) -> tuple[str, Principal] | None:
        """Return None if the user was disabled or changed the password since `stored` was read."""
        token, user = secrets.token_urlsafe(32), stored.user
        session_id = self._store.add_session(token, stored, visitor, self._clock.now_utc(), rehashed=rehashed)
        if session_id is None:
            return None
        return token, Principal("session", user.name, user.role, user.scope, user.id, f"session:{session_id}")

    def _principal(self, kind: str, token: str, look_up: Callable[[str], Principal | None]) -> Principal | None:
        if not 20 <= len(token) <= _MAX_TOKEN_LENGTH or not token.isascii():
            return None
        now_s = self._clock.monotonic_s()
        with self._lock:
            cached = self._cached.get((kind, token))
            changes = self._changes
        if cached is not None and now_s - cached[1] < _CACHE_S:
            return cached[0]
        principal = look_up(token)
        with self._lock:
            if len(self._cached) >= _MAX_CACHED:
                self._cached.clear()
            if principal is not None and changes == self._changes:  # otherwise it may have ended during the look-up
                self._cached[kind, token] = (principal, now_s)
            else:
                self._cached.pop((kind, token), None)
        return principal

    def _look_up_session(self, token: str) -> Principal | None:
        found = self._store.session_of(token)
        if found is None or found[1].disabled or self._is_expired(found[0]):
            return None
        item, user = found
        key = f"session:{item.id}"
        self._note_seen(key, lambda: self._store.touch_session(item.id, self._clock.now_utc()))
        return Principal("session", user.name, user.role, user.scope, user.id, key)

    def _look_up_token(self, token: str) -> Principal | None:
        found = self._store.token_of(token)
        if found is None or found[1].disabled:
            return None
        item, user = found
        if item.expires_at is not None and item.expires_at <= self._clock.now_utc():
            return None
        key = f"token:{item.id}"
        self._note_seen(key, lambda: self._store.touch_token(item.id, self._clock.now_utc()))
        scope = item.scope.within(user.scope)
        return Principal("token", f"{user.name}/{item.name}", lesser(item.role, user.role), scope, user.id, key)

    def _look_up_link(self, text: str) -> Principal | None:
        link = read_link(text)
        if link is None or link.expires_at <= self._clock.now_utc():
            return None
        found = self._store.session_with_hash(link.session_id)
        if found is None or not is_signed(text, found[2]) or found[1].disabled or self._is_expired(found[0]):
            return None
        _, user, _ = found
        key = f"session:{link.session_id}"
        self._note_seen(key, lambda: None)  # a player does not prolong the login
        scope = Scope({link.camera_id: frozenset({link.channel})}).within(user.scope)
        return Principal("token", f"{user.name}/player", Role.VIEWER, scope, user.id, key)

    def _delete_expired(self) -> None:
        now = self._clock.now_utc()
        self._store.forget_sessions(seen_before=now - self._idle, made_before=now - self._max_age)

    def _is_expired(self, item: LoginSession) -> bool:
        now = self._clock.now_utc()
        return now - item.last_seen_at > self._idle or now - item.created_at > self._max_age

    def _note_seen(self, key: str, write: Callable[[], None]) -> None:
        """Store the time of use once a minute. Errors are only logged: a full disk must not log all users out."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if now_s - self._seen_s.get(key, -_WRITE_SEEN_EVERY_S) < _WRITE_SEEN_EVERY_S:
                return
            if len(self._seen_s) >= _MAX_CACHED:
                self._seen_s.clear()
            self._seen_s[key] = now_s
        try:
            write()
        except AppError as error:
            log.warning("the last use of a login could not be stored: %s", error.detail)


def check_user_name(name: str) -> str:
    """Return the name as it is stored. Raise InvalidRequest."""
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise InvalidRequest.of_field("name", "from 1 to 64 characters")
    if not name.isprintable() or not name_key(name):
        raise InvalidRequest.of_field("name", "no control, direction or invisible characters")
    return name
