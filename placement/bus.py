"""News between nodes: "the cameras changed", "the accounts changed". A topic has no content; a receiver reads again.

On PostgreSQL a node listens to NOTIFY on a connection of its own. Otherwise it reads counters twice a second.
A callback may be called without a change: a node that was disconnected may have missed news.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.backoff import growing_wait_s
from core.errors import AppError
from core.own_thread import OwnThread
from database import Database, repeated
from tables import ChangeRow

log = logging.getLogger(__name__)

_POLL_S = 0.5
_CHANNEL = "viewer_changes"
_LONGEST_RETRY_S = 5.0


class Topic(StrEnum):
    """The subject of a change."""

    PLACEMENT = "placement"
    CAMERAS = "cameras"
    ACCOUNTS = "accounts"
    STATES = "states"
    EVENTS = "events"
    SINKS = "sinks"
    MODELS = "models"


class ChangeBus(OwnThread):
    """Calls subscribers after a change on any node, this one included, in a thread of its own."""

    def __init__(self, database: Database) -> None:
        super().__init__("changes")
        self._database = database
        self._subscribers: dict[Topic, list[Callable[[], None]]] = {topic: [] for topic in Topic}
        self._failures = 0  # in a row
        self._lock = threading.Lock()
        self._unsent: set[Topic] = set()

    def subscribe(self, topic: Topic, callback: Callable[[], None]) -> None:
        """Call `callback()` after each change of the topic; also once after start(), and after each reconnection."""
        self._subscribers[topic].append(callback)

    def publish(self, topic: Topic) -> None:
        """Tell all nodes of a change. If the database cannot be reached, the thread does so later."""
        try:
            self._send(topic)
        except AppError as error:
            log.warning("the other nodes hear later that %s changed: %s", topic, error)
            with self._lock:
                self._unsent.add(topic)

    @repeated
    def _send(self, topic: Topic) -> None:
        with self._database.write() as session:
            if self._database.dialect.can_notify:
                session.execute(select(func.pg_notify(_CHANNEL, topic)))
                return
            counted = session.execute(
                update(ChangeRow).where(ChangeRow.topic == topic).values(number=ChangeRow.number + 1)
            )
            if not getattr(counted, "rowcount", 0):
                session.add(ChangeRow(topic=topic, number=1))

    def _send_again(self) -> None:
        """Publish what could not be published. Raise Unavailable if it still cannot."""
        with self._lock:
            unsent, self._unsent = self._unsent, set()
        for topic in sorted(unsent):
            try:
                self._send(topic)
            except AppError:
                with self._lock:
                    self._unsent |= unsent
                raise

    def _work(self) -> None:
        while not self._is_stopping.is_set():
            try:
                if self._database.dialect.can_notify:
                    self._listen()
                else:
                    self._poll()
            except (AppError, SQLAlchemyError, OSError) as error:
                log.warning("this node did not hear changes of others, and looks again: %s", error)
            except Exception:
                log.exception("the news of other nodes failed")
            self._failures += 1
            self._is_stopping.wait(growing_wait_s(self._failures, first_s=_POLL_S, longest_s=_LONGEST_RETRY_S))

    def _poll(self) -> None:
        """Report changes until stop(). Raise an error if the database is lost."""
        known = self._numbers()
        self._report(Topic)
        self._failures = 0
        while not self._is_stopping.wait(_POLL_S):
            self._send_again()
            numbers = self._numbers()
            self._report([topic for topic in Topic if numbers.get(topic) != known.get(topic)])
            known = numbers

    def _numbers(self) -> Mapping[str, int]:
        with self._database.read() as session:
            return dict(session.execute(select(ChangeRow.topic, ChangeRow.number)).all())

    def _listen(self) -> None:
        """Report changes until stop(). Raise an error if the database is lost."""
        with self._database.listening(_CHANNEL) as listener:
            self._report(Topic)
            self._failures = 0
            while not self._is_stopping.is_set():
                self._send_again()
                heard = listener.heard(_POLL_S)
                self._report([topic for topic in Topic if topic in heard])

    def _report(self, topics: Collection[Topic] | type[Topic]) -> None:
        """Call the subscribers of the topics. Raise Unavailable if one of them could not read the database."""
        unread: AppError | None = None
        for topic in topics:
            for callback in self._subscribers[topic]:
                try:
                    callback()
                except AppError as error:
                    unread = error
                except Exception:
                    log.exception("a subscriber of %s failed", topic)
        if unread is not None:
            raise unread
