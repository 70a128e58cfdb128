"""The index of the archive: stretches and files, and what deleting files does to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.index import ArchiveIndex
from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, from_ms, to_ms
from core.archive import GapReason, Origin, RecordedQuality, StreamKey
from core.errors import StartRefused, Unavailable
from tests.archive.indexed import bytes_by_stream, file_at, unfinished_stretches

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOON_MS = to_ms(NOON)
FILE_MS = 600_000
STREAM = StreamKey(1, 3, RecordedQuality.MAIN)
DAY = timedelta(days=1)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[ArchiveIndex]:
    made = ArchiveIndex(tmp_path / "data" / "archive.sqlite3")
    made.open()
    made.note_volume("u-u-i-d", tmp_path)
    yield made
    made.close()


def file(number: int, stretch_id: int = 1, *, stream: StreamKey = STREAM, volume_id: int = 1) -> IndexedFile:
    """The file with this number since noon, 10 minutes and 1000 bytes long."""
    key = FileKey(stream, volume_id, NOON_MS + number * FILE_MS)
    return IndexedFile(key, key.start_ms + FILE_MS, 1000, stretch_id, FileState.CLOSED)


def add(index: ArchiveIndex, count: int, reason: GapReason | None = GapReason.DEVICE_AWAY) -> list[IndexedFile]:
    """Commit one stretch of files from noon on, which is the first of the index."""
    assert index.new_stretch_id() == 1
    files = [file(number) for number in range(count)]
    index.commit(files, [IndexedStretch(1, STREAM, NOON_MS, files[-1].end_ms, Origin.SERVER, reason)])
    return files


def minutes(index: ArchiveIndex, stream: StreamKey = STREAM) -> list[tuple[float, float]]:
    """Beginning and end of each stretch, in minutes since noon."""
    found = index.stretches([stream], NOON - DAY, NOON + DAY)
    return [((it.start - NOON).total_seconds() / 60, (it.end - NOON).total_seconds() / 60) for it in found]


def test_a_stretch_has_the_times_and_the_reason_of_its_commit(index: ArchiveIndex) -> None:
    add(index, 3)
    (stretch,) = index.stretches([STREAM], NOON, NOON + DAY)
    assert (stretch.start, stretch.end) == (NOON, NOON + timedelta(minutes=30))
    assert stretch.end_reason is GapReason.DEVICE_AWAY


def test_a_window_has_only_the_stretches_that_overlap_it(index: ArchiveIndex) -> None:
    add(index, 1)
    assert index.stretches([STREAM], NOON + timedelta(minutes=9), NOON + DAY)
    assert not index.stretches([STREAM], NOON + timedelta(minutes=10), NOON + DAY)
    assert not index.stretches([STREAM], NOON - DAY, NOON)


def test_a_growing_stretch_keeps_its_start_and_gets_a_later_end(index: ArchiveIndex) -> None:
    add(index, 1, reason=None)
    index.commit([file(1)], [IndexedStretch(1, STREAM, NOON_MS + FILE_MS, NOON_MS + 2 * FILE_MS)])
    assert minutes(index) == [(0, 20)]
    assert len(unfinished_stretches(index)) == 1


def test_the_file_of_a_moment_is_the_one_that_began_last(index: ArchiveIndex) -> None:
    files = add(index, 3)
    later = IndexedFile(FileKey(STREAM, 1, NOON_MS + 60_000), NOON_MS + 120_000, 5, 2, FileState.CLOSED)
    index.commit([later], [IndexedStretch(2, STREAM, later.start_ms, later.end_ms, end_reason=GapReason.UNKNOWN)])
    assert file_at(index, STREAM, NOON) == files[0]
    assert file_at(index, STREAM, NOON + timedelta(seconds=90)) == later
    assert file_at(index, STREAM, NOON + timedelta(minutes=15)) == files[1]
    assert file_at(index, STREAM, NOON + timedelta(minutes=30)) is None


def test_the_path_of_a_file_is_its_time_in_utc() -> None:
    key = FileKey(STREAM, 1, NOON_MS + 7, suffix=2)
    assert key.path == "1/3-main/2026-11-24/120000_007-2.mp4"
    assert FileKey(STREAM, 1, NOON_MS).path == "1/3-main/2026-11-24/120000_000.mp4"


def test_files_on_several_volumes_come_in_the_order_of_time(index: ArchiveIndex, tmp_path: Path) -> None:
    second = index.note_volume("another", tmp_path / "second")
    on_second = file(1, volume_id=second)
    index.commit([file(0), on_second, file(2)], [IndexedStretch(1, STREAM, NOON_MS, NOON_MS + 3 * FILE_MS)])
    assert [it.key.volume_id for it in index.files_of(STREAM, NOON, NOON + DAY)] == [1, second, 1]
    assert index.next_file(STREAM, NOON_MS + 1) == on_second
    assert index.oldest(STREAM, second) == [on_second]


@pytest.mark.parametrize(
    ("deleted", "left"),
    [
        ([0], [(10, 40)]),
        ([3], [(0, 30)]),
        ([1], [(0, 10), (20, 40)]),
        ([1, 2], [(0, 10), (30, 40)]),
        ([2, 1], [(0, 10), (30, 40)]),
        ([1, 0], [(20, 40)]),
        ([0, 1, 2, 3], []),
    ],
)
def test_deleted_files_are_not_in_the_stretches(
    index: ArchiveIndex, deleted: list[int], left: list[tuple[float, float]]
) -> None:
    files = add(index, 4)
    for number in deleted:
        assert len(index.delete([files[number].key])) == 1
    assert minutes(index) == left


def test_a_deleted_file_is_in_the_trash_until_it_is_forgotten(index: ArchiveIndex) -> None:
    files = add(index, 2)
    (item,) = index.delete([files[0].key])
    assert item.path == files[0].key.path
    assert index.trash(1) == [item]
    assert index.delete([files[0].key]) == []
    index.forget_trash([item])
    assert index.trash(1) == []


def test_the_trash_of_one_day_is_found_without_reading_the_rest(index: ArchiveIndex) -> None:
    add(index, 200)
    index.delete([file(number).key for number in (0, 71, 72, 73)])  # 72 begins at midnight
    index.note_volume("another", Path("elsewhere"))
    index.commit([file(1, 9, volume_id=2)], [])
    index.delete([file(1, volume_id=2).key])
    day = "1/3-main/2026-11-24/"
    assert index.trash_paths(1, day) == {file(0).key.path, file(71).key.path}
    assert index.trash_paths(2, day) == {file(1).key.path}
    assert index.trash_paths(1, "1/3-main/2026-11-2") == set()
    statements: list[str] = []
    with index.read() as db:
        db.set_trace_callback(statements.append)
    index.trash_paths(1, day)
    with index.read() as db:
        db.set_trace_callback(None)
        (query,) = [it for it in statements if "FROM trash" in it]
        (plan,) = db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert "trash_of_path (volume_id=? AND path>? AND path<?)" in plan[3]


def test_an_open_file_is_never_deleted(index: ArchiveIndex) -> None:
    open_file = IndexedFile(FileKey(STREAM, 1, NOON_MS), NOON_MS + 10, 5, 1)
    index.commit([open_file], [IndexedStretch(1, STREAM, NOON_MS, NOON_MS + 10)])
    assert index.delete([open_file.key]) == []
    assert index.open_files(1) == [open_file]


def test_the_writer_goes_on_with_a_stretch_that_lost_its_beginning(index: ArchiveIndex) -> None:
    files = add(index, 3, reason=None)
    index.delete([files[0].key])
    index.commit([file(3)], [IndexedStretch(1, STREAM, NOON_MS, NOON_MS + 4 * FILE_MS)])
    assert minutes(index) == [(10, 40)]


def test_the_writer_goes_on_with_a_stretch_that_was_split(index: ArchiveIndex) -> None:
    files = add(index, 3, reason=None)
    index.delete([files[1].key])
    index.commit([file(3)], [IndexedStretch(1, STREAM, NOON_MS, NOON_MS + 4 * FILE_MS)])
    assert minutes(index) == [(0, 10), (20, 40)]


def test_a_wholly_deleted_stretch_begins_again_with_its_next_file(index: ArchiveIndex) -> None:
    files = add(index, 2, reason=None)
    index.delete([it.key for it in files])
    index.commit([file(2)], [IndexedStretch(1, STREAM, NOON_MS, NOON_MS + 3 * FILE_MS)])
    assert minutes(index) == [(20, 30)]


def test_the_end_of_a_wholly_deleted_stretch_does_not_bring_it_back(index: ArchiveIndex) -> None:
    files = add(index, 2, reason=None)
    index.delete([it.key for it in files])
    index.commit([], [IndexedStretch(1, STREAM, NOON_MS, files[-1].end_ms, end_reason=GapReason.STALLED)])
    assert minutes(index) == []


def test_a_lost_file_is_a_gap_with_reason_damaged_and_keeps_its_row(index: ArchiveIndex) -> None:
    files = add(index, 3)
    index.mark_lost([files[1].key])
    assert minutes(index) == [(0, 10), (20, 30)]
    (before, _) = index.stretches([STREAM], NOON, NOON + DAY)
    assert before.end_reason is GapReason.DAMAGED
    assert file_at(index, STREAM, NOON + timedelta(minutes=15)) is None
    assert [it.state for it in index.files_of(STREAM, NOON, NOON + DAY)].count(FileState.LOST) == 1


def test_a_damaged_file_counts_and_cannot_be_played(index: ArchiveIndex) -> None:
    files = add(index, 3)
    index.note_damaged(files[1].key, 700)
    assert minutes(index) == [(0, 10), (20, 30)]
    assert bytes_by_stream(index) == {STREAM: 2700}
    assert index.damaged() == {1: (1, 700)}
    assert index.next_file(STREAM, files[1].start_ms) == files[2]
    (item,) = index.delete([files[1].key])
    assert (item.path, item.size_bytes) == (f"{files[1].key.path}.damaged", 700)
    assert minutes(index) == [(0, 10), (20, 30)]


@pytest.mark.parametrize("version", [1, 2])
def test_an_index_of_an_older_version_is_taken_over(index: ArchiveIndex, tmp_path: Path, version: int) -> None:
    add(index, 3)
    index.close()
    (file_path,) = tmp_path.glob("**/archive.sqlite3")
    with closing(sqlite3.connect(file_path)) as old:
        drop = "DROP INDEX file_damaged;" if version == 1 else ""
        old.executescript(f"{drop} ALTER TABLE file DROP COLUMN epoch; PRAGMA user_version = {version};")
    assert index.open() is False
    assert minutes(index) == [(0, 30)]
    assert index.damaged() == {}
    assert {it.epoch for it in index.files_of(STREAM, NOON, NOON + DAY)} == {0}
    index.close()
    assert index.open() is False


def test_bytes_by_stream_follow_growth_and_deletion(index: ArchiveIndex) -> None:
    files = add(index, 3)
    index.commit([IndexedFile(files[2].key, files[2].end_ms, 1500, 1)], [])
    assert bytes_by_stream(index) == {STREAM: 3500}
    index.delete([files[0].key])
    assert bytes_by_stream(index) == {STREAM: 2500}
    assert [it.files for it in index.totals()] == [2]
    assert index.bytes_since(STREAM, NOON + timedelta(minutes=15)) == 1500


def test_deleting_a_stream_takes_its_files_and_stretches(index: ArchiveIndex) -> None:
    add(index, 3)
    assert len(index.delete_streams([STREAM])) == 3
    assert minutes(index) == []
    assert bytes_by_stream(index) == {}
    assert len(index.trash(1)) == 3


def test_a_reopened_index_knows_everything_and_gives_new_ids(index: ArchiveIndex, tmp_path: Path) -> None:
    add(index, 2)
    index.beat(NOON_MS)
    index.close()
    again = ArchiveIndex(tmp_path / "data" / "archive.sqlite3")
    assert again.open() is False
    assert minutes(again) == [(0, 20)]
    assert again.heartbeat_ms() == NOON_MS
    assert again.new_stretch_id() == 2
    again.close()


def test_a_closed_index_answers_unavailable(index: ArchiveIndex) -> None:
    index.close()
    with pytest.raises(Unavailable):
        index.heartbeat_ms()
    with pytest.raises(Unavailable):
        index.beat(1)


def test_a_damaged_index_is_moved_away_and_made_again(index: ArchiveIndex, tmp_path: Path) -> None:
    add(index, 2)
    index.close()
    file_path = tmp_path / "data" / "archive.sqlite3"
    file_path.write_bytes(b"this is no database" * 1000)
    again = ArchiveIndex(file_path)
    assert again.open() is True
    assert again.streams() == []
    assert file_path.with_name("archive.sqlite3.damaged").exists()
    again.close()


def test_an_index_of_a_newer_version_is_refused_and_left_alone(index: ArchiveIndex, tmp_path: Path) -> None:
    index.close()
    file_path = tmp_path / "data" / "archive.sqlite3"
    with closing(sqlite3.connect(file_path)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StartRefused, match="newer version"):
        ArchiveIndex(file_path).open()
    with closing(sqlite3.connect(file_path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_failed_commit_saves_nothing(index: ArchiveIndex) -> None:
    broken = IndexedStretch(1, STREAM, NOON_MS, NOON_MS + 1, clock_correction_s=None)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        index.commit([file(0)], [broken])
    assert index.streams() == []
    assert index.totals() == []
    add(index, 1)
    assert minutes(index) == [(0, 10)]


# ---- any order of writing and deleting -----------------------------------------------------------

LENGTHS_MS = st.integers(1, 5).map(lambda minutes: minutes * 60_000)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("file"), st.tuples(LENGTHS_MS, st.integers(1, 2))),
        st.tuples(st.just("gap"), st.integers(1, 300_000)),
        st.tuples(st.just("delete"), st.integers(0, 30)),
        st.tuples(st.just("oldest"), st.integers(0, 1)),
        st.tuples(st.just("lose"), st.integers(0, 30)),
    ),
    max_size=40,
)


class Model:
    """The files and the ends of the stretches that the index must know after each action."""

    def __init__(self, index: ArchiveIndex) -> None:
        self.index = index
        self.files: list[IndexedFile] = []
        self.now_ms = NOON_MS
        self.stretch: IndexedStretch | None = None

    def act(self, action: str, value: object) -> None:
        if action == "file" and isinstance(value, tuple):
            self.add(*value)
        elif action == "gap" and isinstance(value, int):
            self.end()
            self.now_ms += value
        elif self.files and isinstance(value, int):
            place = 0 if action == "oldest" else value % len(self.files)
            gone = self.files[place]
            if gone is self.files[-1] and self.stretch is not None:
                return  # the retention leaves the newest file of a stretch that is being recorded
            del self.files[place]
            if action == "lose":
                self.index.mark_lost([gone.key])
            else:
                self.index.delete([gone.key])

    def add(self, length_ms: int, volume_id: int) -> None:
        if self.stretch is None:
            self.stretch = IndexedStretch(self.index.new_stretch_id(), STREAM, self.now_ms, self.now_ms)
        key = FileKey(STREAM, volume_id, self.now_ms)
        self.now_ms += length_ms
        file = IndexedFile(key, self.now_ms, length_ms, self.stretch.id, FileState.CLOSED)
        self.stretch = replace(self.stretch, end_ms=self.now_ms)
        self.index.commit([file], [self.stretch])
        self.files.append(file)

    def end(self) -> None:
        if self.stretch is not None:
            self.index.commit([], [replace(self.stretch, end_reason=GapReason.STALLED)])
            self.stretch = None

    def recorded(self) -> list[tuple[int, int]]:
        return united((it.start_ms, it.end_ms) for it in self.files)


def united(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


@pytest.mark.slow
@given(actions=ACTIONS)
@settings(max_examples=60, deadline=None)
def test_stretches_are_the_time_of_the_files_after_any_actions(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    index = ArchiveIndex(folder / "archive.sqlite3")
    index.open()
    index.note_volume("one", folder / "one")
    index.note_volume("two", folder / "two")
    model = Model(index)
    for action, value in actions:
        model.act(action, value)
        stretches = index.stretches([STREAM], NOON - DAY, NOON + 30 * DAY)
        assert united((to_ms(it.start), to_ms(it.end)) for it in stretches) == model.recorded()
        assert sum(bytes_by_stream(index).values()) == sum(it.size_bytes for it in model.files)
        assert len(unfinished_stretches(index)) == (model.stretch is not None)
    for file in model.files:
        assert file_at(index, STREAM, from_ms(file.start_ms)) == file_at(index, STREAM, from_ms(file.end_ms - 1))
    index.close()
