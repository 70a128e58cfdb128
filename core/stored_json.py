"""Lists from stored JSON. Reading is lenient, because older versions of the app may have written them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


def read_items(stored: Any, read: Callable[[Any], _T]) -> tuple[_T, ...]:
    """Return `read(item)` for each item of a list, and () if `stored` is no list.

    An item for which `read` raises AttributeError, LookupError, TypeError or ValueError is left out.
    """
    found: list[_T] = []
    for item in stored if isinstance(stored, list) else ():
        try:
            found.append(read(item))
        except (AttributeError, LookupError, TypeError, ValueError):
            continue
    return tuple(found)
