"""What the account manager takes and gives. Frozen; no hash and no token among it, but the one just made."""

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
    """An account to make."""

    name: str
    password: Secret
    role: Role
    scope: Scope = field(default=EVERYTHING)


@dataclass(frozen=True, slots=True)
class UserChange:
    """What to change of an account; None stays as it is."""

    name: str | None = None
    password: Secret | None = None
    role: Role | None = None
    scope: Scope | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from: its address, and what its browser says it is (as text, cut)."""

    address: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class LoginSession:
    """Somebody who is logged in: who, from where, since when."""

    id: int
    user_id: int
    user_name: str
    created_at: datetime
    last_seen_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for a script. `expires_at` None: never."""

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
    """A token to make."""

    name: str
    role: Role
    scope: Scope
    expires_at: datetime | None
