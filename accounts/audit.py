"""The audit log: who did what, when and from where, one JSON object a line, in DATA_DIR/logs/audit.jsonl.

Fields: `time` (RFC 3339, UTC), `who`, `kind` (local, session, token), `from` (address), `action`, `outcome`
("ok", or an error's code), and what it was done to (`camera_id`, `user`, ...). No secret is ever among them.
"""

from __future__ import annotations

import json
import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from core.clock import Clock, rfc3339

log = logging.getLogger(__name__)

AUDIT_FILE = "audit.jsonl"
_MAX_BYTES = 5_000_000
_KEPT_FILES = 9


class AuditLog:
    """Appends lines. A full disk loses lines, not requests."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._handler: RotatingFileHandler | None = None

    def start(self) -> None:
        if self._handler is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handler = RotatingFileHandler(
                self._folder / AUDIT_FILE, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8"
            )
        except OSError as error:
            log.warning("no audit log: %s", error.strerror)

    def stop(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.close()

    def write(self, action: str, *, who: str, kind: str, address: str, outcome: str = "ok", **about: object) -> None:
        """One line; what is None is left out."""
        if self._handler is None:
            return
        line = {
            "time": rfc3339(self._clock.now_utc()),
            "who": who,
            "kind": kind,
            "from": address,
            "action": action,
            "outcome": outcome,
            **{name: value for name, value in about.items() if value is not None},
        }
        text = json.dumps(line, ensure_ascii=True)
        self._handler.handle(logging.makeLogRecord({"msg": text, "args": None, "levelno": logging.INFO}))
