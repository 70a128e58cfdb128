"""How long a user keeps a head."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import PtzInUse
from ptz.mover import HOLD_S, Movers
from tests.hand_clock import HandClock
from tests.ptz.doubles import ANNA, BERT, CHEF


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_a_head_is_free_some_seconds_after_the_last_command(clock: HandClock) -> None:
    movers = Movers(clock)
    movers.claim(ANNA, for_s=1.0, moves=True)
    clock.move(seconds=3)
    with pytest.raises(PtzInUse) as refused:
        movers.claim(BERT)
    assert (refused.value.moving_for_s, refused.value.free_in_s) == (3.0, 1.0 + HOLD_S - 3.0)
    clock.move(seconds=HOLD_S - 1.9)
    movers.claim(BERT)
    mover = movers.view(BERT)
    assert mover is not None
    assert (mover.name, mover.for_s) == ("Bert", 0.0)


def test_a_stop_begins_the_hold(clock: HandClock) -> None:
    movers = Movers(clock)
    movers.claim(ANNA, for_s=10.0, moves=True)
    clock.move(seconds=1)
    movers.stopped()
    mover = movers.view(ANNA)
    assert mover is not None
    assert (mover.moving, mover.for_s, mover.free_in_s) == (False, 1.0, HOLD_S)
    clock.move(seconds=HOLD_S)
    assert movers.view(ANNA) is None


def test_a_command_to_a_lamp_leaves_the_move_of_its_user_as_it_is(clock: HandClock) -> None:
    movers = Movers(clock)
    movers.claim(ANNA, for_s=10.0, moves=True)
    clock.move(seconds=1)
    for use in (movers.claim, movers.check):
        use(replace(ANNA, key="session:9"))
        mover = movers.view(ANNA)
        assert mover is not None
        assert (mover.moving, mover.free_in_s) == (True, 9.0 + HOLD_S)
        assert movers.is_moved_by(ANNA), "its page stops the head when it is closed"
    movers.stopped()
    mover = movers.view(ANNA)
    assert mover is not None
    assert (mover.moving, mover.free_in_s) == (False, HOLD_S)
    movers.claim(ANNA, for_s=1.0, moves=True)
    movers.claim(ANNA, for_s=0.5, moves=True)
    assert (mover := movers.view(ANNA)) is not None
    assert mover.free_in_s == 0.5 + HOLD_S


def test_a_check_that_takes_over_keeps_the_other_user_out(clock: HandClock) -> None:
    movers = Movers(clock)
    movers.claim(ANNA, for_s=1.0, moves=True)
    movers.check(CHEF, take_over=True)
    mover = movers.view(CHEF)
    assert mover is not None
    assert (mover.name, mover.own, mover.moving, mover.free_in_s) == ("Chef", True, False, HOLD_S)
    with pytest.raises(PtzInUse):  # the page of Anna renews its move
        movers.claim(ANNA, for_s=1.0, moves=True)
    clock.move(seconds=HOLD_S)
    movers.claim(ANNA, for_s=1.0, moves=True)


def test_a_replaced_user_is_reported_once(clock: HandClock) -> None:
    taken: list[str] = []
    movers = Movers(clock, taken.append)
    movers.claim(ANNA, for_s=1.0, moves=True)
    movers.claim(ANNA, take_over=True)
    for _ in range(2):
        movers.claim(CHEF, take_over=True)
    assert taken == ["Anna"]
    movers.check(replace(CHEF, user_id=4, name="Dora"), take_over=True)
    assert taken == ["Anna", "Chef"]


def test_a_check_of_a_free_head_makes_no_mover(clock: HandClock) -> None:
    movers = Movers(clock)
    movers.check(CHEF, take_over=True)
    assert movers.view(CHEF) is None
