"""Refuses work that no node may see half done: a new key, a copy of the database."""

from __future__ import annotations

from sqlalchemy import Float, literal_column, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import StartRefused
from tables.placement import NodeRow

_SLACK_S = 1.0


def refuse_living_nodes(session: Session, clock_s: str | None, clock: Clock) -> None:
    """Raise StartRefused if a node uses the database.

    `clock_s`: the SQL expression of the database's clock; without one, leases are of this machine's monotonic clock.
    """
    now_s = clock.monotonic_s() if clock_s is None else session.scalars(select(literal_column(clock_s, Float))).one()
    living = [row.name for row in session.scalars(select(NodeRow).order_by(NodeRow.name)) if is_living(row, now_s)]
    if living:
        raise StartRefused(
            f"These nodes use the database: {', '.join(living)}. Stop all nodes first; a killed one counts until its "
            "lease ends."
        )


def is_living(row: NodeRow, now_s: float) -> bool:
    """True while the lease runs. One that ends too far ahead is of a clock that has been set back since."""
    return now_s < row.expires <= now_s + row.lease_s + _SLACK_S
