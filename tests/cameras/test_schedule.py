"""The order in which the schedule gives cameras to its workers, on a clock moved by hand."""

from __future__ import annotations

import threading

from cameras.schedule import Schedule
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S


def test_waiting_callers_come_before_periodic_checks() -> None:
    clock = HandClock()
    schedule = Schedule(clock, patient_workers=5)
    schedule.put(1, 0.0, patient=True)
    clock.move(seconds=10)
    schedule.put(2, 0.0, patient=False)
    schedule.put_now(3)
    assert [schedule.take() for _ in range(3)] == [2, 3, 1]


def test_nothing_is_taken_before_it_is_due() -> None:
    clock = HandClock()
    schedule = Schedule(clock, patient_workers=5)
    schedule.put(1, 5.0, patient=False)
    schedule.put(2, 3.0, patient=False)
    clock.move(seconds=5.0)
    assert [schedule.take(), schedule.take()] == [2, 1]


def test_retries_of_dead_devices_never_use_every_worker() -> None:
    clock = HandClock()
    schedule = Schedule(clock, patient_workers=2)
    for camera_id in range(10):
        schedule.put(camera_id, 0.0, patient=True)
    clock.move(seconds=1)
    schedule.put(99, 0.0, patient=False)
    taken = [schedule.take() for _ in range(3)]
    assert taken == [99, 0, 1]
    schedule.put(98, 0.0, patient=False)
    assert schedule.take() == 98
    schedule.done(0, None)
    assert schedule.take() == 2


def test_a_job_added_while_its_camera_runs_follows_next() -> None:
    clock = HandClock()
    schedule = Schedule(clock, patient_workers=5)
    schedule.put_now(1)
    assert schedule.take() == 1
    schedule.put_now(1)
    schedule.put_now(2)
    assert schedule.take() == 2
    schedule.done(1, 60.0)
    assert schedule.take() == 1


def test_idle_cameras_are_woken_and_running_ones_are_not() -> None:
    clock = HandClock()
    schedule = Schedule(clock, patient_workers=5)
    schedule.put(1, 60.0, patient=True)
    schedule.put_if_idle(1)
    assert schedule.take() == 1
    schedule.put_if_idle(1)
    schedule.done(1, None)
    schedule.put_now(2)
    assert schedule.take() == 2


def test_a_doubt_during_a_successful_check_causes_another_check() -> None:
    schedule = Schedule(HandClock(), patient_workers=5)
    for is_failing, then in ((False, 1), (True, 2)):
        schedule.put_now(1)
        assert schedule.take() == 1
        schedule.put_after_failure(1)
        schedule.put_after_failure(1)
        schedule.done(1, 60.0, patient=is_failing)
        schedule.put(2, 0.0, patient=True)
        assert schedule.take() == then
        schedule.done(then, 60.0, patient=is_failing)
    schedule.put_after_failure(1)
    assert schedule.take() == 1


def test_close_ends_all_waiting_workers() -> None:
    schedule = Schedule(HandClock(), patient_workers=5)
    taken: list[int | None] = []
    threads = [threading.Thread(target=lambda: taken.append(schedule.take())) for _ in range(4)]
    for thread in threads:
        thread.start()
    schedule.close()
    for thread in threads:
        thread.join(LIMIT_S)
    assert taken == [None] * 4
    schedule.put_now(1)
    assert schedule.take() is None


def test_a_wait_for_a_camera_ends_when_its_worker_gives_it_back() -> None:
    schedule = Schedule(HandClock(), patient_workers=1)
    assert schedule.wait_idle(1, 0.0)
    schedule.put_now(1)
    assert schedule.take() == 1
    assert not schedule.wait_idle(1, 0.01)
    assert schedule.wait_idle(2, 0.0)
    ending = threading.Timer(0.05, schedule.done, (1, None))
    ending.start()
    assert schedule.wait_idle(1, LIMIT_S)
    ending.join()
