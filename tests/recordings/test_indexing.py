"""The indexer splits a window into searches and never repeats a search."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from core.errors import Unavailable
from recordings.intervals import Interval
from recordings.store import RecordingStore
from tests.patience import until
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked

pytestmark = pytest.mark.usefixtures("database_engine")


def test_the_newest_time_is_indexed_first(archive: Archive) -> None:
    asked(archive, NOON - 30 * DAY, NOON)
    ends = [end for _, end in archive.recorder.asked]
    assert ends == sorted(ends, reverse=True)
    assert len(ends) < 12  # searches with few events make the next piece longer


def test_a_search_that_ends_during_a_request_is_not_repeated(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = archive.recorder.hold = threading.Event()
    window = (NOON - 2 * DAY, NOON)
    archive.manager.coverage(1, *window)
    until(lambda: archive.recorder.asked)
    read = RecordingStore.asked_intervals

    def answered_meanwhile(store: RecordingStore, camera_id: int) -> dict[str, list[Interval]]:
        known = read(store, camera_id)
        if not hold.is_set():
            hold.set()
            time.sleep(0.3)  # meanwhile the running search ends and saves the rest of the window
        return known

    monkeypatch.setattr(RecordingStore, "asked_intervals", answered_meanwhile)
    asked(archive, *window)
    assert len(archive.recorder.asked) == len({end for _, end in archive.recorder.asked}) == 2


def test_a_search_with_too_many_events_is_split(archive: Archive) -> None:
    archive.recorder.most_events = 40
    archive.recorder.motion = [("Rec1", NOON - timedelta(minutes=10 * number)) for number in range(300)]
    row = asked(archive, NOON - 2 * DAY, NOON).channels[0]
    assert len(row.events) == 288
    assert all(event.topic.endswith("Motion") for event in row.events)


def test_a_recorder_that_searches_endlessly_is_believed_nevertheless(archive: Archive) -> None:
    archive.recorder.searches_endlessly = True
    archive.recorder.motion = [("Rec1", NOON - timedelta(hours=number, minutes=5)) for number in range(72)]
    row = asked(archive, NOON - 3 * DAY, NOON).channels[0]
    assert len(row.events) == 72
    assert len(archive.recorder.asked) < 15, "only the first searches are split"


def test_a_slow_recorder_ends_a_search_with_search_timeout(archive: Archive) -> None:
    archive.recorder.most_events = 0
    archive.recorder.motion = [("Rec1", NOON - HOUR)]
    found = archive.manager.search(1, NOON - DAY, NOON)
    assert not found.complete
    assert isinstance(found.problem, Unavailable)
    assert found.problem.code == "search_timeout"
