"""The recorded time of a search."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from searches.time_line import RecordedStretch, RecordedTime, Stretch, united
from tests.patience import promised_work

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12)


@given(PAIRS, PAIRS)
def test_the_recorded_parts_of_stretches_are_complete(
    recorded: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    stretches = [RecordedStretch(at, at + length, f"{number}") for number, (at, length) in enumerate(recorded)]
    asked = united(Stretch(at, at + length) for at, length in wanted)
    expected = [
        RecordedStretch(max(one.start_s, it.start_s), min(one.end_s, it.end_s), it.recording_token)
        for one in asked
        for it in stretches
        if max(one.start_s, it.start_s) < min(one.end_s, it.end_s)
    ]
    assert sorted(map(repr, RecordedTime(stretches).inside(asked))) == sorted(map(repr, expected))


def test_a_month_of_short_recordings_takes_little_time() -> None:
    recorded = RecordedTime([RecordedStretch(100.0 * at, 100.0 * at + 40, "clip") for at in range(20_000)])
    with promised_work(5):
        assert len(recorded.inside(recorded.whole())) == 20_000
