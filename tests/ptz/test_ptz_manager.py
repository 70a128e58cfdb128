"""The PTZ manager: abilities from memory, one mover, the end of logins and of the app, restarts."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cameras.records import CameraChange
from core.access import Principal, Role, Scope
from core.errors import CameraUnreachable, CameraUnsupported, Forbidden, InvalidRequest, NotFound, PtzInUse, Unavailable
from core.ptz import NO_HEAD, ImagingChange, Preset, Velocity
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


# --- presets


def test_presets_are_listed_set_renamed_and_removed(bench: PtzBench) -> None:
    ptz = bench.ptz
    assert ptz.presets(1, 1, with_slots=False).presets == (Preset("1", "Gate"),)
    assert ptz.add_preset(ANNA, 1, 1, "Hof & Tür", take_over=False) == Preset("7", "Hof & Tür")
    assert bench.head.listed is not None
    bench.head.listed.append(Preset("7", "Hof"))  # the device keeps four letters
    assert [preset.name for preset in ptz.presets(1, 1, with_slots=False).presets] == ["Gate", "Hof & Tür"]
    ptz.change_preset(ANNA, 1, 1, "7", name="Yard", is_here=False, take_over=False)
    assert bench.head.named("set_preset") == ["set_preset Hof & Tür None"], "renaming must not move the preset"
    assert [preset.name for preset in ptz.presets(1, 1, with_slots=False).presets] == ["Gate", "Yard"]
    ptz.change_preset(ANNA, 1, 1, "1", name=None, is_here=True, take_over=False)
    assert bench.head.calls[-1] == "set_preset Gate 1"
    ptz.remove_preset(ANNA, 1, 1, "7")
    assert bench.head.calls[-1] == "remove_preset 7"
    with pytest.raises(NotFound):
        ptz.change_preset(ANNA, 1, 1, "99", name="x", is_here=False, take_over=False)
    ptz.go_to_preset(ANNA, 1, 1, "1", take_over=False)
    assert bench.head.calls[-1] == "go_to_preset 1"


def test_a_device_that_cannot_list_presets_gets_those_of_the_app(bench: PtzBench) -> None:
    bench.head.listed = None
    bench.ptz.add_preset(ANNA, 1, 1, "Gate", take_over=False)
    found = bench.ptz.presets(1, 1, with_slots=False)
    assert (found.presets, found.listed) == ((Preset("7", "Gate"),), False)


def test_a_new_preset_takes_an_empty_slot_of_a_full_list(bench: PtzBench) -> None:
    bench.head.listed = [Preset("1", "Gate", (0.5, 0.1, 0.0))]
    bench.head.listed += [Preset(str(number), f"Preset {number}", (0.0, 0.0, 0.0)) for number in range(2, 300)]
    found = bench.ptz.presets(1, 1, with_slots=False)
    assert (found.presets, found.hidden) == ((Preset("1", "Gate", (0.5, 0.1, 0.0)),), 298)
    assert len(bench.ptz.presets(1, 1, with_slots=True).presets) == 299
    bench.head.makes_presets = False
    assert bench.ptz.add_preset(ANNA, 1, 1, "Barn", take_over=False).preset_token == "2"
    assert [preset.name for preset in bench.ptz.presets(1, 1, with_slots=False).presets] == ["Gate", "Barn"]


def test_a_device_that_makes_new_presets_keeps_its_slots(bench: PtzBench) -> None:
    bench.head.listed = [Preset(str(number), f"Preset {number}", (0.0, 0.0, 0.0)) for number in range(2, 300)]
    assert bench.ptz.add_preset(ANNA, 1, 1, "Barn", take_over=False).preset_token == "7"
    assert bench.head.named("set_preset") == ["set_preset Barn None"]


def test_a_slot_without_a_position_is_not_overwritten(bench: PtzBench) -> None:
    bench.head.listed = [Preset(str(number), f"Preset {number}") for number in range(1, 300)]
    bench.head.makes_presets = False
    with pytest.raises(CameraUnsupported):
        bench.ptz.add_preset(ANNA, 1, 1, "Barn", take_over=False)
    assert bench.head.named("set_preset") == ["set_preset Barn None"]


# --- the other commands


def test_home_centre_auxiliary_focus_and_iris_reach_the_device(bench: PtzBench) -> None:
    ptz = bench.ptz
    ptz.go_home(ANNA, 1, 1, take_over=False)
    ptz.set_home(ANNA, 1, 1, take_over=False)
    ptz.center(ANNA, 1, 1, 0.75, 0.25, take_over=False)
    ptz.send_auxiliary(ANNA, 1, 1, "tt:Wiper|On", take_over=False)
    ptz.focus(ANNA, 1, 1, None, timeout_s=1.0, take_over=False)
    ptz.set_iris(ANNA, 1, 1, -8.0, take_over=False)
    ptz.set_iris(ANNA, 1, 1, None, take_over=False)
    assert bench.head.calls[1:] == [
        "go_home",
        "set_home",
        "turn_by 0.25 0.25",
        "auxiliary tt:Wiper|On",
        "focus_by_itself",
        "set_iris -8.0",
        "set_iris None",
    ]
    with pytest.raises(InvalidRequest):
        ptz.send_auxiliary(ANNA, 1, 1, "tt:Reboot|On", take_over=False)
    with pytest.raises(InvalidRequest):
        ptz.set_iris(ANNA, 1, 1, 5.0, take_over=False)


def test_commands_of_the_whole_device_need_a_view_of_all_channels(bench: PtzBench) -> None:
    lamp, wiper = "tt:IRLamp|On", "tt:Wiper|On"
    bench.head.able = replace(ABLE, auxiliary=(wiper, lamp), device_auxiliary=(lamp,))
    limited = replace(BERT, scope=Scope({1: frozenset({1})}))
    assert bench.ptz.view(limited, 1, 1).abilities.auxiliary == (wiper,)
    with pytest.raises(Forbidden):
        bench.ptz.send_auxiliary(limited, 1, 1, lamp, take_over=False)
    bench.ptz.send_auxiliary(limited, 1, 1, wiper, take_over=False)
    bench.head.able = replace(ABLE, auxiliary=(lamp,), device_auxiliary=(lamp,), outputs=True)
    bench.ptz.forget_camera(1)
    assert not bench.ptz.view(limited, 1, 1).abilities.outputs
    whole = replace(limited, scope=Scope({1: None}))
    assert bench.ptz.view(whole, 1, 1).abilities.outputs
    bench.head.able = replace(ABLE, auxiliary=(wiper, lamp), device_auxiliary=(lamp,))
    bench.ptz.forget_camera(1)
    assert bench.ptz.view(whole, 1, 1).abilities.auxiliary == (wiper, lamp)
    bench.ptz.send_auxiliary(whole, 1, 1, lamp, take_over=False)
    assert bench.head.named("auxiliary") == [f"auxiliary {wiper}", f"auxiliary {lamp}"]


def test_the_focus_is_an_axis_of_a_move(bench: PtzBench) -> None:
    bench.move(Velocity(pan=0.5, focus=-0.5))
    bench.move(Velocity(pan=0.5))
    bench.move(Velocity(pan=0.5, focus=0.5))
    bench.stop()
    assert bench.head.calls[1:] == [
        "move 0.5 0 0 within 61",
        "move_focus -0.5",
        "stop_focus",
        "move 0.5 0 0 within 61",
        "move 0.5 0 0 within 61",
        "move_focus 0.5",
        "stop",
        "stop_focus",
    ]


def test_a_camera_with_only_a_lens_focuses_and_stops(bench: PtzBench) -> None:
    bench.head.able = replace(ABLE, pan_tilt=False, zoom=False)
    bench.ptz.focus(ANNA, 1, 1, 0.5, timeout_s=LONG_S, take_over=False)
    for _ in range(2):  # the second one of a page that lets go twice
        assert bench.stop().done
    assert bench.head.calls == ["abilities", "move_focus 0.5", "stop_focus"]


def test_a_focus_move_ends_by_itself(bench: PtzBench) -> None:
    bench.ptz.focus(ANNA, 1, 1, -0.5, timeout_s=LONG_S, take_over=False)
    bench.pass_time(LONG_S)
    bench.head.wait_for(lambda: bench.head.calls[-1] == "stop_focus")


def test_imaging_is_changed_and_undone(bench: PtzBench) -> None:
    ptz = bench.ptz
    assert ptz.imaging(1, 1).before is None
    change = ImagingChange(brightness=70.0, ir_cut_filter="off", wide_dynamic_range_level=20.0)
    before = ptz.change_imaging(1, 1, change).before
    assert before == ImagingChange(
        brightness=50.0, ir_cut_filter="auto", wide_dynamic_range=False, wide_dynamic_range_level=10.0
    )
    ptz.change_imaging(1, 1, before)
    assert bench.head.changes == [change, before]
    for wrong in (
        ImagingChange(brightness=101.0),
        ImagingChange(contrast=50.0),
        ImagingChange(ir_cut_filter="night"),
    ):
        with pytest.raises(InvalidRequest):
            ptz.change_imaging(1, 1, wrong)
    assert len(bench.head.changes) == 2


def test_relays_remember_the_state_that_was_set(bench: PtzBench) -> None:
    ptz = bench.ptz
    assert [relay.active for relay in ptz.relays(1)] == [None, None]
    assert ptz.set_relay(1, "R1", is_active=True).active is True
    assert ptz.set_relay(1, "R2", is_active=True).active is None, "a monostable relay returns by itself"
    assert [relay.active for relay in ptz.relays(1)] == [True, None]
    with pytest.raises(NotFound):
        ptz.set_relay(1, "R9", is_active=True)


def test_users_without_accounts_share_one_mover(bench: PtzBench) -> None:
    local = Principal("local", "this machine", Role.ADMIN)
    bench.move(who=local)
    assert bench.move(Velocity(pan=0.1), local).done
