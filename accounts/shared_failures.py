"""Failed logins that several nodes count together: in the database, by its clock.

An attacker who asks each node in turn would otherwise have the tries of all nodes.
"""

from __future__ import annotations

import hashlib
import time

from limits import RateLimitItem
from limits.util import WindowStats
from sqlalchemy import Float, delete, func, literal_column, select
from sqlalchemy.orm import Session

from database import Database
from tables import FailedLoginRow

_KEPT_S = 900.0  # the longest window


class SharedFailures:
    """Has those methods of `limits.strategies.MovingWindowRateLimiter` that LoginLimits calls.

    Rows are deleted after 15 minutes. There are few: each one costs the hash of a password.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def hit(self, item: RateLimitItem, *identifiers: str) -> bool:
        """Count a failure. Always true: LoginLimits has checked the limit before the password."""
        with self._database.write() as session:
            now_s = self._now_s(session)
            session.execute(delete(FailedLoginRow).where(FailedLoginRow.at_s < now_s - _KEPT_S))
            session.add(FailedLoginRow(key=_key(item, identifiers), at_s=now_s))
        return True

    def clear(self, item: RateLimitItem, *identifiers: str) -> None:
        """Forget the failures of this key."""
        with self._database.write() as session:
            session.execute(delete(FailedLoginRow).where(FailedLoginRow.key == _key(item, identifiers)))

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        """Return when the oldest failure of the window ends, by this machine's clock, and how many more may follow."""
        with self._database.read() as session:
            now_s = self._now_s(session)
            began_s = now_s - item.get_expiry()
            counted = (FailedLoginRow.key == _key(item, identifiers), FailedLoginRow.at_s > began_s)
            number, oldest_s = session.execute(
                select(func.count(), func.min(FailedLoginRow.at_s)).where(*counted)
            ).one()
        ends_in_s = 0.0 if oldest_s is None else oldest_s - began_s
        return WindowStats(time.time() + ends_in_s, item.amount - number)

    def _now_s(self, session: Session) -> float:
        """Return the time of the database's clock; the processes of a file have one clock."""
        expression = self._database.dialect.clock_s
        if expression is None:
            return time.time()
        now_s: float = session.scalars(select(literal_column(expression, Float))).one()
        return now_s


def _key(item: RateLimitItem, identifiers: tuple[str, ...]) -> str:
    """Return a key of a fixed length. The database learns no name that a stranger has entered."""
    return hashlib.sha256(item.key_for(*identifiers).encode(errors="surrogatepass")).hexdigest()
