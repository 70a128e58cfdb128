"""Counts what an app holds: threads, open files and sockets, and the entries of all containers of its objects."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.project_files import ROOT


def threads() -> int:
    return threading.active_count()


def files() -> int:
    """Return the number of open files and sockets of this process, without those of its databases.

    A pool of connections has a limit of its own, and grows when many threads ask at the same time.
    """
    return sum(".sqlite3" not in target for target in _targets())


def _targets() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder's own, which is closed already
            yield str(link.readlink())


def entries(root: object) -> int:
    """Return the number of entries in the dictionaries, lists and sets of the project's objects below `root`.

    A deque that limits itself is left out.
    """
    seen: set[int] = set()
    waiting: list[Any] = [root]
    count = 0
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            count += len(item)
            waiting += list(item.values())
        elif isinstance(item, deque) and item.maxlen is not None:
            continue
        elif isinstance(item, list | set | frozenset | tuple | deque):
            count += len(item)
            waiting += list(item)
        elif _is_own(type(item)):
            waiting += list(_attributes(item))
    return count


def _is_own(kind: type) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and Path(file).is_relative_to(ROOT) and ".venv" not in file


def _attributes(item: object) -> Iterator[object]:
    yield from getattr(item, "__dict__", {}).values()
    for kind in type(item).__mro__:
        slots = getattr(kind, "__slots__", ())
        yield from (getattr(item, name, None) for name in ([slots] if isinstance(slots, str) else slots))
