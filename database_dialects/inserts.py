"""INSERT statements with a rule for rows that exist already. SQLAlchemy has them for each engine only."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_of(session: Session, table: Any) -> sqlite.Insert | postgresql.Insert:
    """Return the INSERT of the session's engine for a table."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)
