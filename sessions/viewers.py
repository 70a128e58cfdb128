"""The viewers of a session, and the time since it had any."""

from __future__ import annotations

import secrets

MAX_COUNTED = 1000
UNNAMED = ""  # stands for all players that send no viewer id


class Viewers:
    """Not safe between threads. Times are monotonic seconds.

    A viewer counts for `idle_end_s` after its start and after each of its playlist fetches. All players without an id
    count as one viewer.
    """

    def __init__(self, *, now_s: float, idle_end_s: float, unwatched_end_s: float) -> None:
        self._idle_end_s = idle_end_s
        self._unwatched_end_s = unwatched_end_s
        self._seen: dict[str, float] = {}
        self._last_s = now_s
        self._was_watched = False

    def add(self, now_s: float, viewer_id: str | None = None) -> str:
        """Return the id of a new viewer: `viewer_id`, which may be UNNAMED, or a random one if it is None."""
        viewer_id = new_viewer_id() if viewer_id is None else viewer_id
        self._note(viewer_id, now_s)
        return viewer_id

    def watch(self, viewer_id: str | None, now_s: float) -> None:
        """A playlist was fetched. An unknown id counts as a viewer, too: it may be from an earlier session."""
        self._was_watched = True
        self._note(viewer_id or UNNAMED, now_s)

    def touch(self, viewer_id: str | None, now_s: float) -> None:
        """A segment was fetched. Players fetch segments without their id, so this adds no viewer."""
        self._was_watched = True
        self._last_s = now_s
        if viewer_id is not None and viewer_id in self._seen:
            self._seen[viewer_id] = now_s

    def leave(self, viewer_id: str, now_s: float) -> bool:
        """Remove a viewer, or all players without an id (UNNAMED). Return True if no viewer is left."""
        self._seen.pop(viewer_id, None)
        return self.count(now_s) == 0

    def count(self, now_s: float) -> int:
        for viewer_id in [key for key, seen_s in self._seen.items() if now_s - seen_s >= self._idle_end_s]:
            del self._seen[viewer_id]
        return len(self._seen)

    def is_over(self, now_s: float, *, is_complete: bool = False) -> bool:
        """True if the session may end by itself. `is_complete`: a player has nothing more to fetch."""
        limit_s = self._idle_end_s if self._was_watched and not is_complete else self._unwatched_end_s
        return now_s - self._last_s >= limit_s

    def _note(self, viewer_id: str, now_s: float) -> None:
        self._last_s = now_s
        if viewer_id in self._seen or len(self._seen) < MAX_COUNTED:
            self._seen[viewer_id] = now_s


def new_viewer_id() -> str:
    return secrets.token_urlsafe(12)
