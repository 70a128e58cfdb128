"""Lists stored as JSON text. Reading is lenient, because older versions of the app may have written them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def read_list(text: str, read: Callable[[Any], _T]) -> tuple[_T, ...]:
    """Return `read(item)` for each item of a JSON list; leave out items for which `read` raises AttributeError,
    LookupError, TypeError or ValueError. Return () if the text is not a JSON list."""
    try:
        items = json.loads(text)
    except ValueError:
        return ()
    found: list[_T] = []
    for item in items if isinstance(items, list) else ():
        try:
            found.append(read(item))
        except (AttributeError, LookupError, TypeError, ValueError):
            continue
    return tuple(found)
