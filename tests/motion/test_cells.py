"""The index of changed cells: which moments have changed in a region."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text

from database import Database
from motion.cell_blob import (
    CELLS,
    MINUTE_MS,
    blocks_of,
    cells_of,
    count_of,
    level_in,
    level_of,
    packed,
    pictures_of,
    with_level,
)
from motion.cells import FINE_SHARE, CellIndex
from motion.records import Sensitivity
from tables import MotionCellsRow
from tests.patience import Slowness
from vision.messages import CELL_BYTES, CELL_COLUMNS, CELL_ROWS

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def cell(column: int, row: int) -> int:
    return 1 << (CELLS - 1 - row * CELL_COLUMNS - column)


def box(left: int, top: int, right: int, bottom: int) -> tuple[tuple[float, float], ...]:
    """Return a box of cells as a polygon."""
    xs, ys = (left / CELL_COLUMNS, right / CELL_COLUMNS), (top / CELL_ROWS, bottom / CELL_ROWS)
    return ((xs[0], ys[0]), (xs[1], ys[0]), (xs[1], ys[1]), (xs[0], ys[1]))


def note(index: CellIndex, moment: datetime, *cells: tuple[int, int], place: tuple[int, int] = (1, 1)) -> None:
    together = 0
    for column, row in cells:
        together |= cell(column, row)
    index.add(place, ms(moment), together.to_bytes(CELL_BYTES))


@pytest.fixture
def index(database: Database) -> CellIndex:
    return CellIndex(database)


def times(index: CellIndex, polygon: tuple[tuple[float, float], ...], place: tuple[int, int] = (1, 1)) -> list[float]:
    found = index.hits(place, polygon, START - timedelta(days=1), START + timedelta(days=1))
    return [(hit.at - START).total_seconds() for hit in found.hits]


def test_a_change_is_found_in_its_region_only(index: CellIndex) -> None:
    note(index, START, (5, 5))
    note(index, START + timedelta(seconds=2), (20, 10))
    note(index, START + timedelta(seconds=4))
    assert times(index, box(5, 5, 6, 6)) == [0]
    assert times(index, box(18, 8, 24, 12)) == [2]
    assert times(index, WHOLE) == [0, 2]
    assert times(index, box(0, 0, 4, 4)) == []
    assert times(index, WHOLE, (1, 2)) == []


@pytest.mark.parametrize("is_flushed", [True, False])
def test_a_change_is_found_before_and_after_it_is_written(index: CellIndex, is_flushed: bool) -> None:
    for minute in range(5):
        note(index, START + timedelta(minutes=minute), (minute, 3))
    if is_flushed:
        index.flush()
    assert times(index, box(0, 3, 3, 4)) == [0, 60, 120]
    found = index.hits((1, 1), WHOLE, START, START + timedelta(minutes=3))
    assert len(found.hits) == 3
    assert found.watched_minutes[:3] == tuple(START + timedelta(minutes=minute) for minute in range(3))


def test_a_minute_that_is_written_twice_keeps_both_halves(index: CellIndex) -> None:
    note(index, START, (1, 1))
    index.flush()
    note(index, START + timedelta(seconds=30), (2, 2))
    note(index, START + timedelta(seconds=30), (2, 2))
    index.flush()
    index.flush()
    assert times(index, WHOLE) == [0, 30]


def test_only_minutes_that_are_over_are_written(index: CellIndex, database: Database) -> None:
    note(index, START, (1, 1))
    note(index, START + timedelta(minutes=1), (1, 1))
    index.flush(ms(START) + MINUTE_MS)
    assert len(CellIndex(database).hits((1, 1), WHOLE, START, START + timedelta(hours=1)).hits) == 1
    assert times(index, WHOLE) == [0, 60]


def test_calm_minutes_are_known_as_watched(index: CellIndex) -> None:
    note(index, START)
    index.flush()
    found = index.hits((1, 1), WHOLE, START, START + timedelta(hours=1))
    assert found.hits == ()
    assert found.watched_minutes == (START,)


def watched(index: CellIndex, polygon: tuple[tuple[float, float], ...]) -> int:
    return len(index.hits((1, 1), polygon, START, START + timedelta(hours=1)).watched_minutes)


SMALL, HALF = box(4, 4, 7, 7), box(0, 0, 16, 18)


@pytest.mark.parametrize("is_flushed", [True, False])
@pytest.mark.parametrize(
    ("sensitivity", "factor", "of_small", "of_half", "of_whole"),
    [
        (Sensitivity.HIGHEST, 1, 1, 1, 1),
        (Sensitivity.HIGH, 1, 1, 1, 1),
        (Sensitivity.HIGH, 2, 0, 1, 1),  # a restless channel
        (Sensitivity.MEDIUM, 1, 0, 1, 1),
        (Sensitivity.LOW, 1, 0, 0, 1),
        (Sensitivity.LOW, 8, 0, 0, 0),
    ],
)
def test_a_minute_counts_as_watched_only_if_small_movements_counted(
    index: CellIndex,
    sensitivity: Sensitivity,
    factor: int,
    of_small: int,
    of_half: int,
    of_whole: int,
    is_flushed: bool,
) -> None:
    index.add((1, 1), ms(START), bytes(CELL_BYTES), least_share=factor * sensitivity.least_share)
    if is_flushed:
        index.flush()
    assert [watched(index, polygon) for polygon in (SMALL, HALF, WHOLE)] == [of_small, of_half, of_whole]


def test_the_coarsest_picture_of_a_minute_counts(index: CellIndex) -> None:
    index.add((1, 1), ms(START), bytes(CELL_BYTES), least_share=0.01)
    index.add((1, 1), ms(START) + 1000, bytes(CELL_BYTES), least_share=0.001)
    assert not watched(index, SMALL)
    index.flush()
    index.add((1, 1), ms(START) + 2000, bytes(CELL_BYTES), least_share=0.001)
    index.flush()
    assert not watched(index, SMALL)


def test_a_search_that_has_looked_itself_makes_a_minute_watched(index: CellIndex) -> None:
    index.add((1, 1), ms(START), cell(5, 5).to_bytes(CELL_BYTES), least_share=0.01)
    index.flush()
    index.add((1, 1), ms(START) + 2000, bytes(CELL_BYTES), is_whole=True)
    index.flush()
    assert watched(index, SMALL)
    assert times(index, SMALL) == [0], "a movement that was seen stays"


def test_minutes_of_an_earlier_version_count_for_large_regions_only(index: CellIndex, database: Database) -> None:
    row = {"camera_id": 1, "channel": 1, "minute": ms(START) // MINUTE_MS, "cells": packed(30, []), "blocks": 0}
    with database.write() as session:
        session.execute(insert(MotionCellsRow), [row])
    assert [watched(index, polygon) for polygon in (SMALL, HALF, WHOLE)] == [0, 0, 1]


def test_a_level_is_never_finer_than_its_share() -> None:
    shares = [0.0005, 0.001, 0.003, 0.01, 0.08, 1.0]
    levels = [level_of(share) for share in shares]
    assert levels == sorted(set(levels))
    assert level_of(0.0011) > level_of(0.001) == level_of(0.00095)
    assert level_in(with_level(2**48 - 1, levels[-1])) == levels[-1]
    assert with_level(0, 64) < 2**63, "it fits the column"


def test_the_share_is_that_of_the_cells_of_the_region(index: CellIndex) -> None:
    note(index, START, (0, 0), (1, 0), (10, 10))
    (hit,) = index.hits((1, 1), box(0, 0, 2, 2), START, START + timedelta(seconds=1)).hits
    assert hit.share == 0.5


def test_old_minutes_and_those_of_removed_cameras_are_deleted(index: CellIndex) -> None:
    for days in range(10):
        note(index, START - timedelta(days=days), (1, 1))
        note(index, START - timedelta(days=days), (1, 1), place=(2, 1))
        note(index, START - timedelta(days=days), (1, 1), place=(1, 2))
    index.flush()
    assert not index.delete_before(START - timedelta(days=5))
    everything = (START - timedelta(days=30), START + timedelta(days=1))
    assert len(index.hits((2, 1), WHOLE, *everything).hits) == 6
    assert not index.delete_of_channel_before((1, 2), START - timedelta(days=2))
    assert len(index.hits((1, 2), WHOLE, *everything).hits) == 3
    assert not index.delete_all_but([1])
    assert index.hits((2, 1), WHOLE, *everything).watched_minutes == ()
    assert len(index.hits((1, 1), WHOLE, *everything).hits) == 6


def test_damaged_rows_are_ignored() -> None:
    assert list(pictures_of(b"")) == []
    assert count_of(b"") == 0
    assert list(pictures_of(b"\0\1nonsense")) == []
    assert list(pictures_of(packed(3, [(5, 7)])[:-4])) in ([], [(5, 7)])


@given(st.dictionaries(st.integers(0, MINUTE_MS - 1), st.integers(1, 2**CELLS - 1), max_size=40), st.integers(0, 500))
def test_a_minute_is_read_as_it_was_written(pictures: dict[int, int], count: int) -> None:
    data = packed(count, sorted(pictures.items()))
    assert count_of(data) == count
    assert dict(pictures_of(data)) == pictures
    assert blocks_of(pictures.values()) < 2**48


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=7))
def test_every_region_has_a_cell(polygon: list[tuple[float, float]]) -> None:
    assert 0 < cells_of(polygon) < 2**CELLS


def test_a_region_has_the_cells_whose_middles_are_in_it() -> None:
    assert cells_of(WHOLE) == 2**CELLS - 1
    corners = cells_of(box(2, 3, 4, 5))
    assert corners & cell(2, 3)
    assert corners & cell(3, 4)
    triangle = cells_of(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    assert 0.45 < triangle.bit_count() / CELLS < 0.55


@pytest.mark.slow
@pytest.mark.sqlite
def test_any_box_over_seven_days_is_answered_in_a_tenth_of_a_second(index: CellIndex, database: Database) -> None:
    """A key frame each two seconds, one minute in five with a movement of eight pictures."""
    rng, first = random.Random(7), ms(START) // MINUTE_MS
    rows = []
    for minute in range(7 * 1440):
        moved: list[tuple[int, int]] = []
        for place in range(0 if minute % 5 else 8):
            x, y = rng.randrange(28), rng.randrange(15)
            moved.append((2000 * place, sum(cell(x + dx, y + dy) for dx in range(4) for dy in range(3))))
        row = {"camera_id": 1, "channel": 1, "minute": first + minute, "cells": packed(30, moved)}
        rows.append({**row, "blocks": with_level(blocks_of(cells for _, cells in moved), level_of(FINE_SHARE))})
    with database.write() as session:
        session.execute(insert(MotionCellsRow), rows)
    end = START + timedelta(days=7)
    with Slowness() as machine:
        took_s = []
        for polygon in (WHOLE, box(3, 3, 6, 6), box(20, 10, 21, 11), box(0, 0, 32, 9), box(12, 0, 14, 18)):
            began_s = time.thread_time()
            found = index.hits((1, 1), polygon, START, end)
            took_s.append(time.thread_time() - began_s)
            assert len(found.watched_minutes) == 7 * 1440
    assert max(took_s) < 0.1 * machine.factor(), took_s


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_day_of_sixteen_channels_takes_less_than_three_megabytes(database: Database) -> None:
    """One minute in five has a visitor for 16 s."""
    rng, first = random.Random(7), ms(START) // MINUTE_MS
    before = _size_of(database)
    for channel in range(16):
        rows = []
        for minute in range(1440):
            x, y = rng.randrange(20), rng.randrange(15)
            moved = []
            for step in range(0 if minute % 5 else 8):
                near = ((x + step + dx, y + dy) for dx in range(4) for dy in range(3))
                moved.append((2000 * step, sum(cell(*one) for one in near if rng.random() < 0.9)))
            row = {"camera_id": 1, "channel": channel, "minute": first + minute, "cells": packed(30, moved)}
            rows.append({**row, "blocks": blocks_of(cells for _, cells in moved)})
        with database.write() as session:
            session.execute(insert(MotionCellsRow), rows)
    assert _size_of(database) - before < 3_000_000


def _size_of(database: Database) -> int:
    with database.read() as session:
        pages, page = (session.scalar(text(f"PRAGMA {name}")) or 0 for name in ("page_count", "page_size"))
    return int(pages * page)


def test_minutes_beyond_the_most_hits_are_not_watched(index: CellIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motion.cells.MOST_HITS", 4)
    for second in range(0, 300, 20):
        note(index, START + timedelta(seconds=second), (5, 5))
    index.flush()
    found = index.hits((1, 1), box(5, 5, 6, 6), START, START + timedelta(minutes=5))
    assert [(hit.at - START).total_seconds() for hit in found.hits] == [0, 20, 40, 60]
    assert found.watched_minutes == (START,)
    elsewhere = index.hits((1, 1), box(20, 10, 21, 11), START, START + timedelta(minutes=5))
    assert len(elsewhere.watched_minutes) == 5
