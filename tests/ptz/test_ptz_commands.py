"""The other commands of the PTZ manager: presets, home, focus, iris, auxiliary commands, imaging and relays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.access import Scope
from core.errors import CameraUnsupported, Forbidden, InvalidRequest, NotFound
from core.ptz import ImagingChange, Preset, Velocity
from tests.ptz.bench import LONG_S, PtzBench
from tests.ptz.doubles import ABLE, ANNA, BERT


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
