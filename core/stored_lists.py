"""Lists that are kept as JSON text: read leniently, for our own older versions wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def read_list(text: str, read: Callable[[Any], _T]) -> tuple[_T, ...]:
    """What `read` makes of each item; one that it cannot read (AttributeError, LookupError, TypeError, ValueError)
    is left out, and text that is no list is an empty one."""
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
