"""The throughput of a link, measured from one interval to the next."""

from __future__ import annotations

import pytest

from web.live.pace import PaceMeter


def busy(meter: PaceMeter, now_s: float, bytes_per_s: int) -> None:
    """One second with a backlog."""
    meter.note_backlog(True, now_s, held_bytes=0)
    meter.note_taken(bytes_per_s)
    meter.note_backlog(False, now_s + 1, held_bytes=0)
    meter.measure(now_s + 1, held_bytes=0)


def test_a_higher_throughput_is_averaged_over_some_seconds() -> None:
    meter = PaceMeter(0)
    busy(meter, 0, 100)
    assert meter.bytes_per_s == 100
    busy(meter, 1, 1000)
    after_one = meter.bytes_per_s
    assert after_one is not None
    assert 300 < after_one < 500
    for second in range(2, 20):
        busy(meter, second, 1000)
    assert meter.bytes_per_s == pytest.approx(1000, rel=0.05)


def test_a_lower_throughput_counts_immediately() -> None:
    """Messages of a quarter of a second of the old rate would take seconds on a link that has become thin."""
    meter = PaceMeter(0)
    for second in range(5):
        busy(meter, second, 2_500_000)
    busy(meter, 5, 125_000)
    assert meter.bytes_per_s == 125_000
    busy(meter, 6, 2_500_000)
    after_one = meter.bytes_per_s
    assert after_one is not None
    assert after_one > 1_500_000, "one short loss is forgotten soon"


def test_a_faster_stream_without_a_backlog_raises_the_throughput() -> None:
    meter = PaceMeter(0)
    busy(meter, 0, 100)
    meter.note_taken(50)
    meter.measure(2, held_bytes=0)
    assert meter.bytes_per_s == 100
    meter.note_taken(500)
    meter.measure(3, held_bytes=0)
    assert meter.bytes_per_s == 500


def test_a_backlog_of_some_milliseconds_is_no_measurement() -> None:
    meter = PaceMeter(0)
    meter.note_backlog(True, 0, held_bytes=0)
    meter.note_taken(100_000)
    meter.note_backlog(False, 0.05, held_bytes=0)
    pace = meter.measure(1, held_bytes=0)
    assert (pace.busy_s, pace.busy_bytes, pace.taken_bytes, pace.interval_s) == (0.05, 100_000, 100_000, 1)
    assert meter.bytes_per_s is None


def test_the_intervals_of_one_backlog_are_added_until_they_show_a_rate() -> None:
    """At 350 kbit/s, the first 0.12 s of a backlog showed 81 kbit/s, and the next ones 600."""
    meter = PaceMeter(0)
    meter.note_backlog(True, 0.88, held_bytes=32_000)
    meter.measure(1, held_bytes=30_800)
    assert meter.bytes_per_s is None
    meter.measure(1.5, held_bytes=6_250)
    assert meter.bytes_per_s == pytest.approx((32_000 - 6_250) / 0.62)


def test_two_short_backlogs_show_no_rate_together() -> None:
    """The link between them was not full: its rate is that of the kernel's buffer."""
    meter = PaceMeter(0)
    for second in (0, 1):
        meter.note_backlog(True, second, held_bytes=32_000)
        meter.note_backlog(False, second + 0.4, held_bytes=0)
        meter.measure(second + 1, held_bytes=0)
    assert meter.bytes_per_s is None


def test_bytes_that_fill_the_kernel_before_a_backlog_raise_no_rate() -> None:
    meter = PaceMeter(0)
    busy(meter, 0, 100)
    meter.note_taken(32_000)
    meter.note_backlog(True, 1.9, held_bytes=32_000)
    meter.measure(2, held_bytes=32_000)
    assert meter.bytes_per_s == 100


def test_a_backlog_counts_in_each_interval_that_it_lasts() -> None:
    meter = PaceMeter(0)
    meter.note_backlog(True, 0.5, held_bytes=0)
    meter.note_taken(10)
    assert meter.measure(1, held_bytes=0).busy_s == 0.5
    meter.note_taken(20)
    second = meter.measure(2, held_bytes=0)
    assert (second.busy_s, second.busy_bytes) == (1, 20)


def test_the_kernels_bytes_count_when_the_page_has_them() -> None:
    """At 300 kbit/s, the kernel takes nothing for seconds: the page showed stills, as if the link carried nothing."""
    meter = PaceMeter(0)
    meter.note_taken(130_000)
    meter.note_backlog(True, 0, held_bytes=130_000)
    pace = meter.measure(1, held_bytes=92_500)
    assert pace.busy_bytes == 37_500
    assert meter.bytes_per_s == 37_500
    meter.note_taken(65_000)
    assert meter.measure(2, held_bytes=120_000).busy_bytes == 37_500


def test_bytes_that_only_fill_the_kernel_are_no_throughput() -> None:
    meter = PaceMeter(0)
    meter.note_backlog(True, 0, held_bytes=0)
    meter.note_taken(130_000)
    assert meter.measure(1, held_bytes=130_000).busy_bytes == 0
