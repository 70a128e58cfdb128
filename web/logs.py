"""Logging: short lines to the terminal, lines with tracebacks to DATA_DIR/logs/app.log.

Requests are not logged. Text that looks like a credential in a URL is hidden in both.
"""

from __future__ import annotations

import logging
import re
import sys
from logging.handlers import RotatingFileHandler

from core.settings import Settings

_CREDENTIAL = re.compile(r"(?<=://)[^/@\s'\"]+@")
_MAX_BYTES = 2_000_000
_KEPT_FILES = 3


class _Short(logging.Formatter):
    """One line per record, without the traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line = _CREDENTIAL.sub("(hidden)@", f"{self.formatMessage(_with_message(self, record))}")
        if record.exc_info and record.exc_info[0] is not None:
            line += f" ({record.exc_info[0].__name__}; details in logs/app.log)"
        return line.replace("\n", " ")


class _Whole(logging.Formatter):
    """The whole record, with its traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return _CREDENTIAL.sub("(hidden)@", super().format(record))


def _with_message(formatter: logging.Formatter, record: logging.LogRecord) -> logging.LogRecord:
    record.message = record.getMessage()
    record.asctime = formatter.formatTime(record, formatter.datefmt)
    return record


def start_logging(settings: Settings) -> None:
    """Set up the root logger, once per process. If the disk is full, lines are lost, but the app runs."""
    logging.raiseExceptions = False
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(settings.log_level)
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_Short())
    root.addHandler(terminal)
    folder = settings.data_dir / "logs"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = RotatingFileHandler(
            folder / "app.log",
            maxBytes=_MAX_BYTES,
            backupCount=_KEPT_FILES,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError as error:
        root.warning("no log file: %s", error.strerror)
    else:
        file.setFormatter(_Whole())
        root.addHandler(file)
    # These write a line per request or query; only their warnings are useful.
    for name in ("zeep", "urllib3", "sqlalchemy", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
