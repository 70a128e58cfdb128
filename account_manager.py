"""Who may use the app: users, who is logged in, tokens for scripts, and the choice to do without for now.

While there is no account, everybody on this machine may do everything (`LOCAL`), and nobody else anything.
A login is remembered on the server: its id is new at each login, kept hashed, and gone at once when it is ended
by logout, a new password, disabling or another role. Whoever asked to be told (`on_ended`) then ends what runs.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from accounts.audit import AuditLog
from accounts.login_limits import LoginLimits
from accounts.passwords import Passwords, check_password
from accounts.records import ApiToken, LoginSession, TokenDraft, User, UserChange, UserDraft, Visitor
from accounts.store import AccountStore, Kept, name_key
from core.access import Principal, Role, lesser
from core.clock import Clock
from core.errors import AppError, InvalidRequest, NotLoggedIn
from core.secrets import Secret
from core.settings import Settings
from database import Database

log = logging.getLogger(__name__)

TOKEN_PREFIX = "ovw_"  # noqa: S105 - by which a token is known in a log or a repository
_REMEMBERED_S = 1.0
_SEEN_EVERY_S = 60.0
_MAX_REMEMBERED = 2000
_LONGEST_TOKEN = 100
_READ_AGAIN = 2  # another login may have kept the same password with newer parameters meanwhile


class AccountManager:
    """`start()` first. Safe between threads; every call may wait for the disk."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, *, passwords: Passwords | None = None
    ) -> None:
        self._store = AccountStore(database)
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._idle = timedelta(seconds=settings.login_idle_s)
        self._longest = timedelta(seconds=settings.login_max_s)
        self._limits: LoginLimits | None = None
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Principal, float]] = {}
        self._seen_s: dict[str, float] = {}
        self._has_accounts = False
        self._counted_s = -_REMEMBERED_S
        self._changes = 0
        self._ended: list[Callable[[frozenset[str]], None]] = []
        self._is_stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self.audit = AuditLog(Path(settings.data_dir) / "logs", clock)

    def start(self, *, watches: bool = False) -> None:
        """Opens the database and forgets logins that have run out.

        `watches`: looks every second whether a login in use was ended elsewhere, as the command line does.
        """
        self._store.open()
        self._limits = LoginLimits((item.address, name_key(item.user_name)) for item in self._store.sessions())
        self.audit.start()
        self._forget_run_out()
        if watches and self._watcher is None:
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
        """Called with the keys of principals (`Principal.key`) whose sessions or tokens have ended."""
        self._ended.append(callback)

    def end_what_is_over(self) -> None:
        """Tells of logins and tokens in use that another process has ended, and of tokens that have run out."""
        with self._lock:
            used = frozenset(self._seen_s)
        if used and (gone := used - self._store.living_keys(self._clock.now_utc())):
            self._tell_ended(gone)

    # ---- the first visit -------------------------------------------------------------------------

    def has_accounts(self) -> bool:
        """Whether there is an account. Once there is one, there always will be: the last admin cannot go."""
        now_s = self._clock.monotonic_s()
        if not self._has_accounts and now_s - self._counted_s >= _REMEMBERED_S:
            self._has_accounts = self._store.count() > 0
            self._counted_s = now_s
        return self._has_accounts

    def is_postponed(self) -> bool:
        """Whether somebody chose "only on this machine"."""
        return self._store.is_postponed()

    def postpone(self) -> None:
        self._store.postpone(self._clock.now_utc())

    def create_first(self, name: str, password: Secret) -> User:
        """The first account, an admin. Conflict (accounts_exist) when there is one; InvalidRequest."""
        return self._add(UserDraft(name, password, Role.ADMIN), only_first=True)

    # ---- logging in ------------------------------------------------------------------------------

    def log_in(self, name: str, password: Secret, visitor: Visitor) -> tuple[str, Principal]:
        """A new session's token, for the cookie, and who it is.

        NotLoggedIn (login_failed) is the same for an unknown name, a wrong password and a disabled account, and
        takes as long; LimitReached (too_many_logins) after too many of them.
        """
        assert self._limits is not None, "start() first"  # noqa: S101
        with self._limits.one_try(visitor.address, name_key(name)[:64]) as attempt:
            for _ in range(_READ_AGAIN):
                kept = self._store.find(name)
                is_right = self._passwords.verify(kept.password_hash if kept else None, password)
                if kept is None or not is_right or kept.user.disabled:
                    break
                is_old = self._passwords.is_outdated(kept.password_hash)
                made = self._new_session(kept, visitor, rehashed=self._passwords.hash(password) if is_old else None)
                if made is not None:
                    attempt.succeeded()
                    self._forget_run_out()
                    return made
            attempt.failed()
        raise NotLoggedIn("The name or the password is wrong.", code="login_failed")

    def principal_of_session(self, token: str) -> Principal | None:
        """Who a cookie belongs to; None when nobody is logged in with it any more."""
        return self._principal(token, self._look_up_session)

    def principal_of_token(self, token: str) -> Principal | None:
        """Who an API token belongs to; None when it is unknown, has run out or its owner is disabled."""
        if not token.startswith(TOKEN_PREFIX):
            return None
        return self._principal(token, self._look_up_token)

    def log_out(self, principal: Principal) -> None:
        if principal.kind == "session":
            self.end_session(int(principal.key.partition(":")[2]))

    def change_own_password(
        self, principal: Principal, old: Secret, new: Secret, visitor: Visitor
    ) -> tuple[str, Principal]:
        """Ends all of the user's logins; returns a new one. NotLoggedIn (login_failed) for a wrong old password."""
        assert self._limits is not None, "start() first"  # noqa: S101
        if principal.user_id is None or principal.kind != "session":
            raise InvalidRequest("A password belongs to an account that is logged in.")
        kept = self._store.get(principal.user_id)
        with self._limits.one_try(visitor.address, name_key(kept.user.name)[:64]) as attempt:
            is_right = self._passwords.verify(kept.password_hash, old)
            if is_right:
                attempt.succeeded()
            else:
                attempt.failed()
        if is_right:
            check_password(new, field="new_password", known=(kept.user.name,))
            hashed = self._passwords.hash(new)
            changed = self._store.change_password(kept, hashed, self._clock.now_utc())
            if changed is not None:
                self._tell_ended(changed.ended)
                made = self._new_session(Kept(changed.user, hashed), visitor)
                if made is not None:
                    return made
        raise InvalidRequest.of_field("current_password", "that is not the current password")

    # ---- managing --------------------------------------------------------------------------------

    def users(self) -> list[User]:
        return self._store.users()

    def find_user(self, name: str) -> User | None:
        kept = self._store.find(name)
        return None if kept is None else kept.user

    def add_user(self, draft: UserDraft) -> User:
        """InvalidRequest names the field; Conflict (name_taken)."""
        return self._add(draft, only_first=False)

    def change_user(self, user_id: int, change: UserChange) -> User:
        """A new password, role, limit or disabling ends the user's logins. NotFound, Conflict (last_admin)."""
        before = self._store.get(user_id).user
        name = None if change.name is None else check_user_name(change.name)
        hashed = None
        if change.password is not None:
            check_password(change.password, known=(name or before.name,))
            hashed = self._passwords.hash(change.password)  # first: where no place is free, nothing is changed
        changed = self._store.change(
            user_id,
            self._clock.now_utc(),
            name=name,
            role=change.role,
            scope=change.scope,
            disabled=change.disabled,
            password_hash=hashed,
        )
        self._tell_ended(changed.ended)
        return changed.user

    def remove_user(self, user_id: int) -> None:
        """With logins and tokens. NotFound, Conflict (last_admin)."""
        keys = {f"token:{token_id}" for token_id in self._store.token_ids_of(user_id)}
        keys |= {f"session:{item.id}" for item in self._store.sessions() if item.user_id == user_id}
        self._store.remove(user_id)
        self._tell_ended(keys)

    def sessions(self) -> list[LoginSession]:
        """Who is logged in, the last seen first."""
        return [item for item in self._store.sessions() if not self._has_run_out(item)]

    def end_session(self, session_id: int) -> None:
        """NotFound."""
        self._store.end_session(session_id)
        self._tell_ended({f"session:{session_id}"})

    def tokens(self) -> list[ApiToken]:
        return self._store.tokens()

    def add_token(self, principal: Principal, draft: TokenDraft) -> tuple[str, ApiToken]:
        """The token itself, which nobody can read again, and what is kept of it.

        It can do no more than its owner, now and later, and makes no token itself: that one would outlive it.
        InvalidRequest names the field.
        """
        if principal.user_id is None or principal.kind != "session":
            raise InvalidRequest("A token is made by somebody who is logged in.")
        if draft.role is Role.ADMIN and draft.scope.is_limited:
            raise InvalidRequest.of_field("cameras", "an admin cannot be limited to cameras")
        if not draft.name.strip():
            raise InvalidRequest.of_field("name", "must not be empty")
        if draft.expires_at is not None and draft.expires_at <= self._clock.now_utc():
            raise InvalidRequest.of_field("expires_at", "a time to come")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        return token, self._store.add_token(token, principal.user_id, draft, self._clock.now_utc())

    def remove_token(self, token_id: int) -> None:
        """NotFound."""
        self._store.remove_token(token_id)
        self._tell_ended({f"token:{token_id}"})

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
        self._tell_ended(set())
        return user

    def _watch(self) -> None:
        while not self._is_stopping.wait(_REMEMBERED_S):
            try:
                self.end_what_is_over()
            except AppError as error:
                log.debug("whether logins have ended could not be read: %s", error.detail)

    def _tell_ended(self, keys: Iterable[str]) -> None:
        ended = frozenset(keys)
        self._forget_known(ended)
        for callback in self._ended if ended else ():
            try:
                callback(ended)
            except AppError as error:
                log.warning("what ran for an ended login could not be ended: %s", error.detail)

    def _forget_known(self, ended: frozenset[str]) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()
            for key in ended:
                self._seen_s.pop(key, None)

    def _new_session(
        self, kept: Kept, visitor: Visitor, *, rehashed: str | None = None
    ) -> tuple[str, Principal] | None:
        """None where password or account are no longer as they were read."""
        token, user = secrets.token_urlsafe(32), kept.user
        session_id = self._store.add_session(token, kept, visitor, self._clock.now_utc(), rehashed=rehashed)
        if session_id is None:
            return None
        return token, Principal("session", user.name, user.role, user.scope, user.id, f"session:{session_id}")

    def _principal(self, token: str, look_up: Callable[[str], Principal | None]) -> Principal | None:
        if not 20 <= len(token) <= _LONGEST_TOKEN or not token.isascii():
            return None
        now_s = self._clock.monotonic_s()
        with self._lock:
            known = self._known.get(token)
            changes = self._changes
        if known is not None and now_s - known[1] < _REMEMBERED_S:
            return known[0]
        principal = look_up(token)
        with self._lock:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            if principal is not None and changes == self._changes:  # else it was ended meanwhile
                self._known[token] = (principal, now_s)
            else:
                self._known.pop(token, None)
        return principal

    def _look_up_session(self, token: str) -> Principal | None:
        found = self._store.session_of(token)
        if found is None or found[1].disabled or self._has_run_out(found[0]):
            return None
        item, user = found
        key = f"session:{item.id}"
        self._note_seen(key, lambda: self._store.see_session(item.id, self._clock.now_utc()))
        return Principal("session", user.name, user.role, user.scope, user.id, key)

    def _look_up_token(self, token: str) -> Principal | None:
        found = self._store.token_of(token)
        if found is None or found[1].disabled:
            return None
        item, user = found
        if item.expires_at is not None and item.expires_at <= self._clock.now_utc():
            return None
        key = f"token:{item.id}"
        self._note_seen(key, lambda: self._store.see_token(item.id, self._clock.now_utc()))
        scope = item.scope.within(user.scope)
        return Principal("token", f"{user.name}/{item.name}", lesser(item.role, user.role), scope, user.id, key)

    def _forget_run_out(self) -> None:
        now = self._clock.now_utc()
        self._store.forget_sessions(seen_before=now - self._idle, made_before=now - self._longest)

    def _has_run_out(self, item: LoginSession) -> bool:
        now = self._clock.now_utc()
        return now - item.last_seen_at > self._idle or now - item.created_at > self._longest

    def _note_seen(self, key: str, write: Callable[[], None]) -> None:
        """Once a minute, and never in the way of the request: a full disk must not log everybody out."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if now_s - self._seen_s.get(key, -_SEEN_EVERY_S) < _SEEN_EVERY_S:
                return
            if len(self._seen_s) >= _MAX_REMEMBERED:
                self._seen_s.clear()
            self._seen_s[key] = now_s
        try:
            write()
        except AppError as error:
            log.warning("when a login was last seen could not be kept: %s", error.detail)


def check_user_name(name: str) -> str:
    """A user's name as it is kept. InvalidRequest."""
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise InvalidRequest.of_field("name", "from 1 to 64 characters")
    if not name.isprintable() or not name_key(name):
        raise InvalidRequest.of_field("name", "no control, direction or invisible characters")
    return name
