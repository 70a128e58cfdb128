"""No worker and no ffmpeg outlive the app, by whichever signal it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import requests

from tests.patience import LIMIT_S, promised, until
from tests.whole_app.running_app import until_gone

SUB = "MediaProfile00001"


@pytest.fixture
def streaming(make_app: Callable[..., Any], recorder: Any) -> tuple[Any, list[psutil.Process]]:
    """Return an app with two running streams, and its worker with all descendants."""
    app = make_app(SEGMENT_S="1").start()
    camera_id = recorder.add_to(app)
    for token in (SUB, "MediaProfile00101"):
        body = {"camera_id": camera_id, "profile_token": token}
        assert requests.post(f"{app.url}/api/streams/start", json=body, timeout=LIMIT_S).status_code == 201
    until(lambda: len(app.ffmpegs()) == 2)
    return app, app.family()


@pytest.mark.cold_start
def test_ctrl_c_ends_streams_and_removes_their_folders(streaming: Any) -> None:
    app, family = streaming
    os.killpg(app.process.pid, signal.SIGINT)
    assert app.process.wait(LIMIT_S) == 0
    until_gone(family)
    assert [path.name for path in (app.folder / "streams").iterdir()] == [".instance.lock"]
    assert "Traceback" not in app.errors()


def test_a_killed_master_leaves_nothing_after_two_seconds(streaming: Any) -> None:
    app, family = streaming
    with promised(2):
        app.process.kill()
        until_gone(family)
    app.process.wait(LIMIT_S)
    app.start()
    assert [path.name for path in (app.folder / "streams").iterdir()] == [".instance.lock"]
    assert requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] == []


def test_a_killed_worker_leaves_nothing_and_is_replaced(streaming: Any) -> None:
    app, family = streaming
    with promised(2):
        app.worker().kill()
        until_gone(family)
    app.wait_until_answering()
    assert requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"] == []
    assert len(requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).json()["cameras"]) == 1


def test_a_killed_master_and_worker_leave_nothing_after_two_seconds(streaming: Any) -> None:
    app, family = streaming
    worker = app.worker()
    with promised(2):
        app.process.kill()
        worker.kill()
        until_gone(family)
    app.process.wait(LIMIT_S)
