"""The app as real processes, which the tests start, call and end from outside, like a user."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
import requests

from core.settings import ROOT
from tools.leaks import holds, leaks_in, leaks_of

CANARY = "canary:pass/word@7f3a+1"


@pytest.fixture(scope="session", autouse=True)
def _no_answer_holds_the_canary() -> Iterator[None]:
    """Search every response to these tests, API and pages, for the recorder's password."""
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


class RunningApp:
    """The real app as a user starts it: its own process, folders and port.

    `close()` fails if the recorder's password is in the command line or environment of one of the app's processes, or
    in one of its files.
    """

    def __init__(self, folder: Path, port: int, **environ: str) -> None:
        self.folder = folder
        self.port = port
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "PORT": str(port),
            "DATA_DIR": str(folder / "data"),
            "STREAMS_DIR": str(folder / "streams"),
            "ALLOW_LOOPBACK_DEVICES": "yes",
            **environ,
        }
        (folder / "home").mkdir(exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str, is_awaited: bool = True) -> RunningApp:
        if self._errors is not None:
            self._errors.close()
        self._errors = (self.folder / "stderr").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "app.py", *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            start_new_session=True,
        )
        if is_awaited:
            self.wait_until_answering()
        return self

    def wait_until_answering(self, timeout_s: float = 20) -> None:
        assert self.process is not None
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            assert self.process.poll() is None, self.errors()
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/api/health", timeout=2).ok:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the app did not answer: {self.errors()}")

    def errors(self) -> str:
        return (self.folder / "stderr").read_text("utf-8", "replace")

    def family(self) -> list[psutil.Process]:
        """Return the worker and all its descendants; the master is `process`."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def ffmpegs(self) -> list[psutil.Process]:
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "ffmpeg" in process.name():
                    found.append(process)
        return found

    def worker(self) -> psutil.Process:
        assert self.process is not None
        (worker,) = psutil.Process(self.process.pid).children()
        return worker

    def close(self) -> None:
        """End the remaining processes by id. May be called twice."""
        leaks: list[str] = []
        if self.process is not None:
            family: list[psutil.Process] = []
            with contextlib.suppress(psutil.NoSuchProcess):
                family = self.family()
                leaks = leaks_of([psutil.Process(self.process.pid), *family], [CANARY])
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(8)
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(5)
        if self._errors is not None:
            self._errors.close()
        assert not leaks + leaks_in(self.folder, [CANARY])


@pytest.fixture(scope="session")
def running_app_type() -> type[RunningApp]:
    return RunningApp


@pytest.fixture
def make_app(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., RunningApp]]:
    """Return a function that makes apps; they end with the test."""
    made: list[RunningApp] = []

    def make(folder: str = "app", **environ: str) -> RunningApp:
        (tmp_path / folder).mkdir(exist_ok=True)
        made.append(RunningApp(tmp_path / folder, free_port(), **environ))
        return made[-1]

    yield make
    with contextlib.ExitStack() as ending:  # closes every app even if one close() fails
        for app in made:
            ending.callback(app.close)


class Recorder:
    """The simulator as a separate device, outside the app."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.process = process
        self.onvif_port = int(ready["onvif_port"])
        self.rtsp_port = int(ready["rtsp_port"])
        self.control_port = int(ready["control_port"])

    def add_to(self, app: RunningApp) -> int:
        """Add the recorder to an app, wait until it is online, and return the camera's id."""
        body = {"host": "127.0.0.1", "port": self.onvif_port, "username": "admin", "password": CANARY}
        answer = requests.post(f"{app.url}/api/cameras?wait=1", json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "online", answer.text
        return int(answer.json()["id"])


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    """One simulated recorder for all tests of the whole app; its password is the canary."""
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
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@pytest.fixture(scope="module")
def app(free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One app for all tests of a module, with few threads and short time-outs, so that blocked threads show."""
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
    """Return a function that waits until the processes have ended, and returns those that still run at the time-out.

    A zombie that init has not reaped yet counts as ended.
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
