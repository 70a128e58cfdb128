"""The names of other servers in the spans of a timeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.archive import FootageElsewhere, GapReason, RecordedQuality
from core.recordings import SpanState
from recordings.servers import with_servers
from recordings.views import ChannelSpan
from tests.patience import promised_work

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MAIN, SUB = RecordedQuality.MAIN, RecordedQuality.SUB
RECORDED, NOT_RECORDED, AWAY = SpanState.RECORDED, SpanState.NOT_RECORDED, SpanState.AWAY


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def span(start: float, end: float, state: SpanState = RECORDED, token: str | None = "server-1-main") -> ChannelSpan:
    return ChannelSpan(at(start), at(end), state, None if state is NOT_RECORDED else token)


def elsewhere(
    start: float, end: float, server: str = "north", *, quality: RecordedQuality = MAIN, is_away: bool = False
) -> FootageElsewhere:
    return FootageElsewhere(quality, at(start), at(end), server, is_away)


def shown(spans: tuple[ChannelSpan, ...]) -> list[tuple[float, float, SpanState, str | None]]:
    minute = timedelta(minutes=1)
    return [((it.start - NOON) / minute, (it.end - NOON) / minute, it.state, it.server) for it in spans]


def test_the_spans_of_another_server_have_its_name() -> None:
    spans = (span(0, 30), span(30, 40, NOT_RECORDED), span(40, 60))
    found = with_servers(spans, [elsewhere(10, 35), elsewhere(50, 55, "west")])
    assert shown(found) == [
        (0, 10, RECORDED, None),
        (10, 30, RECORDED, "north"),
        (30, 40, NOT_RECORDED, None),
        (40, 50, RECORDED, None),
        (50, 55, RECORDED, "west"),
        (55, 60, RECORDED, None),
    ]


def test_spans_that_play_from_the_object_storage_say_so() -> None:
    found = with_servers((span(0, 30),), [elsewhere(10, 15, ""), elsewhere(15, 20, ""), elsewhere(20, 25, "north")])
    assert [it.from_object_storage for it in found] == [False, True, False, False]
    assert shown(found)[1] == (10, 20, RECORDED, None)


def test_only_time_that_nothing_else_has_is_away() -> None:
    spans = (
        span(0, 10),
        span(10, 20, token="Rec1"),
        span(20, 30, NOT_RECORDED),
        span(30, 40, SpanState.UNKNOWN, "Rec1"),
    )
    found = with_servers(spans, [elsewhere(0, 40, is_away=True)])
    assert shown(found) == [
        (0, 10, RECORDED, None),
        (10, 20, RECORDED, None),
        (20, 30, AWAY, "north"),
        (30, 40, SpanState.UNKNOWN, None),
    ]


def test_a_server_is_named_only_for_the_stream_that_it_has() -> None:
    found = with_servers((span(0, 10, token="server-1-sub"), span(10, 20)), [elsewhere(0, 20, quality=SUB)])
    assert shown(found) == [(0, 10, RECORDED, "north"), (10, 20, RECORDED, None)]


def test_times_that_touch_on_one_server_are_one_span() -> None:
    found = with_servers((span(0, 20),), [elsewhere(0, 10), elsewhere(10, 20)])
    assert shown(found) == [(0, 20, RECORDED, "north")]


def test_spans_without_other_servers_stay_as_they_are() -> None:
    spans = (ChannelSpan(at(0), at(5), NOT_RECORDED, reason=GapReason.SERVER_OFF),)
    assert with_servers(spans, []) == spans


def test_the_time_for_thousands_of_spans_is_short() -> None:
    """A camera that moves each hour for a year. Comparisons of each with each take minutes."""
    states = [RECORDED, NOT_RECORDED]
    spans = [span(number * 10, number * 10 + 10, states[number % 2]) for number in range(9000)]
    others = [elsewhere(number * 10 + 5, number * 10 + 12, is_away=number % 2 == 1) for number in range(9000)]
    for shown_spans in (spans, [span(0, 90_000)]):
        with promised_work(2.5):
            found = with_servers(shown_spans, others)
        assert len(found) > 9000
