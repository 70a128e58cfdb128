"""The named layouts of the wall, and whose they are.

A user sees their own, and those that were made while there were no accounts: everybody's to see, and, once there are
accounts, the admin's to change. Another user's does not exist for them.
"""

from __future__ import annotations

from core.access import Permission, Principal
from core.errors import Forbidden, InvalidRequest
from database import Database
from walls.records import LAYOUTS, Wall, WallChange, WallDraft
from walls.store import WallStore


class WallManager:
    """Needs an open database. Safe between threads; every call may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._store = WallStore(database)

    def walls(self, who: Principal) -> list[Wall]:
        """All that who asks may see, by name."""
        return self._store.seen_by(who.user_id)

    def get(self, who: Principal, wall_id: int) -> Wall:
        """NotFound also for another user's."""
        return self._store.get(wall_id, who.user_id)

    def add(self, who: Principal, draft: WallDraft) -> Wall:
        """InvalidRequest names the field; Conflict (wall_name_taken, too_many_walls)."""
        _check(draft)
        return self._store.add(who.user_id, draft)

    def change(self, who: Principal, wall_id: int, change: WallChange) -> Wall:
        """InvalidRequest names the field; NotFound, Forbidden, Conflict (wall_name_taken)."""

        def check(before: Wall, draft: WallDraft) -> None:
            _refuse_others(who, before)
            _check(draft)

        return self._store.change(wall_id, who.user_id, change, check=check)

    def remove(self, who: Principal, wall_id: int) -> None:
        """NotFound, Forbidden."""
        self._store.remove(wall_id, who.user_id, check=lambda wall: _refuse_others(who, wall))


def may_change(who: Principal, wall: Wall) -> bool:
    """Whether a layout that somebody sees is theirs to change."""
    return wall.user_id == who.user_id or who.may(Permission.MANAGE)


def _refuse_others(who: Principal, wall: Wall) -> None:
    if not may_change(who, wall):
        raise Forbidden("This layout is everybody's: an admin may change it.")


def _check(draft: WallDraft) -> None:
    if draft.layout not in LAYOUTS:
        raise InvalidRequest.of_field("layout", f"one of {', '.join(map(str, LAYOUTS))}")
    if len(draft.tiles) > draft.layout:
        raise InvalidRequest.of_field("tiles", f"this layout has room for {draft.layout}")
