"""The audit log: actions of users and scripts, one JSON object per line, in DATA_DIR/logs/audit.jsonl.

Fields: `time` (RFC 3339, UTC), `who` (name), `kind` (local, session, token; nobody: not logged in), `from` (address),
`action`, `outcome` ("ok" or an error code), and the object of the action (`camera_id`, `user`, ...). No line holds a
secret. Failed requests without a login go to strangers.jsonl, so that they cannot push other lines out.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Hashable
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from accounts.audit_lines import Line, newest_lines
from core.clock import Clock, rfc3339

log = logging.getLogger(__name__)

AUDIT_FILE = "audit.jsonl"
STRANGERS_FILE = "strangers.jsonl"
_MAX_BYTES = 5_000_000
_KEPT_FILES = 9
_KEPT_FILES_OF_STRANGERS = 1
_MINUTE_S = 60.0
_STRANGERS_PER_MINUTE = 30
_MAX_SELDOM = 2000


class AuditLog:
    """Appends lines. If the disk is full, lines are lost, but requests succeed. Safe between threads."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._handler: RotatingFileHandler | None = None
        self._strangers: RotatingFileHandler | None = None
        self._lock = threading.Lock()
        self._minute_began_s = -_MINUTE_S
        self._written = self._left_out = 0  # lines about strangers in this minute
        self._seldom: dict[Hashable, tuple[float, int]] = {}  # (time of the last line, lines left out since)

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
            self._write_left_out()
        handlers = self._handler, self._strangers
        self._handler = self._strangers = None
        for handler in handlers:
            if handler is not None:
                handler.close()

    def newest(self, *, limit: int, before: datetime | None = None, are_strangers: bool = False) -> list[Line]:
        """Return the newest lines, about users or about strangers. See audit_lines.newest_lines."""
        handler = self._strangers if are_strangers else self._handler
        return [] if handler is None else newest_lines(handler, limit=limit, before=before)

    def write(self, action: str, *, who: str, kind: str, address: str, outcome: str = "ok", **about: object) -> None:
        """Write a line without the fields that are None.

        Beyond _STRANGERS_PER_MINUTE, failures of strangers are only counted.
        """
        if kind == "nobody" and outcome != "ok" and not self._may_write_stranger():
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
        channel: object = None,
        stream_id: str | None = None,
        every_s: float = _MINUTE_S,
        **about: object,
    ) -> None:
        """Write a line about a frequent action, at most once in `every_s` for the same sender, action and outcome.

        Successes are distinguished by camera, channel, stream, exported file and case, too; refusals are not, because a
        refused request can name any camera id. `left_out` in the line counts the lines that were left out since the
        last one.
        """
        now_s = self._clock.monotonic_s()
        objects = (camera_id, channel, stream_id, about.get("export_id"), about.get("file"), about.get("case_id"))
        key = (who, kind, action, outcome, *(objects if outcome == "ok" else ()))
        with self._lock:
            written_s, since = self._seldom.get(key, (-every_s, 0))
            if now_s - written_s < every_s:
                self._seldom[key] = (written_s, since + 1)
                return
            if len(self._seldom) >= _MAX_SELDOM:
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
            channel=channel,
            **about,
            stream_id=stream_id,
            left_out=left_out,
        )

    def _may_write_stranger(self) -> bool:
        with self._lock:
            now_s = self._clock.monotonic_s()
            if now_s - self._minute_began_s >= _MINUTE_S:
                self._write_left_out()
                self._minute_began_s, self._written = now_s, 0
            if self._written < _STRANGERS_PER_MINUTE:
                self._written += 1
                return True
            self._left_out += 1
            return False

    def _write_left_out(self) -> None:
        """Call it with the lock held."""
        if self._left_out:
            now = rfc3339(self._clock.now_utc())
            _append(self._strangers, {"time": now, "action": "left_out", "count": self._left_out})
            self._left_out = 0

    def _file(self, name: str, backups: int) -> RotatingFileHandler:
        return RotatingFileHandler(self._folder / name, maxBytes=_MAX_BYTES, backupCount=backups, encoding="utf-8")


def _append(handler: RotatingFileHandler | None, line: dict[str, object]) -> None:
    """Append a line, if the log is open."""
    if handler is not None:
        text = json.dumps(line, ensure_ascii=True)
        handler.handle(logging.makeLogRecord({"msg": text, "args": None, "levelno": logging.INFO}))
