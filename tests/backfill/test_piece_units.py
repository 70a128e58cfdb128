"""Which units of a playback a piece takes: whole groups of pictures, and never the same second twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backfill import piece_units
from backfill.piece_units import Group, PieceUnits
from backfill.records import Stretch
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit

START = datetime(2026, 11, 23, 2, tzinfo=UTC)
START_S = START.timestamp()
FPS = 10
SECOND = timedelta(seconds=1)


def frame(number: int, *, lost: int = 0, gop: int = FPS, size: int = 100) -> AccessUnit:
    """Return a frame of this number since the start. `lost`: so many before it came incomplete."""
    at_s = START_S + number / FPS
    return AccessUnit(
        VIDEO,
        (bytes(size),),
        number * 9000,
        90_000,
        is_key=number % gop == 0,
        device_s=at_s,
        frames_dropped_before=lost,
    )


def take(run: PieceUnits, units: list[AccessUnit]) -> list[Group]:
    found = [group for unit in units for group in run.take([unit])]
    return found if run.is_over else [*found, *run.finish()]


def frames_of(groups: list[Group]) -> list[int]:
    return [round((at_s - START_S) * FPS) for group in groups for at_s in group.utc_s]


def piece(*, seconds: int = 5, goes_on: bool = False, repeats: bool = True) -> PieceUnits:
    return PieceUnits(Stretch(START, START + seconds * SECOND), 0.0, goes_on=goes_on, repeats=repeats)


def test_a_group_that_lost_frames_is_left_out_and_repeated() -> None:
    """Its hole is exact, so that both tries together have each second once."""
    run = piece()
    groups = take(run, [frame(number, lost=2 if number == 25 else 0) for number in range(-10, 60) if number != 24])
    assert frames_of(groups) == [*range(20), *range(30, 50)]
    assert [group.ends_stretch for group in groups] == [False, False, True, False]
    hole = Stretch(START + 2 * SECOND, START + 3 * SECOND)
    assert (run.lossy, run.frames_lost) == ([hole], 0)
    assert run.stretches == [Stretch(START, hole.start), Stretch(hole.end, START + 5 * SECOND)]
    again = PieceUnits(hole, 0.0, goes_on=False, repeats=False)
    assert frames_of(take(again, [frame(number) for number in range(20, 40)])) == list(range(20, 30))
    assert (again.stretches, again.lossy, again.frames_lost) == ([hole], [], 0)


def test_frames_lost_before_a_key_frame_count_for_the_group_before_it() -> None:
    run = piece()
    take(run, [frame(number, lost=1 if number in (30, 50) else 0) for number in range(60)])
    seconds = [Stretch(START + number * SECOND, START + (number + 1) * SECOND) for number in (2, 4)]
    assert run.lossy == seconds


def test_frames_lost_outside_of_a_piece_do_not_count() -> None:
    run = piece()
    take(run, [frame(number, lost=number in (-3, 0, 55)) for number in range(-10, 60)])
    assert (run.lossy, run.frames_lost) == ([], 0)


def test_a_second_try_takes_what_comes_and_counts_the_lost_frames() -> None:
    run = piece(repeats=False)
    groups = take(run, [frame(number, lost=3 if number == 25 else 0) for number in range(60)])
    assert frames_of(groups) == list(range(50))
    assert (run.lossy, run.frames_lost) == ([], 3)


def test_a_bad_link_leaves_out_so_many_groups_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece_units, "MOST_LOSSY", 2)
    run = piece()
    groups = take(run, [frame(number, lost=number % FPS == 5) for number in range(60)])
    assert frames_of(groups) == list(range(20, 50))
    assert (len(run.lossy), run.frames_lost) == (2, 3)


def test_a_long_group_is_not_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera may send a key frame a minute. Lost frames of such a group are counted."""
    monkeypatch.setattr(piece_units, "_MOST_HELD_BYTES", 1000)
    run = piece(seconds=60)
    units = [frame(number, lost=number == 300, gop=600) for number in range(610)]
    groups = take(run, units)
    assert frames_of(groups) == list(range(600))
    assert max(len(group.units) for group in groups) <= 12
    assert (run.lossy, run.frames_lost) == ([], 1)
    assert run.stretches == [Stretch(START, START + 60 * SECOND)]


def test_a_gap_of_the_recording_is_a_gap_of_the_piece() -> None:
    run = piece(seconds=10)
    groups = take(run, [frame(number) for number in (*range(25), *range(60, 110))])
    assert frames_of(groups) == [*range(25), *range(60, 100)]
    step = SECOND / FPS
    assert run.stretches == [
        Stretch(START, START + 24 * step + step),
        Stretch(START + 6 * SECOND, START + 10 * SECOND),
    ]


def test_a_piece_that_goes_on_ends_with_a_key_frame_and_keeps_audio() -> None:
    run = piece(seconds=5, goes_on=True)
    audio = AccessUnit(AUDIO, (b"a" * 160,), 0, 8000, device_s=START_S + 1.25)
    units = [frame(number, gop=20) for number in range(100)]
    groups = take(run, [*units[:13], audio, *units[13:]])
    assert len(frames_of(groups)) == 61, "up to the key frame at 6 s, and the audio"
    assert run.stretches == [Stretch(START, START + 6 * SECOND)]
