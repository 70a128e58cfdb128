"""The iris that a user sets, and the reading of the abilities that is under way meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

from core.ptz import Iris
from tests.patience import until
from tests.ptz.bench import PtzBench
from tests.ptz.doubles import ABLE, ANNA


def test_a_page_gets_the_iris_that_was_set(bench: PtzBench) -> None:
    bench.ptz.view(ANNA, 1, 1)
    bench.head.held["abilities"] = threading.Event()
    bench.ptz.set_iris(ANNA, 1, 1, -8.0, take_over=False)
    assert bench.ptz.view(ANNA, 1, 1).abilities.iris == Iris(-8.0, -22.0, 0.0, auto=False)
    bench.ptz.set_iris(ANNA, 1, 1, None, take_over=False)
    assert bench.ptz.view(ANNA, 1, 1).abilities.iris == Iris(-8.0, -22.0, 0.0, auto=True)


def test_a_read_under_way_does_not_bring_back_the_iris_before(bench: PtzBench) -> None:
    bench.ptz.view(ANNA, 1, 1)
    bench.clock.ahead_s = 1000.0
    bench.head.held["abilities"] = threading.Event()
    bench.ptz.view(ANNA, 1, 1)
    bench.head.wait_for(lambda: len(bench.head.named("abilities")) == 2)
    bench.ptz.set_iris(ANNA, 1, 1, -8.0, take_over=False)
    bench.head.held["abilities"].set()
    bench.wait_read()
    own = Iris(-8.0, -22.0, 0.0, auto=False)
    bench.head.able = replace(ABLE, iris=replace(own, value=-8.5))  # the step that the lens has
    assert bench.ptz.view(ANNA, 1, 1).abilities.iris in {own, bench.head.able.iris}
    until(lambda: bench.ptz.view(ANNA, 1, 1).abilities.iris == bench.head.able.iris)
    assert len(bench.head.named("abilities")) == 3
