"""Users cannot flood receivers and push services with tests."""

from __future__ import annotations

import pytest

from core.errors import LimitReached
from notifications.trial_limit import MOST_OF_A_TARGET, MOST_OF_A_USER, TrialLimit
from tests.hand_clock import HandClock
from tests.notifications.telling import Telling


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def limit(clock: HandClock) -> TrialLimit:
    return TrialLimit(clock)


def test_a_rule_has_few_tests_a_minute(limit: TrialLimit, clock: HandClock) -> None:
    for _ in range(MOST_OF_A_TARGET):
        limit.take(1, "rule 1")
        clock.move(seconds=10)
    with pytest.raises(LimitReached) as refused:
        limit.take(2, "rule 1")
    assert (refused.value.code, refused.value.retry_after_s) == ("test_limit", 20)
    limit.take(1, "rule 2")
    clock.move(seconds=20)
    limit.take(1, "rule 1")


def test_a_user_has_few_tests_a_minute_over_all_rules(limit: TrialLimit, clock: HandClock) -> None:
    for number in range(MOST_OF_A_USER):
        limit.take(1, f"rule {number}")
    with pytest.raises(LimitReached):
        limit.take(1, "rule 99")
    limit.take(2, "rule 98")
    clock.move(seconds=60)
    limit.take(1, "rule 99")


def test_a_refused_test_does_not_count(limit: TrialLimit, clock: HandClock) -> None:
    for _ in range(MOST_OF_A_TARGET):
        limit.take(1, "rule 1")
    for _ in range(50):
        with pytest.raises(LimitReached):
            limit.take(1, "rule 1")
    clock.move(seconds=60)
    limit.take(1, "rule 1")


def test_tests_of_rules_and_sinks_are_limited(telling: Telling) -> None:
    _, anna = telling.user("Anna")
    rule_id = telling.rule(anna, sinks=(1,))
    for _ in range(MOST_OF_A_TARGET):
        telling.manager.test_rule(anna, rule_id)
        telling.manager.test_sink(anna, 1)
    with pytest.raises(LimitReached):
        telling.manager.test_rule(anna, rule_id)
    with pytest.raises(LimitReached):
        telling.manager.test_sink(anna, 1)
    assert len(telling.settled(MOST_OF_A_TARGET)) == MOST_OF_A_TARGET
