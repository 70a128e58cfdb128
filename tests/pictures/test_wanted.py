"""The order in which wanted pictures are made, and how long a request lasts."""

from __future__ import annotations

import pytest

from pictures.wanted import WANTED_S, WantedPicture, WantedPictures
from tests.hand_clock import HandClock

NOON_S = 493_848 * 3600


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def wanted(clock: HandClock) -> WantedPictures:
    return WantedPictures(clock)


def grid(count: int, step_s: int = 10, start_s: int = NOON_S, channel: int = 1) -> list[WantedPicture]:
    return [WantedPicture(channel, f"Rec{channel}", start_s + step_s * number, step_s) for number in range(count)]


def test_every_sixteenth_comes_first_and_then_a_run(wanted: WantedPictures) -> None:
    wanted.want(grid(40))
    batch = wanted.next_batch(64)
    assert batch is not None
    assert batch.times == (NOON_S, NOON_S + 160, NOON_S + 320)
    assert batch.step_s == 160
    for time_s in batch.times:
        wanted.made(1, time_s)
    run = wanted.next_batch(64)
    assert run is not None
    assert run.step_s == 10
    assert len(run.times) == 37
    assert len(WantedPictures.next_batch(wanted, 8).times) == 8  # type: ignore[union-attr]


def test_a_large_hole_ends_a_run(wanted: WantedPictures) -> None:
    wanted.want([*grid(4, start_s=NOON_S + 10), *grid(4, start_s=NOON_S + 90)])
    run = wanted.next_batch(64)
    assert run is not None
    assert run.times == tuple(NOON_S + 10 * number for number in (1, 2, 3, 4))


def test_a_picture_under_the_pointer_comes_before_all_others(wanted: WantedPictures) -> None:
    wanted.want(grid(40))
    assert not wanted.has_urgent()
    wanted.want([WantedPicture(1, "Rec1", NOON_S + 70, 0)])
    wanted.want(grid(40))
    assert wanted.has_urgent()
    batch = wanted.next_batch(64)
    assert batch is not None
    assert (batch.times, batch.is_urgent) == ((NOON_S + 70,), True)
    wanted.made(1, NOON_S + 70)
    assert not wanted.has_urgent()


def test_the_grid_that_was_asked_last_is_made_first(wanted: WantedPictures, clock: HandClock) -> None:
    wanted.want(grid(40))
    clock.move(seconds=0.5)
    wanted.want(grid(40, channel=2))
    batch = wanted.next_batch(64)
    assert batch is not None
    assert batch.channel == 2


def test_a_request_lasts_two_seconds_after_its_last_repetition(wanted: WantedPictures, clock: HandClock) -> None:
    wanted.want(grid(3))
    clock.move(seconds=WANTED_S - 0.1)
    wanted.want(grid(1))
    clock.move(seconds=0.2)
    assert wanted.is_wanted(1, NOON_S)
    assert not wanted.is_wanted(1, NOON_S + 10)
    clock.move(seconds=WANTED_S)
    assert not wanted.has_any()
    assert wanted.next_batch(64) is None


def test_a_missing_picture_is_not_wanted_again_for_a_while(wanted: WantedPictures, clock: HandClock) -> None:
    wanted.missed(1, NOON_S)
    wanted.want(grid(1))
    assert wanted.is_missing(1, NOON_S)
    assert not wanted.has_any()
    clock.move(seconds=601.0)
    wanted.want(grid(1))
    assert wanted.has_any()


def test_a_new_recording_is_asked_again_soon(wanted: WantedPictures, clock: HandClock) -> None:
    now_s = int(clock.now_utc().timestamp())
    wanted.missed(1, now_s - 10)
    clock.move(seconds=16.0)
    assert not wanted.is_missing(1, now_s - 10)


def test_a_recorder_of_one_place_gets_its_grid_in_one_go(wanted: WantedPictures) -> None:
    wanted.want(grid(40))
    batch = wanted.next_batch(256, is_coarse_first=False)
    assert batch is not None
    assert (batch.step_s, len(batch.times)) == (10, 40)


def test_a_channel_that_is_put_last_waits_for_all_others(wanted: WantedPictures) -> None:
    wanted.put_last(1, is_last=True)
    wanted.want(grid(40, channel=2))
    wanted.want([*grid(40), WantedPicture(1, "Rec1", NOON_S + 70, 0)])
    assert not wanted.is_in_turn(1)
    assert not wanted.has_urgent(), "otherwise the others would be interrupted for nothing"
    batch = wanted.next_batch(64)
    assert batch is not None
    assert batch.channel == 2
    wanted.forget(2)
    assert wanted.is_in_turn(1)
    late = wanted.next_batch(64)
    assert late is not None
    assert (late.channel, late.is_urgent) == (1, True)


def test_a_channel_with_pictures_again_has_its_usual_turn(wanted: WantedPictures, clock: HandClock) -> None:
    wanted.put_last(1, is_last=True)
    wanted.want(grid(40, channel=2))
    clock.move(seconds=0.5)
    wanted.want(grid(40))
    wanted.put_last(1, is_last=False)
    batch = wanted.next_batch(64)
    assert batch is not None
    assert batch.channel == 1
