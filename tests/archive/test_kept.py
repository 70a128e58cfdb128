"""Kept ranges: users and their ranges, the end of a range, and the kept times that the retention sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.kept import LONGEST, KeptRanges, KeptSpans, may_release
from archive.records import to_ms
from core.access import LOCAL, Principal, Role
from core.archive import KeptRange
from core.errors import Forbidden, InvalidRequest, LimitReached, NotFound
from database import Database
from tables.accounts import UserRow
from tables.cameras import CameraRow
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANNA = Principal("session", "Anna", Role.REVIEWER, user_id=1)
BEN = Principal("session", "Ben", Role.REVIEWER, user_id=2)
ADMIN = Principal("session", "Cleo", Role.ADMIN, user_id=3)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    with made.write() as session:
        for camera_id in (1, 2):
            session.add(
                CameraRow(
                    id=camera_id,
                    name="Gate",
                    host=f"10.0.0.{camera_id}",
                    port_found=False,
                    username="",
                    password_box=b"",
                    pretend=False,
                    added_at=NOW,
                )
            )
        for user_id in (1, 2, 3):
            session.add(
                UserRow(
                    id=user_id,
                    name=f"{user_id}",
                    name_key=f"{user_id}",
                    password_hash="",
                    role="reviewer",
                    created_at=NOW,
                    password_changed_at=NOW,
                )
            )
    yield made
    made.close()


@pytest.fixture
def kept(database: Database, clock: HandClock) -> KeptRanges:
    return KeptRanges(database, clock)


def keep(
    kept: KeptRanges,
    start: datetime = NOW - HOUR,
    end: datetime = NOW,
    *,
    camera_id: int = 1,
    channel: int = 1,
    until: datetime | None = None,
    by: Principal = ANNA,
) -> KeptRange:
    return kept.keep(camera_id, channel, start, end, reason="theft", until=until, by=by)


def test_a_kept_range_names_its_user_and_reason(kept: KeptRanges) -> None:
    made = keep(kept)
    assert kept.ranges() == [made]
    assert (made.by, made.reason, made.user_id, made.created_at) == ("Anna", "theft", 1, NOW)
    assert kept.get(made.id) == made


def test_ranges_are_listed_by_camera_the_newest_footage_first(kept: KeptRanges) -> None:
    old = keep(kept, NOW - 5 * HOUR, NOW - 4 * HOUR)
    new = keep(kept)
    other = keep(kept, camera_id=2)
    assert kept.ranges(1) == [new, old]
    assert kept.ranges(2) == [other]


@pytest.mark.parametrize(
    ("start", "end", "until", "field"),
    [
        (NOW, NOW, None, "end_time"),
        (NOW - LONGEST - HOUR, NOW, None, "end_time"),
        (NOW, NOW + timedelta(days=2), None, "end_time"),
        (NOW - HOUR, NOW, NOW, "until"),
    ],
)
def test_an_impossible_range_is_refused_by_its_field(
    kept: KeptRanges, start: datetime, end: datetime, until: datetime | None, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        keep(kept, start, end, until=until)
    assert [error.field for error in refused.value.errors] == [field]


def test_an_incident_that_goes_on_can_be_kept(kept: KeptRanges) -> None:
    assert keep(kept, NOW - HOUR, NOW + HOUR).end == NOW + HOUR


def test_a_range_of_an_unknown_camera_is_not_found(kept: KeptRanges) -> None:
    with pytest.raises(NotFound):
        keep(kept, camera_id=99)


def test_the_number_of_ranges_has_a_limit(kept: KeptRanges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive.kept.MOST_RANGES", 1)
    keep(kept)
    with pytest.raises(LimitReached) as refused:
        keep(kept)
    assert refused.value.code == "kept_limit"


def test_only_its_user_and_admins_release_a_range(kept: KeptRanges) -> None:
    made = keep(kept)
    with pytest.raises(Forbidden):
        kept.release(made.id, BEN)
    assert kept.ranges() == [made]
    kept.release(made.id, ANNA)
    kept.release(keep(kept).id, ADMIN)
    assert kept.ranges() == []
    with pytest.raises(NotFound):
        kept.release(made.id, ADMIN)


def test_without_accounts_the_local_user_releases_a_range(kept: KeptRanges) -> None:
    made = keep(kept, by=LOCAL)
    assert not may_release(ANNA, made)
    kept.release(made.id, LOCAL)


def test_a_range_expires_at_its_time(kept: KeptRanges, clock: HandClock) -> None:
    stays = keep(kept, NOW - 3 * HOUR, NOW - 2 * HOUR)
    keep(kept, until=NOW + HOUR)
    assert len(kept.spans()[1, 1].spans) == 2
    clock.move(minutes=59)
    assert kept.expire() == 0
    clock.move(minutes=1)
    assert kept.expire() == 1
    assert kept.ranges() == [stays]
    assert len(kept.spans()[1, 1].spans) == 1


def test_ranges_of_a_deleted_camera_are_gone(kept: KeptRanges, database: Database) -> None:
    keep(kept)
    assert (1, 1) in kept.spans()
    with database.write() as session:
        session.delete(session.get(CameraRow, 1))
    assert kept.spans() == {}
    assert kept.ranges() == []


def test_a_time_is_covered_only_as_a_whole(kept: KeptRanges) -> None:
    keep(kept, NOW - 5 * HOUR, NOW - 3 * HOUR)
    keep(kept, NOW - 3 * HOUR, NOW - 2 * HOUR)
    assert kept.covers(1, 1, NOW - 5 * HOUR, NOW - 2 * HOUR)
    assert not kept.covers(1, 1, NOW - 5 * HOUR, NOW - HOUR)
    assert not kept.covers(1, 2, NOW - 5 * HOUR, NOW - 4 * HOUR)


def test_overlapping_ranges_are_one_kept_time(kept: KeptRanges) -> None:
    keep(kept, NOW - 5 * HOUR, NOW - 3 * HOUR)
    keep(kept, NOW - 4 * HOUR, NOW - 2 * HOUR)
    keep(kept, NOW - HOUR, NOW)
    assert kept.spans()[1, 1].spans == (
        (to_ms(NOW - 5 * HOUR), to_ms(NOW - 2 * HOUR)),
        (to_ms(NOW - HOUR), to_ms(NOW)),
    )


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=6),
    st.integers(0, 60),
    st.integers(0, 10),
)
def test_the_end_of_the_first_overlap_is_found(drawn: list[tuple[int, int]], start: int, length: int) -> None:
    spans: list[tuple[int, int]] = []
    for begin, long in sorted(drawn):
        if not spans or begin > spans[-1][1]:
            spans.append((begin, begin + long))
    overlaps = [until for begin, until in spans if begin < max(start + length, start + 1) and until > start]
    assert KeptSpans(tuple(spans)).end_of(start, start + length) == (overlaps[0] if overlaps else None)
