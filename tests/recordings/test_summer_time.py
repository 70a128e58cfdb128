"""A recorder that keeps local time, at the end of summer time (an hour twice) and at its start (an hour missing)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recordings import RecordedPlace, SpanState, ZoneOfTimes
from recordings.device_clock import DeviceClock, RepeatedHours
from recordings.joined import joined_places
from tests.recordings.recorder import HOUR, Archive, asked, recording

BERLIN = "Europe/Berlin"
MINUTE = timedelta(minutes=1)
OCTOBER = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 03:00 becomes 02:00
MARCH = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 becomes 03:00


def local(day: int, hour: int, minute: int = 0, *, month: int = 10) -> datetime:
    """Return a local time as the recorder writes it: marked as UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path)
    made.recorder.zone_name = BERLIN
    made.recorder.recordings_ = (recording(1),)
    made.clock.now = OCTOBER + 2 * 24 * HOUR
    yield made
    made.close()


def recorded(archive: Archive, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    (row,) = asked(archive, start, end).channels
    assert {span.state for span in row.spans} <= {SpanState.RECORDED, SpanState.NOT_RECORDED}
    return [(span.start, span.end) for span in row.spans if span.state is SpanState.RECORDED]


def test_a_recording_over_the_end_of_summer_time_is_an_hour_longer(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(local(25, 1, 30), local(25, 3, 30))]
    spans = recorded(archive, OCTOBER - 12 * HOUR, OCTOBER + 12 * HOUR)
    assert spans == [(OCTOBER - 90 * MINUTE, OCTOBER + 90 * MINUTE)]


def test_a_recording_over_the_beginning_of_summer_time_is_an_hour_shorter(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(local(29, 1, 30, month=3), local(29, 3, 30, month=3))]
    assert recorded(archive, MARCH - 12 * HOUR, MARCH + 12 * HOUR) == [(MARCH - 30 * MINUTE, MARCH + 30 * MINUTE)]


def test_recordings_of_summer_and_winter_lie_at_their_true_times(archive: Archive) -> None:
    summer, winter = (local(24, 12), local(24, 13)), (local(26, 12), local(26, 13))
    archive.recorder.spans["Rec1"] = [summer, winter]
    wanted = [(OCTOBER - 15 * HOUR, OCTOBER - 14 * HOUR), (OCTOBER + 34 * HOUR, OCTOBER + 35 * HOUR)]
    assert recorded(archive, OCTOBER - 24 * HOUR, OCTOBER + 40 * HOUR) == wanted
    (found,) = archive.manager.search(1, OCTOBER - 24 * HOUR, OCTOBER + 40 * HOUR).recordings
    assert list(found.spans) == wanted


def test_events_of_summer_and_winter_lie_at_their_true_times(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(local(24, 0), local(27, 0))]
    archive.recorder.motion = [("Rec1", local(24, 12)), ("Rec1", local(26, 12))]
    (row,) = asked(archive, OCTOBER - 24 * HOUR, OCTOBER + 40 * HOUR).channels
    assert [event.time for event in row.events] == [OCTOBER - 15 * HOUR, OCTOBER + 34 * HOUR]
    assert [(span.start, span.end) for span in row.spans] == [(OCTOBER - 24 * HOUR, OCTOBER + 40 * HOUR)]


def test_a_short_recording_in_the_repeated_hour_counts_for_both(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(local(25, 2, 10), local(25, 2, 20))]
    spans = recorded(archive, OCTOBER - 2 * HOUR, OCTOBER + 2 * HOUR)
    assert spans == [(OCTOBER + at * MINUTE, OCTOBER + (at + 10) * MINUTE) for at in (-50, 10)]


@pytest.mark.parametrize(("change", "month", "day"), [(OCTOBER, 10, 25), (MARCH, 3, 29)])
def test_a_playback_ends_at_the_change_and_goes_on_behind_it(
    archive: Archive, change: datetime, month: int, day: int
) -> None:
    archive.recorder.spans["Rec1"] = [(local(day, 0, month=month), local(day, 12, month=month))]
    asked(archive, change - 12 * HOUR, change + 24 * HOUR)
    first, second, *_ = archive.manager.recorded_from(1, "Rec1", change - 30 * MINUTE)
    assert (first.start, first.end, first.hands_over) == (change - 30 * MINUTE, change, True)
    assert (second.start, second.is_shifted, second.hands_over) == (change, True, False)
    rest, *_ = archive.manager.recorded_from(1, "Rec1", change + timedelta(seconds=1))
    assert rest.is_shifted, "the recorder has sent a frame more than was asked"
    later, *_ = archive.manager.recorded_from(1, "Rec1", change + MINUTE)
    assert not later.is_shifted


def test_the_address_for_another_client_has_the_local_time_of_the_moment(archive: Archive) -> None:
    found = archive.manager.playback_uri(1, "Rec1", OCTOBER - 2 * HOUR, OCTOBER + 2 * HOUR)
    assert found.range == "clock=20261025T010000Z-20261025T040000Z"


def test_the_second_pass_of_the_repeated_hour_is_asked_too(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = []
    archive.clock.now = OCTOBER - MINUTE
    asked(archive, OCTOBER - 2 * HOUR, OCTOBER - MINUTE)
    archive.clock.now = OCTOBER + 30 * MINUTE
    archive.clock.ahead_s += 3600.0
    archive.recorder.spans["Rec1"] = [(local(25, 2, 10), local(25, 2, 20))]
    spans = recorded(archive, OCTOBER - 2 * HOUR, OCTOBER + 30 * MINUTE)
    assert (OCTOBER + 10 * MINUTE, OCTOBER + 20 * MINUTE) in spans
    before = len(archive.recorder.asked)
    asked(archive, OCTOBER - 2 * HOUR, OCTOBER + 30 * MINUTE)
    assert len(archive.recorder.asked) == before, "once in five minutes is enough"


def test_the_repeated_hour_is_asked_until_recorders_have_written_it() -> None:
    clock, hours = DeviceClock(3600, ZoneOfTimes(3600.0, name=BERLIN)), RepeatedHours()
    due = {
        minute: hours.due(1, clock, OCTOBER + minute * MINUTE, 60.0 * minute)
        for minute in (-5, 5, 6, 11, 75, 120, 121, 600)
    }
    assert [minute for minute, hour in due.items() if hour] == [5, 11, 75, 120]
    assert due[5] == (local(25, 2), local(25, 2, 5))
    assert due[120] == (local(25, 2), local(25, 3))


def test_the_archives_place_goes_on_over_the_change() -> None:
    def place(token: str, first: int, last: int) -> RecordedPlace:
        return RecordedPlace(token, OCTOBER + first * HOUR, OCTOBER + last * HOUR)

    own = place("server-1-main", -1, 0), place("server-1-main", 0, 1)
    assert joined_places([[own[0]], [own[1]]], [OCTOBER]) == (place("server-1-main", -1, 1),)
    first, second = joined_places([[place("Rec1", -1, 0)], [own[1]]], [OCTOBER])
    assert (first.hands_over, second.is_shifted) == (True, False)


@given(st.integers(0, 400 * 86_400), st.integers(-5000, 5000), st.sampled_from([BERLIN, "America/St_Johns", "UTC"]))
def test_times_come_back_except_in_a_repeated_hour(after_s: int, offset_s: int, name: str) -> None:
    true = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=after_s)
    zone = ZoneOfTimes.chosen(name, true.timestamp() - 100 * 86_400)
    clock = DeviceClock.of_offset(offset_s + zone.zone_s, zone)
    device = clock.to_device_time(true)
    both = clock.to_true_time(device), clock.to_true_time(device, is_end=True)
    assert true in both
    if both[0] != both[1]:
        assert not zone.is_known_at(true.timestamp())
    (part,) = clock.parts(true, true + timedelta(microseconds=1))
    assert part[2].to_device_time(true) == device
