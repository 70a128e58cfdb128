"""Password attempts run one at a time until one succeeds, and stop after a refusal."""

from __future__ import annotations

import threading

import pytest

from core.errors import CameraAuthFailed
from core.login_gate import LoginGate
from core.records import Credential
from core.secrets import Secret
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S

WRONG = Credential("admin", Secret("wrong"))
RIGHT = Credential("admin", Secret("right"))


def test_sixteen_threads_with_a_wrong_password_try_once() -> None:
    gate = LoginGate(HandClock())
    tried: list[int] = []
    refused: list[CameraAuthFailed] = []

    def tile(number: int) -> None:
        try:
            attempt = gate.begin("dev", WRONG)
        except CameraAuthFailed as error:
            refused.append(error)
            return
        tried.append(number)
        attempt.refused()

    threads = [threading.Thread(target=tile, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert len(tried) == 1
    assert len(refused) == 15


def test_an_edited_password_is_tried_immediately() -> None:
    gate = LoginGate(HandClock())
    gate.begin("dev", WRONG).refused()
    gate.begin("dev", RIGHT).accepted()
    assert gate.attempts("dev", RIGHT) == 1


def test_a_refused_password_is_tried_again_after_five_minutes() -> None:
    clock = HandClock()
    gate = LoginGate(clock, retry_after_s=300)
    gate.begin("dev", WRONG).refused()
    clock.move(seconds=299)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)
    clock.move(seconds=2)
    assert gate.try_begin("dev", WRONG) is not None


def test_an_accepted_password_allows_parallel_logins_for_30_seconds() -> None:
    clock = HandClock()
    gate = LoginGate(clock)
    gate.begin("dev", RIGHT).accepted()
    assert gate.try_begin("dev", RIGHT) is not None
    assert gate.try_begin("dev", RIGHT) is not None
    clock.move(seconds=31)
    assert gate.try_begin("dev", RIGHT) is not None
    assert gate.try_begin("dev", RIGHT) is None


def test_a_request_to_try_again_lifts_a_block_once() -> None:
    gate = LoginGate(HandClock())
    gate.begin("dev", WRONG).refused()
    gate.allow_retry("dev", WRONG)
    gate.begin("dev", WRONG).refused()
    gate.allow_retry("dev", WRONG)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)


def test_a_request_to_try_again_waits_after_two_wrong_logins() -> None:
    clock = HandClock()
    gate = LoginGate(clock, retry_after_s=300)
    gate.begin("dev", WRONG).refused()
    gate.count_refused("dev", WRONG, 1)  # the device answered it with another error
    gate.allow_retry("dev", WRONG)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)
    clock.move(seconds=301)
    assert gate.try_begin("dev", WRONG)


def test_an_accepted_login_renews_the_request_to_try_again() -> None:
    gate = LoginGate(HandClock())
    for _ in range(2):
        gate.begin("dev", WRONG).refused()
        gate.allow_retry("dev", WRONG)
        gate.begin("dev", WRONG).accepted()


def test_after_three_refusals_another_password_waits_too() -> None:
    clock = HandClock()
    gate = LoginGate(clock, retry_after_s=300)
    for number in range(3):
        gate.begin("dev", Credential("admin", Secret(f"guess {number}"))).refused()
        clock.move(seconds=10)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", RIGHT)
    clock.move(seconds=271)
    gate.begin("dev", RIGHT).accepted()


def test_every_wrong_login_of_an_attempt_counts() -> None:
    gate = LoginGate(HandClock())
    first = gate.begin("dev", Credential("admin", Secret("guess 1")))
    assert first.logins_left == 3
    first.refused(2)
    second = gate.begin("dev", Credential("admin", Secret("guess 2")))
    assert second.logins_left == 1
    second.unanswered(refused_logins=1)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", RIGHT)


def test_one_unproven_password_is_tried_at_a_time() -> None:
    gate = LoginGate(HandClock())
    first = gate.begin("dev", WRONG)
    assert gate.try_begin("dev", RIGHT) is None
    assert gate.try_begin("another", RIGHT) is not None
    first.refused()
    gate.begin("dev", RIGHT).accepted()
    gate.begin("dev", Credential("admin", Secret("third")))
    assert gate.try_begin("dev", RIGHT) is not None, "the device accepted it before"


def test_the_second_cut_of_an_unproven_login_is_a_refusal() -> None:
    gate = LoginGate(HandClock())
    assert not gate.begin("dev", WRONG).cut()
    assert gate.begin("dev", WRONG).cut()
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)
    assert gate.begin("dev", RIGHT).logins_left == 1


def test_two_cuts_in_one_attempt_are_a_refusal() -> None:
    gate = LoginGate(HandClock())
    assert gate.begin("dev", WRONG).cut(2)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)


def test_cuts_of_a_proven_login_refuse_nothing() -> None:
    clock = HandClock()
    gate = LoginGate(clock)
    gate.begin("dev", RIGHT).accepted()
    clock.move(seconds=31)
    for _ in range(3):
        assert not gate.begin("dev", RIGHT).cut(3)
    assert gate.try_begin("dev", RIGHT) is not None


def test_a_password_that_the_device_accepted_is_not_blocked_by_others() -> None:
    clock = HandClock()
    gate = LoginGate(clock)
    gate.begin("dev", RIGHT).accepted()
    clock.move(seconds=31)
    for number in range(3):
        gate.begin("dev", Credential("admin", Secret(f"guess {number}"))).refused()
    assert gate.try_begin("dev", RIGHT) is not None


def test_a_camera_that_is_added_again_is_the_same_device() -> None:
    gate = LoginGate(HandClock())
    gate.set_place("camera1", "192.0.2.8:80")
    gate.begin("camera1", WRONG).refused()
    gate.set_place("camera2", "192.0.2.8:80")
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("camera2", WRONG)
    gate.set_place("camera3", "192.0.2.8:8000")
    assert gate.try_begin("camera3", WRONG) is not None


def test_passwords_that_a_script_tries_for_days_take_little_memory() -> None:
    clock = HandClock()
    gate = LoginGate(clock)
    for number in range(500):
        gate.begin("dev", Credential("admin", Secret(f"guess {number}"))).refused()
        clock.move(seconds=301)
    assert len(gate._entries) <= 64


def test_an_attempt_without_a_verdict_allows_the_next_one() -> None:
    gate = LoginGate(HandClock())
    gate.begin("dev", WRONG).unanswered()
    assert gate.try_begin("dev", WRONG) is not None


def test_a_secret_is_never_printed() -> None:
    assert "right" not in f"{RIGHT!r} {RIGHT.password} {RIGHT.password:>20}"


def test_a_block_goes_on_in_another_process() -> None:
    clock = HandClock()
    here, there = LoginGate(clock, retry_after_s=300), LoginGate(clock, retry_after_s=300)
    here.begin("dev", WRONG).refused(2)
    clock.move(seconds=100)
    refusal = here.refusal("dev", WRONG)
    assert refusal is not None
    assert (refusal.left_s, refusal.logins, refusal.logins_of_place) == (200, 2, 2)
    there.continue_refusal("dev", WRONG, refusal)
    with pytest.raises(CameraAuthFailed, match="200 s"):
        there.try_begin("dev", WRONG)
    assert there.refusal("dev", WRONG) == refusal
    clock.move(seconds=201)
    assert there.refusal("dev", WRONG) is None
    assert there.try_begin("dev", WRONG) is not None


def test_refused_logins_of_another_process_count_at_the_address() -> None:
    """The device has refused three logins over there, so another password must wait here, too."""
    clock = HandClock()
    here, there = LoginGate(clock, retry_after_s=300), LoginGate(clock, retry_after_s=300)
    here.begin("dev", WRONG).refused(3)
    refusal = here.refusal("dev", WRONG)
    assert refusal is not None
    there.continue_refusal("dev", WRONG, refusal)
    there.continue_refusal("dev", WRONG, refusal)  # counts once
    with pytest.raises(CameraAuthFailed, match="refused several"):
        there.try_begin("dev", RIGHT)


def test_a_user_may_lift_a_block_of_another_process_once() -> None:
    clock = HandClock()
    here, there = LoginGate(clock), LoginGate(clock)
    here.begin("dev", WRONG).refused()
    refusal = here.refusal("dev", WRONG)
    assert refusal is not None
    there.continue_refusal("dev", WRONG, refusal)
    there.allow_retry("dev", WRONG)
    there.begin("dev", WRONG).refused()
    there.allow_retry("dev", WRONG)
    with pytest.raises(CameraAuthFailed):
        there.try_begin("dev", WRONG)


def test_a_password_that_may_be_tried_has_no_block() -> None:
    gate = LoginGate(HandClock())
    assert gate.refusal("dev", RIGHT) is None
    gate.begin("dev", RIGHT).accepted()
    assert gate.refusal("dev", RIGHT) is None
