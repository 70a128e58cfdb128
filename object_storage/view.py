"""Records of the object storage for pages and the API. Times are true UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from object_storage.problems import StorageState


@dataclass(frozen=True, slots=True)
class WaitingFiles:
    """The finished files of a node that have no copy yet. `oldest`: the beginning of the oldest one."""

    node: str
    files: int
    size_bytes: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class StoredCopies:
    """All copies; `only_*` are those whose file is on no disk any more."""

    files: int
    size_bytes: int
    only_files: int
    only_bytes: int


@dataclass(frozen=True, slots=True)
class LastError:
    """The last failure of this process. `detail` is for people."""

    state: StorageState
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ObjectStorageView:
    """The object storage as this process sees it. `state`: that of its last request.

    `last_copy_at`: the end of the last upload since the start; None if there was none. `days`: as OBJECT_STORAGE_DAYS.
    """

    url: str
    state: StorageState
    detail: str
    waiting: tuple[WaitingFiles, ...]
    copies: StoredCopies
    last_copy_at: datetime | None
    last_error: LastError | None
    days: float
