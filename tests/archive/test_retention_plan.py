"""The choice of files to delete: order, limits by law, kept ranges, space. Over a real index on SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.index import ArchiveIndex
from archive.kept import Channel, KeptSpans
from archive.records import FileState, IndexedFile
from archive.retention_plan import DueReason, RetentionPlan, RetentionPlanner, VolumeNeed
from core.archive import RecordingRule
from tests.archive.indexed import DAY_MS, HOUR_MS, MINUTE_MS, NOW_MS, add_files, opened_index, stream_of
from tests.patience import PATIENCE, Slowness

ENDLESS = RecordingRule(keep_days=None)
MOST = 1000


@pytest.fixture
def index(tmp_path: Path) -> Iterator[ArchiveIndex]:
    with opened_index(tmp_path) as made:
        yield made


def planned(
    index: ArchiveIndex,
    rules: Mapping[Channel, RecordingRule],
    *needs: VolumeNeed,
    kept: Mapping[Channel, KeptSpans] | None = None,
    most: int = MOST,
    **more: Any,
) -> RetentionPlan:
    return RetentionPlanner(index, rules, kept or {}, NOW_MS, **more).plan(needs or [VolumeNeed(1)], most)


def starts(plan: RetentionPlan) -> list[int]:
    """Return the beginnings of the planned files, in hours before now."""
    return [(NOW_MS - due.file.start_ms) // HOUR_MS for due in plan.due]


def hours_ago(*hours: float) -> list[int]:
    return [NOW_MS - round(hour * HOUR_MS) for hour in hours]


def kept_hours(begin: float, until: float) -> dict[Channel, KeptSpans]:
    """Keep channel 1 of camera 1 between two times, in hours before now."""
    (start_ms, end_ms) = hours_ago(begin, until)
    return {(1, 1): KeptSpans(((start_ms, end_ms),))}


def test_files_older_than_the_days_of_their_channel_are_due(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(50, 49, 24.1, 23))
    add_files(index, stream_of(2), hours_ago(50, 49))
    plan = planned(index, {(1, 1): RecordingRule(keep_days=1.0), (2, 1): ENDLESS})
    assert starts(plan) == [50, 49]  # the third still has pictures of the last 24 hours
    assert {due.reason for due in plan.due} == {DueReason.DAYS}


def test_a_channel_without_a_rule_keeps_thirty_days(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(31 * 24, 29 * 24))
    assert starts(planned(index, {})) == [31 * 24]


def test_kept_files_outlive_their_days(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(50, 49, 48, 47))
    rules = {(1, 1): RecordingRule(keep_days=1.0)}
    # The range begins in the middle of a file and ends in the middle of another: both stay whole.
    plan = planned(index, rules, kept=kept_hours(48.95, 47.99))
    assert starts(plan) == [50, 47]


def test_a_kept_range_counts_for_main_and_sub_stream(index: ArchiveIndex) -> None:
    for quality in ("main", "sub"):
        add_files(index, stream_of(quality=quality), hours_ago(50, 48))
    plan = planned(index, {(1, 1): RecordingRule(keep_days=1.0)}, kept=kept_hours(48, 47))
    assert starts(plan) == [50, 50]


def test_a_limit_by_law_deletes_kept_files_too(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(73, 72.1, 71))
    rules = {(1, 1): RecordingRule(keep_days=30.0, limit_days=3.0)}
    plan = planned(index, rules, kept=kept_hours(80, 0))
    assert starts(plan) == [73, 72]  # the second began beyond the limit: no picture in it may stay
    assert {due.reason for due in plan.due} == {DueReason.LIMIT}


def test_the_oldest_files_of_a_channel_with_too_many_bytes_are_due(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(5, 3, 1), size_bytes=100)
    add_files(index, stream_of(quality="sub"), hours_ago(4, 2), size_bytes=10)
    plan = planned(index, {(1, 1): RecordingRule(keep_days=None, keep_bytes=210)})
    assert starts(plan) == [5, 4]  # 320 bytes are there; both streams count, and both give
    assert {due.reason for due in plan.due} == {DueReason.BYTES}


def test_kept_bytes_do_not_push_other_footage_out(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(5, 4, 3, 2, 1))
    rules = {(1, 1): RecordingRule(keep_days=None, keep_bytes=200)}
    assert starts(planned(index, rules, kept=kept_hours(5, 3.9))) == [3]  # two are kept, two may stay


def test_the_oldest_files_of_a_volume_make_space(index: ArchiveIndex) -> None:
    add_files(index, stream_of(1), hours_ago(9, 7, 5))
    add_files(index, stream_of(2), hours_ago(8, 6, 4))
    add_files(index, stream_of(3), hours_ago(20), volume_id=2)
    plan = planned(index, {(number, 1): ENDLESS for number in (1, 2, 3)}, VolumeNeed(1, 250), VolumeNeed(2))
    assert starts(plan) == [9, 8, 7]
    assert {due.reason for due in plan.due} == {DueReason.SPACE}
    assert not plan.only_kept


def test_channels_over_their_limit_give_space_first(index: ArchiveIndex) -> None:
    add_files(index, stream_of(1), hours_ago(90, 80))  # within its limit, and older
    add_files(index, stream_of(2), hours_ago(30, 28, 2))  # over its limit of one day
    rules = {(1, 1): RecordingRule(keep_days=30.0), (2, 1): RecordingRule(keep_days=1.0)}
    plan = planned(index, rules, VolumeNeed(1, 200))
    assert starts(plan) == [30, 28]  # these two are enough


def test_files_of_other_volumes_are_not_due(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(50), volume_id=1)
    add_files(index, stream_of(), hours_ago(51), volume_id=2)  # this volume is gone
    assert starts(planned(index, {(1, 1): RecordingRule(keep_days=1.0)}, VolumeNeed(1))) == [50]


def test_open_files_are_not_due(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(50), state=FileState.OPEN)
    rules = {(1, 1): RecordingRule(keep_days=1.0, limit_days=1.0, keep_bytes=1)}
    assert not planned(index, rules, VolumeNeed(1, 1000)).due


def test_a_volume_with_only_kept_footage_is_told(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(5, 4))
    plan = planned(index, {(1, 1): ENDLESS}, VolumeNeed(1, 150), kept=kept_hours(6, 0))
    assert (plan.due, plan.only_kept) == ([], {1})


def test_a_held_volume_keeps_its_last_files_unless_they_are_enough(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(5, 4))
    held = planned(index, {(1, 1): ENDLESS}, VolumeNeed(1, 250, is_held=True))
    assert (held.due, held.only_kept) == ([], {1})
    freed = planned(index, {(1, 1): ENDLESS}, VolumeNeed(1, 150, is_held=True))
    assert (starts(freed), freed.only_kept) == ([5, 4], set())


def test_a_full_plan_still_makes_space(index: ArchiveIndex) -> None:
    add_files(index, stream_of(1), hours_ago(*range(200, 100, -1)))
    add_files(index, stream_of(2), hours_ago(5, 4), volume_id=2)
    rules = {(1, 1): RecordingRule(keep_days=1.0), (2, 1): ENDLESS}
    plan = planned(index, rules, VolumeNeed(1), VolumeNeed(2, 50), most=20)
    assert len(plan.due) == 16
    assert plan.due[-1].reason is DueReason.SPACE


def test_the_next_file_to_go_is_the_oldest_unkept_one(index: ArchiveIndex) -> None:
    add_files(index, stream_of(), hours_ago(5, 4))
    add_files(index, stream_of(2), hours_ago(3))
    planner = RetentionPlanner(index, {}, kept_hours(6, 4.5), NOW_MS)
    found = planner.oldest_unkept([(stream_of(2), 1), (stream_of(1), 1)])
    assert found is not None
    assert found.start_ms == NOW_MS - 4 * HOUR_MS
    assert planner.oldest_unkept([(stream_of(), 2)]) is None


# ---- any archive -----------------------------------------------------------------------------------

_PART_MS = 30 * MINUTE_MS
CHANNELS = [(1, 1), (1, 2), (2, 1)]
RULES = st.builds(
    RecordingRule,
    keep_days=st.one_of(st.none(), st.floats(0.5, 4)),
    keep_bytes=st.one_of(st.none(), st.integers(0, 3000)),
    limit_days=st.one_of(st.none(), st.floats(0.5, 4)),
)
FILES = st.lists(  # channel, quality, volume, age in half hours, size
    st.tuples(
        st.sampled_from(CHANNELS), st.sampled_from(["main", "sub"]), st.integers(1, 2), st.integers(1, 200),
        st.integers(1, 300),
    ),
    max_size=40,
    unique_by=lambda item: item[:4],
)  # fmt: skip
KEPT = st.dictionaries(
    st.sampled_from(CHANNELS), st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), max_size=3)
)


def _spans(kept: Mapping[Channel, list[tuple[int, int]]]) -> dict[Channel, KeptSpans]:
    found: dict[Channel, KeptSpans] = {}
    for channel, ranges in kept.items():
        merged: list[tuple[int, int]] = []
        for start, end in sorted((NOW_MS - age * _PART_MS + 7, NOW_MS - age * _PART_MS + 7 + long * _PART_MS)
                                 for age, long in ranges):  # fmt: skip
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        found[channel] = KeptSpans(tuple(merged))
    return found


def _is_kept(file: IndexedFile, spans: Mapping[Channel, KeptSpans]) -> bool:
    own = spans.get((file.stream.camera_id, file.stream.channel), KeptSpans()).spans
    return any(start < file.end_ms and end > file.start_ms for start, end in own)


def _is_beyond_limit(file: IndexedFile, rules: Mapping[Channel, RecordingRule]) -> bool:
    limit = rules[file.stream.camera_id, file.stream.channel].limit_days
    return limit is not None and file.start_ms < NOW_MS - round(limit * DAY_MS)


@pytest.mark.slow
@settings(max_examples=40)
@given(FILES, st.lists(RULES, min_size=3, max_size=3), KEPT, st.integers(0, 4000), st.integers(0, 4000), st.booleans())
def test_a_plan_keeps_every_promise_for_any_archive(
    drawn: list[tuple[Any, ...]],
    drawn_rules: list[RecordingRule],
    kept: dict[Channel, list[tuple[int, int]]],
    wanted_1: int,
    wanted_2: int,
    is_held: bool,
) -> None:
    rules, spans = dict(zip(CHANNELS, drawn_rules, strict=True)), _spans(kept)
    with TemporaryDirectory() as folder, opened_index(Path(folder)) as index:
        files: list[IndexedFile] = []
        for (camera_id, channel), quality, volume_id, age, size in drawn:
            begin = [NOW_MS - age * _PART_MS]
            files += add_files(
                index, stream_of(camera_id, channel, quality), begin, size_bytes=size, volume_id=volume_id
            )
        needs = (VolumeNeed(1, wanted_1, is_held=is_held), VolumeNeed(2, wanted_2))
        plan = planned(index, rules, *needs, kept=spans)
    due = {item.file.key: item for item in plan.due}
    assert len(due) == len(plan.due)
    for file in files:
        is_due = file.key in due
        if _is_beyond_limit(file, rules):
            assert due[file.key].reason is DueReason.LIMIT  # a limit by law always wins
        elif _is_kept(file, spans):
            assert not is_due
    order = [DueReason.LIMIT, DueReason.DAYS, DueReason.BYTES, DueReason.SPACE]
    places = [order.index(item.reason) for item in plan.due]
    assert places == sorted(places)
    for need in needs:
        own = [file for file in files if file.key.volume_id == need.volume_id]
        space = [item.file for item in plan.due if item.reason is DueReason.SPACE and item.file in own]
        freed = sum(file.size_bytes for file in own if file.key in due)
        left = [file for file in own if file.key not in due and not _is_kept(file, spans)]
        if space:  # the oldest go, no more than necessary
            assert [file.start_ms for file in space] == sorted(file.start_ms for file in space)
            assert freed - space[-1].size_bytes < need.wanted_bytes
            assert all(file.start_ms >= space[-1].start_ms for file in left)
        if need.volume_id in plan.only_kept:  # recording stops only if no unkept footage could help
            assert sum(file.size_bytes for file in own if not _is_kept(file, spans)) < need.wanted_bytes or not left
            assert need.is_held or not left
        elif freed < need.wanted_bytes:
            assert not left
            assert freed


@pytest.mark.slow
def test_a_pass_over_64_cameras_and_30_days_takes_50_ms_of_cpu(index: ArchiveIndex) -> None:
    ages = range(30 * 144, 0, -1)
    for camera_id in range(1, 65):
        add_files(index, stream_of(camera_id), [NOW_MS - age * 10 * MINUTE_MS for age in ages], size_bytes=300)
    rules = {(camera_id, 1): RecordingRule(keep_days=29.99, limit_days=60.0) for camera_id in range(1, 65)}
    kept = {
        (camera_id, 1): KeptSpans(tuple((NOW_MS - day * DAY_MS, NOW_MS - day * DAY_MS + HOUR_MS) for day in range(30)))
        for camera_id in range(1, 65)
    }
    took_s = []
    with Slowness() as machine:
        for _ in range(5):
            began_s = time.thread_time()
            plan = planned(index, rules, VolumeNeed(1, 300 * 100), kept=kept, most=400)
            took_s.append(time.thread_time() - began_s)
        assert len(plan.due) >= 100
        assert min(took_s) < 0.05 * machine.factor() * PATIENCE
