"""Records of the account manager: frozen, without hashes and tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from core.access import EVERYTHING, Role, Scope
from core.secrets import Secret


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: int
    name: str
    role: Role
    scope: Scope
    disabled: bool
    created_at: datetime
    password_changed_at: datetime


@dataclass(frozen=True, slots=True)
class UserDraft:
    """An account to create."""

    name: str
    password: Secret
    role: Role
    scope: Scope = field(default=EVERYTHING)


@dataclass(frozen=True, slots=True)
class UserChange:
    """New values for an account; None keeps the present value."""

    name: str | None = None
    password: Secret | None = None
    role: Role | None = None
    scope: Scope | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Address of a request's client, and its User-Agent, printable and cut."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A login of a user in one browser."""

    id: int
    user_id: int
    user_name: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for a script. `expires_at` None: it never expires."""

    id: int
    name: str
    user_id: int
    user_name: str
    role: Role
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenDraft:
    """A token to create."""

    name: str
    role: Role
    scope: Scope
    expires_at: datetime | None
