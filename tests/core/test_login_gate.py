"""Password attempts run one at a time until one succeeds, and stop after a refusal."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from core.errors import CameraAuthFailed
from core.login_gate import LoginGate
from core.records import Credential
from core.secrets import Secret
from tests.patience import LIMIT_S

WRONG = Credential("admin", Secret("wrong"))
RIGHT = Credential("admin", Secret("right"))


class HandClock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def now_utc(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)


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
    clock.now_s += 299
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)
    clock.now_s += 2
    assert gate.try_begin("dev", WRONG) is not None


def test_an_accepted_password_allows_parallel_logins_for_30_seconds() -> None:
    clock = HandClock()
    gate = LoginGate(clock)
    gate.begin("dev", RIGHT).accepted()
    assert gate.try_begin("dev", RIGHT) is not None
    assert gate.try_begin("dev", RIGHT) is not None
    clock.now_s += 31
    assert gate.try_begin("dev", RIGHT) is not None
    assert gate.try_begin("dev", RIGHT) is None


def test_a_wish_to_try_again_lifts_a_block_once() -> None:
    gate = LoginGate(HandClock())
    gate.begin("dev", WRONG).refused()
    gate.allow_retry("dev", WRONG)
    gate.begin("dev", WRONG).refused()
    gate.allow_retry("dev", WRONG)
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", WRONG)


def test_an_accepted_login_renews_the_wish_to_try_again() -> None:
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
        clock.now_s += 10
    with pytest.raises(CameraAuthFailed):
        gate.try_begin("dev", RIGHT)
    clock.now_s += 271
    gate.begin("dev", RIGHT).accepted()


def test_a_password_that_the_device_accepted_is_not_blocked_by_others() -> None:
    clock = HandClock()
    gate = LoginGate(clock)
    gate.begin("dev", RIGHT).accepted()
    clock.now_s += 31
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
        clock.now_s += 301
    assert len(gate._entries) <= 64


def test_an_attempt_without_a_verdict_allows_the_next_one() -> None:
    gate = LoginGate(HandClock())
    gate.begin("dev", WRONG).unanswered()
    assert gate.try_begin("dev", WRONG) is not None


def test_a_secret_is_never_printed() -> None:
    assert "right" not in f"{RIGHT!r} {RIGHT.password} {RIGHT.password:>20}"
