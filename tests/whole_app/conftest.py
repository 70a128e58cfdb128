"""The app as processes: the tests start, use and end it from outside, as a user does."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core.settings import ROOT
from tests.patience import LIMIT_S, until
from tests.warm_apps import WarmStarter
from tests.whole_app.running_app import CANARY, Recorder, RunningApp
from tools.certificate import make_certificate
from tools.leaks import holds
from tools.running import App, Starter


@pytest.fixture(scope="session", autouse=True)
def _no_answer_holds_the_canary() -> Iterator[None]:
    """Search every response to these tests, of API and pages, for the recorder's password."""
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


@pytest.fixture(scope="module", autouse=True)
def _starts_of_file(request: pytest.FixtureRequest) -> Iterator[None]:
    with _starts(request.node):
        yield


@pytest.fixture(autouse=True)
def _starts_of_test(request: pytest.FixtureRequest) -> Iterator[None]:
    with _starts(request.node):
        yield


@contextlib.contextmanager
def _starts(node: pytest.Item | pytest.Module) -> Iterator[None]:
    """Start apps as copies; in a file or a test about starts and ends, with the marker `cold_start`, as a user does."""
    starter = WarmStarter() if node.get_closest_marker("cold_start") is None else Starter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunningApp, "starter", starter)
        patch.setattr(App, "starter", starter)
        yield


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., RunningApp]]:
    """Return a function that makes apps, which end with the test."""
    made: list[RunningApp] = []

    def make(folder: str = "app", **environ: str) -> RunningApp:
        (tmp_path / folder).mkdir(exist_ok=True)
        made.append(RunningApp(tmp_path / folder, **environ))
        return made[-1]

    yield make
    with contextlib.ExitStack() as ending:  # ends all of them, even if one fails
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
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One app for all tests of a module, with few threads and short time-outs, so that a blocked thread shows."""
    running = RunningApp(
        tmp_path_factory.mktemp("app"),
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


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    made, key = make_certificate(["localhost", "127.0.0.1", "cams.example"])
    (tmp_path / "cert.pem").write_bytes(made)
    (tmp_path / "key.pem").write_bytes(key)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


@pytest.fixture
def secure(make_app: Callable[..., Any], certificate: tuple[Path, Path]) -> Any:
    app = make_app(TLS_CERT=str(certificate[0]), TLS_KEY=str(certificate[1]), REQUEST_THREADS="8")
    app.start(is_awaited=False)
    url = f"https://localhost:{app.port}"

    def is_there() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{url}/api/health", verify=str(certificate[0]), timeout=LIMIT_S).ok
        return False

    until(is_there)
    app.secure_url = url
    return app
