"""Questions about hours of the day, whose window begins and ends with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from database import Database
from events.details import EventDetails
from events.log import EventLog
from events.log_query import EventQuery
from tests.events.logged import NOON, event
from tests.hand_clock import HandClock


@pytest.mark.parametrize("hours", [(18, 20), (22, 3), (0, 1), (11, 13), (23, 24), (5, 5)])
@pytest.mark.parametrize(("first", "last"), [(0, 24), (3, 19), (19, 43), (12, 13), (21, 22)])
def test_hours_of_a_window_are_all_found(database: Database, hours: tuple[int, int], first: int, last: int) -> None:
    log = EventLog(database, HandClock())
    midnight = NOON.astimezone().replace(hour=0)
    for hour in range(48):
        log.add(event(start_at=midnight + timedelta(hours=hour, minutes=30)))
    log.flush()
    window = EventQuery(start=midnight + timedelta(hours=first), end=midnight + timedelta(hours=last))
    begins, ends = (60 * hour for hour in hours)

    def is_wanted(hour: int) -> bool:
        minute = hour % 24 * 60 + 30
        return begins <= minute < ends if begins < ends else minute >= begins or minute < ends

    wanted = [hour for hour in range(first, last) if is_wanted(hour)]
    for query in (
        replace(window, from_minute=begins, until_minute=ends),
        replace(window, details=(EventDetails(minutes=(begins, ends)),)),
    ):
        found = sorted((item.start_at - midnight) // timedelta(hours=1) for item in log.page(query, limit=200).events)
        assert found == wanted
