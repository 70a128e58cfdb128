"""The audit log: who did what, when and from where, one JSON object a line, in DATA_DIR/logs/audit.jsonl.

Fields: `time` (RFC 3339, UTC), `who`, `kind` (local, session, token; nobody for who logs in), `from` (address),
`action`, `outcome` ("ok", or an error's code), and what it was done to (`camera_id`, `user`, ...). No secret is ever
among them. What strangers fail at is in a file of its own, strangers.jsonl, which is all that they can fill.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Hashable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from core.clock import Clock, rfc3339

log = logging.getLogger(__name__)

AUDIT_FILE = "audit.jsonl"
STRANGERS_FILE = "strangers.jsonl"
_MAX_BYTES = 5_000_000
_KEPT_FILES = 9
_KEPT_FILES_OF_STRANGERS = 1
_MINUTE_S = 60.0
_STRANGERS_A_MINUTE = 30
_MOST_SELDOM = 2000


class AuditLog:
    """Appends lines. A full disk loses lines, not requests."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._handler: RotatingFileHandler | None = None
        self._strangers: RotatingFileHandler | None = None
        self._lock = threading.Lock()
        self._minute_began_s = -_MINUTE_S
        self._told = self._left_out = 0  # of strangers, in this minute
        self._seldom: dict[Hashable, tuple[float, int]] = {}  # when it was told, and how often it has come since

    def start(self) -> None:
        if self._handler is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handler = self._file(AUDIT_FILE, _KEPT_FILES)
            self._strangers = self._file(STRANGERS_FILE, _KEPT_FILES_OF_STRANGERS)
        except OSError as error:
            log.warning("no audit log: %s", error.strerror)

    def stop(self) -> None:
        with self._lock:
            self._tell_left_out()
        handlers = self._handler, self._strangers
        self._handler = self._strangers = None
        for handler in handlers:
            if handler is not None:
                handler.close()

    def write(self, action: str, *, who: str, kind: str, address: str, outcome: str = "ok", **about: object) -> None:
        """One line; what is None is left out. Of strangers' failures only some a minute, and how many there were."""
        if kind == "nobody" and outcome != "ok" and not self._tells_of_stranger():
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
        _append(self._strangers if kind == "nobody" and outcome != "ok" else self._handler, line)

    def write_seldom(
        self,
        action: str,
        *,
        who: str,
        kind: str,
        address: str,
        outcome: str,
        camera_id: int | None,
        stream_id: str | None = None,
        **about: object,
    ) -> None:
        """For what comes again and again: once a minute for each person, action and outcome, and camera and stream if
        it is ok.

        (What was refused may name as many cameras as there are numbers.) `left_out` is how many lines there would
        have been since the last one.
        """
        now_s = self._clock.monotonic_s()
        key = (who, kind, action, outcome, *((camera_id, stream_id) if outcome == "ok" else ()))
        with self._lock:
            told_s, since = self._seldom.get(key, (-_MINUTE_S, 0))
            if now_s - told_s < _MINUTE_S:
                self._seldom[key] = (told_s, since + 1)
                return
            if len(self._seldom) >= _MOST_SELDOM:
                self._seldom.clear()
            self._seldom[key] = (now_s, 0)
        left_out = since or None
        self.write(
            action,
            who=who,
            kind=kind,
            address=address,
            outcome=outcome,
            camera_id=camera_id,
            **about,
            stream_id=stream_id,
            left_out=left_out,
        )

    def _tells_of_stranger(self) -> bool:
        with self._lock:
            now_s = self._clock.monotonic_s()
            if now_s - self._minute_began_s >= _MINUTE_S:
                self._tell_left_out()
                self._minute_began_s, self._told = now_s, 0
            if self._told < _STRANGERS_A_MINUTE:
                self._told += 1
                return True
            self._left_out += 1
            return False

    def _tell_left_out(self) -> None:
        """With the lock held."""
        if self._left_out:
            now = rfc3339(self._clock.now_utc())
            _append(self._strangers, {"time": now, "action": "left_out", "count": self._left_out})
            self._left_out = 0

    def _file(self, name: str, kept: int) -> RotatingFileHandler:
        return RotatingFileHandler(self._folder / name, maxBytes=_MAX_BYTES, backupCount=kept, encoding="utf-8")


def _append(handler: RotatingFileHandler | None, line: dict[str, object]) -> None:
    """Nowhere where the log is not open."""
    if handler is not None:
        text = json.dumps(line, ensure_ascii=True)
        handler.handle(logging.makeLogRecord({"msg": text, "args": None, "levelno": logging.INFO}))
