"""A database whose calls hang when a test says so, as those to a PostgreSQL behind a cut network do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import Unavailable
from database import Database
from tests.patience import LIMIT_S, until


class LostDatabase:
    """Hangs the calls of a database between lose() and find(); they fail after that."""

    def __init__(self, database: Database) -> None:
        self._database: Any = database
        self._is_there = threading.Event()
        self._is_there.set()
        self.hanging = 0
        for name in ("read", "write"):
            setattr(self._database, name, self._hanging(getattr(database, name)))

    def lose(self) -> None:
        self._is_there.clear()

    def find(self) -> None:
        self._is_there.set()

    def wait_hanging(self, calls: int = 1) -> None:
        """Wait until so many calls hang."""
        until(lambda: self.hanging >= calls, what="calls that hang")

    def _hanging(self, use: Any) -> Any:
        @contextmanager
        def session() -> Iterator[Any]:
            if not self._is_there.is_set():
                self.hanging += 1
                self._is_there.wait(LIMIT_S)
                raise Unavailable("The database does not answer.")
            with use() as opened:
                yield opened

        return session
