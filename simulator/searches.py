"""Searches that a client has begun: it fetches their results page by page, and they end when it no longer does."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Generic, TypeVar

MAX_SEARCHES = 8
_MAX_LIFE_S = 600.0
Result = TypeVar("Result")


@dataclass
class Search(Generic[Result]):
    """`kind`: the operation that began it. `results`: those that the client has not fetched yet."""

    kind: str
    results: list[Result]
    life_s: float
    ends_s: float

    def take(self, limit: int) -> list[Result]:
        """Return the next results, at most `limit`, and keep the search alive."""
        self.ends_s = time.monotonic() + self.life_s
        taken, self.results = self.results[:limit], self.results[limit:]
        return taken


class Searches:
    """The searches of the recorder; there may be only a few at a time."""

    def __init__(self) -> None:
        self._searches: dict[str, Search[object]] = {}

    def begin(self, kind: str, results: list[object], keep_alive_s: float) -> str | None:
        """Return a new search's token, None if there are too many searches."""
        now = time.monotonic()
        self._searches = {token: search for token, search in self._searches.items() if search.ends_s > now}
        if len(self._searches) >= MAX_SEARCHES:
            return None
        life = min(max(keep_alive_s, 1.0), _MAX_LIFE_S)
        token = secrets.token_hex(6)
        self._searches[token] = Search(kind, results, life, now + life)
        return token

    def find(self, token: str, kind: str | None = None) -> Search[object] | None:
        """A search by its token, and by its kind if that is given; None if it has ended or never existed."""
        search = self._searches.get(token)
        if search is None or search.ends_s <= time.monotonic() or (kind and search.kind != kind):
            return None
        return search

    def end(self, token: str) -> None:
        self._searches.pop(token, None)

    def forget(self) -> None:
        """Drop all searches, as a reboot does."""
        self._searches.clear()
