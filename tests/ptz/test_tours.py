"""Tours of presets: stored, stepped, ended by any command of a user, continued after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import CameraUnsupported, Conflict, NotFound
from core.ptz import Velocity
from ptz.views import Tour, TourStop
from tests.patience import until
from tests.ptz.bench import PtzBench
from tests.ptz.doubles import ANNA, BERT

pytestmark = pytest.mark.usefixtures("database_engine")

STOPS = (TourStop("1", 0.05), TourStop("2", 0.05))


def _stepped(bench: PtzBench) -> bool:
    bench.ptz.step_tours()
    return len(bench.head.named("go_to_preset")) >= 4


def _begun(bench: PtzBench) -> Tour:
    tour = bench.ptz.add_tour(1, 1, "Round", STOPS)
    return bench.ptz.start_tour(ANNA, 1, 1, tour.id, take_over=False)


def test_a_tour_visits_its_presets_in_turn(bench: PtzBench) -> None:
    assert _begun(bench).is_running
    until(lambda: _stepped(bench))
    assert bench.head.named("go_to_preset")[:4] == [f"go_to_preset {token}" for token in ("1", "2", "1", "2")]
    assert bench.ptz.view(ANNA, 1, 1).tour_id == 1


def test_any_command_of_a_user_ends_the_tour(bench: PtzBench) -> None:
    tour = _begun(bench)
    commands: tuple[Callable[[], object], ...] = (
        lambda: bench.move(Velocity(pan=0.5)),
        bench.stop,
        lambda: bench.ptz.go_to_preset(ANNA, 1, 1, "1", take_over=False),
    )
    for command in commands:
        bench.ptz.start_tour(ANNA, 1, 1, tour.id, take_over=False)
        command()
        assert not bench.ptz.tours(1, 1)[0].is_running
        assert bench.ptz.view(ANNA, 1, 1).tour_id is None


def test_a_tour_does_not_lock_the_head(bench: PtzBench) -> None:
    _begun(bench)
    until(lambda: _stepped(bench))
    bench.ptz.end_logins({ANNA.key})  # the user has left
    assert bench.move(who=BERT).done


def test_a_tour_stops_a_head_that_moves_before_its_first_preset(bench: PtzBench) -> None:
    bench.move()
    bench.head.calls.clear()
    _begun(bench)
    bench.ptz.step_tours()
    bench.head.wait_for(lambda: bench.head.named("go_to_preset") != [])
    assert bench.head.calls == ["stop", "go_to_preset 1"]


def test_a_tour_is_stopped_and_deleted(bench: PtzBench) -> None:
    tour = _begun(bench)
    assert not bench.ptz.stop_tour(1, 1, tour.id).is_running
    bench.ptz.start_tour(ANNA, 1, 1, tour.id, take_over=False)
    bench.ptz.remove_tour(1, 1, tour.id)
    assert bench.ptz.view(ANNA, 1, 1).tour_id is None
    for call in (bench.ptz.stop_tour, bench.ptz.remove_tour):
        with pytest.raises(NotFound):
            call(1, 1, tour.id)
    with pytest.raises(NotFound):
        bench.ptz.start_tour(ANNA, 1, 1, tour.id, take_over=False)


def test_names_and_numbers_of_tours_are_limited(bench: PtzBench) -> None:
    bench.ptz.add_tour(1, 1, "Round", STOPS)
    with pytest.raises(Conflict) as taken:
        bench.ptz.add_tour(1, 1, "Round", STOPS)
    assert taken.value.code == "tour_name_taken"
    bench.ptz.add_tour(1, 2, "Round", STOPS)  # of another channel
    for number in range(19):
        bench.ptz.add_tour(1, 1, f"Round {number}", STOPS)
    with pytest.raises(Conflict) as full:
        bench.ptz.add_tour(1, 1, "One more", STOPS)
    assert full.value.code == "too_many_tours"


def test_a_tour_ends_if_the_device_refuses_all_its_presets(bench: PtzBench) -> None:
    bench.head.problems["go_to_preset"] = CameraUnsupported("No.", service="ptz")
    _begun(bench)

    def has_ended() -> bool:
        bench.ptz.step_tours()
        return bench.ptz.view(ANNA, 1, 1).tour_id is None

    until(has_ended)
    assert not bench.ptz.tours(1, 1)[0].is_running, "it must not begin again after a restart"


def test_a_tour_goes_on_after_an_edit_of_its_camera(bench: PtzBench) -> None:
    tour = _begun(bench)
    until(lambda: _stepped(bench))
    bench.ptz.forget_camera(1)
    assert bench.ptz.view(ANNA, 1, 1).tour_id == tour.id
    bench.head.calls.clear()
    until(lambda: _stepped(bench))
    assert not bench.ptz.stop_tour(1, 1, tour.id).is_running


def test_a_tour_that_only_the_database_knows_is_stopped(bench: PtzBench) -> None:
    tour = _begun(bench)
    bench.ptz._tours.end(bench.ptz._commands.key(1, 1))
    assert bench.ptz.tours(1, 1)[0].is_running
    assert not bench.ptz.stop_tour(1, 1, tour.id).is_running


def test_a_tour_waits_until_the_channels_of_a_new_address_are_read(
    bench: PtzBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tour = _begun(bench)
    with monkeypatch.context() as patched:
        patched.setattr(bench.cameras.manager, "channels", lambda camera_id: [])
        bench.ptz.step_tours()
    assert bench.ptz.view(ANNA, 1, 1).tour_id == tour.id
    assert bench.head.named("go_to_preset") == []


def test_a_tour_ends_with_its_channel(bench: PtzBench, monkeypatch: pytest.MonkeyPatch) -> None:
    _begun(bench)
    others = bench.cameras.manager.channels(1)[1:]
    with monkeypatch.context() as patched:
        patched.setattr(bench.cameras.manager, "channels", lambda camera_id: others)
        bench.ptz.step_tours()
    assert not bench.ptz.tours(1, 1)[0].is_running


def test_a_head_that_takes_no_command_holds_up_no_other_tour(bench: PtzBench) -> None:
    tour = _begun(bench)
    other = bench.ptz.add_tour(1, 2, "Other", (TourStop("9", 0.05),))
    bench.ptz.start_tour(ANNA, 1, 2, other.id, take_over=False)
    bench.ptz._heads.of(bench.ptz._commands.key(1, 1)).head.discard()

    def has_stepped() -> bool:
        bench.ptz.step_tours()
        return len(bench.head.named("go_to_preset")) >= 3

    until(has_stepped)
    assert set(bench.head.named("go_to_preset")) == {"go_to_preset 9"}
    assert bench.ptz.view(ANNA, 1, 1).tour_id == tour.id, "the device has refused none of its presets"


def test_a_running_tour_continues_after_a_restart(tmp_path: Path) -> None:
    bench = PtzBench(tmp_path)
    with bench.running():
        _begun(bench)
    bench.head.calls.clear()
    with bench.running():
        until(lambda: _stepped(bench))
