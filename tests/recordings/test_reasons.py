"""The reasons of gaps on the timeline, compared minute by minute with a plain search."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.archive import ArchiveGap, GapReason
from core.recordings import SpanState
from recordings.server import with_reasons
from recordings.views import ChannelSpan
from tests.patience import promised
from tests.recordings.recorder import NOON

MINUTE = timedelta(minutes=1)
REASONS = (GapReason.DEVICE_AWAY, GapReason.PAUSED, GapReason.SERVER_OFF)
RECORDED, NOT_RECORDED, NOT_ASKED = SpanState.RECORDED, SpanState.NOT_RECORDED, SpanState.NOT_ASKED


def gap(begin: int, end: int | None, reason: GapReason = GapReason.DEVICE_AWAY) -> ArchiveGap:
    return ArchiveGap(1, 1, NOON + begin * MINUTE, None if end is None else NOON + end * MINUTE, reason)


def span(begin: int, end: int, state: SpanState) -> ChannelSpan:
    return ChannelSpan(NOON + begin * MINUTE, NOON + end * MINUTE, state, "R" if state is RECORDED else None)


@given(
    states=st.lists(st.sampled_from([RECORDED, NOT_RECORDED, NOT_ASKED]), min_size=1, max_size=12),
    drawn=st.lists(
        st.tuples(st.integers(-3, 30), st.integers(0, 12) | st.none(), st.sampled_from(REASONS)), max_size=8
    ),
)
def test_each_minute_has_the_reason_of_the_gap_that_began_first(
    states: list[SpanState], drawn: list[tuple[int, int | None, GapReason]]
) -> None:
    spans = [span(2 * number, 2 * number + 2, state) for number, state in enumerate(states)]
    gaps = sorted(
        (gap(begin, None if length is None else begin + length, reason) for begin, length, reason in drawn),
        key=lambda it: it.start,
    )
    found = with_reasons(spans, gaps)
    assert (found[0].start, found[-1].end) == (spans[0].start, spans[-1].end)
    assert all(before.end == after.start for before, after in pairwise(found))
    for minute in range(2 * len(states)):
        at = NOON + minute * MINUTE
        (shown,) = [it for it in found if it.start <= at < it.end]
        before = spans[minute // 2]
        reason = next((it.reason for it in gaps if it.start <= at and (it.end is None or at < it.end)), None)
        expected = reason if before.state is NOT_RECORDED else None
        assert (shown.state, shown.recording_token, shown.reason) == (before.state, before.recording_token, expected)


def test_thousands_of_gaps_are_told_in_a_moment() -> None:
    """A camera with a loose plug. Each gap with each span took three seconds."""
    spans = [span(number, number + 1, NOT_RECORDED if number % 2 else RECORDED) for number in range(12_000)]
    gaps = [gap(number, number + 1) for number in range(1, 12_000, 2)]
    with promised(0.3):
        found = with_reasons(spans, gaps)
    assert sum(it.reason is GapReason.DEVICE_AWAY for it in found) == 6000
