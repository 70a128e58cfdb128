"""A camera that a user changes or removes: its heads stop, and get no other command over the old connection."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cameras.records import CameraChange
from core.errors import Conflict, Unavailable
from core.secrets import Secret
from tests.patience import LIMIT_S
from tests.ptz.bench import RIGHT, PtzBench
from tests.ptz.doubles import ANNA


def test_a_renewed_move_is_refused_while_a_camera_is_closed(bench: PtzBench) -> None:
    """The page renews its move while the stop is under way, and while the disk is written."""
    bench.move()
    bench.head.held["stop"] = threading.Event()
    manager = bench.cameras.manager
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(manager.update_camera, 1, CameraChange(password=Secret("new")))
        bench.head.wait_for(lambda: bool(bench.head.named("stop")))
        with pytest.raises(Unavailable):
            bench.move()
        with pytest.raises(Unavailable):
            bench.ptz.go_home(ANNA, 1, 1, take_over=False)
        bench.head.held.pop("stop").set()
        changing.result(LIMIT_S)
    assert bench.head.calls.count("move 0.5 0 0 within 61") == 1
    assert bench.head.velocity.is_zero


def test_a_new_head_made_while_a_camera_is_closed_takes_no_move(bench: PtzBench) -> None:
    bench.ptz.stop_camera(1)
    with pytest.raises(Unavailable):
        bench.move()
    bench.ptz.forget_camera(1)
    assert bench.move().done


def test_a_change_that_fails_leaves_the_heads_usable(bench: PtzBench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.move()
    manager = bench.cameras.manager

    def fails(*_: object, **__: object) -> None:
        raise Conflict("Another camera has this address.")

    monkeypatch.setattr("cameras.store.CameraStore.change", fails)
    with pytest.raises(Conflict):
        manager.update_camera(1, CameraChange(password=Secret("new")))
    assert bench.head.velocity.is_zero
    assert bench.move().done
    assert bench.head.velocity == RIGHT
