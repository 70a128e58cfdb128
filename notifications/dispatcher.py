"""Decides which events lead to which deliveries: rules, cool-downs, least lengths.

The log of events only hands its events in. One thread does the work, in step().
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.clock import Clock
from core.errors import AppError, NotFound
from core.events import EventSource, LoggedEvent, Severity
from event_manager import EventManager
from events.log_query import EventQuery
from notifications.records import Rule
from notifications.rules import CoolDowns, is_active, is_long_enough, is_news, wants
from notifications.states import StateBoard, StateChange

log = logging.getLogger(__name__)

MOST_INCOMING = 5000
MOST_PENDING = 1000
END_KNOWN_S = 6.0
"""Until then the log knows that an event has ended: a device's end is held for 5 s, and written after half a second."""
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Decision:
    """An event for a notice to the owner of a rule."""

    rule: Rule
    event: LoggedEvent
    is_alert_again: bool = False


@dataclass(slots=True)
class StepResult:
    """The results of a step. `next_s`: the time of the next step without news; None if nothing is to come."""

    decisions: list[Decision] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    next_s: float | None = None


class Dispatcher:
    """take() is safe between threads. step() is for one thread."""

    def __init__(self, events: EventManager, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._news = threading.Condition()
        self._incoming: deque[LoggedEvent] = deque()
        self._left_out = 0
        self._removed: set[int] = set()
        self._is_woken = False
        self._severities: OrderedDict[int, Severity] = OrderedDict()
        self._pending: list[tuple[float, int, int]] = []  # when it is due, event id, rule id
        self._cool_downs = CoolDowns()
        self.board = StateBoard()

    def take(self, event: LoggedEvent) -> None:
        """Take a new event, or one that has changed. Does not wait."""
        with self._news:
            if len(self._incoming) >= MOST_INCOMING:
                self._incoming.popleft()
                self._left_out += 1
            self._incoming.append(event)
            self._news.notify_all()

    def forget_camera(self, camera_id: int) -> None:
        """A camera was removed: its events go on no longer. Does not wait."""
        with self._news:
            self._removed.add(camera_id)
            self._is_woken = True
            self._news.notify_all()

    def wake(self) -> None:
        """End a wait()."""
        with self._news:
            self._is_woken = True
            self._news.notify_all()

    def wait(self, timeout_s: float) -> None:
        """Wait for an event, or for wake()."""
        with self._news:
            self._news.wait_for(lambda: self._incoming or self._is_woken, timeout_s)
            self._is_woken = False

    def step(self, rules: Sequence[Rule]) -> StepResult:
        """Decide about all that came since the last step, and about events that are long enough now."""
        with self._news:
            incoming, self._incoming = list(self._incoming), deque()
            left_out, self._left_out = self._left_out, 0
            removed, self._removed = self._removed, set()
        for camera_id in removed:
            self.board.forget_camera(camera_id)
        if left_out:
            log.warning("%d events came too fast for notifications about them", left_out)
        result = StepResult()
        for event in incoming:
            result.changes += self.board.take(event, self._clock.monotonic_s())
            if self._is_to_decide(event):
                self._decide(event, rules, result)
        self._decide_pending(rules, result)
        result.changes += self.board.tick(self._clock.monotonic_s())
        times = [self._pending[0][0] if self._pending else None, self.board.next_s()]
        result.next_s = min((one for one in times if one is not None), default=None)
        return result

    def _is_to_decide(self, event: LoggedEvent) -> bool:
        """True if the event is new, or has grown into an alert."""
        before = self._severities.get(event.id)
        if event.end_at is None or before is None:
            self._severities[event.id] = event.severity
            self._severities.move_to_end(event.id)
            while len(self._severities) > _MOST_KNOWN:
                self._severities.popitem(last=False)
        has_grown = before is Severity.NOTICE and event.severity is Severity.ALERT
        return (before is None or has_grown) and is_news(event, self._clock.now_utc())

    def _decide(self, event: LoggedEvent, rules: Sequence[Rule], result: StepResult) -> None:
        now, now_s = self._clock.now_utc(), self._clock.monotonic_s()
        for rule in rules:
            if not wants(rule, event, now):
                continue
            if rule.wanted.min_length_s <= 0:
                self._pass(rule, event, result)
                continue
            age_s = max(0.0, (now - event.start_at).total_seconds())
            known_s = 1.0 if event.source is EventSource.SERVER else END_KNOWN_S
            due_s = now_s + max(0.0, rule.wanted.min_length_s - age_s) + known_s
            if len(self._pending) < MOST_PENDING:
                heapq.heappush(self._pending, (due_s, event.id, rule.id))

    def _decide_pending(self, rules: Sequence[Rule], result: StepResult) -> None:
        by_id = {rule.id: rule for rule in rules}
        while self._pending and self._pending[0][0] <= self._clock.monotonic_s():
            due_s, event_id, rule_id = heapq.heappop(self._pending)
            rule = by_id.get(rule_id)
            if rule is None or not is_active(rule, self._clock.now_utc()):
                continue
            try:
                event = self._events.log.get(EventQuery(), event_id)
            except NotFound:
                continue
            except AppError as error:
                log.warning("an event could not be read for a notification (%s)", error.code)
                heapq.heappush(self._pending, (due_s + 5.0, event_id, rule_id))
                return
            if is_long_enough(rule.wanted, event):
                self._pass(rule, event, result)

    def _pass(self, rule: Rule, event: LoggedEvent, result: StepResult) -> None:
        passed = self._cool_downs.take(rule, event, self._clock.monotonic_s())
        if passed is not None:
            result.decisions.append(Decision(rule, event, passed.is_alert_again))
