"""The log of deliveries in the database. It is also the queue that survives a restart."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, and_, delete, insert, or_, select, update

from core.access import Scope
from core.errors import Unavailable
from core.events import EventKind
from database import Database
from events.log_query import from_ms, to_ms
from notifications.records import Delivery, DeliveryState, Outcome
from notifications.sinks import SinkKind
from tables import DeliveryRow

MOST_ROWS = 20_000
_IDS_AT_ONCE = 500
_MOST_UNSURE = 1000
_UNSURE_AT_ONCE = 100
_TABLE = cast(Table, DeliveryRow.__table__)


class DeliveryStore:
    """Each call is one transaction and may wait for the disk. `node`: the name of this node, "" for a single process.

    A delivery belongs to one node, which sends it.
    """

    def __init__(self, database: Database, node: str = "") -> None:
        self._database = database
        self._node = node
        self._lock = threading.Lock()
        self._unsure: list[Delivery] = []  # the database was lost while it wrote them, and may have stored them

    def add(self, deliveries: Sequence[Delivery]) -> list[int]:
        """Store new deliveries, and return their ids in this order. After a failure, drop_unsure() is needed."""
        if not deliveries:
            return []
        try:
            with self._database.write() as session:
                inserted = insert(DeliveryRow).returning(DeliveryRow.id, sort_by_parameter_order=True)
                return list(session.scalars(inserted, [{**_values(item), "node": self._node} for item in deliveries]))
        except Unavailable:
            with self._lock:
                self._unsure = [*self._unsure, *deliveries][-_MOST_UNSURE:]
            raise

    def drop_unsure(self) -> None:
        """Delete the rows of deliveries whose add() failed although the database has stored them.

        The queues have them without an id, so nothing would end these rows, and a restart would send them again.
        """
        with self._lock:
            unsure, self._unsure = self._unsure, []
        try:
            while unsure:
                is_one = or_(*(_is_row_of(item) for item in unsure[:_UNSURE_AT_ONCE]))
                with self._database.write() as session:
                    session.execute(delete(DeliveryRow).where(*self._waits_here(), is_one))
                unsure = unsure[_UNSURE_AT_ONCE:]
        finally:
            with self._lock:
                self._unsure = [*unsure, *self._unsure]

    def finish(self, ids: Sequence[int], outcome: Outcome, now: datetime) -> None:
        """Store the outcome of deliveries of this node that are waiting."""
        values = {
            "state": outcome.state.value,
            "tries": outcome.tries,
            "code": outcome.code[:32],
            "detail": outcome.detail[:300],
            "changed_ms": to_ms(now),
        }
        for place in range(0, len(ids), _IDS_AT_ONCE):
            chunk = ids[place : place + _IDS_AT_ONCE]
            with self._database.write() as session:
                session.execute(update(_TABLE).where(_TABLE.c.id.in_(chunk), *self._waits_here()).values(**values))

    def waiting(self) -> list[Delivery]:
        """Return the deliveries of this node that wait, the oldest first. A single process has those of all nodes."""
        wanted = select(DeliveryRow).where(*self._waits_here()).order_by(DeliveryRow.id)
        with self._database.read() as session:
            return [_delivery(row) for row in session.scalars(wanted)]

    def take_over(self, living: Collection[str]) -> list[Delivery]:
        """Take the waiting deliveries of nodes that are not `living`, and return them, the oldest first."""
        is_of_dead = _TABLE.c.node.not_in({*living, self._node})
        taken = update(_TABLE).where(_TABLE.c.state == DeliveryState.WAITING.value, is_of_dead)
        with self._database.write() as session:
            ids = session.scalars(taken.values(node=self._node).returning(_TABLE.c.id)).all()
            rows = session.scalars(select(DeliveryRow).where(DeliveryRow.id.in_(ids)).order_by(DeliveryRow.id))
            return [_delivery(row) for row in rows]

    def is_taken(self, delivery_id: int) -> bool:
        """True if another node sends this delivery, or has finished it. Without other nodes always False."""
        if not self._node:
            return False
        with self._database.read() as session:
            return session.scalar(select(_TABLE.c.id).where(_TABLE.c.id == delivery_id, *self._waits_here())) is None

    def _waits_here(self) -> list[ColumnElement[bool]]:
        is_waiting = _TABLE.c.state == DeliveryState.WAITING.value
        return [is_waiting, _TABLE.c.node == self._node] if self._node else [is_waiting]

    def page(
        self, scope: Scope, *, user_id: int | None, sees_all: bool, limit: int, cursor: int | None
    ) -> tuple[list[Delivery], int | None]:
        """Return deliveries, the newest first, and the cursor of the next page.

        `sees_all`: also those of other users. A limited scope leaves out other cameras and channels.
        """
        wanted: list[ColumnElement[bool]] = []
        if not sees_all:
            wanted.append(DeliveryRow.user_id.is_(None) if user_id is None else DeliveryRow.user_id == user_id)
        if cursor is not None:
            wanted.append(DeliveryRow.id < cursor)
        found: list[Delivery] = []
        rows = select(DeliveryRow).where(*wanted).order_by(DeliveryRow.id.desc()).execution_options(yield_per=200)
        with self._database.read() as session, closing(session.scalars(rows)) as read:
            for row in read:
                if not _is_in(scope, row):
                    continue
                if len(found) == limit:
                    return found, found[-1].id
                found.append(_delivery(row))
        return found, None

    def prune(self, now: datetime, keep: timedelta) -> None:
        """Delete old deliveries, and those beyond MOST_ROWS."""
        with self._database.read() as session:
            newest = select(DeliveryRow.id).order_by(DeliveryRow.id.desc()).offset(MOST_ROWS).limit(1)
            last = session.scalar(newest) or 0
        with self._database.write() as session:
            is_old = (DeliveryRow.time_ms < to_ms(now - keep)) | (DeliveryRow.id <= last)
            session.execute(delete(DeliveryRow).where(is_old, DeliveryRow.state != DeliveryState.WAITING.value))


def _is_in(scope: Scope, row: DeliveryRow) -> bool:
    if not row.camera_id:
        return not scope.is_limited
    return scope.has_camera(row.camera_id) and (row.channel is None or scope.has_channel(row.camera_id, row.channel))


def _is_row_of(item: Delivery) -> ColumnElement[bool]:
    return and_(
        DeliveryRow.time_ms == to_ms(item.time),
        DeliveryRow.rule_id == item.rule_id,
        DeliveryRow.sink_id == item.sink_id,
        DeliveryRow.event_id == item.event_id,
    )


def _values(item: Delivery) -> dict[str, Any]:
    return {
        "time_ms": to_ms(item.time),
        "changed_ms": to_ms(item.time),
        "rule_id": item.rule_id,
        "rule_name": item.rule_name,
        "user_id": item.user_id,
        "sink_id": item.sink_id,
        "sink_name": item.sink_name,
        "sink_kind": item.sink_kind.value,
        "event_id": item.event_id,
        "event_kind": item.event_kind.value,
        "camera_id": item.camera_id or 0,
        "channel": item.channel,
        "is_alert_again": item.is_alert_again,
        "state": item.state.value,
        "tries": item.tries,
        "code": item.code[:32],
        "detail": item.detail[:300],
    }


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        time=from_ms(row.time_ms),
        rule_id=row.rule_id,
        rule_name=row.rule_name,
        user_id=row.user_id,
        sink_id=row.sink_id,
        sink_name=row.sink_name,
        sink_kind=SinkKind(row.sink_kind),
        event_id=row.event_id,
        event_kind=EventKind(row.event_kind),
        camera_id=row.camera_id or None,
        channel=row.channel,
        is_alert_again=row.is_alert_again,
        state=DeliveryState(row.state),
        tries=row.tries,
        code=row.code,
        detail=row.detail,
        id=row.id,
        changed_at=from_ms(row.changed_ms),
    )
