"""Compiles each SQL statement once for each test process.

SQLAlchemy compiles a statement once for each engine: an eighth of the processor time of tests with a database, and
hundreds of tests open one. The text does not depend on the file, so engines can share it.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Engine

from database_dialects import postgresql, sqlite


def shared_compiled_statements() -> ExitStack:
    """Let all engines of a kind share the first one's compiled statements, until the returned patches end.

    The dialect is a part of the cache's keys, so they share that, too: it has no state of a file or of a database.
    """
    make_sqlite, make_postgres = sqlite._make_engine, postgresql.PostgresDialect._make_engine
    first: dict[str, Engine] = {}

    def sharing(made: Engine) -> Engine:
        one = first.setdefault(made.dialect.name, made)
        made.dialect, made._compiled_cache = one.dialect, one._compiled_cache
        return made

    def make_sharing_file(file: Path, patience_s: float | None = None) -> Engine:
        return sharing(make_sqlite(file, patience_s))

    def make_sharing_server(dialect: postgresql.PostgresDialect) -> Engine:
        return sharing(make_postgres(dialect))

    patches = ExitStack()
    patches.enter_context(patch.object(sqlite, "_make_engine", make_sharing_file))
    patches.enter_context(patch.object(postgresql.PostgresDialect, "_make_engine", make_sharing_server))
    return patches
