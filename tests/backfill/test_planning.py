"""Which stretches are fetched, in which pieces, and which are not requested again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill.budget import is_in_hours
from backfill.planning import (
    CAMERA_CHANGED,
    PIECE_S,
    SHORTEST_S,
    common,
    is_filled,
    lacking_in,
    pieces_of,
    taken_by_jobs,
    tried_in_vain,
    united,
    wanted_stretches,
    without,
)
from backfill.records import AUTOMATIC, Backfill, BackfillPiece, BackfillState, Stretch
from core.archive import ArchiveGap, GapReason

pytestmark = pytest.mark.usefixtures("database_engine")

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def stretch(start_s: float, end_s: float) -> Stretch:
    return Stretch(NOON + timedelta(seconds=start_s), NOON + timedelta(seconds=end_s))


def job(state: BackfillState, *pieces: BackfillPiece) -> Backfill:
    return Backfill(1, 1, 1, NOON, NOON, state, pieces, "anna", NOON)


def length_s(stretches: list[Stretch]) -> float:
    return sum(one.length_s for one in stretches)


_STRETCHES = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 200)).map(lambda pair: stretch(pair[0], pair[0] + pair[1])),
    max_size=8,
)


@given(_STRETCHES, _STRETCHES)
def test_every_second_is_either_common_or_left(one: list[Stretch], other: list[Stretch]) -> None:
    left, both = without(one, other), common(one, other)
    assert length_s(left) + length_s(united(both)) == pytest.approx(length_s(united(one)))
    assert not common(left, other)
    assert united([*left, *both]) == united(one)


def test_only_what_the_recorder_has_and_the_archive_lacks_is_wanted() -> None:
    found = wanted_stretches([stretch(0, 100)], [stretch(-50, 60)], [stretch(10, 20)])
    assert found == [stretch(0, 10), stretch(20, 60)]


def test_short_stretches_and_refused_ones_are_left_alone() -> None:
    assert wanted_stretches([stretch(0, 9)], [stretch(0, 100)], ()) == []
    assert wanted_stretches([stretch(0, 100)], [stretch(0, 100)], (), [stretch(0, 95)]) == []


@given(st.integers(0, 5000), st.integers(int(SHORTEST_S), 8000))
def test_pieces_cover_a_stretch_at_borders_of_ten_minutes(start_s: int, seconds: int) -> None:
    whole = stretch(start_s, start_s + seconds)
    pieces = [piece.stretch for piece in pieces_of([whole])]
    assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)
    assert all(one.end == other.start for one, other in pairwise(pieces))
    assert all(one.end.timestamp() % PIECE_S == 0 for one in pieces[:-1])
    assert all(SHORTEST_S <= one.length_s <= PIECE_S + SHORTEST_S for one in pieces)


def test_what_the_recorder_did_not_send_is_not_asked_again() -> None:
    pieces = (BackfillPiece(stretch(0, 600), True, 10, (stretch(100, 200),)), BackfillPiece(stretch(600, 700)))
    assert tried_in_vain([job(BackfillState.DONE, *pieces)]) == [stretch(100, 200)]
    assert lacking_in(stretch(0, 600), [stretch(3, 100), stretch(200, 598)]) == (stretch(100, 200),)


@pytest.mark.parametrize("state", list(BackfillState))
def test_a_rule_leaves_ranges_of_jobs_alone_that_users_may_retry(state: BackfillState) -> None:
    pieces = (BackfillPiece(stretch(0, 600), is_done=True), BackfillPiece(stretch(600, 700)))
    taken = taken_by_jobs([job(state, *pieces)], NOON + timedelta(days=30))
    assert taken == [stretch(0, 600 if state is BackfillState.DONE else 700)]


def test_a_failed_job_of_a_rule_keeps_its_range_for_a_day() -> None:
    pieces = (BackfillPiece(stretch(0, 600), is_done=True), BackfillPiece(stretch(600, 700)))
    failed = replace(job(BackfillState.FAILED, *pieces), by=AUTOMATIC, ended_at=NOON)
    day = timedelta(days=1)
    assert taken_by_jobs([failed], NOON + day / 2) == [stretch(0, 700)]
    assert taken_by_jobs([failed], NOON + day) == [stretch(0, 600)]
    changed = replace(failed, problem=CAMERA_CHANGED)
    assert taken_by_jobs([changed], NOON + 9 * day) == [stretch(0, 700)], "it may be another device now"


def test_a_pause_is_never_filled() -> None:
    for reason, is_wanted in (
        (GapReason.DEVICE_AWAY, True),
        (GapReason.SERVER_OFF, True),
        (GapReason.DISK_FULL, True),
        (GapReason.PAUSED, False),
        (GapReason.SWITCHED_OFF, False),
        (GapReason.EXPIRED, False),
        (GapReason.UNSUPPORTED, False),
    ):
        assert is_filled(ArchiveGap(1, 1, NOON, NOON, reason)) is is_wanted


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [("22-6", (22, 23, 0, 5), (6, 12, 21)), ("8-17", (8, 16), (7, 17)), ("", (0, 12), ()), ("0-24", (0, 23), ())],
)
def test_hours_may_go_over_midnight(hours: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    assert all(is_in_hours(hours, hour) for hour in inside)
    assert not any(is_in_hours(hours, hour) for hour in outside)
