"""The parts that the upload and the expiry of copies share."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock
from object_storage.bucket import Bucket
from object_storage.copies import CopyStore
from object_storage.health import StorageHealth


@dataclass(frozen=True, slots=True)
class StorageParts:
    bucket: Bucket
    copies: CopyStore
    health: StorageHealth
    clock: Clock
