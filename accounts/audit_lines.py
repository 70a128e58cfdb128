"""Reads the audit log back, the newest lines first. It reads rotated files only as far as it must."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, BinaryIO

from core.clock import rfc3339

Line = Mapping[str, Any]


def newest_lines(handler: RotatingFileHandler, *, limit: int, before: datetime | None) -> list[Line]:
    """Return up to `limit` lines from before a time, the newest first, and all others of the last one's millisecond.

    So the time of the last line leads to the next page, and no line is left out between two pages.
    """
    latest = None if before is None else rfc3339(before)
    found: list[Line] = []
    with ExitStack() as opened:
        for line in _lines(_open_files(handler, opened)):
            time = str(line.get("time", ""))
            if latest is not None and time >= latest:
                continue
            if len(found) >= limit and time != found[-1]["time"]:
                break
            found.append(line)
    return found


def _open_files(handler: RotatingFileHandler, opened: ExitStack) -> list[BinaryIO]:
    """Open all files, the newest first, while no rotation can rename one."""
    names = [handler.baseFilename, *(f"{handler.baseFilename}.{at}" for at in range(1, handler.backupCount + 1))]
    handler.acquire()
    try:
        return [opened.enter_context(Path(name).open("rb")) for name in names if Path(name).is_file()]
    finally:
        handler.release()


def _lines(files: list[BinaryIO]) -> Iterator[Line]:
    for file in files:
        for text in reversed(file.read().splitlines()):
            try:
                line = json.loads(text)
            except ValueError:
                continue  # a full disk has cut it
            if isinstance(line, dict) and isinstance(line.get("time"), str):
                yield line
