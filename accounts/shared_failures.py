"""Failed logins that several nodes count together: in the database, by its clock.

Otherwise an attacker would have the tries of all nodes, by asking each in turn, or all at the same time.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time

from sqlalchemy import Float, delete, literal_column, or_, select
from sqlalchemy.orm import Session

from accounts.failures import Limit, Running, network_of, too_many_logins
from core.errors import StorageFull, Unavailable
from database import Database
from tables import FailedLoginRow, LoginSessionRow, UserRow

log = logging.getLogger(__name__)

_KEPT_S = 900.0  # the longest window


class SharedFailures:
    """Each attempt has a row for each of its limits from before the check of its password.

    A wrong password leaves the rows, and so does a node that dies during the check. Rows are deleted after 15 minutes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()  # never held while the database is asked
        self._running: set[int] = set()

    def begin(self, pair: Limit, others: tuple[Limit, ...]) -> Running:
        limits = (pair, *others)
        with self._database.read() as session:
            self._check(session, limits)  # many refused logins must not keep other writers waiting
        with self._database.write() as session:
            now_s = self._check(session, limits)
            session.execute(delete(FailedLoginRow).where(FailedLoginRow.at_s < now_s - _KEPT_S))
            rows = [FailedLoginRow(key=_key(limit), at_s=now_s) for limit in limits]
            session.add_all(rows)
            session.flush()
            ids = tuple(row.id for row in rows)
        with self._lock:
            self._running.update(ids)
        return Running(pair, others, ids)

    def end(self, running: Running, *, is_right: bool | None) -> None:
        with self._lock:
            self._running.difference_update(running.rows)
        if is_right is False:
            return
        own = FailedLoginRow.id.in_(running.rows)
        forgotten = or_(own, FailedLoginRow.key == _key(running.pair)) if is_right else own
        try:
            with self._database.write() as session:
                session.execute(delete(FailedLoginRow).where(forgotten))
        except (StorageFull, Unavailable) as error:  # the login itself is done
            log.warning("a login that did not fail counts as failed for 15 minutes: %s", error.detail)

    def knows(self, network: str, account: str) -> bool:
        with self._database.read() as session:
            addresses = session.scalars(
                select(LoginSessionRow.address)
                .join(UserRow, UserRow.id == LoginSessionRow.user_id)
                .where(UserRow.name_key == account)
                .distinct()
            )
            return any(network_of(address) == network for address in addresses)

    def _check(self, session: Session, limits: tuple[Limit, ...]) -> float:
        """Return the time of the database's clock. Raise LimitReached for a limit that is used up."""
        now_s = self._now_s(session)
        for limit in limits:
            began_s = now_s - limit.item.get_expiry()
            counted = (FailedLoginRow.key == _key(limit), FailedLoginRow.at_s > began_s)
            rows = session.execute(select(FailedLoginRow.id, FailedLoginRow.at_s).where(*counted)).all()
            if len(rows) < limit.item.amount:
                continue
            with self._lock:
                failed = [at_s for row_id, at_s in rows if row_id not in self._running]
            raise too_many_logins(min(failed) - began_s if len(failed) >= limit.item.amount else 0.0)
        return now_s

    def _now_s(self, session: Session) -> float:
        """Return the time of the database's clock; the processes of a file have one clock."""
        expression = self._database.dialect.clock_s
        if expression is None:
            return time.time()
        now_s: float = session.scalars(select(literal_column(expression, Float))).one()
        return now_s


def _key(limit: Limit) -> str:
    """Return a key of a fixed length. The database learns no name that a stranger has entered."""
    return hashlib.sha256(limit.key.encode(errors="surrogatepass")).hexdigest()
