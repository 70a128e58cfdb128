"""Measurements of an hour take hours that the recorder has recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bench.hours import whole_hours

DAY = datetime(2026, 11, 29, tzinfo=UTC)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def test_the_newest_whole_hours_come_first() -> None:
    assert whole_hours([(at(0), at(20))], at(18.4), 2) == [at(17), at(16)]


def test_an_hour_with_a_gap_and_the_hour_after_it_are_left_out() -> None:
    spans = [(at(0), at(16.5)), (at(17), at(20))]
    assert whole_hours(spans, at(18.4), 2) == [at(15), at(14)]


def test_too_few_whole_hours_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="2 whole hours"):
        whole_hours([(at(3), at(6))], at(18), 3)
