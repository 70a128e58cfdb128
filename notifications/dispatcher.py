"""Decides which events lead to which deliveries: rules, cool-downs, least lengths.

The log of events only hands its events in. One thread does the work, in step().
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.clock import Clock
from core.errors import AppError, NotFound
from core.events import EventSource, LoggedEvent, Severity
from event_manager import EventManager
from events.log_query import EventQuery
from notifications.incoming import IncomingEvents, LeftOut
from notifications.losses import Loss, Losses
from notifications.records import Rule
from notifications.rules import CoolDowns, is_active, is_long_enough, is_news, wants
from notifications.states import ChannelStates, StateChange

log = logging.getLogger(__name__)

MOST_PENDING = 1000  # of one rule
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
    """The results of a step. `losses`: events that were too many. `next_s`: the time of the next step without news.

    `next_s` is None if nothing is to come.
    """

    decisions: list[Decision] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    next_s: float | None = None


class Dispatcher:
    """take() is safe between threads. step() is for one thread."""

    def __init__(self, events: EventManager, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._news = threading.Condition()
        self._incoming = IncomingEvents()
        self._removed: set[int] = set()
        self._is_woken = False
        self._severities: OrderedDict[int, Severity] = OrderedDict()
        self._pending: list[tuple[float, int, int]] = []  # when it is due, event id, rule id
        self._pending_of: Counter[int] = Counter()  # by rule id
        self._losses = Losses()
        self._cool_downs = CoolDowns()
        self.states = ChannelStates()

    def take(self, event: LoggedEvent) -> None:
        """Take a new event, or one that has changed. Does not wait."""
        with self._news:
            self._incoming.add(event)
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
            self._news.wait_for(lambda: bool(self._incoming) or self._is_woken, timeout_s)
            self._is_woken = False

    def step(self, rules: Sequence[Rule]) -> StepResult:
        """Decide about all that came since the last step, and about events that are long enough now."""
        with self._news:
            incoming, left_out = self._incoming.take_all()
            removed, self._removed = self._removed, set()
        for camera_id in removed:
            self.states.forget_camera(camera_id)
        self._note_left_out(left_out, rules)
        result = StepResult()
        for event in incoming:
            result.changes += self.states.take(event, self._clock.monotonic_s())
            if self._is_to_decide(event):
                self._decide(event, rules, result)
        self._decide_pending(rules, result)
        result.changes += self.states.tick(self._clock.monotonic_s())
        with self._news:
            self._incoming.note_open(self.states.open_events())
        result.losses = self._losses.take_due(self._clock.monotonic_s())
        for loss in result.losses:
            log.warning("rule %d: %d events were too many for notifications about them", loss.rule.id, loss.count)
        times = [self._pending[0][0] if self._pending else None, self.states.next_s(), self._losses.next_s()]
        result.next_s = min((one for one in times if one is not None), default=None)
        return result

    def _note_left_out(self, left_out: Sequence[LeftOut], rules: Sequence[Rule]) -> None:
        now = self._clock.now_utc()
        if left_out:
            log.warning("%d events came too fast for notifications", sum(one.count for one in left_out))
        for one in left_out:
            for rule in rules:
                if is_news(one.event, now) and wants(rule, one.event, now):
                    self._losses.note(rule, one.event, one.count)

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
            if self._pending_of[rule.id] >= MOST_PENDING:
                self._losses.note(rule, event)
                continue
            self._pending_of[rule.id] += 1
            heapq.heappush(self._pending, (due_s, event.id, rule.id))

    def _decide_pending(self, rules: Sequence[Rule], result: StepResult) -> None:
        by_id = {rule.id: rule for rule in rules}
        while self._pending and self._pending[0][0] <= self._clock.monotonic_s():
            due_s, event_id, rule_id = heapq.heappop(self._pending)
            self._pending_of[rule_id] -= 1
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
                self._pending_of[rule_id] += 1
                return
            if is_long_enough(rule.wanted, event):
                self._pass(rule, event, result)

    def _pass(self, rule: Rule, event: LoggedEvent, result: StepResult) -> None:
        passed = self._cool_downs.take(rule, event, self._clock.monotonic_s())
        if passed is not None:
            result.decisions.append(Decision(rule, event, passed.is_alert_again))
