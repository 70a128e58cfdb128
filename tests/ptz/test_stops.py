"""Stops that fail, stops of the focus, and stops while the system has no thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.errors import (
    AppError,
    CameraBadAnswer,
    CameraBusy,
    CameraUnreachable,
    CameraUnsupported,
    NotFound,
)
from core.ptz import HeadPlace, Velocity
from ptz.command_queue import SUPERSEDED
from ptz.head import Head
from tests.patience import LIMIT_S, until
from tests.ptz.doubles import PLACE
from tests.ptz.head_bench import LEFT, LONG_S, RIGHT, Bench, running_head


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running_head() as made:
        yield made


class NotReady(AppError):
    """An error that is not the device's."""


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptz.head._FIRST_RETRY_S", 0.02)


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(
    "problem", [CameraBadAnswer("A login page."), CameraBusy("Too busy."), NotReady("Not now."), ValueError("broken")]
)
def test_a_stop_is_repeated_whatever_made_it_fail(bench: Bench, problem: Exception) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.device.problems["stop"] = problem
    stopped = bench.head.stop()
    bench.clock.ahead_s = 3600.0
    bench.device.wait_for(lambda: len(bench.device.named("stop")) > 4)
    assert (stopped.done(), bench.motion) == (False, [PLACE])
    del bench.device.problems["stop"]
    stopped.result(LIMIT_S)
    assert bench.motion == [PLACE, None]


@pytest.mark.usefixtures("short_pauses")
def test_a_refused_stop_is_repeated_for_some_time_and_keeps_its_mark(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.device.problems["stop"] = CameraUnsupported("No.", service="ptz")
    stopped = bench.head.stop()
    bench.device.wait_for(lambda: len(bench.device.named("stop")) > 3)
    assert not stopped.done(), "three refusals within a second may be those of a device that boots"
    bench.clock.ahead_s = 10.0
    with pytest.raises(CameraUnsupported):
        stopped.result(LIMIT_S)
    with pytest.raises(CameraUnsupported):
        bench.head.stop().result(LIMIT_S)
    assert bench.motion == [PLACE], "a restart begins with Stop"
    del bench.device.problems["stop"]
    bench.head.stop().result(LIMIT_S)
    assert bench.motion == [PLACE, None]


@pytest.mark.usefixtures("short_pauses")
def test_an_equal_move_behind_a_failing_stop_is_not_called_done(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.device.problems["stop"] = CameraUnreachable("It did not answer in time.")
    bench.head.stop()
    bench.device.wait_for(lambda: bench.device.calls[-1] == "stop")
    moves = [bench.head.move(PLACE, LEFT, LONG_S) for _ in range(2)]
    assert not any(move.done() for move in moves)
    del bench.device.problems["stop"]
    assert [move.result(LIMIT_S) for move in moves] == [None, None]


@pytest.mark.usefixtures("short_pauses")
def test_an_offline_camera_refuses_no_stop(bench: Bench) -> None:
    """Without a request, an offline camera gives its stored problem, such as a missing service."""
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.link.problem = CameraUnsupported("No service.", service="ptz")
    bench.link.is_up = False
    stopped = bench.head.stop()
    bench.clock.ahead_s = 3600.0
    until(lambda: bench.link.refused > 4)
    assert not stopped.done()
    bench.link.is_up = True
    stopped.result(LIMIT_S)


def test_a_stop_for_a_removed_camera_ends(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.link.problem = NotFound("It is gone.")
    bench.link.is_up = False
    with pytest.raises(NotFound):
        bench.head.stop().result(LIMIT_S)
    assert not bench.head.is_moving


# --- the focus, whose moves have no time limit


def test_a_focus_move_with_an_unreadable_answer_is_stopped(bench: Bench) -> None:
    bench.device.problems["move_focus"] = CameraBadAnswer("OK")
    with pytest.raises(CameraBadAnswer):
        bench.head.move(PLACE, Velocity(focus=0.5), LONG_S).result(LIMIT_S)
    bench.device.wait_for(lambda: bench.device.calls == ["move_focus 0.5", "stop_focus"])


@pytest.mark.parametrize("missing", ["stop", "stop_focus"])
def test_after_a_restart_head_and_focus_are_stopped(bench: Bench, missing: str) -> None:
    """The app does not know which of them moved, and the device may have only one."""
    bench.device.problems[missing] = CameraUnsupported("No.", service="ptz")
    bench.head.stop_after_restart(PLACE)
    bench.head.run(lambda device: device.presets(PLACE)).result(LIMIT_S)
    assert bench.device.calls == ["stop", "stop_focus", "presets"]
    assert bench.motion == [None]


@pytest.mark.usefixtures("short_pauses")
def test_a_restart_repeats_a_stop_of_the_focus_without_an_answer(bench: Bench) -> None:
    bench.device.problems["stop_focus"] = CameraUnreachable("It did not answer in time.")
    bench.head.stop_after_restart(PLACE)
    bench.device.wait_for(lambda: len(bench.device.named("stop_focus")) == 3)
    until(lambda: bench.motion == [None])


@pytest.mark.usefixtures("short_pauses")
def test_the_head_is_stopped_although_the_focus_is_not(bench: Bench) -> None:
    bench.head.move(PLACE, Velocity(pan=0.5, focus=0.5), LONG_S).result(LIMIT_S)
    bench.device.problems["stop_focus"] = CameraUnreachable("It did not answer in time.")
    stopped = bench.head.stop()
    bench.device.wait_for(lambda: len(bench.device.named("stop_focus")) >= 2)
    assert bench.device.velocity == Velocity()
    assert not stopped.done()
    del bench.device.problems["stop_focus"]
    stopped.result(LIMIT_S)


# --- a system without threads


def test_a_stop_is_sent_as_soon_as_the_system_has_a_thread(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.device.held["move"] = threading.Event()
    bench.head.move(PLACE, RIGHT, LONG_S)
    bench.device.wait_for(lambda: len(bench.device.calls) == 1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse_to_start)
        stopped = bench.head.stop()
    bench.device.held["move"].set()
    stopped.result(LIMIT_S)
    assert bench.device.calls[-1] == "stop"


def test_a_head_without_a_thread_gets_one_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse_to_start)
        moved = bench.head.move(PLACE, RIGHT, LONG_S)
    bench.device.wait_for(lambda: bench.device.calls == ["stop"])
    assert moved.result(LIMIT_S) is SUPERSEDED, "half a second later, the move is no longer wanted"


def test_a_head_that_fails_does_not_keep_the_dead_man_from_others(bench: Bench) -> None:
    class Broken(Head):
        def look(self) -> float:
            raise ValueError("broken")

    bench.heads.insert(0, Broken(bench.link, bench.clock, bench.motion.append, lambda: None))
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.pass_time(LONG_S)
    bench.device.wait_for(lambda: bench.device.named("stop") != [])


def _refuse_to_start(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.usefixtures("short_pauses")
def test_a_stop_on_the_way_to_a_preset_is_repeated(bench: Bench) -> None:
    bench.go("1").result(LIMIT_S)
    bench.device.problems["stop"] = CameraUnreachable("It did not answer in time.")
    stopped = bench.head.stop()
    bench.device.wait_for(lambda: len(bench.device.named("stop")) >= 3)
    del bench.device.problems["stop"]
    stopped.result(LIMIT_S)


@pytest.mark.usefixtures("short_pauses")
def test_a_stop_of_a_head_that_has_arrived_is_tried_once(bench: Bench) -> None:
    bench.go("1").result(LIMIT_S)
    bench.clock.ahead_s = 60.0
    bench.device.problems["stop"] = CameraUnreachable("It did not answer in time.")
    with pytest.raises(CameraUnreachable):
        bench.head.stop().result(LIMIT_S)
    assert bench.device.named("stop") == ["stop"]


@pytest.mark.parametrize("next_command", ["preset", "move"])
def test_nothing_overtakes_a_stop_beside_a_slow_move(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, next_command: str
) -> None:
    """A stop beside a command may reach the device late. It would break off the newer movement."""
    beside, is_late, send_stop = threading.Event(), threading.Event(), bench.device.stop

    def stop(place: HeadPlace, *, pan_tilt: bool = True, zoom: bool = True) -> None:
        if threading.current_thread().name == "ptz-stop":
            beside.set()
            assert is_late.wait(LIMIT_S)
        send_stop(place, pan_tilt=pan_tilt, zoom=zoom)

    monkeypatch.setattr(bench.device, "stop", stop)
    bench.device.held["move"] = threading.Event()
    bench.head.move(PLACE, RIGHT, LONG_S)
    bench.device.wait_for(lambda: len(bench.device.named("move")) == 1)
    bench.head.stop()
    assert beside.wait(LIMIT_S)
    bench.device.held["move"].set()
    done = bench.go("1") if next_command == "preset" else bench.head.move(PLACE, LEFT, LONG_S)
    bench.device.wait_for(lambda: len(bench.device.named("stop")) == 1)  # that of the queue
    with pytest.raises(TimeoutError):
        done.result(0.2)
    is_late.set()
    done.result(LIMIT_S)
    last = "go_to_preset 1" if next_command == "preset" else "move -0.5 0 0 within 61"
    assert bench.device.calls == ["move 0.5 0 0 within 61", "stop", "stop", last]
