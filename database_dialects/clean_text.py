"""Texts that every database can store."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy import Dialect
from sqlalchemy.types import String

_UNFIT = re.compile("[\0\ud800-\udfff]")  # PostgreSQL refuses NUL; UTF-8 has no lone surrogates


class CleanText(String):
    """A text parameter, for a dialect's `colspecs`. U+FFFD stands for each character that a database cannot hold."""

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        del dialect
        return _cleaned


def _cleaned(value: str | None) -> str | None:
    return None if value is None else _UNFIT.sub("\ufffd", value)
