"""The events that go on in the database, and the signs of life of the nodes that have begun them.

A process that ends without a stop leaves its events open. They end at its last sign of life.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.events import ClosedWhy
from events.log_query import to_ms
from tables import EventHeartbeatRow, EventRow


def write_alive(session: Session, node: str, now: datetime) -> None:
    """Store that a node is alive."""
    row = session.scalar(select(EventHeartbeatRow).where(EventHeartbeatRow.node == node))
    if row is None:
        last_id = session.scalar(select(func.max(EventHeartbeatRow.id))) or 0
        row = EventHeartbeatRow(id=last_id + 1, node=node)
        session.add(row)
    row.alive_ms = to_ms(now)


def end_open(session: Session, wanted: ColumnElement[bool], first_ms: int) -> int:
    """End the wanted open events at the last sign of life of their nodes. Return their number.

    `first_ms`: the mark of the first change; the marks of the others follow it.
    """
    alive_ms = {row.node: row.alive_ms for row in session.scalars(select(EventHeartbeatRow))}
    rows = list(session.scalars(select(EventRow).where(EventRow.end_ms.is_(None), wanted)))
    for place, row in enumerate(rows):
        row.end_ms = max(row.start_ms, alive_ms.get(row.node, row.arrived_ms))
        row.closed_why = ClosedWhy.MISSED.value
        row.changed_ms = first_ms + place
    return len(rows)
