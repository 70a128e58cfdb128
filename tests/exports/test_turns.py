"""Which job runs next: one per recorder, two in all, each user in turn."""

from __future__ import annotations

import pytest

from core.access import LOCAL, Principal, Role
from core.errors import CameraUnreachable
from exports import turns, waiting
from exports.records import ExportJob, ExportState
from exports.turns import RunningJob, Turns
from tests.exports.exporting import Make, draft, moment, recorder_of
from tests.patience import until


def job(export_id: int, camera_id: int, user_id: int = 1) -> ExportJob:
    return ExportJob(export_id, user_id, "user", draft(0, 10, camera_id=camera_id), ExportState.QUEUED, moment(0))


def chosen(found: Turns, due: list[ExportJob], running: list[ExportJob]) -> int | None:
    one = found.choose(due, running)
    return None if one is None else one.id


def test_a_recorder_has_one_job_and_all_recorders_two() -> None:
    found = Turns()
    assert chosen(found, [job(2, 1), job(3, 2)], [job(1, 1)]) == 3
    assert chosen(found, [job(2, 1)], [job(1, 1)]) is None
    assert chosen(found, [job(4, 3)], [job(1, 1), job(3, 2)]) is None


def test_users_take_turns_and_their_jobs_keep_their_order() -> None:
    found = Turns()
    due = [job(1, 1, user_id=1), job(2, 1, user_id=1), job(3, 1, user_id=1), job(4, 1, user_id=2), job(5, 1, user_id=2)]
    order = []
    while due:
        one = found.choose(due, [])
        assert one is not None
        found.began(one)
        due.remove(one)
        order.append(one.id)
    assert order == [1, 4, 2, 5, 3]


def test_a_user_with_a_running_job_comes_after_one_without() -> None:
    found = Turns()
    assert chosen(found, [job(2, 2, user_id=1), job(3, 3, user_id=2)], [job(1, 1, user_id=1)]) == 3


def ends(due: list[ExportJob], *running: tuple[ExportJob, float]) -> int | None:
    found = Turns()
    for one, _ in running:
        found.began(one)
    ended = found.choose_to_end(due, [RunningJob(one, run_s) for one, run_s in running])
    return None if ended is None else ended.id


def test_a_long_job_gives_way_to_one_that_waits() -> None:
    long, short = turns.TURN_S + 1, turns.TURN_S - 1
    assert ends([job(2, 1, user_id=2)], (job(1, 1), long)) == 1
    assert ends([job(2, 1, user_id=2)], (job(1, 1), short)) is None
    assert ends([job(2, 1, user_id=1)], (job(1, 1), long)) is None  # its own user's next one waits
    assert ends([job(3, 3)], (job(1, 1), long), (job(2, 2), long + 1)) == 2
    assert ends([job(3, 2, user_id=2)], (job(1, 1), long), (job(2, 2), short)) is None


def user(user_id: int) -> Principal:
    return Principal("local", f"user{user_id}", Role.ADMIN)


@pytest.mark.slow
def test_a_slow_recorder_does_not_hold_up_others(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.2)
    monkeypatch.setattr("exports.worker._LOOK_EVERY_S", 0.05)
    recorder = recorder_of([(0, 600)], holds_at=100)  # two recorders fall silent, the third one too until it is asked
    exporting = make(recorder)
    slow = [exporting.add(0, 500, camera_id=number) for number in (1, 2)]
    exporting.until_held()
    waits = exporting.add(0, 5, camera_id=3)
    until(lambda: 3 in exporting.gateway.cameras, what="a turn for the third recorder")
    recorder.holds_at = 10**9
    for export_id in (waits, *slow):
        assert exporting.done(export_id).problem is None


def test_two_jobs_of_a_recorder_never_run_at_a_time(make: Make) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    for number in (1, 2, 3):
        exporting.add(0, 500, who=user(number))
    exporting.until_held()
    assert recorder.open_lines() == 1
    states = sorted(one.state.value for one in exporting.manager.jobs(LOCAL))
    assert states == ["queued", "queued", "running"]


def test_a_recorder_that_is_away_does_not_hold_up_others(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST_WAIT_S", 3600.0)
    monkeypatch.setattr(waiting, "_LONGEST_WAIT_S", 3600.0)
    recorder = recorder_of([(0, 600)])
    recorder.fails_after = [(10, CameraUnreachable("The recorder does not answer."))] * 2
    exporting = make(recorder)
    away = [exporting.add(0, 500, camera_id=number) for number in (1, 2)]
    until(lambda: all(exporting.job(export_id).problem is not None for export_id in away))
    assert exporting.done(exporting.add(0, 5, camera_id=3)).problem is None
