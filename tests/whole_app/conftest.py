"""The app as processes: started, asked and ended from outside, as its user does."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from core.settings import ROOT
from tests.patience import LIMIT_S
from tests.whole_app.running_app import CANARY, Recorder, RunningApp
from tools.leaks import holds


@pytest.fixture(scope="session", autouse=True)
def _no_answer_holds_the_canary() -> Iterator[None]:
    """Every answer that these tests get, API and pages, is searched for the recorder's password."""
    leaks: list[str] = []
    send = requests.Session.send

    def searched(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        answer = send(session, request, **more)
        if not more.get("stream") and holds(answer.content + str(answer.headers).encode(), [CANARY]):
            leaks.append(f"{request.method} {request.url}")
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", searched)
        yield
    assert not leaks


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    return find


@pytest.fixture(scope="session")
def running_app_type() -> type[RunningApp]:
    return RunningApp


@pytest.fixture
def make_app(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., RunningApp]]:
    """Makes apps that end with the test."""
    made: list[RunningApp] = []

    def make(folder: str = "app", **environ: str) -> RunningApp:
        (tmp_path / folder).mkdir(exist_ok=True)
        made.append(RunningApp(tmp_path / folder, free_port(), **environ))
        return made[-1]

    yield make
    with contextlib.ExitStack() as ending:  # all of them, also where one fails
        for app in made:
            ending.callback(app.close)


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """One pretend recorder for all tests of the whole app; its password is the canary."""
    log = (tmp_path_factory.mktemp("recorder") / "stderr").open("wb")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "simulator",
            "--host",
            "127.0.0.1",
            "--channels",
            "4",
            "--profile",
            "small",
            "--no-discovery",
        ],
        cwd=ROOT,
        env={**os.environ, "SIMULATOR_PASSWORD": CANARY},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
    )
    assert process.stdout is not None
    with log, process.stdout:
        line = process.stdout.readline()
        assert line, Path(log.name).read_text()
        yield Recorder(process, json.loads(line))
        process.terminate()
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(LIMIT_S)


@pytest.fixture(scope="module")
def app(free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One for all tests of a module; few threads and short waits, so that what they hold up shows."""
    running = RunningApp(
        tmp_path_factory.mktemp("app"),
        free_port(),
        DEVICE_TIMEOUT_S="4",
        REQUEST_THREADS="8",
        SEGMENT_S="1",
        MAX_SOCKETS="24",
    ).start()
    yield running
    running.close()
    assert "Traceback" not in running.errors()


@pytest.fixture(scope="module")
def camera_id(app: RunningApp, recorder: Recorder) -> int:
    return recorder.add_to(app)


@pytest.fixture(scope="session")
def left_after() -> Callable[[list[psutil.Process], float], list[psutil.Process]]:
    """Which of these processes still run after so many seconds; it returns as soon as none does.

    One that is dead and not yet reaped by the machine's init has ended.
    """

    def runs(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def wait(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
        deadline_s = time.monotonic() + timeout_s
        while (left := [process for process in processes if runs(process)]) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        return left

    return wait
