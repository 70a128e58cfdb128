"""The forecast of the storage: how far back recordings reach, and when a volume is full."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.forecast import DAY_MS, WEEK_MS, Load, common_days, full_in_days, inflow_window_ms, most_days

GB = 10**9
LOADS = st.lists(
    st.builds(
        Load,
        st.one_of(st.just(0.0), st.floats(1, 500 * GB)),
        st.one_of(st.just(math.inf), st.floats(0.1, 400)),
        st.floats(0, 100),
    ),
    max_size=8,
)


def test_a_channel_that_asks_for_30_days_gets_the_12_that_fit() -> None:
    assert common_days([Load(10 * GB, 30.0)], 120 * GB) == pytest.approx(12.0)


def test_limits_that_fit_have_no_common_end() -> None:
    assert common_days([Load(10 * GB, 7.0), Load(5 * GB, 4.0)], 91 * GB) == math.inf


def test_space_of_short_limits_goes_to_the_long_ones() -> None:
    # Two days of the first take 20 GB; the other two share the rest, 15 GB a day.
    loads = [Load(10 * GB, 2.0), Load(10 * GB, 30.0), Load(5 * GB)]
    assert common_days(loads, 170 * GB) == pytest.approx(10.0)


def test_nothing_recorded_has_no_end() -> None:
    assert common_days([], GB) == math.inf
    assert common_days([Load(0.0, 30.0)], GB) == math.inf
    assert full_in_days([], GB) == math.inf


@given(LOADS, st.floats(0, 10_000 * GB))
def test_the_common_days_use_the_capacity_up_and_no_more(loads: list[Load], capacity: float) -> None:
    days = common_days(loads, capacity)
    if days == math.inf:
        used = sum(load.bytes_per_day * load.most_days for load in loads if load.bytes_per_day)
        assert used <= capacity * (1 + 1e-6) + 1
    else:
        used = sum(load.bytes_per_day * min(load.most_days, days) for load in loads)
        assert used == pytest.approx(capacity, rel=1e-6, abs=1)


def test_a_growing_channel_fills_the_volume_after_the_spare_bytes() -> None:
    assert full_in_days([Load(10 * GB, 30.0, held_days=2.0)], 50 * GB) == pytest.approx(5.0)


def test_a_volume_is_full_now_without_spare_bytes() -> None:
    assert full_in_days([Load(10 * GB, 30.0)], 0) == 0.0
    assert full_in_days([Load(10 * GB, 30.0)], -GB) == 0.0


def test_a_channel_at_its_limit_grows_no_more() -> None:
    assert full_in_days([Load(10 * GB, 7.0, held_days=7.0)], GB) == math.inf
    # The first grows for one day more; then the second fills the rest alone.
    loads = [Load(10 * GB, 7.0, held_days=6.0), Load(2 * GB, 30.0, held_days=6.0)]
    assert full_in_days(loads, 20 * GB) == pytest.approx(1 + 8 / 2)


@given(LOADS, st.floats(1, 10_000 * GB))
def test_the_growth_until_full_is_the_spare_space(loads: list[Load], spare: float) -> None:
    def grown(days: float) -> float:
        return sum(
            load.bytes_per_day * min(days, max(0.0, load.most_days - load.held_days))
            for load in loads
            if load.bytes_per_day
        )

    days = full_in_days(loads, spare)
    if days > 1e9:
        assert grown(1e9) <= spare * (1 + 1e-6) + 1
    else:
        assert grown(days) == pytest.approx(spare, rel=1e-6, abs=1)


def test_the_shortest_of_the_rules_limits_counts() -> None:
    assert most_days(GB, 30.0, None, None) == 30.0
    assert most_days(GB, 30.0, 5 * GB, None) == 5.0
    assert most_days(GB, 30.0, 5 * GB, 3.0) == 3.0
    assert most_days(0.0, None, 5 * GB, None) == math.inf


@pytest.mark.parametrize(
    ("age_ms", "window_ms"),
    [(0, 10_000), (60_000, 60_000), (3 * 3_600_000, 3 * 3_600_000), (2 * DAY_MS, DAY_MS), (8 * DAY_MS, WEEK_MS)],
)
def test_the_inflow_is_measured_over_a_week_a_day_or_what_there_is(age_ms: int, window_ms: int) -> None:
    assert inflow_window_ms(10**12, 10**12 + age_ms) == window_ms
