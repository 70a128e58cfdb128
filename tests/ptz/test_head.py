"""The queue of one head: order, replaced moves, stops beside slow commands, the dead man."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from core.errors import (
    CameraUnreachable,
    CameraUnsupported,
    Unavailable,
)
from core.ptz import Velocity
from ptz.command_queue import SUPERSEDED
from tests.patience import LIMIT_S, until
from tests.ptz.doubles import PLACE
from tests.ptz.head_bench import LEFT, LONG_S, NEARER, RIGHT, Bench, running_head


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running_head() as made:
        yield made


def test_a_move_and_a_stop_reach_the_device_in_their_order(bench: Bench) -> None:
    assert bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S) is None
    assert bench.motion == [PLACE]
    bench.head.stop().result(LIMIT_S)
    assert bench.device.calls == ["move 0.5 0 0 within 61", "stop"]
    assert bench.motion == [PLACE, None]
    assert not bench.head.is_moving


def test_a_stop_right_after_the_answer_of_a_move_is_sent_once(bench: Bench) -> None:
    bench.device.held["move"] = threading.Event()
    moved = bench.head.move(PLACE, RIGHT, LONG_S)
    stops: list[Future[object]] = []
    moved.add_done_callback(lambda _: stops.append(bench.head.stop()))  # in the head's thread
    bench.device.held["move"].set()
    moved.result(LIMIT_S)
    until(lambda: stops and stops[0].done())
    assert bench.head.run(lambda device: device.presets(PLACE)).result(LIMIT_S) is not None
    assert bench.device.calls == ["move 0.5 0 0 within 61", "stop", "presets"]


def test_a_newer_move_replaces_a_waiting_one(bench: Bench) -> None:
    bench.device.held["move"] = threading.Event()
    first = bench.head.move(PLACE, RIGHT, LONG_S)
    bench.device.wait_for(lambda: len(bench.device.calls) == 1)
    waiting = bench.head.move(PLACE, Velocity(pan=0.7), LONG_S)
    newest = bench.head.move(PLACE, Velocity(pan=0.9), LONG_S)
    assert waiting.result(LIMIT_S) is SUPERSEDED
    bench.device.held["move"].set()
    assert (first.result(LIMIT_S), newest.result(LIMIT_S)) == (None, None)
    assert [call.split()[1] for call in bench.device.named("move")] == ["0.5", "0.9"]


def test_presets_and_stops_are_never_dropped_or_reordered(bench: Bench) -> None:
    bench.device.held["go_home"] = threading.Event()
    bench.head.run(lambda device: device.go_home(PLACE))
    bench.device.wait_for(lambda: bench.device.calls == ["go_home"])
    for token in ("1", "2"):
        bench.head.run(lambda device, token=token: device.go_to_preset(PLACE, token))  # type: ignore[misc] # a lambda's default
    bench.head.move(PLACE, RIGHT, LONG_S)
    last = bench.head.run(lambda device: device.set_preset(PLACE, "Gate"))
    bench.head.move(PLACE, LEFT, LONG_S)
    bench.device.held["go_home"].set()
    assert last.result(LIMIT_S) == "7"
    bench.device.wait_for(lambda: len(bench.device.calls) == 5)
    assert bench.device.calls == [
        "go_home",
        "go_to_preset 1",
        "go_to_preset 2",
        "set_preset Gate None",
        "move -0.5 0 0 within 61",
    ]


def test_a_stop_does_not_wait_for_a_slow_move_and_comes_again_after_it(bench: Bench) -> None:
    bench.device.held["move"] = threading.Event()
    bench.head.move(PLACE, RIGHT, LONG_S)
    bench.device.wait_for(lambda: len(bench.device.named("move")) == 1)
    stopped = bench.head.stop()
    bench.device.wait_for(lambda: len(bench.device.named("stop")) == 1)
    bench.device.held["move"].set()  # the device carries out the move after the first stop
    stopped.result(LIMIT_S)
    assert len(bench.device.named("stop")) == 2
    assert bench.device.velocity == Velocity()


def test_a_move_that_is_not_renewed_is_stopped(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.pass_time(LONG_S)
    bench.device.wait_for(lambda: bench.device.named("stop") != [])
    until(lambda: bench.motion == [PLACE, None])


def test_a_renewed_move_goes_on_and_costs_few_requests(bench: Bench) -> None:
    for _ in range(20):
        bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    assert bench.device.calls == ["move 0.5 0 0 within 61"]


def test_a_held_move_is_repeated_before_the_device_stops_by_itself(bench: Bench) -> None:
    """The device gets a limit of 61 s, so the move is repeated after 30.5 s."""
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.clock.ahead_s = 31.0
    bench.head.run(lambda device: device.presets(PLACE)).result(LIMIT_S)
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    assert bench.device.calls == ["move 0.5 0 0 within 61", "presets", "move 0.5 0 0 within 61"]


def test_an_axis_that_shall_not_move_any_more_is_stopped(bench: Bench) -> None:
    """A move without the zoom leaves the zoom as it is."""
    bench.head.move(PLACE, Velocity(pan=0.5, zoom=0.5), LONG_S).result(LIMIT_S)
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.head.move(PLACE, NEARER, LONG_S).result(LIMIT_S)
    assert bench.device.calls == [
        "move 0.5 0 0.5 within 61",
        "stop zooming",
        "move 0.5 0 0 within 61",
        "stop turning",
        "move 0 0 0.5 within 61",
    ]


def test_the_focus_stops_with_the_head(bench: Bench) -> None:
    bench.head.move(PLACE, Velocity(focus=0.5), LONG_S).result(LIMIT_S)
    bench.pass_time(LONG_S)
    bench.device.wait_for(lambda: bench.device.calls == ["move_focus 0.5", "stop_focus"])


def test_a_stop_that_fails_is_repeated_until_it_succeeds(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.link.is_up = False  # the network is gone
    stopped = bench.head.stop()
    until(lambda: bench.head.error is not None)
    assert not stopped.done()
    assert bench.motion == [PLACE], "a restart now must begin with Stop"
    bench.link.is_up = True
    stopped.result(LIMIT_S)
    assert bench.motion == [PLACE, None]
    assert bench.head.error is None


def test_a_move_without_an_answer_is_followed_by_two_stops(bench: Bench) -> None:
    """The device may carry it out late, even after the first stop."""
    bench.device.problems["move"] = CameraUnreachable("It did not answer in time.")
    with pytest.raises(CameraUnreachable):
        bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.device.wait_for(lambda: len(bench.device.named("stop")) == 1)
    bench.pass_time(3.0)
    bench.device.wait_for(lambda: len(bench.device.named("stop")) == 2)
    until(lambda: bench.motion == [PLACE, None])


def test_a_move_that_may_still_arrive_is_stopped_at_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptz.head._LATE_MOVE_S", LIMIT_S)  # the dead man must not stop it before
    bench.device.problems["move"] = CameraUnreachable("It did not answer in time.")
    with pytest.raises(CameraUnreachable):
        bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.head.stop().result(LIMIT_S)
    assert bench.motion == [PLACE], "a restart now must begin with Stop"
    sent = len(bench.device.named("stop"))
    stopping = bench.head.close()
    assert stopping is not None
    stopping.result(LIMIT_S)
    assert len(bench.device.named("stop")) > sent


def test_a_move_that_cannot_be_sent_leaves_nothing_to_stop(bench: Bench) -> None:
    bench.link.is_up = False
    with pytest.raises(CameraUnreachable):
        bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    until(lambda: bench.motion == [PLACE, None])
    until(lambda: not bench.head.is_moving)
    assert bench.device.calls == []


def test_a_refused_move_tells_its_reason(bench: Bench) -> None:
    bench.device.problems["move"] = CameraUnsupported("No.", service="ptz")
    with pytest.raises(CameraUnsupported):
        bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    until(lambda: not bench.head.is_moving)


def test_a_preset_stops_a_moving_head_first(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.head.run(lambda device: device.go_to_preset(PLACE, "1"), stands_before=True).result(LIMIT_S)
    assert bench.device.calls[1:] == ["stop", "go_to_preset 1"]


def test_a_head_that_moved_before_a_restart_gets_stop_first(bench: Bench) -> None:
    bench.device.held["stop"] = threading.Event()
    bench.head.stop_after_restart(PLACE)
    moved = bench.head.run(lambda device: device.go_to_preset(PLACE, "1"))
    bench.device.held["stop"].set()
    moved.result(LIMIT_S)
    assert bench.device.calls == ["stop", "stop_focus", "go_to_preset 1"]


def test_closing_stops_a_moving_head_and_drops_what_waits(bench: Bench) -> None:
    bench.device.held["move"] = threading.Event()
    bench.head.move(PLACE, RIGHT, LONG_S)
    bench.device.wait_for(lambda: len(bench.device.calls) == 1)
    waiting = bench.head.run(lambda device: device.go_to_preset(PLACE, "1"))
    stopping = bench.head.close()
    assert stopping is not None
    bench.device.held["move"].set()
    stopping.result(LIMIT_S)
    with pytest.raises(Unavailable):
        waiting.result(LIMIT_S)
    with pytest.raises(Unavailable):
        bench.head.move(PLACE, RIGHT, LONG_S)
    assert bench.device.calls[-1] == "stop"
    assert bench.head.close() is None


def test_a_flood_of_commands_is_refused(bench: Bench) -> None:
    bench.device.held["go_home"] = threading.Event()
    for _ in range(32):
        bench.head.run(lambda device: device.go_home(PLACE))
    bench.device.wait_for(lambda: bench.device.calls != [])
    bench.head.run(lambda device: device.go_home(PLACE))
    with pytest.raises(Unavailable):
        bench.head.run(lambda device: device.go_home(PLACE))


def test_a_command_follows_a_repeated_stop_immediately(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.link.is_up = False
    stopped = bench.head.stop()
    until(lambda: bench.head.error is not None)
    sent: list[Future[object]] = []
    stopped.add_done_callback(lambda _: sent.append(bench.head.run(lambda device: device.set_home(PLACE))))
    bench.link.is_up = True
    until(lambda: sent)
    sent[0].result(LIMIT_S)
    assert bench.device.calls == ["move 0.5 0 0 within 61", "stop", "set_home"]


# --- commands whose caller has given up


def test_no_command_is_sent_long_after_its_caller_has_given_up(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.link.held.clear()
    stopped = bench.head.stop()
    late = bench.head.run(lambda device: device.set_preset(PLACE, "Gate"))
    bench.clock.ahead_s = 3600.0
    bench.link.held.set()
    stopped.result(LIMIT_S)
    with pytest.raises(CameraUnreachable):
        late.result(LIMIT_S)
    assert bench.device.calls == ["move 0.5 0 0 within 61", "stop"]
    assert bench.head.error is not None
    assert "in time" in bench.head.error.detail, "the page of a user who did not wait shows it"


def test_a_command_is_refused_while_a_stop_fails(bench: Bench) -> None:
    bench.head.move(PLACE, RIGHT, LONG_S).result(LIMIT_S)
    bench.link.is_up = False
    stopped = bench.head.stop()
    until(lambda: bench.head.error is not None)
    with pytest.raises(CameraUnreachable):
        bench.head.run(lambda device: device.set_home(PLACE)).result(LIMIT_S)
    bench.link.is_up = True
    stopped.result(LIMIT_S)
    bench.head.run(lambda device: device.set_home(PLACE)).result(LIMIT_S)
    assert bench.device.calls == ["move 0.5 0 0 within 61", "stop", "set_home"]


def test_a_cancelled_command_is_not_sent(bench: Bench) -> None:
    bench.device.held["go_home"] = threading.Event()
    bench.head.run(lambda device: device.go_home(PLACE))
    bench.device.wait_for(lambda: bench.device.calls == ["go_home"])
    assert bench.head.run(lambda device: device.set_home(PLACE)).cancel()
    last = bench.head.run(lambda device: device.presets(PLACE))
    bench.device.held["go_home"].set()
    last.result(LIMIT_S)
    assert bench.device.calls == ["go_home", "presets"]


# --- ways to positions


def test_stop_drops_the_presets_that_wait(bench: Bench) -> None:
    bench.device.held["go_to_preset"] = threading.Event()
    bench.go("1")
    bench.device.wait_for(lambda: bench.device.calls == ["go_to_preset 1"])
    stored = bench.head.run(lambda device: device.set_preset(PLACE, "Gate"))
    waiting = bench.go("2")
    stopped = bench.head.stop()
    assert waiting.result(LIMIT_S) is SUPERSEDED
    bench.device.wait_for(lambda: bench.device.calls[-1] == "stop")
    bench.device.held["go_to_preset"].set()
    stopped.result(LIMIT_S)
    assert stored.result(LIMIT_S) == "7"
    assert bench.device.calls == ["go_to_preset 1", "stop", "set_preset Gate None", "stop"]


def test_a_newer_preset_replaces_a_waiting_one(bench: Bench) -> None:
    bench.device.held["go_to_preset"] = threading.Event()
    bench.go("1")
    bench.device.wait_for(lambda: bench.device.calls == ["go_to_preset 1"])
    waiting, newest = bench.go("2"), bench.go("3")
    assert waiting.result(LIMIT_S) is SUPERSEDED
    bench.device.held["go_to_preset"].set()
    newest.result(LIMIT_S)
    assert bench.device.calls == ["go_to_preset 1", "go_to_preset 3"]
