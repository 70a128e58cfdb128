"""Gaps of a range, and their reasons."""

from __future__ import annotations

from datetime import datetime

from exports.gaps import NOT_RECORDED, NOT_SENT, UNKNOWN, Gap, gaps_of
from exports.origin import IntervalReason
from tests.exports.exporting import moment
from tests.patience import promised_work


def stretch(start: float, end: float) -> tuple[datetime, datetime]:
    return moment(start), moment(end)


def gaps(
    shown: list[tuple[float, float]], recorded: list[tuple[float, float]], not_recorded: list[tuple[float, float]]
) -> list[tuple[float, float, str]]:
    """Return the gaps of [0, 100) in seconds."""
    found = gaps_of(
        stretch(0, 100),
        [stretch(*one) for one in shown],
        [stretch(*one) for one in recorded],
        [stretch(*one) for one in not_recorded],
    )
    return [((it.start - moment(0)).total_seconds(), (it.end - moment(0)).total_seconds(), it.reason) for it in found]


def test_what_is_shown_is_no_gap() -> None:
    assert gaps([(0, 100)], [], []) == []
    assert gaps([(50, 100), (0, 50.4)], [], []) == []


def test_a_gap_has_the_reason_that_the_recorders_list_tells() -> None:
    assert gaps([(0, 40), (60, 100)], [(0, 40), (60, 100)], [(40, 60)]) == [(40, 60, NOT_RECORDED)]
    assert gaps([(0, 40), (60, 100)], [(0, 100)], []) == [(40, 60, NOT_SENT)]
    assert gaps([(0, 40), (60, 100)], [], []) == [(40, 60, UNKNOWN)]


def test_a_gap_of_several_reasons_is_divided() -> None:
    assert gaps([(10, 30)], [(0, 50)], [(50, 80)]) == [
        (0, 10, NOT_SENT),
        (30, 50, NOT_SENT),
        (50, 80, NOT_RECORDED),
        (80, 100, UNKNOWN),
    ]


def test_the_edge_of_a_list_in_whole_seconds_is_no_gap() -> None:
    assert gaps([(0, 39.7), (60, 100)], [(0, 40), (60, 100)], [(40, 60)]) == [(40, 60, NOT_RECORDED)]


def test_a_known_reason_stands_only_where_nothing_is_recorded() -> None:
    reasons = [IntervalReason(*stretch(30, 60), "disk_full"), IntervalReason(*stretch(70, 90), "away")]
    found = gaps_of(stretch(0, 100), [stretch(0, 35)], [stretch(40, 50)], [stretch(35, 70)], reasons)
    assert [(gap.start, gap.end, gap.reason) for gap in found] == [
        (*stretch(35, 40), "disk_full"),
        (*stretch(40, 50), NOT_SENT),
        (*stretch(50, 60), "disk_full"),
        (*stretch(60, 70), NOT_RECORDED),
        (*stretch(70, 90), "away"),
        (*stretch(90, 100), UNKNOWN),
    ]


def test_a_gap_names_the_server_that_is_away() -> None:
    reasons = [
        IntervalReason(*stretch(30, 50), "away", "north"),
        IntervalReason(*stretch(50, 60), "away", "north"),
        IntervalReason(*stretch(60, 80), "away", "south"),
    ]
    found = gaps_of(stretch(0, 100), [stretch(0, 30)], [], [stretch(0, 100)], reasons)
    assert found == [
        Gap(*stretch(30, 60), "away", "north"),
        Gap(*stretch(60, 80), "away", "south"),
        Gap(*stretch(80, 100), NOT_RECORDED),
    ]


def test_thousands_of_gaps_take_a_moment() -> None:
    """A recorder that records motion. Each gap with each stretch took minutes."""
    shown = [stretch(at, at + 1) for at in range(0, 20_000, 2)]
    not_recorded = [stretch(at + 1, at + 2) for at in range(0, 20_000, 2)]
    with promised_work(2):
        assert len(gaps_of(stretch(0, 20_000), shown, (), not_recorded)) == 10_000
