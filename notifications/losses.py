"""Counts the events that were too many for a rule, so that its owner learns the number."""

from __future__ import annotations

from dataclasses import dataclass

from core.events import LoggedEvent
from notifications.records import Rule

TOLD_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Loss:
    """So many events were left out for a rule. `event`: the last one of them."""

    rule: Rule
    event: LoggedEvent
    count: int


class Losses:
    """Returns the first loss of a rule immediately, and later ones once a minute. For one thread."""

    def __init__(self) -> None:
        self._waiting: dict[int, Loss] = {}
        self._told_s: dict[int, float] = {}

    def note(self, rule: Rule, event: LoggedEvent, count: int = 1) -> None:
        """Count events that the rule wants and does not get."""
        before = self._waiting.get(rule.id)
        self._waiting[rule.id] = Loss(rule, event, count + (before.count if before is not None else 0))

    def take_due(self, now_s: float) -> list[Loss]:
        """Return the losses that are to be told now."""
        due = [loss for loss in self._waiting.values() if self._due_s(loss.rule.id) <= now_s]
        for loss in due:
            del self._waiting[loss.rule.id]
            self._told_s[loss.rule.id] = now_s
        self._told_s = {rule_id: at_s for rule_id, at_s in self._told_s.items() if now_s - at_s < TOLD_EVERY_S}
        return due

    def next_s(self) -> float | None:
        """Return the time of the next loss to tell; None if there is none."""
        return min((self._due_s(rule_id) for rule_id in self._waiting), default=None)

    def _due_s(self, rule_id: int) -> float:
        return self._told_s.get(rule_id, float("-inf")) + TOLD_EVERY_S
