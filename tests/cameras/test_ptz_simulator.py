"""Heads of the pretend recorder, through the managers: every habit of its fault table, and the times of requests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cameras.records import CameraDraft
from core.ptz import ImagingChange, Velocity
from core.records import CameraStatus
from core.secrets import Secret
from core.settings import Settings
from database import Database
from ptz_manager import PtzManager
from tests.cameras.doubles import CameraHarness
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until
from tests.ptz.bench import LONG_S, patient_commands
from tests.ptz.doubles import ANNA
from tests.simulator.process import PASSWORD, USERNAME, Simulator

RIGHT, BOTH = Velocity(pan=0.5), Velocity(pan=-0.5, zoom=0.5)
HABITS = ("empty_spaces", "one_profile", "refuses_timeout", "garbage_zoom", "no_stop", "slow_move", "slow_goto")


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir, "--channels", "2")
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.clear()
    return running


@pytest.fixture
def clock() -> HandClock:
    """The clock of the manager: no move ends by time before the test says so."""
    return HandClock()


@pytest.fixture
def ptz(harness: CameraHarness, simulator: Simulator, clock: HandClock) -> Iterator[PtzManager]:
    """The manager over a connection that is made after the test has set its faults: see `_connected`."""
    harness.is_real = True
    harness.settings = replace(harness.settings, device_timeout_s=Settings().device_timeout_s)
    with harness.running() as cameras, patient_commands():
        cameras.add_camera(CameraDraft("127.0.0.1", USERNAME, Secret(PASSWORD), simulator.onvif_port))
        database = Database(harness.settings.database_file)
        database.open()
        manager = PtzManager(database, clock, cameras)
        cameras.on_change(manager.forget_camera)
        manager.start()
        harness.wait_status(1, CameraStatus.ONLINE)
        yield manager
        manager.stop()
        database.close()


def _connected(harness: CameraHarness) -> None:
    """Connect anew, so that profiles and services are read while the faults are on."""
    harness.manager.refresh(1)
    harness.manager.wait_first_connection(1, LIMIT_S)
    harness.wait_status(1, CameraStatus.ONLINE)


def _move(ptz: PtzManager, velocity: Velocity = RIGHT, timeout_s: float = LONG_S) -> None:
    ptz.move(ANNA, 1, 1, velocity, timeout_s=timeout_s, take_over=False)


def _pass_time(ptz: PtzManager, clock: HandClock, by_s: float) -> None:
    """Move the clock of the manager, and let the dead man look at it."""
    clock.move(seconds=by_s)
    ptz._dead_man.wake()


def _operations(simulator: Simulator) -> list[str]:
    """Return the requests to the head, in their order."""
    return [item["operation"] for item in simulator.get("/ptz")["commands"]]


def _stands(simulator: Simulator) -> bool:
    state = simulator.get("/ptz")
    return not (state["turns"] or state["zooms"])


def test_a_head_moves_while_its_move_is_renewed_and_then_stops(
    ptz: PtzManager, clock: HandClock, simulator: Simulator
) -> None:
    able = ptz.view(ANNA, 1, 1).abilities
    assert (able.pan_tilt, able.zoom, able.home, able.is_certain, able.can_center) == (True, True, True, True, True)
    _move(ptz)
    assert simulator.get("/ptz")["turns"]
    _pass_time(ptz, clock, LONG_S)
    until(lambda: _stands(simulator))
    assert _operations(simulator)[-2:] == ["ContinuousMove", "Stop"]
    assert not ptz.view(ANNA, 1, 2).abilities.pan_tilt, "the other channel has no head"


@pytest.mark.parametrize("habit", HABITS)
def test_a_head_with_a_habit_moves_stops_and_goes_to_presets(
    ptz: PtzManager, harness: CameraHarness, simulator: Simulator, habit: str
) -> None:
    simulator.fault("ptz", habit)
    _connected(harness)
    assert ptz.view(ANNA, 1, 1).abilities.pan_tilt
    moved = len(simulator.get("/ptz")["commands"])
    _move(ptz)
    until(lambda: simulator.get("/ptz")["turns"])
    _move(ptz, BOTH)
    ptz.stop_head(ANNA, 1, 1, take_over=False)
    until(lambda: _stands(simulator))
    assert len(simulator.get("/ptz")["commands"]) > moved
    (gate,) = [preset for preset in ptz.presets(1, 1, with_slots=False).presets if preset.name == "Gate"]
    ptz.go_to_preset(ANNA, 1, 1, gate.preset_token, take_over=False)
    until(lambda: simulator.get("/ptz")["pan"] == -0.5)


def test_a_slow_move_that_arrives_after_stop_is_stopped_too(ptz: PtzManager, simulator: Simulator) -> None:
    """The device carries out the move 2 s after it got the request, and the user lets go immediately."""
    ptz.view(ANNA, 1, 1)
    simulator.fault("ptz", "slow_move")
    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(_move, ptz)
        until(lambda: _operations(simulator)[-1:] == ["ContinuousMove"])
        ptz.stop_head(ANNA, 1, 1, take_over=False)
        moving.result(LIMIT_S)
    until(lambda: _operations(simulator)[-2:] == ["Stop", "Stop"])
    assert _stands(simulator)


def test_a_head_without_any_configuration_is_found_by_its_node(
    harness: CameraHarness, ptz: PtzManager, simulator: Simulator
) -> None:
    """With two channels and one node, GetCompatibleConfigurations tells the channel."""
    simulator.fault("ptz", "no_configuration")
    _connected(harness)
    assert not any(profile.has_ptz for channel in harness.manager.channels(1) for profile in channel.profiles)
    assert [ptz.view(ANNA, 1, number).abilities.pan_tilt for number in (1, 2)] == [True, False]
    _move(ptz)
    assert simulator.get("/ptz")["turns"]


@pytest.mark.parametrize("habit", ["no_preset_list", "text_presets"])
def test_presets_work_although_the_device_lists_none(ptz: PtzManager, simulator: Simulator, habit: str) -> None:
    simulator.fault("ptz", habit)
    preset = ptz.add_preset(ANNA, 1, 1, "Barn", take_over=False)
    found = ptz.presets(1, 1, with_slots=False)
    assert (found.listed, [item.name for item in found.presets]) == (False, ["Barn"])
    ptz.go_to_preset(ANNA, 1, 1, preset.preset_token, take_over=False)
    ptz.remove_preset(ANNA, 1, 1, preset.preset_token)
    assert not ptz.presets(1, 1, with_slots=False).presets


def test_three_hundred_slots_are_left_out_and_one_is_taken(ptz: PtzManager, simulator: Simulator) -> None:
    simulator.fault("ptz", "factory_slots")
    found = ptz.presets(1, 1, with_slots=False)
    assert ([item.name for item in found.presets], found.hidden) == (["Gate"], 299)
    preset = ptz.add_preset(ANNA, 1, 1, "Barn", take_over=False)
    assert {item.name for item in ptz.presets(1, 1, with_slots=False).presets} == {"Gate", "Barn"}
    ptz.remove_preset(ANNA, 1, 1, preset.preset_token)
    assert {item.name for item in ptz.presets(1, 1, with_slots=False).presets} == {"Gate"}


def test_a_click_centres_and_home_returns(ptz: PtzManager, simulator: Simulator) -> None:
    ptz.go_home(ANNA, 1, 1, take_over=False)
    ptz.center(ANNA, 1, 1, 1.0, 0.5, take_over=False)
    assert simulator.get("/ptz")["pan"] == pytest.approx(2 * 60 / 360 / 2)
    ptz.go_home(ANNA, 1, 1, take_over=False)
    assert simulator.get("/ptz")["pan"] == 0.0


def test_focus_imaging_lamps_and_relays_reach_the_recorder(
    ptz: PtzManager, clock: HandClock, simulator: Simulator
) -> None:
    able = ptz.view(ANNA, 1, 1).abilities
    assert (able.focus, able.auto_focus, able.imaging) == (True, True, True)
    assert able.iris is not None
    ptz.focus(ANNA, 1, 1, 0.5, timeout_s=LONG_S, take_over=False)
    assert simulator.get("/ptz")["focus_speed"] == 0.5
    _pass_time(ptz, clock, LONG_S)
    until(lambda: simulator.get("/ptz")["focus_speed"] == 0.0)
    ptz.set_iris(ANNA, 1, 1, -6.0, take_over=False)
    assert simulator.get("/ptz")["iris_db"] == -6.0
    before = ptz.change_imaging(1, 1, ImagingChange(brightness=80.0, ir_cut_filter="on")).before
    assert simulator.get("/ptz")["settings"]["Brightness"] == 80.0
    assert before is not None
    assert ptz.change_imaging(1, 1, before).settings.ir_cut_filter is not None
    assert simulator.get("/ptz")["cut_filter"] == "AUTO"
    ptz.send_auxiliary(ANNA, 1, 1, "tt:IRLamp|On", take_over=False)
    assert simulator.get("/ptz")["lamp"] == "On"
    relay = ptz.relays(1)[0]
    assert ptz.set_relay(1, relay.relay_token, is_active=True).active
    assert simulator.get("/ptz")["relays"][relay.relay_token]


def test_a_head_stops_although_the_network_to_it_is_lost(
    ptz: PtzManager, clock: HandClock, simulator: Simulator
) -> None:
    """The device stops by itself after the limit that it got, and gets Stop as soon as it can be reached again."""
    _move(ptz, timeout_s=0.5)
    simulator.fault("soap_silent")
    _pass_time(ptz, clock, 0.5)
    until(lambda: _stands(simulator))
    assert _operations(simulator)[-1] == "ContinuousMove"
    simulator.clear()
    until(lambda: _operations(simulator)[-1] == "Stop")


def test_a_head_stops_when_the_app_stops(ptz: PtzManager, simulator: Simulator) -> None:
    _move(ptz)
    assert not _stands(simulator)
    ptz.stop()
    assert _stands(simulator)
