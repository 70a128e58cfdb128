"""Compiles each SQL statement once for each test process.

SQLAlchemy compiles a statement once for each engine: an eighth of the processor time of tests with a database, and
hundreds of tests open one. The text does not depend on the file, so engines can share it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Engine

import database


def shared_compiled_statements() -> AbstractContextManager[object]:
    """Let all engines share the first one's compiled statements, until the returned patch ends.

    The dialect is a part of the cache's keys, so they share that, too: it has no state of a file.
    """
    make_anew = database._make_engine
    first: list[Engine] = []

    def make_sharing(file: Path) -> Engine:
        made = make_anew(file)
        if first:
            made.dialect, made._compiled_cache = first[0].dialect, first[0]._compiled_cache
        else:
            first.append(made)
        return made

    return patch.object(database, "_make_engine", make_sharing)
