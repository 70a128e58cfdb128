"""Who watches a session, and when nobody does."""

from __future__ import annotations

import secrets

MAX_COUNTED = 1000
UNNAMED = ""  # a player that does not name itself


class Viewers:
    """Plain bookkeeping; times are monotonic seconds. Not safe between threads.

    A viewer counts from its start for `idle_end_s`, and again from each of its playlist fetches.
    A player that does not name itself counts too; several of them count as one.
    """

    def __init__(self, *, now_s: float, idle_end_s: float, unwatched_end_s: float) -> None:
        self._idle_end_s = idle_end_s
        self._unwatched_end_s = unwatched_end_s
        self._seen: dict[str, float] = {}
        self._last_s = now_s
        self._was_watched = False

    def add(self, now_s: float) -> str:
        """A new viewer's id."""
        viewer_id = secrets.token_urlsafe(12)
        self._see(viewer_id, now_s)
        return viewer_id

    def watch(self, viewer_id: str | None, now_s: float) -> None:
        """A playlist was fetched. An id of an earlier session under this name counts as well."""
        self._was_watched = True
        self._see(viewer_id or UNNAMED, now_s)

    def touch(self, viewer_id: str | None, now_s: float) -> None:
        """A segment was fetched. Segments are asked for without a name, so that counts nobody new."""
        self._was_watched = True
        self._last_s = now_s
        if viewer_id is not None and viewer_id in self._seen:
            self._seen[viewer_id] = now_s

    def leave(self, viewer_id: str, now_s: float) -> bool:
        """That viewer is gone, or all without a name (UNNAMED); True when nobody is left."""
        self._seen.pop(viewer_id, None)
        return self.count(now_s) == 0

    def count(self, now_s: float) -> int:
        for viewer_id in [key for key, seen_s in self._seen.items() if now_s - seen_s >= self._idle_end_s]:
            del self._seen[viewer_id]
        return len(self._seen)

    def is_over(self, now_s: float, *, is_complete: bool = False) -> bool:
        """True once the session may end by itself. `is_complete`: nothing is left that a player would fetch."""
        limit_s = self._idle_end_s if self._was_watched and not is_complete else self._unwatched_end_s
        return now_s - self._last_s >= limit_s

    def _see(self, viewer_id: str, now_s: float) -> None:
        self._last_s = now_s
        if viewer_id in self._seen or len(self._seen) < MAX_COUNTED:
            self._seen[viewer_id] = now_s
