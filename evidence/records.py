"""Records of cases and their evidence packages. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.records import Problem


class PackageState(StrEnum):
    """`none` also after a change of the case, which deletes its package."""

    NONE = "none"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Package:
    """An evidence package. `etag` identifies its content. `made_by`: name of the user in it.

    `done_bytes`: progress while it is made.
    """

    state: PackageState = PackageState.NONE
    made_by: str = ""
    made_at: datetime | None = None
    size_bytes: int = 0
    etag: str = ""
    problem: Problem | None = None
    done_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """Exports under one name. `user_id` and `owner` name its user; `user_id` is None without accounts."""

    id: int
    user_id: int | None
    owner: str
    name: str
    notes: str
    created_at: datetime
    export_ids: tuple[int, ...] = ()
    package: Package = field(default_factory=Package)


@dataclass(frozen=True, slots=True)
class KeyView:
    """The public part of the installation's key. `public_key`: PEM. `fingerprint`: SHA-256 of the key, `3A:0F:...`."""

    installation_id: str
    fingerprint: str
    public_key: str
