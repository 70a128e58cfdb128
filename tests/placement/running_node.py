"""The row of a node that runs, without its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.clock import SystemClock
from database import Database
from placement.records import NodeIdentity
from placement.store import NodeStore


@contextmanager
def running_node(database: Database, name: str, lease_s: float = 60.0) -> Iterator[None]:
    """Open the database, and have a living node in it until the end of the block."""
    database.open()
    node = NodeIdentity(name, "10.0.0.12:5001", lease_s=lease_s)
    store = NodeStore(database, SystemClock())
    store.join(node, "run", starts_s=0)
    try:
        yield
    finally:
        store.leave(node, "run", {}, is_done=True)
        database.close()
