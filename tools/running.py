"""Run the app and the pretend recorder as programs, each in its own folders and on its own ports.

The browser tests and the screenshots use them from outside, as a person does.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psutil

from tools.leaks import holds, leaks_in, leaks_of

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "canary/of:the@recorder+1"  # noqa: S105 - the recorder ends with the test
START_S = 60.0
# Each new window loads two pages for the drop-down of its address bar, which takes 0.6 s of processor time. Chromium
# obeys the last list only, so the second half repeats what Playwright switches off.
_FEATURES_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "SpareRendererForSitePerProcess"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "MediaRouter"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    "PreconnectToSearch",
)
CHROMIUM_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    f"--disable-features={','.join(_FEATURES_OFF)}",
)
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_WITHOUT_WINDOWS = Path("/usr/lib/chromium/chromium-headless-shell")  # the same engine
_PORT_STEP = 16
_drawn: deque[int] = deque(maxlen=500)  # ports that free_port() has returned in this process


def ask(
    method: str, url: str, body: object | None = None, timeout_s: float = 30.0, headers: Mapping[str, str] | None = None
) -> Any:
    """Return the JSON of the response, None if it is empty. Raise urllib's HTTPError for any status but 2xx."""
    data = json.dumps(body).encode() if body is not None else None
    sent = {**(headers or {}), **({"Content-Type": "application/json"} if data is not None else {})}
    request = urllib.request.Request(url, data=data, headers=sent, method=method)  # noqa: S310 - loopback only
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - loopback only
        text = answer.read().decode()
    return json.loads(text) if text else None


def free_port() -> int:
    """Return a free port of loopback below the range of client ports, so that no client takes it meanwhile.

    Simultaneous processes usually draw from different ports, and each draws a port once: an app may start on it again.
    """
    while True:
        port = 20_000 + _PORT_STEP * random.randrange(750) + os.getpid() % _PORT_STEP  # noqa: S311 - no secret
        if port in _drawn:
            continue
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _drawn.append(port)
            return port


@dataclass(frozen=True, slots=True)
class Recorder:
    """A running pretend recorder and its control port."""

    pid: int
    onvif_port: int
    control_port: int

    def control(self, method: str, path: str, body: object | None = None) -> Any:
        return ask(method, f"http://127.0.0.1:{self.control_port}{path}", body)

    def set_fault(self, name: str, value: object = True, channel: int | None = None) -> None:
        body = {"name": name, "value": value}
        self.control("POST", "/fault", body if channel is None else {**body, "channel": channel})

    def clear_fault(self, name: str, channel: int | None = None) -> None:
        self.set_fault(name, None, channel)

    def archive(self, channel: int, start: datetime, end: datetime) -> dict[str, Any]:
        """Return the spans and motion that a channel really recorded between two times."""
        times = "&".join(
            f"{name}={at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, at in (("start", start), ("end", end))
        )
        answer: dict[str, Any] = self.control("GET", f"/archive?channel={channel}&{times}")
        return answer

    def frames(self, channel: int, role: str) -> dict[str, Any]:
        """Return the time rule of the frames, as the response explains it."""
        answer: dict[str, Any] = self.control("GET", f"/frames?channel={channel}&role={role}")
        return answer


@contextlib.contextmanager
def running_recorder(*options: str) -> Iterator[Recorder]:
    """Run a pretend recorder on free ports of loopback until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--username", "admin", "--no-discovery", "--die-with-parent", *options],
        cwd=ROOT,
        env={**_environment(), "SIMULATOR_PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        ready = json.loads(process.stdout.readline())
        yield Recorder(process.pid, ready["onvif_port"], ready["control_port"])
    finally:
        _end(process)
        if process.stdout is not None:
            process.stdout.close()


class Program(Protocol):
    """A running program, as `subprocess.Popen` shows it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Starter:
    """Starts the app as a user does."""

    def start(self, environment: Mapping[str, str], log: Path, arguments: Sequence[str] = ()) -> Program:
        """Run `python app.py` in a separate session, and append what it writes to `log`."""
        with log.open("ab") as written:
            return subprocess.Popen(
                [sys.executable, "app.py", *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )


class App:
    """The app as `make run` starts it. `start()` again after `stop()` or `kill()` keeps its data and its port.

    `is_chosen`: choose "only on this machine" at the start, so that pages do not begin with the first-visit setup.
    `stop()` raises RuntimeError if the app leaked the recorder's password: to a response of `call()`, the command line
    or environment of a process, or a file of the app. `call()` sends `headers`, such as those of a login.
    """

    starter = Starter()  # of all apps; tests replace it

    def __init__(self, folder: Path, *, is_chosen: bool = True, **settings: str) -> None:
        self._is_chosen = is_chosen
        self.folder = folder
        self._settings = settings
        self._process: Program | None = None
        self._leaks: list[str] = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.headers: dict[str, str] = {}
        self.log = folder / "app.log"

    def start(self) -> None:
        environment = {
            **_environment(),
            "PORT": str(self.port),
            "DATA_DIR": str(self.folder / "data"),
            "STREAMS_DIR": str(self.folder / "streams"),
            "ALLOW_LOOPBACK_DEVICES": "yes",
            "SECRET_KEY_FILE": str(self.folder / "keys" / "secret.key"),
            **self._settings,
        }
        self._process = self.starter.start(environment, self.log)
        deadline = time.monotonic() + START_S
        while True:
            try:
                ask("GET", f"{self.url}/api/health", timeout_s=5)
                break
            except (OSError, urllib.error.URLError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the app did not start:\n{self.log.read_text()[-3000:]}") from None
                time.sleep(0.1)
        if self._is_chosen:
            ask("POST", f"{self.url}/api/setup/postpone")

    def stop(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            master = psutil.Process(self._process.pid)
            self._leaks += leaks_of([master, *master.children(recursive=True)], [PASSWORD])
        _end(self._process)
        self._process = None
        self._leaks += leaks_in(self.folder, [PASSWORD])
        if self._leaks:
            raise RuntimeError(f"the recorder's password leaked: {self._leaks}")

    @property
    def pid(self) -> int:
        """The id of the started process. The app's worker is its child."""
        if self._process is None:
            raise RuntimeError("the app does not run")
        return self._process.pid

    def ffmpegs(self) -> list[psutil.Process]:
        """Return the ffmpeg processes of the app."""
        if self._process is None:
            return []
        children = psutil.Process(self._process.pid).children(recursive=True)
        return [child for child in children if _name(child).startswith("ffmpeg")]

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        answer = ask(method, self.url + path, body, timeout_s=60, headers=self.headers)
        if holds(json.dumps(answer, ensure_ascii=False).encode(), [PASSWORD]):
            self._leaks.append(f"the answer to {method} {path}")
        return answer

    def stop_streams(self) -> None:
        """Stop all sessions. One that ends meanwhile by itself is no fault."""
        for stream in self.call("GET", "/api/streams/all")["streams"]:
            try:
                self.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise

    def add_camera(self, recorder: Recorder, **more: object) -> int:
        """Add the recorder as a camera and wait until the app has connected to it; return the camera's id."""
        body = {"host": "127.0.0.1", "port": recorder.onvif_port, "username": "admin", "password": PASSWORD, **more}
        camera = self.call("POST", "/api/cameras?wait=1", body)
        deadline = time.monotonic() + START_S
        while camera["status"] == "connecting" and time.monotonic() < deadline:  # the app waits for seconds only
            time.sleep(0.1)
            camera = self.call("GET", f"/api/cameras/{camera['id']}")
        return int(camera["id"])


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "XDG_CACHE_HOME", "FFMPEG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _end(process: Program) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=START_S)  # after a kill the app's worker would keep the port for a while
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
