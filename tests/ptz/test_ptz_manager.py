"""The PTZ manager: abilities from memory, one mover, the end of logins and of the app, restarts."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cameras.records import CameraChange
from core.access import Principal, Role
from core.errors import CameraUnreachable, CameraUnsupported, Forbidden, NotFound, PtzInUse, Unavailable
from core.ptz import NO_HEAD, Velocity
from core.records import CameraStatus
from core.secrets import Secret
from tests.patience import LIMIT_S, promised, until
from tests.ptz.bench import LONG_S, SHUTDOWN_S, PtzBench
from tests.ptz.doubles import ABLE, ANNA, BERT, CHEF, PLACE


def test_abilities_are_read_once_and_a_move_needs_nothing_else(bench: PtzBench) -> None:
    for _ in range(3):
        assert bench.ptz.view(ANNA, 1, 1).abilities == ABLE
    assert bench.move().done
    assert bench.head.calls == ["abilities", "move 0.5 0 0 within 61"]


def test_old_abilities_are_read_again_in_the_background(bench: PtzBench) -> None:
    bench.ptz.view(ANNA, 1, 1)
    bench.clock.ahead_s = 1000.0
    bench.move()
    bench.head.held["abilities"] = threading.Event()
    bench.head.able = replace(ABLE, home=False)
    for _ in range(3):
        view = bench.ptz.view(ANNA, 1, 1)
        assert view.abilities == ABLE
        assert view.mover is not None
    bench.head.wait_for(lambda: len(bench.head.named("abilities")) == 2)
    bench.head.held["abilities"].set()
    until(lambda: not bench.ptz.view(ANNA, 1, 1).abilities.home)
    assert len(bench.head.named("abilities")) == 2


def test_a_device_that_is_away_is_asked_for_its_abilities_once_a_minute(bench: PtzBench) -> None:
    bench.ptz.view(ANNA, 1, 1)
    bench.head.problems["abilities"] = CameraUnreachable("It is off.")
    for ahead_s, asked in ((1000.0, 2), (1030.0, 2), (1070.0, 3)):
        bench.clock.ahead_s = ahead_s
        for _ in range(3):
            assert bench.ptz.view(ANNA, 1, 1).abilities == ABLE
        bench.head.wait_for(partial(_is_asked, bench, asked))
        bench.wait_read()  # a read that begins before its end would share it


def _is_asked(bench: PtzBench, times: int) -> bool:
    return len(bench.head.named("abilities")) == times


def test_a_camera_without_a_head_says_so_and_refuses_commands(bench: PtzBench) -> None:
    bench.head.able = NO_HEAD
    assert bench.ptz.view(ANNA, 1, 1).abilities == replace(NO_HEAD, place=PLACE)
    for command in (
        bench.move,
        bench.stop,
        lambda: bench.ptz.go_home(ANNA, 1, 1, take_over=False),
        lambda: bench.ptz.presets(1, 1, with_slots=False),
        lambda: bench.ptz.focus(ANNA, 1, 1, 0.5, timeout_s=1.0, take_over=False),
        lambda: bench.ptz.set_iris(ANNA, 1, 1, None, take_over=False),
        lambda: bench.ptz.send_auxiliary(ANNA, 1, 1, "tt:Wiper|On", take_over=False),
        lambda: bench.ptz.center(ANNA, 1, 1, 0.5, 0.5, take_over=False),
    ):
        with pytest.raises(CameraUnsupported):
            command()
    assert bench.head.calls == ["abilities"]


def test_a_camera_without_onvif_has_no_head(bench: PtzBench) -> None:
    bench.device.ptz = None
    assert bench.ptz.view(ANNA, 1, 1).abilities == NO_HEAD


def test_an_unknown_camera_or_channel_is_not_found(bench: PtzBench) -> None:
    with pytest.raises(NotFound):
        bench.ptz.view(ANNA, 9, 1)
    with pytest.raises(NotFound):
        bench.move(number=9)


def test_an_axis_that_is_missing_is_refused(bench: PtzBench) -> None:
    bench.head.able = replace(ABLE, zoom=False, focus=False)
    with pytest.raises(CameraUnsupported):
        bench.move(Velocity(zoom=0.5))
    with pytest.raises(CameraUnsupported):
        bench.ptz.focus(ANNA, 1, 1, 0.5, timeout_s=1.0, take_over=False)


def test_an_offline_camera_refuses_a_move_immediately(bench: PtzBench) -> None:
    bench.ptz.view(ANNA, 1, 1)
    bench.device.problem = CameraUnreachable("It is off.")
    bench.cameras.manager.refresh(1)
    bench.cameras.wait_status(1, CameraStatus.OFFLINE)
    with pytest.raises(CameraUnreachable):
        bench.move()


# --- one mover


def test_a_second_user_gets_the_name_of_the_first(bench: PtzBench) -> None:
    bench.move()
    with pytest.raises(PtzInUse) as refused:
        bench.move(who=BERT)
    assert refused.value.moved_by == "Anna"
    assert refused.value.free_in_s > 0
    with pytest.raises(PtzInUse):
        bench.stop(BERT)
    with pytest.raises(PtzInUse):
        bench.ptz.go_to_preset(BERT, 1, 1, "1", take_over=False)
    bench.move(who=BERT, number=2)  # another head
    mover = bench.ptz.view(BERT, 1, 1).mover
    assert mover is not None
    assert (mover.name, mover.own, mover.moving) == ("Anna", False, True)
    assert bench.head.velocity == Velocity(pan=0.5)


def test_only_an_admin_takes_a_head_over(bench: PtzBench) -> None:
    bench.move()
    with pytest.raises(Forbidden):
        bench.move(who=BERT, take_over=True)
    with pytest.raises(PtzInUse):
        bench.move(who=CHEF)
    assert bench.move(Velocity(pan=-0.5), CHEF, take_over=True).done
    with pytest.raises(PtzInUse):
        bench.move()
    mover = bench.ptz.view(CHEF, 1, 1).mover
    assert mover is not None
    assert (mover.name, mover.own) == ("Chef", True)


def test_a_stop_that_takes_over_keeps_the_first_user_out(bench: PtzBench) -> None:
    bench.move()
    assert bench.stop(CHEF, take_over=True).done
    with pytest.raises(PtzInUse):  # the page of the first user renews its move
        bench.move()
    assert bench.head.velocity == Velocity()


def test_another_login_of_the_same_user_goes_on(bench: PtzBench) -> None:
    bench.move()
    assert bench.move(Velocity(pan=0.1), replace(ANNA, key="session:9")).done


def test_users_without_accounts_share_one_mover(bench: PtzBench) -> None:
    local = Principal("local", "this machine", Role.ADMIN)
    bench.move(who=local)
    assert bench.move(Velocity(pan=0.1), local).done


# --- the head stops


def test_a_head_stops_when_the_page_no_longer_renews_its_move(bench: PtzBench) -> None:
    bench.move()
    bench.pass_time(LONG_S)
    bench.head.wait_for(lambda: bench.head.velocity == Velocity() and bench.head.calls[-1] == "stop")
    until(lambda: (mover := bench.ptz.view(ANNA, 1, 1).mover) is not None and not mover.moving)


def test_a_head_stops_when_the_login_of_its_mover_ends(bench: PtzBench) -> None:
    bench.move()
    bench.ptz.end_logins({"session:7"})
    assert bench.head.velocity == Velocity(pan=0.5)
    bench.ptz.end_logins({"session:1"})
    bench.head.wait_for(lambda: bench.head.calls[-1] == "stop")
    assert bench.move(who=BERT).done


def test_a_head_stops_when_the_last_page_of_its_mover_is_closed(bench: PtzBench) -> None:
    bench.move()
    for other in (BERT, replace(ANNA, key="token:4")):
        bench.ptz.leave(other)
    assert bench.head.velocity == Velocity(pan=0.5)
    bench.ptz.leave(ANNA)
    bench.head.wait_for(lambda: bench.head.calls[-1] == "stop")


def test_a_stop_does_not_wait_for_the_abilities(bench: PtzBench) -> None:
    bench.head.held["abilities"] = threading.Event()
    looking = threading.Thread(target=bench.ptz.view, args=(ANNA, 1, 1))
    looking.start()
    bench.head.wait_for(lambda: bench.head.calls == ["abilities"])
    assert bench.stop().done
    assert bench.head.calls == ["abilities", "stop"]
    bench.head.held["abilities"].set()
    looking.join(LIMIT_S)


def test_many_stops_of_a_device_that_hangs_do_not_all_wait(bench: PtzBench) -> None:
    """Each waiting stop holds one of the server's threads."""
    bench.move()
    bench.head.held["stop"] = threading.Event()
    threads = [threading.Thread(target=bench.stop) for _ in range(3)]
    for thread in threads:
        thread.start()
    item = bench.ptz._heads.of(bench.ptz._commands.key(1, 1))
    until(lambda: item.waiting_stops == 3)
    with promised(0.5):
        for _ in range(20):
            assert not bench.stop().done
    bench.head.held["stop"].set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert bench.head.velocity == Velocity()


@pytest.mark.parametrize("end", ["stop", "time"])
def test_a_move_that_waited_until_the_release_is_not_sent(bench: PtzBench, end: str) -> None:
    bench.head.held["abilities"] = threading.Event()
    results: list[bool] = []
    moving = threading.Thread(target=lambda: results.append(bench.move().done))
    moving.start()
    bench.head.wait_for(lambda: bench.head.calls == ["abilities"])
    if end == "stop":
        bench.stop()
    else:
        bench.clock.ahead_s = LONG_S
    bench.head.held["abilities"].set()
    moving.join(LIMIT_S)
    assert results == [False]
    assert bench.head.named("move") == []


@pytest.mark.parametrize("is_login", [True, False])
def test_a_changed_camera_does_not_keep_other_heads_moving(bench: PtzBench, *, is_login: bool) -> None:
    for number in (1, 2):
        bench.move(number=number)
    bench.ptz._heads.of(bench.ptz._commands.key(1, 1)).head.discard()
    if is_login:
        bench.ptz.end_logins({ANNA.key})
    else:
        bench.ptz.leave(ANNA)
    bench.head.wait_for(lambda: bench.head.calls[-1] == "stop")


def test_a_head_stops_within_a_second_when_the_app_ends(bench: PtzBench) -> None:
    bench.move()
    with promised(1.0):
        bench.ptz.stop()
    assert bench.head.velocity == Velocity()
    with pytest.raises(Unavailable):
        bench.move()


@pytest.mark.parametrize("is_removed", [True, False])
def test_a_head_stops_when_its_camera_is_removed_or_changed(bench: PtzBench, *, is_removed: bool) -> None:
    bench.move()
    bench.move(number=2)
    if is_removed:
        bench.cameras.manager.delete_camera(1)
    else:
        bench.cameras.manager.update_camera(1, CameraChange(password=Secret("right again")))
    assert bench.head.named("stop") == ["stop", "stop"]


def test_a_new_name_does_not_stop_a_head(bench: PtzBench) -> None:
    bench.move()
    bench.cameras.manager.update_camera(1, CameraChange(name="Gate"))
    assert bench.head.named("stop") == []


@pytest.mark.slow
def test_a_camera_is_removed_in_time_although_its_head_does_not_stop(
    bench: PtzBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptz_manager._SHUTDOWN_S", SHUTDOWN_S)
    bench.move()
    bench.head.held["stop"] = threading.Event()
    with promised(2.5):
        bench.cameras.manager.delete_camera(1)


@pytest.mark.slow
def test_the_app_ends_in_time_although_the_head_does_not_answer(
    bench: PtzBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptz_manager._SHUTDOWN_S", SHUTDOWN_S)
    bench.move()
    bench.head.held["stop"] = threading.Event()
    with promised(2.5):
        bench.ptz.stop()


def test_the_first_request_after_a_kill_is_stop(tmp_path: Path) -> None:
    bench = PtzBench(tmp_path)
    with bench.running(is_killed=True) as ptz:
        bench.move()
        assert ptz._marks.wait_saved(LIMIT_S)
    bench.head.calls.clear()
    with bench.running():
        bench.head.wait_for(lambda: len(bench.head.calls) == 2)
        bench.move()
        assert bench.head.calls == ["stop", "stop_focus", "abilities", "move 0.5 0 0 within 61"]
        bench.stop()
        assert bench.ptz._marks.wait_saved(LIMIT_S)
    bench.head.calls.clear()
    with bench.running():
        bench.ptz.view(ANNA, 1, 1)
        assert bench.head.calls == ["abilities"], "a head that was stopped gets no Stop"


def test_a_changed_camera_is_asked_anew(bench: PtzBench) -> None:
    bench.ptz.view(ANNA, 1, 1)
    bench.ptz.forget_camera(1)
    bench.ptz.view(ANNA, 1, 1)
    assert bench.head.named("abilities") == ["abilities", "abilities"]
