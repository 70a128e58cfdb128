"""Channels and searches of the watcher, with encoded pictures in which an object stands at a known place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest

from tests.vision.encoded import EncodedUnit, encoded
from tests.vision.scenes import Picture, burn_clock, street
from tests.vision.watching import look_back, new_watcher
from vision.messages import (
    CELL_COLUMNS,
    CELL_ROWS,
    BadMessage,
    Began,
    Failed,
    Forget,
    FromChild,
    Open,
    Point,
    Region,
    RegionClose,
    RegionCompare,
    RegionOpen,
    RegionPair,
    RegionPicture,
    Still,
    StillPicture,
    ToChild,
    Unit,
    Watched,
    Zone,
)
from vision.watcher import Watcher

KEY = "1:1"
LEFT: tuple[Point, ...] = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT: tuple[Point, ...] = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))


def _with_object(left: int, top: int = 200) -> Picture:
    """Return the street with an object of 40 x 80 pixels."""
    picture = street()
    picture[top : top + 80, left : left + 40] = 235
    return picture


@cache
def _keys(codec: str = "h264", left: int = 120, quiet: int = 7) -> tuple[EncodedUnit, ...]:
    """Return key frames, 2 s apart: quiet ones, then one with an object in the left half of the picture."""
    units = encoded([*[street()] * quiet, _with_object(left)], codec=codec, gop=1)
    return tuple(EncodedUnit(2_000 * number, True, unit.data) for number, unit in enumerate(units))


def _told(watcher: Watcher, *messages: ToChild | BadMessage) -> list[FromChild]:
    return [answer for message in messages for answer in watcher.answers(message)]


def _units(units: Sequence[EncodedUnit], key: str = KEY) -> list[ToChild]:
    return [Unit(key, unit.time_ms, unit.is_key, unit.data) for unit in units]


def _watched(*zones: Zone, codec: str = "h264", sensitivity: float = 0.001) -> Watched:
    """Return the judgement of the picture with the object."""
    found = _told(new_watcher(), Open(KEY, codec, sensitivity, zones), *_units(_keys(codec)))[-1]
    assert isinstance(found, Watched), found
    return found


def _moving_cells(cells: bytes) -> set[tuple[int, int]]:
    bits = np.unpackbits(np.frombuffer(cells, np.uint8)).reshape(CELL_ROWS, CELL_COLUMNS)
    return {(int(column), int(row)) for row, column in np.argwhere(bits)}


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_an_object_becomes_a_blob_at_its_place(codec: str) -> None:
    found = _watched(codec=codec)
    (blob,) = found.blobs
    assert found.is_moving
    assert not found.is_reset
    assert blob.box == pytest.approx((120 / 640, 200 / 360, 40 / 640, 80 / 360), abs=0.04)
    assert blob.foot == pytest.approx((140 / 640, 280 / 360), abs=0.03)
    assert found.share == pytest.approx(40 * 80 / 640 / 360, abs=0.008)
    cells = _moving_cells(found.cells)
    assert {(6, 11), (7, 12)} <= cells
    assert all(5 <= column <= 8 and 9 <= row <= 14 for column, row in cells)


def test_the_first_pictures_are_resets() -> None:
    answers = _told(new_watcher(), Open(KEY, "h264", 0.001), *_units(_keys()))
    assert [answer.is_reset for answer in answers if isinstance(answer, Watched)] == [*[True] * 4, *[False] * 4]


def test_an_object_in_a_watched_zone_counts_for_it() -> None:
    found = _watched(Zone(3, "yard", "watch", LEFT), Zone(4, "gate", "alert", LEFT), Zone(5, "road", "watch", RIGHT))
    assert (found.zones, found.alert_zones, found.is_moving) == ((3, 4), (4,), True)
    assert found.blobs[0].zones == (3, 4)


def test_an_object_outside_the_watched_zones_is_shown_and_does_not_count() -> None:
    found = _watched(Zone(5, "road", "watch", RIGHT))
    assert (len(found.blobs), found.zones, found.is_moving, found.share) == (1, (), False, 0.0)
    assert _moving_cells(found.cells)


def test_an_object_in_an_ignored_zone_is_left_out() -> None:
    found = _watched(Zone(6, "flag", "ignore", LEFT))
    assert (found.blobs, found.is_moving) == ((), False)
    assert not _moving_cells(found.cells)


def test_the_foot_alone_puts_an_object_into_a_zone() -> None:
    at_foot: tuple[Point, ...] = ((0.1, 0.74), (0.4, 0.74), (0.4, 0.9), (0.1, 0.9))
    assert _watched(Zone(7, "path", "watch", at_foot)).zones == (7,)


def test_an_object_smaller_than_the_sensitivity_does_not_count() -> None:
    found = _watched(sensitivity=0.05)
    assert (found.blobs, found.is_moving) == ((), False)


def test_new_settings_keep_the_learned_background() -> None:
    watcher = new_watcher()
    units = _units(_keys())
    _told(watcher, Open(KEY, "h264", 0.001), *units[:6])
    answers = _told(watcher, Open(KEY, "h264", 0.01, (Zone(1, "a", "watch", LEFT),)), *units[6:])
    assert [(a.is_reset, a.is_moving) for a in answers if isinstance(a, Watched)] == [(False, False), (False, True)]


def test_another_codec_begins_the_background_anew() -> None:
    watcher = new_watcher()
    _told(watcher, Open(KEY, "h264", 0.001), *_units(_keys()))
    (answer,) = _told(watcher, Open(KEY, "h265", 0.001), *_units(_keys("h265")[:1]))
    assert isinstance(answer, Watched)
    assert answer.is_reset


def test_another_size_begins_the_background_anew() -> None:
    watcher = new_watcher()
    _told(watcher, Open(KEY, "h264", 0.001), *_units(_keys()[:7]))
    larger = np.asarray(cv2.resize(street(), (704, 576)), np.uint8)
    (unit,) = encoded([larger])
    (answer,) = _told(watcher, Unit(KEY, 16_000, True, unit.data))
    assert isinstance(answer, Watched)
    assert answer.is_reset


def test_channels_do_not_know_each_other() -> None:
    watcher = new_watcher()
    _told(watcher, Open(KEY, "h264", 0.001), Open("1:2", "h264", 0.001), *_units(_keys()))
    (answer,) = _told(watcher, *_units(_keys()[:1], "1:2"))
    assert isinstance(answer, Watched)
    assert (answer.key, answer.is_reset) == ("1:2", True)


def test_a_still_is_the_newest_picture_with_its_cells() -> None:
    watcher = new_watcher()
    assert _told(watcher, Open(KEY, "h264", 0.001), Still(KEY)) == [Failed("no_picture", key=KEY)]
    *_, watched = _told(watcher, *_units(_keys()))
    (still,) = _told(watcher, Still(KEY))
    assert isinstance(still, StillPicture)
    assert isinstance(watched, Watched)
    assert (still.time_ms, still.cells) == (14_000, watched.cells)
    picture = cv2.imdecode(np.frombuffer(still.body, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (360, 640)
    assert float(np.abs(picture.astype(int) - _with_object(120)).mean()) < 12


def test_a_still_of_a_large_picture_is_640_wide() -> None:
    watcher = new_watcher()
    (unit,) = encoded([np.asarray(cv2.resize(street(), (1920, 1080)), np.uint8)])
    *_, still = _told(watcher, Open(KEY, "h264", 0.001), Unit(KEY, 0, True, unit.data), Still(KEY))
    assert isinstance(still, StillPicture)
    picture = cv2.imdecode(np.frombuffer(still.body, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (360, 640)


def test_units_that_are_no_key_frames_have_no_answer() -> None:
    units = tuple(encoded([street()] * 3, gop=3))
    answers = _told(new_watcher(), Open(KEY, "h264", 0.001), *_units(units))
    assert len(answers) == 1


def test_unknown_channels_and_searches_are_told() -> None:
    watcher = new_watcher()
    _told(watcher, Open(KEY, "h264", 0.001), Forget(KEY))
    assert _told(watcher, Still(KEY), *_units(_keys()[:1])) == [Failed("unknown_key", key=KEY)] * 2
    _told(watcher, RegionOpen("7", "h264", LEFT, "moved"), RegionClose("7"))
    assert _told(watcher, RegionPicture("7", 0, b"x")) == [Failed("unknown_key", id="7")]
    assert _told(watcher, BadMessage("no")) == [Failed("bad_message")]


# ---- looking back ---------------------------------------------------------------------------------


@cache
def _group(first: int, last: int, count: int = 45) -> tuple[EncodedUnit, ...]:
    """Return 3 s at 15 fps with a key frame each 2 s. Pictures from `first` to before `last` have an object."""
    drawn = [_with_object(100 + 4 * number) if first <= number < last else street() for number in range(count)]
    return tuple(encoded(drawn))


def _began(first: int, last: int) -> int | None:
    watcher = new_watcher()
    _told(watcher, Open(KEY, "h264", 0.001), *_units(_keys()[:7]))
    (answer,) = _told(watcher, look_back(KEY, 2_000, _group(first, last)))
    assert isinstance(answer, Began), answer
    assert answer.hit_ms == 2_000
    return answer.start_ms


def test_looking_back_finds_the_first_picture_with_a_movement() -> None:
    start_ms = _began(18, 45)
    assert start_ms is not None
    assert 1_200 <= start_ms <= 1_400


def test_looking_back_confirms_no_single_picture() -> None:
    assert _began(30, 31) is None
    assert _began(45, 45) is None


# ---- searches -------------------------------------------------------------------------------------


def test_a_search_tells_what_moved_in_its_region() -> None:
    watcher = new_watcher()
    _told(watcher, RegionOpen("7", "h264", LEFT, "moved"), RegionOpen("8", "h264", RIGHT, "moved"))
    found = {
        id_: _told(watcher, *(RegionPicture(id_, u.time_ms, u.data, is_after_gap=not u.time_ms) for u in _keys()))
        for id_ in ("7", "8")
    }
    left, right = found["7"][-1], found["8"][-1]
    assert isinstance(left, Region)
    assert isinstance(right, Region)
    assert left.share == pytest.approx(40 * 80 / 320 / 360, abs=0.02)
    assert left.contrast > 50
    assert cv2.imdecode(np.frombuffer(left.thumb, np.uint8), cv2.IMREAD_GRAYSCALE) is not None
    assert (right.share, right.thumb) == (0.0, b"")
    assert {(6, 11), (7, 12)} <= _moving_cells(left.cells), "cells of the whole picture"
    assert left.cells == right.cells


def test_a_search_tells_the_difference_of_two_probes() -> None:
    watcher = new_watcher()
    _told(watcher, RegionOpen("7", "h264", LEFT, "changed"))
    quiet, other = _keys()[0], _keys()[-1]
    for probe_ms, data in ((0, quiet.data), (60_000, quiet.data), (90_000, other.data)):
        answers = _told(watcher, *(RegionPicture("7", probe_ms + n, data, probe_ms=probe_ms) for n in range(3)))
        assert [isinstance(answer, Region) and bool(answer.thumb) for answer in answers] == [True] * 3
    same, changed, missing = _told(
        watcher, RegionCompare("7", 0, 60_000), RegionCompare("7", 0, 90_000), RegionCompare("7", 0, 5)
    )
    assert isinstance(same, RegionPair)
    assert isinstance(changed, RegionPair)
    assert same.difference == 0
    assert changed.difference > 0.02
    assert missing == Failed("too_few_pictures", id="7")


def test_a_clock_is_left_out_when_looking_back() -> None:
    watcher = new_watcher()
    drawn = [street() for _ in range(12)]
    for number, picture in enumerate(drawn):
        burn_clock(picture, 2 * number, 1.3)
    keys = [EncodedUnit(2_000 * n, True, unit.data) for n, unit in enumerate(encoded(drawn, gop=1))]
    _told(watcher, Open(KEY, "h264", 0.001), *_units(keys))
    later = street()
    burn_clock(later, 4_000, 1.3)  # hours and minutes differ
    (answer,) = _told(watcher, look_back(KEY, 24_000, tuple(encoded([later] * 30))))
    assert answer == Began(KEY, None, 24_000)
