"""The rules in memory, as the database has them."""

from __future__ import annotations

import threading
from datetime import datetime

from core.errors import NotFound
from notifications.records import Rule, RuleDraft
from notifications.store import RuleStore


class RuleBook:
    """Thread-safe. Changes wait for the disk."""

    def __init__(self, store: RuleStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._rules: dict[int, Rule] = {}

    def load(self) -> None:
        """Read all rules. The database removes those of removed users and cameras. Raise Unavailable."""
        with self._lock:
            self._rules = {rule.id: rule for rule in self._store.rules()}

    def rules(self) -> list[Rule]:
        """Return all rules, sorted by id."""
        with self._lock:
            return list(self._rules.values())

    def find(self, rule_id: int) -> Rule | None:
        with self._lock:
            return self._rules.get(rule_id)

    def get(self, rule_id: int) -> Rule:
        """Raise NotFound."""
        rule = self.find(rule_id)
        if rule is None:
            raise NotFound("There is no such rule.")
        return rule

    def add(self, user_id: int | None, draft: RuleDraft, now: datetime) -> Rule:
        """Raise Conflict (too_many_rules)."""
        with self._lock:
            rule = self._store.add(user_id, draft, now)
            self._rules[rule.id] = rule
            return rule

    def change(self, rule: Rule) -> None:
        """Raise NotFound."""
        with self._lock:
            self._store.change(rule.id, rule.wanted)
            self._rules[rule.id] = rule

    def remove(self, rule_id: int) -> None:
        """Raise NotFound."""
        with self._lock:
            self._store.remove(rule_id)
            self._rules.pop(rule_id, None)
